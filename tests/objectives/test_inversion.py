import pytest
import torch
from play import FixedNoise, batch_of, play
from torch import nn

from pokegan import PokeGANError
from pokegan.objectives.inversion import Inversion, reconstruction_error


class Shifting(nn.Module):
    """Draws a code as an image of that brightness; the encoder's answer is too bright by ``by``."""

    conditioning = None
    latent_dim = 1

    def __init__(self, by):
        super().__init__()
        self.by = nn.Parameter(torch.tensor(by))
        self.scale = nn.Parameter(torch.ones(()))

    def encoder(self, images):
        return images.mean((1, 2, 3))[:, None] + self.by

    def decode(self, codes):
        return self.scale * codes[:, :, None, None].expand(-1, 3, 2, 2)

    def forward(self, latents):
        return self.decode(latents)


REAL = torch.tensor([0.5, -0.5, 0.0, 0.25])[:, None, None, None].expand(4, 3, 2, 2)


@pytest.mark.parametrize("generated", [0.0, 0.5])
def test_errors_in_closed_form(generated):
    (turn,) = play(Inversion(generated=generated), {"autoencoder": Shifting(0.125)}, batch_of(REAL))
    assert turn.player == "encoder"
    assert turn.loss.item() == pytest.approx(0.125 * (1 + generated), rel=1e-5)
    assert ("|G(E(y))-y|" in turn.scalars) == (generated > 0)


def test_generated_images_are_given():
    """Of |s (y + by) − y| by the scale s, no part comes through y = s z."""
    network, noise = Shifting(0.125), FixedNoise(4, streams={"latent": torch.ones(4, 1)})
    network.scale.data.fill_(2)
    (turn,) = play(Inversion(), {"autoencoder": network}, batch_of(REAL * 0), noise)
    slope = torch.autograd.grad(turn.loss, network.scale)[0]
    assert slope.item() == pytest.approx(0.125 + 2.125)


def test_hidden_colours_do_not_count():
    class Echo(nn.Module):
        def encoder(self, images):
            return images

        def decode(self, codes):
            other = codes.clone()
            other[:, :3] = 0.7
            return other

    images = torch.zeros(1, 4, 2, 2)
    images[:, 3] = -1
    assert reconstruction_error(Echo(), images).item() == 0
    images[:, 3] = 1
    assert reconstruction_error(Echo(), images).item() == pytest.approx(0.7 * 3 / 4)


def test_a_negative_weight_is_refused():
    with pytest.raises(PokeGANError, match="generated must not be below 0"):
        Inversion(generated=-1)
