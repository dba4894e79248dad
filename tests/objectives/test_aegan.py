import math

import pytest
import torch
from play import FixedNoise, batch_of, play
from torch import nn

from pokegan import PokeGANError
from pokegan.objectives.aegan import AEGAN, half_real, mean_absolute_error, mean_squared_error


class Affine(nn.Module):
    def __init__(self, scale, shift=0.0):
        super().__init__()
        self.scale, self.shift = nn.Parameter(torch.tensor(scale)), shift

    def forward(self, values):
        return values * self.scale + self.shift


class Autoencoder(Affine):
    """G(z) = 2z + 1; the encoder is what the test says."""

    latent_dim = 3

    def __init__(self, encoder):
        super().__init__(2.0, 1.0)
        self.encoder = encoder


class Sum(nn.Module):
    """A discriminator whose logit is a weight times the sum of its input."""

    def __init__(self, weight):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight))

    def forward(self, values):
        return self.weight * values.sum(1)


def networks(encoder):
    return {
        "autoencoder": Autoencoder(encoder),
        "image_discriminator": Sum(0.3),
        "latent_discriminator": Sum(0.7),
    }


Z = torch.tensor([[0.1, 0.2, 0.3], [1.0, -1.0, 0.5]])
X = torch.tensor([[0.5, 0.0, -0.5], [1.0, 1.0, 0.0]])
NOISE = FixedNoise(n=2, streams={"latent": Z})


def bce(logits, target):
    return nn.functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))


def test_reconstruction_of_inverse_maps_is_0():
    turns = play(AEGAN(), networks(Affine(0.5, -0.5)), batch_of(X), NOISE)
    assert turns[2].scalars["|G(E(x))-x|"].item() == pytest.approx(0, abs=1e-7)
    assert turns[2].scalars["(E(G(z))-z)^2"].item() == pytest.approx(0, abs=1e-12)


def test_losses_in_closed_form():
    """E(x) = x, so E(x) = X, G(E(x)) = 2X + 1, G(z) = E(G(z)) = 2Z + 1."""
    objective = AEGAN(0.1, 0.2, 0.3, 0.4)
    image_turn, latent_turn, turn = play(objective, networks(Affine(1.0)), batch_of(X), NOISE)
    assert [image_turn.player, latent_turn.player, turn.player] == [
        "image_discriminator",
        "latent_discriminator",
        "autoencoder",
    ]
    generated, reconstructed = 2 * Z + 1, 2 * X + 1
    image = [0.3 * values.sum(1) for values in (X, generated, reconstructed)]
    latent = [0.7 * values.sum(1) for values in (Z, X, generated)]
    for move, logits in ((image_turn, image), (latent_turn, latent)):
        expected = (2 * bce(logits[0], 1.0) + bce(logits[1], 0.0) + bce(logits[2], 0.0)) / 4
        assert move.loss.item() == pytest.approx(expected.item())
    expected = (
        0.1 * (bce(image[1], 1.0) + bce(image[2], 1.0)) / 2
        + 0.2 * (bce(latent[1], 1.0) + bce(latent[2], 1.0)) / 2
        + 0.3 * (reconstructed - X).abs().mean()
        + 0.4 * (generated - Z).square().mean()
    )
    assert turn.loss.item() == pytest.approx(expected.item())


def test_each_turn_moves_its_own_player_only():
    players = networks(Affine(0.9))
    parameters = {
        name: [p for p in network.parameters() if p.requires_grad]
        for name, network in players.items()
    }
    for turn in AEGAN().step(players, batch_of(X), NOISE):
        for name in ("image_discriminator", "latent_discriminator", "autoencoder"):
            got = torch.autograd.grad(
                turn.loss, parameters[name], allow_unused=True, retain_graph=True
            )
            moved = any(gradient is not None and gradient.abs().sum() > 0 for gradient in got)
            if name == turn.player:
                assert moved
            elif turn.player != "autoencoder":  # whose loss passes through the discriminators
                assert not moved, (turn.player, name)


def test_the_real_term_counts_as_much_as_both_generated_ones():
    real, fakes = torch.tensor(1.0), [torch.tensor(3.0), torch.tensor(5.0)]
    assert half_real(real, fakes).item() == (2 * 1 + 3 + 5) / 4


def test_errors_by_hand():
    first, second = torch.tensor([[0.0, 1.0]]), torch.tensor([[0.5, -1.0]])
    assert mean_absolute_error(first, second).item() == pytest.approx((0.5 + 2) / 2)
    assert mean_squared_error(first, second).item() == pytest.approx((0.25 + 4) / 2)
    assert not math.isnan(mean_squared_error(first.bfloat16(), second).item())


def test_both_kinds_of_generated_images_are_augmented():
    noise = FixedNoise(n=2, streams={"latent": Z})
    play(AEGAN(), networks(Affine(1.0)), batch_of(X), noise)
    assert sorted(noise.augmented) == ["G(E(x))", "G(z)"]


def test_a_negative_weight_is_refused():
    with pytest.raises(PokeGANError, match=r"objective\.latent_reconstruction"):
        AEGAN(latent_reconstruction=-1.0)
