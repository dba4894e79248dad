"""Networks without weights: names and shapes only."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.overrides import TorchFunctionMode


@contextmanager
def shapes_only() -> Iterator[None]:
    """Networks made within have parameters and buffers on the meta device, at no cost.

    Like ``torch.device("meta")``, but nothing is initialised: drawing random numbers there loads
    torch's compiler, which takes longer than everything else.
    """
    with torch.device("meta"), _NoInitialisation():
        yield


class _NoInitialisation(TorchFunctionMode):
    """Lets the functions of ``torch.nn.init`` return their tensor as it is."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if getattr(func, "__module__", None) == "torch.nn.init":
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)
