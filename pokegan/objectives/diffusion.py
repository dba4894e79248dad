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
    """The denoiser minimises E ‖ε − ε_θ(√ᾱ_t x + √(1 − ᾱ_t) ε, t)‖² (Ho et al., equation 14).

    The network has ``timesteps``, ``add_noise(images, noise, t)`` and
    ``predict_noise(noisy, t, labels)``; see :mod:`pokegan.models.ddpm`.
    """

    players: ClassVar[Mapping[str, tuple[str, ...]]] = {"denoiser": ("denoiser",)}
    publishes: ClassVar[str] = "denoiser"

    def step(self, networks: Mapping[str, nn.Module], batch: Batch, noise: Noise) -> Iterator[Turn]:
        """One turn; see :mod:`pokegan.objectives`."""
        denoiser = networks["denoiser"]
        times = (noise.uniform("time") * denoiser.timesteps).long()
        added = noise.normal("noise", *batch.image.shape[1:])
        noisy = denoiser.add_noise(batch.image, added, times)
        predicted = denoiser.predict_noise(noisy, times, *given_labels(denoiser, batch))
        yield Turn("denoiser", noise_prediction_error(predicted, added))


def noise_prediction_error(predicted: Tensor, added: Tensor) -> Tensor:
    """Mean squared error of the predicted noise, both (n, c, h, w); a scalar."""
    return torch.nn.functional.mse_loss(predicted.float(), added)
