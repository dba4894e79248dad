"""One batch of training data."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from pokegan.data.types import NO_TYPE


@dataclass(frozen=True)
class Batch:
    """A batch of n sprites.

    Attributes:
        image: float tensor (n, channels, size, size) in [-1, 1].
        types: int64 tensor (n, 2); first type 0..17, second type 0..18 (18: none).
        group: int64 tensor (n,); type group 0..12.
        shiny: bool tensor (n,).
    """

    image: Tensor
    types: Tensor
    group: Tensor
    shiny: Tensor

    def __len__(self) -> int:
        return len(self.image)

    def labels(self, conditioning: str) -> Tensor:
        """What a network with this conditioning is told: the type group ("group") or the first
        type ("type"), int64 (n,), or the weights of both types and whether the sprite is shiny
        ("types"), float (n, 19)."""
        if conditioning == "types":
            return type_weights(self.types, self.shiny)
        return {"group": self.group, "type": self.types[:, 0]}[conditioning]

    def to(self, device: torch.device) -> "Batch":
        """The same batch on another device."""
        return Batch(
            *(
                tensor.to(device, non_blocking=True)
                for tensor in (self.image, self.types, self.group, self.shiny)
            )
        )


def type_weights(types: Tensor, shiny: Tensor) -> Tensor:
    """The "types" labels of real sprites: each of one or two types has an equal weight.

    Args:
        types: int64 (n, 2); first type 0..17, second type 0..18 (18: none).
        shiny: bool (n,).

    Returns:
        float tensor (n, 19).
    """
    weights = F.one_hot(types, NO_TYPE + 1).sum(1)[:, :NO_TYPE].float()
    return torch.cat([weights / weights.sum(1, keepdim=True), shiny[:, None].float()], 1)
