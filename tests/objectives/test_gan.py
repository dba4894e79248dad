import math

import pytest
import torch
from play import FixedNoise, batch_of
from play import play as play_step
from torch import nn

from pokegan import PokeGANError
from pokegan.objectives.gan import GAN, bce, mean_probability


class Point(nn.Module):
    """A generator whose picture is its one weight, whatever the latent."""

    latent_dim = 2

    def __init__(self, value):
        super().__init__()
        self.value = nn.Parameter(torch.tensor(float(value)))

    def forward(self, latents):
        return self.value.expand(len(latents))


class Scale(nn.Module):
    """A discriminator whose logit is its one weight times the picture."""

    def __init__(self, value):
        super().__init__()
        self.value = nn.Parameter(torch.tensor(float(value)))

    def forward(self, images):
        return images * self.value


def play(objective, generator, discriminator, image=1.0, between=lambda: None, noise=None):
    networks = {"generator": generator, "discriminator": discriminator}
    batch = batch_of(torch.full((4,), image), group=3)
    return play_step(objective, networks, batch, noise, {"discriminator": between})


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def test_losses_in_closed_form():
    d, g = 0.7, -0.4
    discriminator_turn, generator_turn = play(GAN(), Point(g), Scale(d), image=1.5)
    assert (discriminator_turn.player, generator_turn.player) == ("discriminator", "generator")
    real, fake = sigmoid(1.5 * d), sigmoid(g * d)
    assert discriminator_turn.loss.item() == pytest.approx(-math.log(real) - math.log(1 - fake))
    assert generator_turn.loss.item() == pytest.approx(-math.log(fake))
    assert discriminator_turn.scalars["D(x)"].item() == pytest.approx(real)
    assert discriminator_turn.scalars["D(G(z))"].item() == pytest.approx(fake)


def test_smoothed_labels_in_closed_form():
    d, g = 0.7, -0.4
    turn, _ = play(GAN(real_label=0.9, fake_label=0.2), Point(g), Scale(d))
    real, fake = sigmoid(d), sigmoid(g * d)
    expected = -0.9 * math.log(real) - 0.1 * math.log(1 - real)
    expected += -0.2 * math.log(fake) - 0.8 * math.log(1 - fake)
    assert turn.loss.item() == pytest.approx(expected)


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_random_labels_in_closed_form(share):
    """With noise 0.1 a real image's target is 1 − 0.1 u, a generated one's 0.1 u."""
    d, g = 0.7, -0.4
    shares = torch.full((4,), share)
    noise = FixedNoise(streams={"real label": shares, "fake label": shares})
    turn, _ = play(GAN(label_noise=0.1), Point(g), Scale(d), noise=noise)
    real, fake, moved = sigmoid(d), sigmoid(g * d), 0.1 * share
    expected = -(1 - moved) * math.log(real) - moved * math.log(1 - real)
    expected += -moved * math.log(fake) - (1 - moved) * math.log(1 - fake)
    assert turn.loss.item() == pytest.approx(expected)


def test_each_sample_has_a_random_label_of_its_own():
    targets = torch.tensor([0.9, 1.0])
    patches = torch.zeros(2, 3, 3)
    patches[1] = 2.0
    expected = (bce(torch.zeros(1), 0.9) + bce(torch.tensor([2.0]), 1.0)) / 2
    assert bce(patches, targets).item() == pytest.approx(expected.item())


def test_label_0_9_has_its_minimum_at_logit_log_9():
    logit = torch.tensor([math.log(9)], requires_grad=True)
    (slope,) = torch.autograd.grad(bce(logit, 0.9), logit)
    assert abs(slope.item()) < 1e-6


def test_conditional_networks_are_told_the_label_of_the_real_sprite():
    told = []

    class Told(Point):
        conditioning = "group"

        def forward(self, latents, labels):
            told.append(labels.tolist())
            return super().forward(latents)

    class Telling(Scale):
        conditioning = "group"

        def forward(self, images, labels):
            told.append(labels.tolist())
            return super().forward(images)

    play(GAN(), Told(0.5), Telling(0.3))
    assert told == [[3] * 4] * 4  # G, D of real, D of generated, D for G's turn


def test_generated_images_pass_the_augmentation_once():
    noise = FixedNoise()
    play(GAN(), Point(0.5), Scale(0.3), noise=noise)
    assert noise.augmented == ["fake"]


def test_the_probability_of_a_verdict():
    logits = torch.tensor([0.0, math.log(3)])
    assert mean_probability(logits).item() == pytest.approx((0.5 + 0.75) / 2)
    assert mean_probability((logits, torch.zeros(2, 13))) == mean_probability(logits)


def test_a_smoothed_label_is_the_best_answer():
    """The loss of real images is least where D(x) equals the label."""
    logits = torch.linspace(-4, 4, 801)
    losses = torch.stack([bce(logit, 0.9) for logit in logits])
    assert torch.sigmoid(logits[losses.argmin()]).item() == pytest.approx(0.9, abs=0.002)


def test_each_player_moves_the_other_way():
    """The discriminator lowers the logit of generated images, the generator raises it."""
    generator, discriminator = Point(0.5), Scale(0.3)
    discriminator_turn, generator_turn = play(GAN(), generator, discriminator, image=0.0)
    (toward,) = torch.autograd.grad(discriminator_turn.loss, discriminator.value)
    assert toward > 0  # a descent step lowers D's weight, and so the logit of 0.5
    (away,) = torch.autograd.grad(generator_turn.loss, generator.value)
    assert away < 0  # a descent step raises G's picture, and so its logit


def test_the_discriminators_turn_leaves_the_generator_alone():
    generator, discriminator = Point(0.5), Scale(0.3)
    turn, _ = play(GAN(), generator, discriminator)
    assert torch.autograd.grad(turn.loss, generator.value, allow_unused=True) == (None,)


def test_the_generator_plays_against_the_updated_discriminator():
    discriminator = Scale(0.3)

    def update():
        with torch.no_grad():
            discriminator.value.fill_(2.0)

    _, turn = play(GAN(), Point(0.5), discriminator, between=update)
    assert turn.loss.item() == pytest.approx(-math.log(sigmoid(0.5 * 2.0)))


def test_the_non_saturating_gradient_is_strong_where_the_generator_fails():
    """d/dg -log sigmoid(d g) = -d (1 - sigmoid(d g)): near -d for a hopeless sprite."""
    generator = Point(-10.0)
    _, turn = play(GAN(), generator, Scale(1.0))
    (gradient,) = torch.autograd.grad(turn.loss, generator.value)
    assert gradient.item() == pytest.approx(-(1 - sigmoid(-10)))


@pytest.mark.parametrize(
    "labels",
    [
        {"real_label": 1.1},
        {"fake_label": -0.1},
        {"label_noise": 1.5},
        {"label_noise": 0.2, "fake_label": 0.9},
    ],
)
def test_labels_outside_the_unit_interval_are_refused(labels):
    with pytest.raises(PokeGANError, match=next(iter(labels))):
        GAN(**labels)


def test_half_precision_logits_do_not_spoil_the_loss():
    exact = bce(torch.tensor([9.0, -9.0]), 1.0)
    assert bce(torch.tensor([9.0, -9.0], dtype=torch.bfloat16), 1.0).item() == exact.item()
