"""What each GAN family minimises. No loop, no devices, no files here.

An objective is a frozen dataclass of its settings with

* ``players``: which networks (by the roles that the recipe names) each optimizer updates;
* ``publishes``: the role of the network that the model folder holds;
* ``step(networks, batch, noise)``: a generator that walks through one training step and yields a
  :class:`Turn` wherever a player is to be updated. Code after a ``yield`` sees the updated
  weights, so the order of play, shared forward passes and several critic updates a step are all
  plain Python, and the loop needs to know no family by name.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from torch import Tensor, nn

from pokegan.data.batch import Batch
from pokegan.registry import Registry

OBJECTIVES = Registry("pokegan.objectives", "objective family")
"""Every objective by the name that recipes use (``objective: {family: NAME}``)."""


@dataclass(frozen=True)
class Turn:
    """One player's move: minimise ``loss`` by one optimizer step on the player's networks.

    Attributes:
        player: a key of the objective's ``players``.
        loss: scalar tensor, a mean over the batch (so that the mean of the processes' losses is
            the loss of the whole batch).
        scalars: values to log, each a scalar tensor that is a mean over the batch.
    """

    player: str
    loss: Tensor
    scalars: Mapping[str, Tensor] = field(default_factory=dict)


class Noise(Protocol):
    """The random numbers of one training step, for this process's share of the batch."""

    def normal(self, stream: str, *shape: int) -> Tensor:
        """Standard normal numbers (n, *shape), n being the samples of this process. Row *i*
        depends on the run's seed, the step, ``stream`` and the sample's place in the whole batch,
        and on nothing else."""
        ...


class Objective(Protocol):
    """What the training loop asks of an objective."""

    players: Mapping[str, tuple[str, ...]]
    publishes: str

    def step(self, networks: Mapping[str, nn.Module], batch: Batch, noise: Noise) -> Iterator[Turn]:
        """Walk through one training step; see the module's docstring."""
        ...
