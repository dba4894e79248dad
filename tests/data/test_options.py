import pytest

from pokegan.data.options import BuildOptions, suggest
from pokegan.errors import PokeGANError


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"views": ("frnt",)}, "did you mean front"),
        ({"views": ()}, "views: none given"),
        ({"shiny": "never"}, "use one of both, normal, only"),
        ({"augment": "seven"}, "augment: unknown value 'seven'; use one of none, six"),
        ({"frames": 0}, "frames: 0"),
        ({"max_forms": -1}, "max-forms: -1"),
        ({"canvas": 7}, "canvas: 7"),
        ({"canvas": 100_000}, "canvas: 100000"),
    ],
)
def test_bad_values_name_the_field_and_what_to_do(values, message):
    with pytest.raises(PokeGANError, match=message):
        BuildOptions(**values)


def test_filters():
    every = BuildOptions(views=("front", "back"))
    assert every.keeps("back", True, "emerald")
    assert not BuildOptions().keeps("back", False, "emerald")
    assert not BuildOptions(shiny="normal").keeps("front", True, "")
    assert not BuildOptions(shiny="only").keeps("front", False, "")
    assert not BuildOptions(games=("platinum",)).keeps("front", False, "emerald")


def test_suggestions_fall_back_to_the_whole_list():
    assert suggest("fier", ["fire", "ice"]) == "did you mean fire?"
    assert suggest("zzz", ["fire", "ice"]) == "use one of fire, ice"
