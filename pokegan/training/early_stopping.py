"""Stopping where a validation scalar no longer falls, with the best weights kept."""

import copy
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from pokegan.models.base import SpriteModel
from pokegan.training.recipe import EarlyStoppingSettings


class EarlyStopping:
    """The best value of a validation scalar so far, the weights that had it, and the patience
    that is left.

    Args:
        settings: how long to wait for a better value.
        published: the network that is published; copied whenever it is the best so far.
    """

    def __init__(self, settings: EarlyStoppingSettings, published: SpriteModel):
        self._settings = settings
        self.best_model = copy.deepcopy(published)
        self.best_value: float | None = None
        self.waited = 0

    @property
    def is_over(self) -> bool:
        """Whether patience has run out."""
        return self.waited >= self._settings.patience

    def observe(self, value: float, published: SpriteModel) -> None:
        """Take in one validation's value."""
        if self.best_value is None or value < self.best_value:
            self.best_value, self.waited = value, 0
            self.best_model.load_state_dict(published.state_dict())
        else:
            self.waited += 1

    def tensors(self) -> dict[str, Tensor]:
        """The best weights by name, for a checkpoint; not copied."""
        return {f"best/{name}": tensor for name, tensor in self.best_model.state_dict().items()}

    def facts(self) -> dict[str, Any]:
        """What a checkpoint holds besides the tensors (JSON)."""
        return {"best_value": self.best_value, "waited": self.waited}

    def load(self, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        """Take back what :meth:`tensors` and :meth:`facts` gave."""
        self.best_model.load_state_dict(
            {name: tensors[f"best/{name}"] for name in self.best_model.state_dict()}
        )
        self.best_value, self.waited = facts["best_value"], facts["waited"]
