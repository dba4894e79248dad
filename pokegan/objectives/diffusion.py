"""Denoising diffusion (Ho et al. 2020, arXiv 2006.11239): the baseline beside the GANs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from pokegan.data.batch import Batch
from pokegan.objectives import OBJECTIVES, Noise, Turn, given_labels


@OBJECTIVES.register("diffusion")
@dataclass(frozen=True)
class Diffusion:
    """The denoiser minimises E ‖v − v_θ(√ᾱ_t x + √(1 − ᾱ_t) ε, t)‖².

    That is equation 14 of Ho et al. with the velocity v = √ᾱ_t ε − √(1 − ᾱ_t) x of Salimans & Ho
    (2022, arXiv 2202.00512) in the place of the noise ε. The network has ``timesteps``,
    ``add_noise(images, noise, t)``, ``velocity(images, noise, t)`` and
    ``predict_velocity(noisy, t, labels)``; see :mod:`pokegan.models.ddpm`.
    """

    players: ClassVar[Mapping[str, tuple[str, ...]]] = {"denoiser": ("denoiser",)}
    publishes: ClassVar[str] = "denoiser"

    def step(self, networks: Mapping[str, nn.Module], batch: Batch, noise: Noise) -> Iterator[Turn]:
        """One turn; see :mod:`pokegan.objectives`."""
        denoiser = networks["denoiser"]
        times = (noise.uniform("time") * denoiser.timesteps).long()
        added = noise.normal("noise", *batch.image.shape[1:])
        noisy = denoiser.add_noise(batch.image, added, times)
        wanted = denoiser.velocity(batch.image, added, times)
        predicted = denoiser.predict_velocity(noisy, times, *given_labels(denoiser, batch))
        yield Turn("denoiser", velocity_error(predicted, wanted))


def velocity_error(predicted: Tensor, wanted: Tensor) -> Tensor:
    """Mean squared error of the predicted velocity, both (n, c, h, w); a scalar."""
    return torch.nn.functional.mse_loss(predicted.float(), wanted)
