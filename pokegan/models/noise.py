"""Random numbers inside networks that do not depend on the number of processes."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor

_SHARE: ContextVar[tuple[slice, int] | None] = ContextVar("share", default=None)


@contextmanager
def share_of_batch(rows: slice, batch_size: int) -> Iterator[None]:
    """Within, :func:`normal_like` takes this process's rows of the whole batch's numbers.

    Args:
        rows: this process's rows of the batch; the processes seed torch alike.
        batch_size: size of the whole batch.
    """
    token = _SHARE.set((rows, batch_size))
    try:
        yield
    finally:
        _SHARE.reset(token)


def normal_like(features: Tensor) -> Tensor:
    """Standard normal numbers of the shape, type and device of ``features`` (n, ...).

    They come from torch's global generator. The numbers of the whole batch are drawn and this
    process's rows kept, so that two processes with half the batch each see what one would.
    """
    n, *shape = features.shape
    rows, batch_size = _SHARE.get() or (slice(0, n), n)
    times = n // (rows.stop - rows.start)  # a network may see a row several times at once
    whole = torch.randn(batch_size * times, *shape, dtype=features.dtype, device=features.device)
    return whole[rows.start * times :][:n]
