"""Training on small images first."""

from unittest.mock import patch

import pytest
import torch
import yaml
from safetensors.torch import load_file
from small_recipes import small_options, train_small
from tiny import TINY

from pokegan import PokeGANError
from pokegan.training.checkpoint import checkpoint_paths
from pokegan.training.command_line import parse_command_line
from pokegan.training.recipe import GrowthSettings
from pokegan.training.state import TrainState

GROWING = [
    *small_options("sprite"),
    "--image.size=32",
    "--kimg=0.032",
    "--growth.sizes=[16]",
    "--growth.until=[0.75]",
    "--checkpoint-kimg=0.008",
    "--objective.penalty_every=2",
]
"""Three steps at 16 px, one at 32."""


def test_the_size_follows_the_share_of_the_training():
    growth = GrowthSettings((16, 32), (0.1, 0.4))
    shares = (0, 0.09, 0.1, 0.39, 0.4, 1)
    assert [growth.size_at(share, 64) for share in shares] == [16, 16, 32, 32, 64, 64]
    assert [growth.size_at(share, 16) for share in shares] == [16] * 6
    assert GrowthSettings().size_at(0, 64) == 64


def test_networks_see_images_of_each_size_in_turn(tmp_path):
    seen, update = [], TrainState.update

    def note(self, player, loss, *arguments):
        seen.append((player, self.image_size))
        return update(self, player, loss, *arguments)

    with patch.object(TrainState, "update", note):
        train_small(GROWING, tmp_path / "run")
    sizes = [size for player, size in seen if player == "generator"]
    assert sizes == [16, 16, 16, 32]


def test_layers_wait_until_images_have_their_size(tmp_path):
    recipe, _ = parse_command_line(GROWING)
    start = TrainState(recipe, recipe.build_objective(), torch.device("cpu")).tensors()
    run = train_small(GROWING, tmp_path / "run")
    _, before = (load_file(path) for path in checkpoint_paths(run / "checkpoints"))  # 3 steps
    waiting = ("generator/choices.1.", "generator/stages.2.", "discriminator/stages.0.")
    for name, tensor in start.items():
        if name.startswith(tuple(f"networks/{part}" for part in waiting)):
            assert torch.equal(tensor, before[name]), name
    moved = "networks/generator/choices.0.weight"
    assert not torch.equal(start[moved], before[moved])


@pytest.mark.parametrize("until", [0.75, 0.9])  # the last step is at 32 px, or at 16
def test_a_run_that_was_killed_while_growing_goes_on_as_if_it_had_not_been(tmp_path, until):
    options = [*GROWING, f"--growth.until=[{until}]"]
    run = train_small(options, tmp_path / "run")
    last, _ = checkpoint_paths(run / "checkpoints")
    whole = load_file(last)
    last.unlink()
    train_small([*options, "--resume=auto"], run)
    again = load_file(last)
    assert whole.keys() == again.keys()
    assert all(torch.equal(whole[key], again[key]) for key in whole)


def test_runs_from_before_there_was_growth_can_be_continued():
    """A recipe without growth is written as it was then; one with it can be read back."""
    recipe, _ = parse_command_line(TINY)
    assert "growth" not in yaml.safe_load(recipe.to_yaml())
    recipe, _ = parse_command_line(GROWING)
    assert yaml.safe_load(recipe.to_yaml())["growth"] == {"sizes": [16], "until": [0.75]}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--growth.sizes=[16]"], "one share in until for each of sizes"),
        (["--growth.sizes=[32,16]", "--growth.until=[0.1,0.2]"], "growth.sizes must grow"),
        (["--growth.sizes=[0]", "--growth.until=[0.1]"], "growth.sizes must grow"),
        (["--growth.sizes=[16]", "--growth.until=[1.0]"], "growth.until must grow"),
        (["--growth.sizes=[16,32]", "--growth.until=[0.2,0.2]"], "growth.until must grow"),
    ],
)
def test_mistakes_are_named(options, message):
    with pytest.raises(PokeGANError, match=message):
        parse_command_line([*TINY, *options])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (TINY, "'dcgan-generator' cannot be trained at 8 px on the way to 16; known: none"),
        (GROWING, "'sprite-generator' cannot be trained at 8 px .* known: 32, 16"),
    ],
)
def test_networks_that_cannot_be_grown_so_are_named(options, message):
    recipe, _ = parse_command_line([*options, "--growth.sizes=[8]", "--growth.until=[0.5]"])
    with pytest.raises(PokeGANError, match=message):
        TrainState(recipe, recipe.build_objective(), torch.device("cpu"))
