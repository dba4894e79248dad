"""The order in which a stream visits a data set, as arithmetic.

A stream reads well what lies side by side and badly what does not, so it shuffles in three steps.
An epoch visits the shards in an order of its own, and in each shard its row groups in an order of
their own; the rows, laid end to end like that, are cut into lanes of equal length that are read
side by side; and in a lane, blocks of consecutive rows are shuffled. Each row of the batch belongs
to one lane, so a step's places are arithmetic: nothing before them need be read.

A lane's part of an epoch may end within a shard, or within a row group, whose beginning is then
read twice: lanes are equal to a row, whatever the shards' sizes, and few shards feed them all.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from pokegan.data.order import permutation

MOST_LANES = 8


def lane_count(batch_size: int, sprites: int) -> int:
    """How many lanes there are: the largest power of two up to ``MOST_LANES`` that divides the
    batch and leaves a row for each. The number of processes plays no part."""
    count = MOST_LANES
    while batch_size % count or sprites < count:
        count //= 2
    return count


@dataclass(frozen=True)
class Span:
    """Consecutive rows of a group: ``first`` to ``stop``, without it."""

    group: int
    first: int
    stop: int


class Lanes:
    """The lanes of one run.

    Args:
        seed: the run's seed.
        shards: int array (groups,), the number of each group's shard, never falling.
        rows: int array (groups,), how many rows each group has, at least 1.
        count: how many lanes, see :func:`lane_count`.
        block: rows of a lane that are shuffled together, at least 1.
    """

    def __init__(self, seed: int, shards: np.ndarray, rows: np.ndarray, count: int, block: int):
        self._seed, self._shards, self._rows = seed, shards, rows
        self._cuts = int(rows.sum()) * np.arange(count + 1) // count
        self._block = block
        self._epoch = lru_cache(maxsize=4)(self._order)  # lanes may be an epoch apart

    def blocks(self, lane: int, first: int, stop: int) -> Iterator[tuple[int, int, slice]]:
        """Where the positions ``first`` to ``stop`` of a lane lie, one epoch after the other.

        Yields:
            The epoch, the block in it, and which of the block's shuffled rows.
        """
        length = int(self._cuts[lane + 1] - self._cuts[lane])
        while first < stop:
            epoch, place = divmod(first, length)
            block, inside = divmod(place, self._block)
            size = min(self._block, length - block * self._block)
            end = min(size, inside + stop - first)
            yield epoch, block, slice(inside, end)
            first += end - inside

    def after(self, lane: int, epoch: int, block: int) -> tuple[int, int]:
        """The epoch and the block that follow a lane's block."""
        length = int(self._cuts[lane + 1] - self._cuts[lane])
        last = (block + 1) * self._block >= length
        return (epoch + 1, 0) if last else (epoch, block + 1)

    def spans(self, lane: int, epoch: int, block: int) -> list[Span]:
        """The rows of a block, in the order in which they are read."""
        order, ends = self._epoch(epoch)
        first = int(self._cuts[lane]) + block * self._block
        stop = min(first + self._block, int(self._cuts[lane + 1]))
        spans = []
        place = int(np.searchsorted(ends, first, side="right"))
        while first < stop:
            group, end = int(order[place]), int(ends[place])
            begin = end - int(self._rows[group])
            spans.append(Span(group, first - begin, min(stop, end) - begin))
            first, place = end, place + 1
        return spans

    def shuffled(self, lane: int, epoch: int, block: int, rows: int) -> np.ndarray:
        """The order in which the rows of a block are given out: a permutation of range(rows)."""
        return permutation(rows, self._seed, "lane", lane, epoch, block)

    def _order(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """The groups in an epoch's order, and the number of rows up to the end of each."""
        shards = permutation(int(self._shards[-1]) + 1, self._seed, "shards", epoch)
        groups = permutation(len(self._rows), self._seed, "groups", epoch)
        order = np.lexsort((groups, shards[self._shards]))
        return order, np.cumsum(self._rows[order])
