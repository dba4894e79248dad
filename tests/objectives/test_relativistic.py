import math

import pytest
import torch
from play import FOUR_IMAGES, ConstantGenerator, FixedNoise, LinearCritic, batch_of, play

from pokegan import PokeGANError
from pokegan.objectives.relativistic import Relativistic, squared_slope


def networks(weights=(3.0, 4.0), pixels=(0.5, -0.5)):
    return {
        "discriminator": LinearCritic(list(weights)),
        "generator": ConstantGenerator(list(pixels)),
    }


MARGINS = [3 + 0.5, 4 + 0.5, 7 + 0.5, 0.5]  # D(x) - D(G(z)), D(G(z)) being -0.5


def softplus(value):
    return math.log1p(math.exp(value))


def test_losses_in_closed_form():
    first, second = play(Relativistic(gamma=0), networks(), batch_of(FOUR_IMAGES))
    assert (first.player, second.player) == ("discriminator", "generator")
    assert first.loss.item() == pytest.approx(sum(softplus(-m) for m in MARGINS) / 4)
    assert second.loss.item() == pytest.approx(sum(softplus(m) for m in MARGINS) / 4)
    assert first.scalars["margin"].item() == pytest.approx(sum(MARGINS) / 4)
    assert "penalty" not in first.scalars


def test_a_constant_added_to_all_logits_changes_nothing():
    class Shifted(LinearCritic):
        def forward(self, images):
            return super().forward(images) + 100

    shifted = {**networks(), "discriminator": Shifted([3.0, 4.0])}
    plain = play(Relativistic(gamma=0), networks(), batch_of(FOUR_IMAGES))
    for turn, other in zip(
        plain, play(Relativistic(gamma=0), shifted, batch_of(FOUR_IMAGES)), strict=True
    ):
        assert turn.loss.item() == pytest.approx(other.loss.item(), rel=1e-4)


def test_penalties_come_at_every_so_manieth_step_and_weigh_as_much_in_all():
    """A linear discriminator's slope is w everywhere: R1 = R2 = 25."""
    objective = Relativistic(gamma=0.5, penalty_every=4)
    plain, _ = play(Relativistic(gamma=0), networks(), batch_of(FOUR_IMAGES))
    extra = []
    for step in range(8):
        first, _ = play(objective, networks(), batch_of(FOUR_IMAGES), FixedNoise(4, step=step))
        extra.append(first.loss.item() - plain.loss.item())
        assert ("penalty" in first.scalars) == (step % 4 == 3)
    assert extra == pytest.approx([0, 0, 0, 4 * 0.25 * (25 + 25)] * 2, rel=1e-4, abs=1e-6)


def test_the_penalty_is_heavy_at_first_and_settles():
    objective = Relativistic(gamma=0.04, penalty_every=8, initial_gamma=1.0, settle_kimg=10)
    assert objective.penalty_at(0) == (1.0, 2)
    gamma, every = objective.penalty_at(5)
    assert (gamma, every) == (pytest.approx(0.2), 2)  # the geometric middle
    assert objective.penalty_at(10) == objective.penalty_at(1000) == (0.04, 8)
    assert Relativistic(penalty_every=1, settle_kimg=1).penalty_at(0)[1] == 1
    assert Relativistic(gamma=0.3).penalty_at(0) == (0.3, 8)

    plain, _ = play(Relativistic(gamma=0), networks(), batch_of(FOUR_IMAGES))
    noise = FixedNoise(4, step=1, kimg=5)
    first, _ = play(objective, networks(), batch_of(FOUR_IMAGES), noise)
    extra = first.loss.item() - plain.loss.item()
    assert extra == pytest.approx(2 * 0.1 * (25 + 25), rel=1e-4)  # every other step, twice as much


def test_the_slope_is_squared_before_it_is_averaged():
    """D(x) = ‖x‖²/2 has the slope x."""
    images = torch.tensor([[3.0, 4.0], [0.0, 2.0]]).requires_grad_()
    slope = squared_slope(images.square().sum(1) / 2, images)
    assert slope.item() == pytest.approx((25 + 4) / 2)


def test_the_penaltys_gradient_reaches_the_discriminator():
    """Of γ/2 · every · 2 ‖w‖² it is 2 γ · every · w."""
    linear, _ = networks().values()
    objective = Relativistic(gamma=0.5, penalty_every=1)
    turn, _ = play(objective, {**networks(), "discriminator": linear}, batch_of(FOUR_IMAGES))
    other, _ = play(
        Relativistic(gamma=0), {**networks(), "discriminator": linear}, batch_of(FOUR_IMAGES)
    )
    (slope,) = torch.autograd.grad(turn.loss - other.loss, linear.weights)
    assert slope.tolist() == pytest.approx([3.0, 4.0], rel=1e-4)


def test_the_generator_meets_the_updated_discriminator_with_the_old_logits_of_real_images():
    parts = networks()

    def update():
        with torch.no_grad():
            parts["discriminator"].weights.mul_(2)

    _, second = play(
        Relativistic(gamma=0), parts, batch_of(FOUR_IMAGES), after={"discriminator": update}
    )
    real = [3, 4, 7, 0]
    assert second.loss.item() == pytest.approx(sum(softplus(r + 1) for r in real) / 4)


def test_each_player_moves_its_own_networks_alone():
    parts = networks()
    first, second = play(Relativistic(), parts, batch_of(FOUR_IMAGES), FixedNoise(4, step=7))
    assert torch.autograd.grad(
        first.loss, parts["generator"].pixels, allow_unused=True, retain_graph=True
    ) == (None,)
    assert torch.autograd.grad(second.loss, parts["generator"].pixels)[0].abs().sum() > 0


def test_generated_images_are_augmented():
    noise = FixedNoise(4)
    play(Relativistic(), networks(), batch_of(FOUR_IMAGES), noise)
    assert noise.augmented == ["fake"]


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"gamma": -1.0}, "gamma must not be below 0"),
        ({"gamma": float("nan")}, "gamma"),
        ({"initial_gamma": -1.0}, "initial_gamma must not be below 0"),
        ({"settle_kimg": -1.0}, "settle_kimg"),
        ({"penalty_every": 0}, "penalty_every must be at least 1"),
    ],
)
def test_values_out_of_range_are_named(settings, named):
    with pytest.raises(PokeGANError, match=named):
        Relativistic(**settings)
