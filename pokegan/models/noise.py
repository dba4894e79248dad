"""Random numbers inside networks that do not depend on the number of processes."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor

_SHARE: ContextVar[tuple[int, int]] = ContextVar("share", default=(0, 1))


@contextmanager
def share_of_batch(process_index: int, num_processes: int) -> Iterator[None]:
    """Within, :func:`normal_like` takes this process's rows of the whole batch's numbers.

    Args:
        process_index: 0 to ``num_processes - 1``.
        num_processes: processes that share a batch evenly and seed torch alike.
    """
    token = _SHARE.set((process_index, num_processes))
    try:
        yield
    finally:
        _SHARE.reset(token)


def normal_like(features: Tensor) -> Tensor:
    """Standard normal numbers of the shape, type and device of ``features`` (n, ...).

    They come from torch's global generator. The numbers of the whole batch are drawn and this
    process's rows kept, so that two processes with half the batch each see what one would.
    """
    index, processes = _SHARE.get()
    n, *shape = features.shape
    whole = torch.randn(n * processes, *shape, dtype=features.dtype, device=features.device)
    return whole[index * n : (index + 1) * n]
