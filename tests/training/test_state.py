from dataclasses import replace
from unittest.mock import patch

import pytest
import torch
from safetensors.torch import load_file
from small_recipes import train_small
from tiny import TINY

from pokegan import PokeGANError
from pokegan.training.checkpoint import checkpoint_paths
from pokegan.training.command_line import parse_command_line
from pokegan.training.state import TrainState, ema_update


def build(*options):
    recipe, _ = parse_command_line([*TINY, *options])
    return TrainState(recipe, recipe.build_objective(), torch.device("cpu"))


def train_a_little(state, steps=3):
    for step in range(steps):
        torch.manual_seed(step)
        for player, parameters in state.parameters.items():
            for parameter in parameters:
                parameter.grad = torch.randn_like(parameter)
            state.optimizers[player].step()
        state.networks["generator"](torch.randn(8, 8))  # moves batch-norm statistics
        state.update_average()


@pytest.mark.parametrize("options", [(), ("--ema_half_life_kimg=0.05",)])
def test_a_loaded_state_trains_on_exactly_like_the_saved_one(options):
    saved, loaded = build(*options), build(*options, "--seed=9")
    train_a_little(saved)
    loaded.load({name: tensor.clone() for name, tensor in saved.tensors().items()})
    for state in (saved, loaded):
        train_a_little(state)
    assert saved.tensors().keys() == loaded.tensors().keys()
    for name, tensor in saved.tensors().items():
        assert torch.equal(tensor, loaded.tensors()[name]), name


def test_initial_weights_depend_on_seed_and_role_alone():
    one, same, other = build(), build("--objective.real_label=0.9"), build("--seed=1")
    weights = [state.networks["generator"].layers[0].weight for state in (one, same, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_without_averaging_the_raw_weights_are_published():
    state = build()
    assert state.published is state.networks["generator"]


def test_the_average_lags_behind_and_its_statistics_do_not():
    state = build("--ema_half_life_kimg=10")
    before = state.networks["generator"].layers[0].weight.clone()
    train_a_little(state, steps=200)
    raw, average = state.networks["generator"], state.published
    lag = (average.layers[0].weight - before).norm() / (raw.layers[0].weight - before).norm()
    assert 0.1 < lag < 0.999
    assert torch.equal(raw.layers[1].running_mean, average.layers[1].running_mean)


@pytest.mark.parametrize("batch_size", [1, 4, 32])
def test_the_half_life_is_counted_in_images(batch_size):
    """After one half-life of images, the start counts half, whatever the batch size."""
    update = ema_update(half_life_kimg=0.032, batch_size=batch_size)
    average, current = [torch.zeros(3)], [torch.ones(3)]
    long_ago = 10**9  # steps: the ramp-up at the beginning is over
    for _ in range(32 // batch_size):
        update(average, current, long_ago)
    assert average[0].tolist() == pytest.approx([0.5] * 3)


def test_early_steps_forget_fast():
    update = ema_update(half_life_kimg=100, batch_size=10)
    average = [torch.zeros(1)]
    update(average, [torch.ones(1)], 1)
    assert average[0].item() > 0.99


@pytest.mark.parametrize(
    ("networks", "message"),
    [
        (
            {"painter": "dcgan-generator"},
            r"has the networks .*painter.*, the objective plays",
        ),
        (
            {"generator": "dcgan-discriminator", "discriminator": "dcgan-discriminator"},
            "networks.generator must draw sprites, which 'dcgan-discriminator' does not",
        ),
    ],
)
def test_a_recipe_whose_networks_do_not_fit_the_objective_is_refused(networks, message):
    recipe, _ = parse_command_line(TINY)
    settings = {role: {"architecture": name, "base_width": 2} for role, name in networks.items()}
    recipe = replace(recipe, networks=settings)
    with pytest.raises(PokeGANError, match=message):
        TrainState(recipe, recipe.build_objective(), torch.device("cpu"))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_an_update_does_not_depend_on_how_gradients_lie_in_memory(layout):
    """The fused optimizers walk through memory; weights of convolutions are channels-last."""
    state, expected = build(), build()
    weight = state.parameters["generator"][0]
    direction = torch.randn(weight.shape)

    class Laid(torch.autograd.Function):
        @staticmethod
        def forward(context, tensor):
            return (tensor * direction).sum()

        @staticmethod
        def backward(context, slope):
            return (slope * direction).contiguous(memory_format=layout)

    for each, loss in ((state, Laid.apply), (expected, lambda tensor: (tensor * direction).sum())):
        each.parameters["generator"] = each.parameters["generator"][:1]
        each.update("generator", loss(each.parameters["generator"][0]))
    first = weight - build().parameters["generator"][0]
    assert torch.equal(weight, expected.parameters["generator"][0])
    # Adam's first step is the learning rate in every weight, against the gradient's sign.
    torch.testing.assert_close(first, -2e-4 * direction.sign(), rtol=1e-3, atol=1e-8)


def rates(state):
    return {player: o.param_groups[0]["lr"] for player, o in state.optimizers.items()}


def test_step_sizes_fall_evenly_at_the_end():
    options = ("--optimizer.learning_rate=0.4", "--optimizer.adversary_learning_rate=0.8")
    state, steady = build(*options, "--optimizer.cooldown=0.5"), build(*options)
    for share, factor in ((0.0, 1), (0.5, 1), (0.75, 0.5), (0.9, 0.2), (1.0, 0), (0.6, 0.8)):
        state.cool_down(share)
        expected = {"generator": 0.4 * factor, "discriminator": 0.8 * factor}
        assert rates(state) == pytest.approx(expected)
        steady.cool_down(share)
        assert rates(steady) == {"generator": 0.4, "discriminator": 0.8}


def test_a_cooldown_reaches_the_steps_of_a_run(tmp_path):
    """Four steps, each with what is left of the training before it."""
    seen = []

    def update(self, *arguments):
        seen.append(rates(self)["generator"])

    with patch.object(TrainState, "update", update):
        options = [*TINY, "--kimg=0.032", "--optimizer.cooldown=1", "--optimizer.learning_rate=1"]
        train_small(options, tmp_path / "run")
    assert seen[::2] == pytest.approx([1, 0.75, 0.5, 0.25])


def test_a_run_that_was_killed_cools_down_as_if_it_had_not_been(tmp_path):
    options = [*TINY, "--kimg=0.032", "--optimizer.cooldown=0.8", "--checkpoint-kimg=0.008"]
    run = train_small(options, tmp_path / "run")
    last, *_ = checkpoint_paths(run / "checkpoints")
    whole = load_file(last)
    last.unlink()  # as if it had been killed after three steps of four
    train_small([*options, "--resume=auto"], run)
    assert checkpoint_paths(run / "checkpoints")[0] == last
    again = load_file(last)
    assert all(torch.equal(whole[key], again[key]) for key in whole)
