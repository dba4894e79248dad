"""One batch of training data."""

from dataclasses import dataclass

import torch
from torch import Tensor


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
        """What a network with this conditioning is told, int64 (n,): the type group ("group"), or
        the first type ("type")."""
        return {"group": self.group, "type": self.types[:, 0]}[conditioning]

    def to(self, device: torch.device) -> "Batch":
        """The same batch on another device."""
        return Batch(
            *(
                tensor.to(device, non_blocking=True)
                for tensor in (self.image, self.types, self.group, self.shiny)
            )
        )
