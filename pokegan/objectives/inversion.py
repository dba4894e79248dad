"""Training an encoder for a generator that is there already: GAN inversion by a network (Zhu et al.
2016, arXiv 1609.03552, section 3.2)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from pokegan.data.batch import Batch
from pokegan.data.transforms import on_white_with_alpha
from pokegan.objectives import OBJECTIVES, Noise, Turn


@OBJECTIVES.register("inversion")
@dataclass(frozen=True)
class Inversion:
    """The encoder E of a network with a generator G minimises ``mean |G(E(x)) - x|`` over real
    images x, seen as RGB on white and alpha. The generator's weights stay as they are."""

    players: ClassVar[Mapping[str, tuple[str, ...]]] = {"encoder": ("autoencoder.encoder",)}
    publishes: ClassVar[str] = "autoencoder"

    def step(self, networks: Mapping[str, nn.Module], batch: Batch, noise: Noise) -> Iterator[Turn]:
        """The encoder alone; see :mod:`pokegan.objectives`."""
        yield Turn("encoder", reconstruction_error(networks["autoencoder"], batch.image))


def reconstruction_error(autoencoder: nn.Module, images: Tensor) -> Tensor:
    """mean |G(E(x)) - x| of images (n, channels, h, w) in [-1, 1], RGBA as RGB on white and alpha:
    a scalar.

    Args:
        autoencoder: has ``encoder``, images to codes, and ``decode``, codes to images.
        images: x.
    """
    drawn = autoencoder.decode(autoencoder.encoder(images))
    return (on_white_with_alpha(drawn.float()) - on_white_with_alpha(images)).abs().mean()
