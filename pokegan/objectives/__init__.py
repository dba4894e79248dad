"""What each GAN family minimises. No loop, no devices, no files here.

An objective is a frozen dataclass of its settings with

* ``players``: which networks (by the roles that the recipe names) each optimizer updates, or which
  part of one ("autoencoder.encoder");
* ``publishes``: the role of the network that the model folder holds;
* ``step(networks, batch, noise)``: a generator that walks through one training step and yields a
  :class:`Turn` wherever a player is to be updated. Code after a ``yield`` sees the updated
  weights, so the order of play, shared forward passes, clipping of weights and updates at every
  fifth step are all plain Python, and the loop needs to know no family by name.

One that can be stopped early has ``validate(networks, batch, noise)`` as well: named scalars, lower
being better, of networks in evaluation mode on a batch of the validation split.
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
        loss: scalar tensor, a mean over the batch (so that the mean of the processes' losses,
            weighted by their shares, is the loss of the whole batch).
        scalars: values to log, each a scalar tensor that is a mean over the batch.
    """

    player: str
    loss: Tensor
    scalars: Mapping[str, Tensor] = field(default_factory=dict)


class Noise(Protocol):
    """One training step's place in the run, and its random numbers for this process's share of
    the batch: row *i* of each depends on the run's seed, the step, the name of the stream and the
    sample's place in the whole batch, and on nothing else.

    Attributes:
        step: 0 for the first step.
        kimg: thousand real images seen before this step.
    """

    step: int
    kimg: float

    def normal(self, stream: str, *shape: int) -> Tensor:
        """Standard normal numbers (n, *shape), n being the samples of this process."""
        ...

    def uniform(self, stream: str, *shape: int) -> Tensor:
        """Numbers (n, *shape) evenly distributed in [0, 1)."""
        ...

    def augment(self, stream: str, images: Tensor) -> Tensor:
        """Generated images (n, channels, height, width) as a discriminator is to see them:
        augmented like the real ones where the recipe says ``augmentation.generated``, else as
        they are. Gradients pass through."""
        ...


class Objective(Protocol):
    """What the training loop asks of an objective."""

    players: Mapping[str, tuple[str, ...]]
    publishes: str

    def step(self, networks: Mapping[str, nn.Module], batch: Batch, noise: Noise) -> Iterator[Turn]:
        """Walk through one training step; see the module's docstring."""
        ...


def given_labels(network: nn.Module, batch: Batch) -> tuple[Tensor, ...]:
    """What a network takes besides its input: the batch's labels, int64 (n,), where it is
    conditional, else nothing. ``network(x, *given_labels(network, batch))`` suits both."""
    conditioning = getattr(network, "conditioning", None)
    return () if conditioning is None else (batch.labels(conditioning),)
