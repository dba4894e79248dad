import pytest
import torch
from play import batch_of, play
from torch import nn

from pokegan.objectives.inversion import Inversion, reconstruction_error


class Shifting(nn.Module):
    """Codes are an image's brightness, too bright by ``by``."""

    def __init__(self, by):
        super().__init__()
        self.by = by

    def encoder(self, images):
        return images.mean((1, 2, 3))[:, None] + self.by

    def decode(self, codes):
        return codes[:, :, None, None].expand(-1, 3, 2, 2)


def test_the_error_in_closed_form():
    real = torch.tensor([0.5, -0.5, 0.0, 0.25])[:, None, None, None].expand(4, 3, 2, 2)
    (turn,) = play(Inversion(), {"autoencoder": Shifting(0.125)}, batch_of(real))
    assert turn.player == "encoder"
    assert turn.loss.item() == pytest.approx(0.125, rel=1e-5)


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
