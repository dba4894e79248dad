"""Half precision: half the bytes, sprites that look the same, and weights left whole otherwise."""

import json

import pytest
import torch
from model_folder import write_model_folder
from safetensors.torch import load_file

from pokegan import load
from pokegan.hub.card import model_card
from pokegan.hub.half_precision import MOST_ON_AVERAGE, SPRITES, halve, note_of_run
from pokegan.models.dcgan import DCGANGenerator


@pytest.fixture
def folder(tmp_path):
    return write_model_folder(tmp_path / "model")


def levels(folder) -> torch.Tensor:
    return load(folder).sample(SPRITES, output="tensor").add(1).mul(127.5)


def test_half_the_bytes_draw_the_same_sprites(folder):
    weights = folder / "model.safetensors"
    before, size, whole = levels(folder), weights.stat().st_size, load_file(weights)
    assert halve(folder)
    difference = (levels(folder) - before).abs()
    assert 0 < difference.max() < 8
    assert difference.mean() < MOST_ON_AVERAGE
    assert weights.stat().st_size < 0.6 * size
    for name, tensor in load_file(weights).items():
        expected = torch.float16 if whole[name].dtype == torch.float32 else whole[name].dtype
        assert tensor.dtype == expected, name
    told = json.loads((folder / "run.json").read_text())["half_precision"]
    assert told["mean"] == pytest.approx(difference.mean().item(), abs=1e-4)
    assert told["most"] == pytest.approx(difference.max().item(), abs=1e-2)
    assert "stored in half precision; 64 sprites drawn from them" in str(model_card(folder))


def test_models_are_loaded_in_single_precision_whatever_is_stored(folder):
    assert halve(folder)
    dtypes = {parameter.dtype for parameter in load(folder).parameters()}
    assert dtypes == {torch.float32}


def test_weights_that_half_precision_would_ruin_stay_whole(folder):
    model = DCGANGenerator(latent_dim=8, base_width=4, size=16).eval()
    convolutions = [m for m in model.modules() if isinstance(m, torch.nn.ConvTranspose2d)]
    norms = [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    with torch.no_grad():
        convolutions[-1].weight.mul_(1e-8)  # float16 makes this 0 ...
        for parameter in norms[-1].parameters():
            parameter.add_(1).mul_(1e8)  # ... and cannot hold this, which makes up for it
    model.save_pretrained(folder)
    before = (folder / "model.safetensors").read_bytes()
    assert not halve(folder)
    assert (folder / "model.safetensors").read_bytes() == before
    assert not (folder / "run.json").exists()


def test_a_note_leaves_the_other_facts(folder):
    note_of_run(folder, machine="abacus")
    note_of_run(folder, clock="cpu")
    assert json.loads((folder / "run.json").read_text()) == {"machine": "abacus", "clock": "cpu"}
