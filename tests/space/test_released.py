"""The models that come with the repository are whole, and draw what their pictures show."""

import json

import numpy as np
import pytest
from PIL import Image
from tiny import ROOT

import pokegan
from pokegan.hub.card import model_card
from pokegan.hub.publish import REQUIRED_FILES
from pokegan.training.logs import read_log
from pokegan.training.model_folder import sample_sheet

MODELS = sorted(path for path in (ROOT / "space" / "models").iterdir() if path.is_dir())


def test_there_are_the_published_baseline_and_our_own():
    assert {"dcgan", "sprite"} <= {folder.name for folder in MODELS}


def test_the_weights_stay_small():
    sizes = [(folder / "model.safetensors").stat().st_size for folder in MODELS]
    assert max(sizes) < 20e6
    assert sum(sizes) < 90e6


@pytest.mark.parametrize("folder", MODELS, ids=lambda folder: folder.name)
def test_the_folder_is_complete_and_its_card_is_what_the_files_say(folder):
    for name in REQUIRED_FILES:
        assert (folder / name).is_file(), name
    assert list((folder / "timeline").glob("step-*.png"))
    assert (folder / "README.md").read_text() == str(model_card(folder))
    assert not json.loads((folder / "data.json").read_text())["name"].startswith("/")


@pytest.mark.parametrize("folder", MODELS, ids=lambda folder: folder.name)
def test_the_picture_is_what_the_model_draws(folder):
    sheet = sample_sheet(pokegan.load(folder), seed=0)
    shown = np.asarray(Image.open(folder / "samples.png").convert("RGB")).astype(int)
    # Another machine rounds differently, by a level or two and not in every pixel.
    assert np.abs(np.asarray(sheet).astype(int) - shown).max() <= 8


def test_the_baseline_was_trained_to_the_end_of_its_recipe():
    folder = ROOT / "space" / "models" / "dcgan"
    data = json.loads((folder / "data.json").read_text())
    assert (data["name"], data["split"], data["synthetic"]) == ("gen5", "train", False)
    last = read_log(folder / "training_log.jsonl")[-1]
    assert last["kimg"] >= 130 * data["sprites"] / 1000
