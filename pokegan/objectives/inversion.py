"""Training an encoder for a generator that is there already: GAN inversion by a network (Zhu et al.
2016, arXiv 1609.03552, section 3.2)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn, no_grad

from pokegan.data.batch import Batch
from pokegan.data.transforms import on_white_with_alpha
from pokegan.errors import PokeGANError
from pokegan.objectives import OBJECTIVES, Noise, Turn, given_labels


@OBJECTIVES.register("inversion")
@dataclass(frozen=True)
class Inversion:
    """The encoder E of a network with a generator G learns to minimise::

        mean |G(E(x)) − x| + generated · mean |G(E(y)) − y|,  y = G(c)

    over real images x and generated ones y. Images count as RGB on white and alpha. The
    generator's weights stay as they are.

    Generated images are as many as one likes, where real ones are few: with them the encoder is
    less likely to learn the training sprites by heart.

    Args:
        generated: weight of generated images, not below 0; at 0 none are drawn.

    Raises:
        PokeGANError: a negative weight.
    """

    generated: float = 1.0

    players: ClassVar[Mapping[str, tuple[str, ...]]] = {"encoder": ("autoencoder.encoder",)}
    publishes: ClassVar[str] = "autoencoder"

    def __post_init__(self):
        if not self.generated >= 0:
            raise PokeGANError(f"objective.generated must not be below 0, not {self.generated}")

    def step(self, networks: Mapping[str, nn.Module], batch: Batch, noise: Noise) -> Iterator[Turn]:
        """The encoder alone; see :mod:`pokegan.objectives`."""
        autoencoder = networks["autoencoder"]
        real_error = reconstruction_error(autoencoder, batch.image)
        loss, scalars = real_error, {"|G(E(x))-x|": real_error}
        if self.generated:
            latents = noise.normal("latent", autoencoder.latent_dim)
            with no_grad():
                drawn = autoencoder(latents, *given_labels(autoencoder, batch))
            error = reconstruction_error(autoencoder, drawn)
            loss = loss + self.generated * error
            scalars["|G(E(y))-y|"] = error
        yield Turn("encoder", loss, scalars)


def reconstruction_error(autoencoder: nn.Module, images: Tensor) -> Tensor:
    """mean |G(E(x)) − x| of images (n, channels, h, w) in [-1, 1], RGBA as RGB on white and alpha:
    a scalar."""
    drawn = autoencoder.decode(autoencoder.encoder(images))
    return (on_white_with_alpha(drawn.float()) - on_white_with_alpha(images)).abs().mean()
