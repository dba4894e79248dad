import pytest

from pokegan.data.layout import is_layout, layout_prefix, parse_path
from pokegan.data.records import Ignored, Rejected

BASE = "package/sprites/pokemon/versions"


def labels(path: str) -> tuple:
    sprite = parse_path(path)
    return (
        *(sprite.species.number, sprite.species.form, sprite.game),
        *(sprite.view, sprite.shiny, sprite.gender, sprite.animated),
    )


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("generation-v/black-white/animated/6.gif", (6, "", "black-white", "front", 0, "", 1)),
        ("generation-v/black-white/back/6.png", (6, "", "black-white", "back", 0, "", 0)),
        (
            "generation-v/black-white/animated/back/shiny/female/521.gif",
            (521, "", "black-white", "back", 1, "female", 1),
        ),
        (
            "generation-iv/platinum/female/shiny/back/25.png",
            (25, "", "platinum", "back", 1, "female", 0),
        ),
        ("generation-iii/emerald/386-attack.png", (386, "attack", "emerald", "front", 0, "", 0)),
        ("generation-i/yellow/transparent/back/25.png", (25, "", "yellow", "back", 0, "", 0)),
    ],
)
def test_labels_come_from_the_path(path, expected):
    assert labels(f"{BASE}/{path}") == expected
    assert labels(f"sprites/pokemon/versions/{path}") == expected
    assert labels(path) == expected


def test_a_sprite_knows_its_name_in_the_source():
    sprite = parse_path("animated/6.gif", prefix="generation-v/black-white")
    assert (sprite.source, sprite.game) == ("animated/6.gif", "black-white")


@pytest.mark.parametrize(
    "path",
    [
        "generation-v/black-white/animated/substitute.gif",
        "generation-v/black-white/animated/egg.png",
        "generation-v/black-white/0.png",
        "generation-v/black-white/6.svg",
        "generation-v/black-white/._6.png",
        "generation-v/6.png",
        "generation-i/red-blue/6.png",
        "generation-i/red-blue/gray/6.png",
        "generation-ii/gold/back/6.png",
        "generation-vii/icons/6.png",
        "generation-viii/icons/female/6.png",
        "generation-v/black-white/wallpapers/6.png",
        "../other/dream-world/6.svg",
        "README.md",
    ],
)
def test_what_is_no_sprite_is_left_alone(path):
    with pytest.raises(Ignored):
        parse_path(f"{BASE}/{path}")


def test_unknown_species_numbers_are_rejected_by_name():
    with pytest.raises(Rejected, match="9999"):
        parse_path(f"{BASE}/generation-v/black-white/animated/9999.gif")


def test_a_folder_inside_the_layout_is_recognised():
    assert layout_prefix("/data/versions/generation-v/black-white") == "generation-v/black-white"
    assert layout_prefix("/data/versions") == ""
    assert is_layout("generation-v/black-white/6.png")
    assert not is_layout("generation-v/6.png")
