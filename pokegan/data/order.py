"""The order in which a training visits a data set, as a pure function of seed and step.

Nothing here has a state that a checkpoint would have to carry, and every process can tell the rows
of the whole batch that are its own.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from pokegan.seeding import derive_seed


@dataclass(frozen=True)
class Share:
    """What one process is to be given of every step's batch.

    Attributes:
        seed: the run's seed.
        batch_size: size of the whole batch, over all processes.
        rows: the rows of the whole batch that belong to this process.
    """

    seed: int
    batch_size: int
    rows: slice


def permutation(count: int, *seed: int | str) -> np.ndarray:
    """The numbers below ``count`` in the order that ``seed`` gives: int64 (count,)."""
    generator = torch.Generator().manual_seed(derive_seed(*seed))
    return torch.randperm(count, generator=generator).numpy()


@lru_cache(maxsize=4)
def epoch_order(seed: int, epoch: int, sprites: int) -> np.ndarray:
    """The order in which one epoch visits the data set: a permutation of range(sprites)."""
    return permutation(sprites, seed, "order", epoch)


def batch_indices(seed: int, step: int, batch_size: int, sprites: int) -> np.ndarray:
    """Indices of the sprites in the whole batch of a step.

    The run walks through one shuffled epoch after the other; a batch may span two epochs, so that
    every sprite is seen equally often whatever the batch size.

    Args:
        seed: the run's seed.
        step: 0 for the first step.
        batch_size: size of the whole batch, over all processes.
        sprites: size of the data set.

    Returns:
        int64 array (batch_size,) with values in [0, sprites).
    """
    positions = np.arange(step * batch_size, (step + 1) * batch_size)
    epochs, places = np.divmod(positions, sprites)
    indices = np.empty(batch_size, dtype=np.int64)
    for epoch in np.unique(epochs):
        here = epochs == epoch
        indices[here] = epoch_order(seed, int(epoch), sprites)[places[here]]
    return indices
