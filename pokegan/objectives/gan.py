"""The original GAN with the non-saturating generator loss (Goodfellow et al. 2014, section 3)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pokegan.data.batch import Batch
from pokegan.errors import PokeGANError
from pokegan.objectives import OBJECTIVES, Noise, Turn


@OBJECTIVES.register("gan")
@dataclass(frozen=True)
class GAN:
    """Binary cross-entropy between the discriminator's logit and real/generated.

    The discriminator minimises ``BCE(D(x), real_label) + BCE(D(G(z)), fake_label)``, then the
    generator minimises ``BCE(D(G(z)), 1)`` for the same latents against the updated
    discriminator, as in the PyTorch DCGAN tutorial.

    Args:
        real_label: the discriminator's target for real images, in [0, 1]; 0.9 is one-sided label
            smoothing (Salimans et al. 2016, section 3.4).
        fake_label: the discriminator's target for generated images, in [0, 1].

    Raises:
        PokeGANError: a label outside [0, 1].
    """

    real_label: float = 1.0
    fake_label: float = 0.0

    players: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "discriminator": ("discriminator",),
        "generator": ("generator",),
    }
    publishes: ClassVar[str] = "generator"

    def __post_init__(self):
        for name in ("real_label", "fake_label"):
            if not 0 <= getattr(self, name) <= 1:
                raise PokeGANError(
                    f"objective.{name} must lie in [0, 1], not {getattr(self, name)}"
                )

    def step(self, networks: Mapping[str, nn.Module], batch: Batch, noise: Noise) -> Iterator[Turn]:
        """Discriminator, then generator; see :mod:`pokegan.objectives`."""
        generator, discriminator = networks["generator"], networks["discriminator"]
        fake = generator(noise.normal("latent", generator.latent_dim))

        real_logits = discriminator(batch.image)
        fake_logits = discriminator(fake.detach())
        yield Turn(
            "discriminator",
            bce(real_logits, self.real_label) + bce(fake_logits, self.fake_label),
            {
                "D(x)": torch.sigmoid(real_logits).mean(),
                "D(G(z))": torch.sigmoid(fake_logits).mean(),
            },
        )

        yield Turn("generator", bce(discriminator(fake), 1.0))


def bce(logits: Tensor, label: float) -> Tensor:
    """Mean binary cross-entropy of ``logits`` (any shape) against one constant label in [0, 1]."""
    logits = logits.float()  # exact under bf16 autocast as well
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))
