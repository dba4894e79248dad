import math

import pytest
import torch
from play import FOUR_IMAGES, ConstantGenerator, FixedNoise, LinearCritic, batch_of, play

from pokegan import PokeGANError
from pokegan.objectives.wgan import (
    WGAN,
    clip_weights,
    gradient_penalty,
    random_points_between,
    wasserstein_estimate,
)


def networks(weights=(3.0, 4.0), pixels=(0.5, -0.5)):
    return {"critic": LinearCritic(list(weights)), "generator": ConstantGenerator(list(pixels))}


PENALTY = WGAN(gradient_penalty=10.0, n_critic=1)


def test_a_linear_critics_penalty_is_known():
    """Its gradient is w everywhere: (‖w‖ − 1)²."""
    penalty = gradient_penalty(LinearCritic([3.0, 4.0]), torch.randn(4, 1, 1, 2))
    assert penalty.item() == pytest.approx((5 - 1) ** 2)
    assert gradient_penalty(LinearCritic([0.6, 0.8]), FOUR_IMAGES).item() == pytest.approx(
        0, abs=1e-12
    )


def test_the_penalty_is_a_mean_over_samples():
    """f(x) = ‖x‖²/2 has the gradient x."""
    images = torch.tensor([[3.0, 4.0], [0.0, 2.0]]).view(2, 1, 1, 2)
    penalty = gradient_penalty(lambda x: x.flatten(1).square().sum(1) / 2, images)
    assert penalty.item() == pytest.approx(((5 - 1) ** 2 + (2 - 1) ** 2) / 2)


def test_the_penaltys_gradient_reaches_the_critic():
    """d/dw (‖w‖ − 1)² = 2 (‖w‖ − 1) w/‖w‖."""
    critic = LinearCritic([3.0, 4.0])
    (slope,) = torch.autograd.grad(gradient_penalty(critic, FOUR_IMAGES), critic.weights)
    assert slope.tolist() == pytest.approx([8 * 3 / 5, 8 * 4 / 5])


def test_losses_in_closed_form():
    critic_turn, generator_turn = play(PENALTY, networks(), batch_of(FOUR_IMAGES))
    real, fake = 3.5, 3.0 * 0.5 - 4.0 * 0.5  # means of w·x
    assert critic_turn.loss.item() == pytest.approx(-(real - fake) + 10 * (5 - 1) ** 2)
    assert critic_turn.scalars["wasserstein"].item() == pytest.approx(real - fake)
    assert critic_turn.scalars["penalty"].item() == pytest.approx(16)
    assert generator_turn.loss.item() == pytest.approx(-fake)


def test_the_estimate_does_not_change_when_both_scores_shift():
    real, fake = torch.randn(6), torch.randn(6)
    shifted = wasserstein_estimate(real + 5, fake + 5)
    assert shifted.item() == pytest.approx(wasserstein_estimate(real, fake).item(), abs=1e-5)


def test_points_lie_between_a_real_and_a_generated_image():
    real, fake = torch.ones(4, 1, 1, 2), -torch.ones(4, 1, 1, 2)
    share = torch.tensor([0.0, 0.25, 0.5, 1.0])
    points = random_points_between(real, fake, FixedNoise(streams={"penalty": share}))
    assert points[:, 0, 0, 0].tolist() == [-1.0, -0.5, 0.0, 1.0]
    assert torch.equal(points[..., 0], points[..., 1])


def test_the_generator_plays_every_fifth_step():
    players = [
        [
            turn.player
            for turn in play(WGAN(clip=0.1), networks(), batch_of(FOUR_IMAGES), FixedNoise(step=s))
        ]
        for s in range(10)
    ]
    assert players == [["critic"]] * 4 + [["critic", "generator"]] + [["critic"]] * 4 + [
        ["critic", "generator"]
    ]


def test_weights_are_clipped_after_the_critics_move_and_before_the_generators():
    players = networks(weights=(3.0, -0.05))

    def move():
        with torch.no_grad():
            players["critic"].weights.mul_(2)

    turns = play(WGAN(clip=0.5, n_critic=1), players, batch_of(FOUR_IMAGES), after={"critic": move})
    assert players["critic"].weights.tolist() == pytest.approx([0.5, -0.1])
    fake = 0.5 * 0.5 + 0.1 * 0.5
    assert turns[1].loss.item() == pytest.approx(-fake)
    assert "penalty" not in turns[0].scalars


def test_clipping_leaves_small_weights_alone():
    critic = LinearCritic([0.005, -0.02, 0.02])
    clip_weights(critic, 0.01)
    assert critic.weights.tolist() == pytest.approx([0.005, -0.01, 0.01])


def test_the_critics_turn_leaves_the_generator_alone():
    players = networks()
    turn = next(PENALTY.step(players, batch_of(FOUR_IMAGES), FixedNoise()))
    parameters = list(players["generator"].parameters())
    assert torch.autograd.grad(turn.loss, parameters, allow_unused=True) == (None,)


def test_the_validation_estimate():
    values = PENALTY.validate(networks(), batch_of(FOUR_IMAGES), FixedNoise())
    assert values["validation/wasserstein"].item() == pytest.approx(3.5 + 0.5)


def test_a_critic_of_patches_is_averaged():
    estimate = wasserstein_estimate(torch.ones(2, 3, 3), torch.zeros(2, 3, 3))
    assert math.isclose(estimate.item(), 1.0)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"clip": 0.01, "gradient_penalty": 10.0},
        {"clip": -1.0},
        {"gradient_penalty": -1.0},
        {"clip": 0.01, "n_critic": 0},
    ],
)
def test_unfit_settings_are_refused(settings):
    with pytest.raises(PokeGANError, match="objective"):
        WGAN(**settings)
