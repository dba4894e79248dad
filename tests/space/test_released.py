"""The models that come with the repository are whole, and draw what their pictures show."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import ROOT

import pokegan
from pokegan.hub.card import model_card
from pokegan.hub.half_precision import MOST_ON_AVERAGE
from pokegan.hub.publish import REQUIRED_FILES
from pokegan.models.conditioning import CLASSES
from pokegan.release import PLAN, read_plan
from pokegan.sheet import sprite_sheet
from pokegan.training.command_line import parse_command_line
from pokegan.training.logs import read_log
from pokegan.training.model_folder import COLUMNS, WHITE, sample_sheet

MODELS = sorted(path for path in (ROOT / "space" / "models").iterdir() if path.is_dir())


def test_there_are_the_shipped_models_of_the_plan():
    assert {model.name for model in read_plan(PLAN) if model.shipped} == {f.name for f in MODELS}


def test_the_weights_stay_small():
    sizes = [(folder / "model.safetensors").stat().st_size for folder in MODELS]
    assert max(sizes) < 8e6
    assert sum(sizes) < 90e6


@pytest.mark.parametrize("folder", MODELS, ids=lambda folder: folder.name)
def test_half_precision_draws_visually_equal_sprites(folder):
    half = json.loads((folder / "run.json").read_text())["half_precision"]
    assert half["mean"] <= MOST_ON_AVERAGE
    # The full weights lie up to half a unit of float16's last place from those that are stored: any
    # such weights must draw what these draw.
    model = pokegan.load(folder)
    before = model.sample(16, output="tensor")
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            share = torch.rand(parameter.shape, generator=generator) - 0.5
            parameter.mul_(1 + share * torch.finfo(torch.float16).eps)
    difference = (model.sample(16, output="tensor") - before).abs().mul(127.5)
    assert 0 < difference.mean() <= MOST_ON_AVERAGE
    assert (difference > 8).float().mean() < 0.01


@pytest.mark.parametrize("folder", MODELS, ids=lambda folder: folder.name)
def test_the_folder_is_complete_and_its_card_is_what_the_files_say(folder):
    for name in REQUIRED_FILES:
        assert (folder / name).is_file(), name
    assert list((folder / "timeline").glob("step-*.png"))
    assert (folder / "README.md").read_text() == str(model_card(folder))
    assert not json.loads((folder / "data.json").read_text())["name"].startswith("/")


@pytest.mark.parametrize("folder", MODELS, ids=lambda folder: folder.name)
def test_the_picture_is_what_the_model_draws(folder):
    model = pokegan.load(folder)
    if model.many_steps:  # diffusion takes the better part of a second for each: its first row
        images = model.sample(COLUMNS, 0, CLASSES[model.conditioning][0])
        sheet = sprite_sheet(images, COLUMNS, scale=2, background=WHITE)
    else:
        sheet = sample_sheet(model, seed=0)
    drawn = np.asarray(sheet).astype(int)
    shown = np.asarray(Image.open(folder / "samples.png").convert("RGB")).astype(int)
    assert model.many_steps or drawn.shape == shown.shape
    # Another machine rounds differently, by a level or two and not in every pixel.
    height, width, _ = drawn.shape
    assert np.abs(drawn - shown[:height, -width:]).max() <= 8


@pytest.mark.parametrize("folder", MODELS, ids=lambda folder: folder.name)
def test_all_were_trained_by_the_plan(folder):
    data = json.loads((folder / "data.json").read_text())
    assert (data["name"], data["split"], data["synthetic"]) == ("gen5", "train", False)
    (planned,) = [model for model in read_plan(PLAN) if model.name == folder.name]
    recipe, options = parse_command_line(planned.stages[-1])
    run = json.loads((folder / "run.json").read_text())
    assert (run["clock"], run["processes"], run["threads"]) == ("cpu", 1, options.threads)
    own, _ = parse_command_line([f"--recipe={folder / 'recipe.yaml'}"])
    # Where the stage before lay is the run's own affair.
    assert replace(own, start=None) == replace(recipe, start=None)
    seconds = read_log(folder / "training_log.jsonl")[-1]["seconds"]
    assert seconds >= 0.99 * recipe.minutes * 60
    first = folder / "before" if len(planned.stages) > 1 else folder
    chosen = json.loads((first / "run.json").read_text())["chosen"]
    lines = read_log(first / "training_log.jsonl")
    values = {line["step"]: line[chosen["metric"]] for line in lines if chosen["metric"] in line}
    assert chosen["step"] == min(values, key=values.get)
    assert chosen["evaluations"] == len(values)
