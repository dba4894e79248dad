"""One step of an objective, played with numbers that a test chooses."""

from dataclasses import dataclass, field

import torch
from torch import nn

from pokegan.data.batch import Batch


@dataclass
class FixedNoise:
    """Latents, shares and labels as given by stream; zeros (normal) and ones (uniform) else."""

    n: int = 4
    step: int = 0
    kimg: float = 0.0
    streams: dict = field(default_factory=dict)
    augmented: list = field(default_factory=list)

    def normal(self, stream, *shape):
        return self._get(stream, torch.zeros(self.n, *shape))

    def uniform(self, stream, *shape):
        return self._get(stream, torch.ones(self.n, *shape))

    def augment(self, stream, images):
        self.augmented.append(stream)
        return images

    def _get(self, stream, default):
        values = self.streams.get(stream)
        if values is None:
            return default
        assert values.shape == default.shape
        return values


class LinearCritic(nn.Module):
    """f(x) = w·x."""

    def __init__(self, weights):
        super().__init__()
        self.weights = nn.Parameter(torch.tensor(weights))

    def forward(self, images):
        return images.flatten(1) @ self.weights


class ConstantGenerator(nn.Module):
    """A generator of one picture of 1x2 pixels, whatever the latent."""

    latent_dim = 2

    def __init__(self, pixels):
        super().__init__()
        self.pixels = nn.Parameter(torch.tensor(pixels).view(1, 1, 2))

    def forward(self, latents):
        return self.pixels.expand(len(latents), 1, 1, 2)


FOUR_IMAGES = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.0, 0.0]]).view(4, 1, 1, 2)
"""Real images of the same size."""


def batch_of(images, group=0):
    """A batch of these images; labels are the same for all, or given one by one."""
    n = len(images)
    group = torch.as_tensor(group).expand(n)
    types = torch.stack([group, torch.full((n,), 18)], dim=1)
    return Batch(images, types, group, torch.zeros(n, dtype=torch.bool))


def play(objective, networks, batch, noise=None, after=None):
    """All turns of one step, in order; ``after[player]()`` runs when that player has moved."""
    turns = []
    for turn in objective.step(networks, batch, noise or FixedNoise(len(batch))):
        turns.append(turn)
        if after and turn.player in after:
            after[turn.player]()
    return turns
