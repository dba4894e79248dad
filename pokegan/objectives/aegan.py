"""AEGAN, the autoencoding GAN (Lazarou 2020, arXiv 2004.05472): adversaries and reconstruction in
image space and in latent space."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from pokegan.data.batch import Batch
from pokegan.errors import PokeGANError
from pokegan.objectives import OBJECTIVES, Noise, Turn, given_labels
from pokegan.objectives.gan import SourceJudge, bce, mean_probability


@OBJECTIVES.register("aegan")
@dataclass(frozen=True)
class AEGAN(SourceJudge):
    """Generator and encoder against an image discriminator and a latent discriminator.

    The image discriminator tells x from G(z) and G(E(x)), the latent discriminator z from E(x) and
    E(G(z)). Generator and encoder together minimise::

        image_adversarial · mean of BCE(D_x(G(z)), 1), BCE(D_x(G(E(x))), 1)
        + latent_adversarial · mean of BCE(D_z(E(x)), 1), BCE(D_z(E(G(z))), 1)
        + image_reconstruction · mean |G(E(x)) − x|
        + latent_reconstruction · mean (E(G(z)) − z)²

    The defaults are the weights of the author's code for sprites. In each discriminator's loss the
    real term counts double, as much as both generated ones.

    Args:
        image_adversarial: weight, not negative; so are the others.
        latent_adversarial: weight.
        image_reconstruction: weight λ_rx.
        latent_reconstruction: weight λ_rz.

    Raises:
        PokeGANError: a negative weight.
    """

    image_adversarial: float = 0.005
    latent_adversarial: float = 0.1
    image_reconstruction: float = 1.0
    latent_reconstruction: float = 0.5

    players: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "image_discriminator": ("image_discriminator",),
        "latent_discriminator": ("latent_discriminator",),
        "autoencoder": ("autoencoder",),
    }
    publishes: ClassVar[str] = "autoencoder"

    def __post_init__(self):
        for name in (
            "image_adversarial",
            "latent_adversarial",
            "image_reconstruction",
            "latent_reconstruction",
        ):
            if getattr(self, name) < 0:
                raise PokeGANError(f"objective.{name} must not be negative")

    def step(self, networks: Mapping[str, nn.Module], batch: Batch, noise: Noise) -> Iterator[Turn]:
        """Both discriminators, then generator and encoder; see :mod:`pokegan.objectives`."""
        autoencoder = networks["autoencoder"]
        image_judge, latent_judge = (
            networks["image_discriminator"],
            networks["latent_discriminator"],
        )
        labels = given_labels(autoencoder, batch)
        image_labels = given_labels(image_judge, batch)
        latent_labels = given_labels(latent_judge, batch)

        z = noise.normal("latent", autoencoder.latent_dim)
        generated = autoencoder(z, *labels)  # G(z)
        encoded = autoencoder.encoder(batch.image, *labels)  # E(x)
        reconstructed = autoencoder(encoded, *labels)  # G(E(x))
        encoded_again = autoencoder.encoder(generated, *labels)  # E(G(z))
        fakes = (noise.augment("G(z)", generated), noise.augment("G(E(x))", reconstructed))
        codes = (encoded, encoded_again)

        real = image_judge(batch.image, *image_labels)
        fake = [image_judge(image.detach(), *image_labels) for image in fakes]
        errors = [self.error(verdict, 0.0, image_judge, batch, noise) for verdict in fake]
        yield Turn(
            "image_discriminator",
            half_real(self.error(real, 1.0, image_judge, batch, noise), errors),
            {"D(x)": mean_probability(real), "D(G(z))": mean_probability(fake[0])},
        )

        real = latent_judge(z, *latent_labels)
        fake = [latent_judge(code.detach(), *latent_labels) for code in codes]
        yield Turn(
            "latent_discriminator",
            half_real(bce(real, 1.0), [bce(verdict, 0.0) for verdict in fake]),
            {"D(z)": mean_probability(real), "D(E(x))": mean_probability(fake[0])},
        )

        image_errors = [
            self.error(image_judge(image, *image_labels), 1.0, image_judge, batch, noise)
            for image in fakes
        ]
        latent_errors = [bce(latent_judge(code, *latent_labels), 1.0) for code in codes]
        image_error = mean_absolute_error(reconstructed, batch.image)
        latent_error = mean_squared_error(encoded_again, z)
        yield Turn(
            "autoencoder",
            self.image_adversarial * torch.stack(image_errors).mean()
            + self.latent_adversarial * torch.stack(latent_errors).mean()
            + self.image_reconstruction * image_error
            + self.latent_reconstruction * latent_error,
            {"|G(E(x))-x|": image_error, "(E(G(z))-z)^2": latent_error},
        )


def half_real(real: Tensor, fakes: list[Tensor]) -> Tensor:
    """The mean of a real error, counted once for each generated one, and the generated ones."""
    return (real + torch.stack(fakes).mean()) / 2


def mean_absolute_error(images: Tensor, target: Tensor) -> Tensor:
    """mean |G(E(x)) − x| (Lazarou 2020, the image reconstruction loss), a scalar."""
    return (images.float() - target).abs().mean()


def mean_squared_error(latents: Tensor, target: Tensor) -> Tensor:
    """mean (E(G(z)) − z)², a scalar: the squared latent distance for each dimension."""
    return (latents.float() - target).square().mean()
