"""Wasserstein GANs: weight clipping (Arjovsky et al. 2017, arXiv 1701.07875) or gradient penalty
(Gulrajani et al. 2017, arXiv 1704.00028)."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from pokegan.data.batch import Batch
from pokegan.errors import PokeGANError
from pokegan.objectives import OBJECTIVES, Noise, Turn, given_labels


@OBJECTIVES.register("wgan")
@dataclass(frozen=True)
class WGAN:
    """The critic f maximises E f(x) − E f(G(z)), the generator E f(G(z)).

    Every step updates the critic on a fresh batch; every ``n_critic``-th also updates the
    generator (algorithm 1 of both papers, counted in critic updates).

    Args:
        n_critic: critic updates for each of the generator, at least 1.
        clip: the critic's weights are kept in [−clip, clip]; ``None`` for no clipping.
        gradient_penalty: weight λ of the penalty E (‖∇f(x̂)‖₂ − 1)² on random points between real
            and generated images; 0 for none. Give it or ``clip``.

    Raises:
        PokeGANError: a value out of range; both or neither of clipping and penalty.
    """

    n_critic: int = 5
    clip: float | None = None
    gradient_penalty: float = 0.0

    players: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "critic": ("critic",),
        "generator": ("generator",),
    }
    publishes: ClassVar[str] = "generator"

    def __post_init__(self):
        if self.n_critic < 1:
            raise PokeGANError(f"objective.n_critic must be at least 1, not {self.n_critic}")
        if self.gradient_penalty < 0 or (self.clip is not None and self.clip <= 0):
            raise PokeGANError("objective.clip must be above 0, gradient_penalty not below 0")
        if (self.clip is None) == (self.gradient_penalty == 0):
            raise PokeGANError("objective: give either clip or gradient_penalty, not both or none")

    def step(self, networks: Mapping[str, nn.Module], batch: Batch, noise: Noise) -> Iterator[Turn]:
        """Critic, and generator where it is its turn; see :mod:`pokegan.objectives`."""
        generator, critic = networks["generator"], networks["critic"]
        plays = (noise.step + 1) % self.n_critic == 0
        labels = given_labels(critic, batch)
        latents = noise.normal("latent", generator.latent_dim)
        with torch.set_grad_enabled(plays):
            fake = noise.augment("fake", generator(latents, *given_labels(generator, batch)))

        real_score, fake_score = critic(batch.image, *labels), critic(fake.detach(), *labels)
        distance = wasserstein_estimate(real_score, fake_score)
        loss, scalars = -distance, {"wasserstein": distance}
        if self.gradient_penalty:
            between = random_points_between(batch.image, fake.detach(), noise)
            penalty = gradient_penalty(lambda images: critic(images, *labels), between)
            loss, scalars = loss + self.gradient_penalty * penalty, {**scalars, "penalty": penalty}
        yield Turn("critic", loss, scalars)
        if self.clip is not None:
            clip_weights(critic, self.clip)

        if plays:
            yield Turn("generator", -critic(fake, *labels).float().mean())

    def validate(
        self, networks: Mapping[str, nn.Module], batch: Batch, noise: Noise
    ) -> dict[str, Tensor]:
        """The critic's estimate of the distance between validation sprites and generated ones."""
        generator, critic = networks["generator"], networks["critic"]
        latents = noise.normal("latent", generator.latent_dim)
        fake = generator(latents, *given_labels(generator, batch))
        labels = given_labels(critic, batch)
        real_score, fake_score = critic(batch.image, *labels), critic(fake, *labels)
        return {"validation/wasserstein": wasserstein_estimate(real_score, fake_score)}


def wasserstein_estimate(real_score: Tensor, fake_score: Tensor) -> Tensor:
    """E f(x) − E f(G(z)), a scalar, from critic scores (n, ...) (Arjovsky et al., equation 3)."""
    return real_score.float().mean() - fake_score.float().mean()


def random_points_between(real: Tensor, fake: Tensor, noise: Noise) -> Tensor:
    """One random point on the line from each real image (n, c, h, w) to a generated one."""
    share = noise.uniform("penalty")[:, None, None, None]
    return share * real + (1 - share) * fake


def gradient_penalty(critic: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """E (‖∇f(x)‖₂ − 1)² (Gulrajani et al., equation 3), a scalar that can be differentiated.

    Args:
        critic: maps images to scores (n, ...); a sample's scores must depend on its image alone,
            so no batch norm.
        images: where the gradient is taken, (n, ...).
    """
    images = images.detach().requires_grad_()
    (slope,) = torch.autograd.grad(critic(images).sum(), images, create_graph=True)
    return (slope.float().flatten(1).norm(dim=1) - 1).square().mean()


@torch.no_grad()
def clip_weights(network: nn.Module, limit: float) -> None:
    """Bring every weight into [−limit, limit], in place."""
    for parameter in network.parameters():
        parameter.clamp_(-limit, limit)
