"""The relativistic pairing GAN with zero-centred penalties on both sides (R3GAN, Huang et al. 2024,
arXiv 2501.05441)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pokegan.data.batch import Batch
from pokegan.errors import PokeGANError
from pokegan.objectives import OBJECTIVES, Noise, Turn, given_labels


@OBJECTIVES.register("relativistic")
@dataclass(frozen=True)
class Relativistic:
    """Real and generated images are judged in pairs: the discriminator D minimises
    ``softplus(D(G(z)) − D(x))``, the generator ``softplus(D(x) − D(G(z)))`` (Jolicoeur-Martineau
    2019, arXiv 1807.00734; equation 2 of R3GAN), each pair being of one label where networks are
    conditional.

    D also pays ``γ/2 (E‖∇D(x)‖² + E‖∇D(G(z))‖²)`` (R1 and R2, equations 3 and 4; Mescheder et al.
    2018, arXiv 1801.04406), which R3GAN needs to converge. As second derivatives are dear, it pays
    that many times as much at every ``penalty_every``-th step only (lazy regularisation, Karras et
    al. 2020, arXiv 1912.04958, appendix B). The generator meets the updated D with the logits that
    real images got before the update: one forward pass less, for logits one step old.

    In the first steps, an untrained G hardly changes from latent to latent, and D can win for good.
    Over the first ``settle_kimg`` thousand images, γ therefore falls from ``initial_gamma`` to
    ``gamma`` by equal factors (R3GAN lets γ fall too, on a curve of its own), and D pays at every
    other step.

    Args:
        gamma: weight γ of the penalties, not below 0.
        penalty_every: steps between penalties, at least 1.
        initial_gamma: the weight at the beginning, not below 0.
        settle_kimg: thousand images until ``gamma`` is reached, not below 0; at 0, ``gamma`` is the
            weight from the beginning.

    Raises:
        PokeGANError: a value out of range.
    """

    gamma: float = 0.05
    penalty_every: int = 8
    initial_gamma: float = 1.0
    settle_kimg: float = 0.0

    players: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "discriminator": ("discriminator",),
        "generator": ("generator",),
    }
    publishes: ClassVar[str] = "generator"

    def __post_init__(self):
        for name in ("gamma", "initial_gamma", "settle_kimg"):
            if not getattr(self, name) >= 0:
                raise PokeGANError(
                    f"objective.{name} must not be below 0, not {getattr(self, name)}"
                )
        if self.penalty_every < 1:
            raise PokeGANError(
                f"objective.penalty_every must be at least 1, not {self.penalty_every}"
            )

    def penalty_at(self, kimg: float) -> tuple[float, int]:
        """The weight of the penalties and the steps between them after so many thousand images."""
        if kimg >= self.settle_kimg:
            return self.gamma, self.penalty_every
        share = kimg / self.settle_kimg
        return self.initial_gamma ** (1 - share) * self.gamma**share, min(2, self.penalty_every)

    def step(self, networks: Mapping[str, nn.Module], batch: Batch, noise: Noise) -> Iterator[Turn]:
        """Discriminator, then generator; see :mod:`pokegan.objectives`."""
        generator, discriminator = networks["generator"], networks["discriminator"]
        labels = given_labels(discriminator, batch)
        latents = noise.normal("latent", generator.latent_dim)
        fake = noise.augment("fake", generator(latents, *given_labels(generator, batch)))

        gamma, every = self.penalty_at(noise.kimg)
        penalised = gamma > 0 and (noise.step + 1) % every == 0
        images = torch.cat([batch.image, fake.detach().to(batch.image.dtype)])
        images.requires_grad_(penalised)
        logits = discriminator(images, *(torch.cat([label, label]) for label in labels)).float()
        real_logits, fake_logits = logits.chunk(2)
        margin = real_logits - fake_logits
        loss, scalars = F.softplus(-margin).mean(), {"margin": margin.mean()}
        if penalised:
            penalty = 2 * squared_slope(logits, images)  # of both halves, each over its own number
            loss = loss + gamma / 2 * every * penalty
            scalars["penalty"] = penalty
        yield Turn("discriminator", loss, scalars)

        verdict = discriminator(fake, *labels).float()
        yield Turn("generator", F.softplus(real_logits.detach() - verdict).mean())


def squared_slope(logits: Tensor, images: Tensor) -> Tensor:
    """E ‖∇D(x)‖², a scalar that can be differentiated.

    Args:
        logits: D(x), (n,), each a function of its own image (or nearly so: what a discriminator
            sees of other images of the batch is counted too).
        images: x, (n, ...), from which the logits were computed.
    """
    (slope,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return slope.float().flatten(1).square().sum(1).mean()
