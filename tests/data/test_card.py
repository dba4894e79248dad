from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from datasets import Features

from pokegan.data.build import BuildOptions, BuildReport, features
from pokegan.data.card import fill_card
from pokegan.data.types import TYPES

TEMPLATE = Path(__file__).parents[2] / "dataset_card.md"


def report(**values) -> BuildReport:
    defaults = {
        "rows": {"train": 1800, "validation": 200},
        "image_bytes": {"train": 9, "validation": 1},
        "species": {"train": 586, "validation": 63},
        "types": dict.fromkeys(TYPES, 0) | {"fire": 500, "water": 1500},
        "fingerprint": "abc123",
    }
    source = "/home/someone/sprites.zip"
    return BuildReport(Path("/secret/out"), source, BuildOptions(), **(defaults | values))


def fill(**values) -> tuple[dict, str]:
    text = fill_card(TEMPLATE.read_text(encoding="utf-8"), report(**values))
    _, front, body = text.split("---\n", 2)
    return yaml.safe_load(front), body


def test_the_front_matter_is_what_the_viewer_reads():
    front, _ = fill()
    assert Features._from_yaml_list(front["dataset_info"]["features"]) == features()
    splits = {split["name"]: split["num_examples"] for split in front["dataset_info"]["splits"]}
    assert splits == {"train": 1800, "validation": 200}
    assert front["size_categories"] == ["1K<n<10K"]
    assert [files["split"] for files in front["configs"][0]["data_files"]] == [
        "train",
        "validation",
    ]
    assert front["license"] == "other"


@pytest.mark.parametrize("source", ["synthetic", "synthetic:20"])
def test_what_our_own_code_drew_is_free(source):
    text = fill_card(TEMPLATE.read_text(encoding="utf-8"), replace(report(), source=source))
    front = yaml.safe_load(text.split("---\n", 2)[1])
    assert front["license"] == "apache-2.0"
    assert "license_name" not in front


def test_a_split_without_sprites_is_not_announced():
    front, _ = fill(rows={"train": 5, "validation": 0})
    assert [split["name"] for split in front["dataset_info"]["splits"]] == ["train"]
    assert [files["split"] for files in front["configs"][0]["data_files"]] == ["train"]


def test_counts_options_and_licence_are_in_the_text():
    _, body = fill(ignored={"duplicate": 84}, rejected=[("a.png", "bad"), ("b.png", "bad")])
    assert "2,000 sprites on a transparent 96 x 96 canvas" in body
    assert "| validation | 200 | 63 |" in body
    assert "| water | 1500 | 75.0% |" in body
    assert "| max-forms | 4 |" in body
    assert "| augment | none |" in body
    assert "Left alone: 84 duplicate. Rejected: 2" in body
    assert "The Pokémon\nCompany" in body
    assert "`abc123`" in body
    assert "$" not in body


def test_the_card_tells_no_path_of_the_machine():
    _, body = fill()
    assert "`sprites.zip`" in body
    assert "/home/someone" not in body
    assert "/secret" not in body


def test_every_feature_is_explained():
    body = TEMPLATE.read_text(encoding="utf-8")
    assert all(f"| `{name}` |" in body for name in features())


def test_the_installed_template_is_the_one_at_the_top():
    import pokegan.data.card

    packaged = Path(pokegan.data.card.__file__).with_name("dataset_card.md")
    assert packaged.read_bytes() == TEMPLATE.read_bytes()
