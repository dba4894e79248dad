"""The original GAN with the non-saturating generator loss (Goodfellow et al. 2014, section 3)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pokegan.data.batch import Batch
from pokegan.errors import PokeGANError
from pokegan.objectives import OBJECTIVES, Noise, Turn, given_labels


class SourceJudge:
    """What families share whose discriminator says real or generated."""

    def error(
        self,
        verdict: Any,
        target: float | Tensor,
        discriminator: nn.Module,
        batch: Batch,
        noise: Noise,
    ) -> Tensor:
        """How far a verdict of the discriminator is from ``target``: a scalar, to be minimised by
        whoever wants the discriminator to say ``target``."""
        return bce(verdict, target)


@OBJECTIVES.register("gan")
@dataclass(frozen=True)
class GAN(SourceJudge):
    """Binary cross-entropy between the discriminator's logit and real/generated.

    The discriminator minimises ``BCE(D(x), real) + BCE(D(G(z)), fake)``, then the generator
    minimises ``BCE(D(G(z)), 1)`` for the same latents against the updated discriminator, as in the
    PyTorch DCGAN tutorial. Conditional networks are told the label of the real sprite in the same
    row (Mirza & Osindero 2014, arXiv 1411.1784). A PatchGAN's logits (n, h, w) count evenly.

    Args:
        real_label: the discriminator's target for real images, in [0, 1]; 0.9 is one-sided label
            smoothing (Salimans et al. 2016, section 3.4).
        fake_label: the discriminator's target for generated images, in [0, 1].
        label_noise: each real image's target is moved down, each generated one's up, by a random
            amount from 0 to this; 0.1 with labels 1 and 0 gives 0.9..1 and 0..0.1.

    Raises:
        PokeGANError: targets that can leave [0, 1].
    """

    real_label: float = 1.0
    fake_label: float = 0.0
    label_noise: float = 0.0

    players: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "discriminator": ("discriminator",),
        "generator": ("generator",),
    }
    publishes: ClassVar[str] = "generator"

    def __post_init__(self):
        for name in ("real_label", "fake_label", "label_noise"):
            if not 0 <= getattr(self, name) <= 1:
                raise PokeGANError(
                    f"objective.{name} must lie in [0, 1], not {getattr(self, name)}"
                )
        if self.label_noise > min(self.real_label, 1 - self.fake_label):
            raise PokeGANError("objective.label_noise moves a label out of [0, 1]; make it smaller")

    def step(self, networks: Mapping[str, nn.Module], batch: Batch, noise: Noise) -> Iterator[Turn]:
        """Discriminator, then generator; see :mod:`pokegan.objectives`."""
        generator, discriminator = networks["generator"], networks["discriminator"]
        labels = given_labels(discriminator, batch)
        latents = noise.normal("latent", generator.latent_dim)
        fake = noise.augment("fake", generator(latents, *given_labels(generator, batch)))

        real_target = self.real_label - self.label_noise * noise.uniform("real label")
        fake_target = self.fake_label + self.label_noise * noise.uniform("fake label")
        real_verdict = discriminator(batch.image, *labels)
        fake_verdict = discriminator(fake.detach(), *labels)
        yield Turn(
            "discriminator",
            self.error(real_verdict, real_target, discriminator, batch, noise)
            + self.error(fake_verdict, fake_target, discriminator, batch, noise),
            {
                "D(x)": mean_probability(real_verdict),
                "D(G(z))": mean_probability(fake_verdict),
            },
        )

        yield Turn(
            "generator", self.error(discriminator(fake, *labels), 1.0, discriminator, batch, noise)
        )


def bce(logits: Tensor, target: float | Tensor) -> Tensor:
    """Mean binary cross-entropy.

    Args:
        logits: any shape (n, ...).
        target: in [0, 1]: one number, or a tensor (n,) with one for each sample.
    """
    logits = logits.float()  # exact under bf16 autocast as well
    if isinstance(target, Tensor):
        target = target.view(-1, *[1] * (logits.dim() - 1)).expand_as(logits)
    else:
        target = torch.full_like(logits, target)
    return F.binary_cross_entropy_with_logits(logits, target)


def mean_probability(verdict: Tensor | tuple[Tensor, Tensor]) -> Tensor:
    """The mean probability of being real that a verdict expresses: logits, or a pair of source
    logits and class logits."""
    logits = verdict[0] if isinstance(verdict, tuple) else verdict
    return torch.sigmoid(logits.float()).mean()
