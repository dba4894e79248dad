"""A typed dataset that is read while it is trained on, and never held: ``--streaming``."""

import hashlib
import io
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image

from pokegan.data.batch import Batch
from pokegan.data.feed import REFERENCE_SPRITES, scaled, square_rgba, training_images
from pokegan.data.lanes import Lanes, lane_count
from pokegan.data.order import Share
from pokegan.data.resolve import (
    COLUMNS,
    check_split,
    loading_errors_in_one_line,
    locate,
    public_name,
)
from pokegan.data.shards import Reader, Shards, read_footers
from pokegan.errors import PokeGANError

if TYPE_CHECKING:
    import pyarrow as pa

_REFERENCE_GROUPS = 32
_STEPS_AHEAD = 4
_DECODERS = 2


def stream_sprites(spec: str, split: str, buffer: int) -> "StreamedSprites":
    """Find the shards of the dataset that ``--data`` names, without loading them.

    Args:
        spec: "gen5", a folder made by ``pokegan dataset build``, or a Hub dataset as "user/name"
            or "user/name@revision"; the commit that is the newest now is read to the end.
        split: "train", "validation", or "all" for both.
        buffer: sprites that are held at once, over all processes.

    Raises:
        PokeGANError: as ``pokegan.data.resolve.open_sprites``, or the data cannot be streamed.
    """
    import datasets

    from pokegan.data.synthetic import parse_synthetic

    if parse_synthetic(spec) is not None:
        raise PokeGANError(
            f"{spec}: what is drawn in memory cannot be streamed; leave out --streaming, or make a"
            f" folder with `pokegan dataset build --source {spec}`"
        )
    path, revision, hub = locate(spec)
    with loading_errors_in_one_line(path, revision):
        files = datasets.load_dataset_builder(path, revision=revision).config.data_files
    if split == "all":
        urls = [url for urls in files.values() for url in urls]
    else:
        check_split(spec, split, files)
        urls = list(files[split])
    shards = read_footers(spec, urls)
    if len(shards.rows) == 0:
        raise PokeGANError(f"{spec}: the split {split!r} is empty")
    return StreamedSprites(shards, spec, split, buffer, hub)


@dataclass(frozen=True)
class StreamedSprites:
    """A typed dataset to be streamed; to a training the same as ``pokegan.data.resolve.Sprites``.

    Attributes:
        shards: where the rows are.
        spec: what the user asked for.
        split: "train", "validation" or "all".
        buffer: sprites that are held at once, over all processes.
        hub: the Hub dataset ("user/name" or "user/name@revision") that they come from, if any.
    """

    shards: Shards
    spec: str
    split: str
    buffer: int
    hub: str | None = None

    def __len__(self) -> int:
        return int(self.shards.rows.sum())

    def of_colours(self, shiny: str) -> "StreamedSprites":
        """The sprites in these colours: "both", "normal" or "only" shiny ones.

        Raises:
            PokeGANError: there is none, or the shards cannot be read.
        """
        if shiny == "both":
            return self
        shards = self.shards.of_colours(shiny)
        if len(shards.rows) == 0:
            kind = "shiny" if shiny == "only" else "normal"
            raise PokeGANError(f"{self.spec}: the split {self.split!r} has no {kind} sprite")
        return replace(self, shards=shards)

    @cached_property
    def reference(self) -> "pa.Table":
        """Up to 256 sprites that stand for all: the first ones of 32 evenly spaced row groups."""
        return self.shards.spaced(REFERENCE_SPRITES, _REFERENCE_GROUPS)

    def feed(self, size: int, channels: int, max_bank_gib: float) -> "StreamFeed":
        """What gives a training its batches; it holds no bank, however small the data is."""
        return StreamFeed(self, size, channels)

    def fingerprint(self) -> str:
        """Hash of the shards' names, sizes of all row groups' columns, and the labels and pixels of
        the reference sprites: 16 hexadecimal digits.

        To read everything would be to download it; a change elsewhere is noticed if it changes how
        much room a column of a row group takes.
        """
        digest = hashlib.sha256(self.shards.digest.encode())
        for name in COLUMNS[1:]:
            digest.update(self.reference[name].to_numpy().astype(np.int64).tobytes())
        for array in self._pixels(self.reference):
            digest.update(array.tobytes())
        return digest.hexdigest()[:16]

    def summary(self) -> dict[str, Any]:
        """Facts about the data for run folders and cards (JSON).

        Types are not counted: that would be a request for each row group.
        """
        return {
            "name": public_name(self.spec),
            "hub": self.hub,
            "split": self.split,
            "sprites": len(self),
            "synthetic": self.shards.synthetic,
            "fingerprint": self.fingerprint(),
            "types": {},
        }

    def batch(self, rows: "pa.Table", size: int, channels: int) -> Batch:
        """Rows that were read, decoded.

        Raises:
            PokeGANError: an image cannot be read or is not square.
        """
        images = training_images(self._pixels(rows), size, channels)
        first, second, group, shiny = (
            torch.from_numpy(rows[name].to_numpy().copy())
            for name in ("type1", "type2", "type_group", "shiny")
        )
        return Batch(scaled(images), torch.stack([first, second], 1), group, shiny)

    def _pixels(self, rows: "pa.Table") -> list[np.ndarray]:
        arrays = []
        for data, group, row in zip(
            *(rows[name].to_pylist() for name in ("bytes", "group", "row")), strict=True
        ):
            url = self.shards.urls[self.shards.shard[group]]
            where = f"{url}: row group {self.shards.index[group]}, row {row}"
            try:
                arrays.append(square_rgba(Image.open(io.BytesIO(data or b"")), where))
            except (OSError, SyntaxError, ValueError) as error:  # whatever Pillow makes of it
                raise PokeGANError(f"{where}: the image cannot be read ({error})") from error
        return arrays


class StreamFeed:
    """Batches from shards that are read side by side, ahead of the training.

    Threads fetch rows, and others decode them: unlike worker processes, they share what they hold.
    Nothing of it is a state that a run depends on; see ``pokegan.data.lanes`` for the order.

    Args:
        sprites: the data.
        size: height and width of the images.
        channels: 1, 3 or 4, as in ``pokegan.data.images.to_training_batch``.
    """

    def __init__(self, sprites: StreamedSprites, size: int, channels: int):
        self._sprites, self._size, self._channels = sprites, size, channels
        self.order = f"streamed, {sprites.buffer} at once"

    def content(self) -> dict[str, str]:
        """A digest of what the shards' footers tell."""
        return {"shards": self._sprites.shards.digest}

    def reference(self) -> Batch:
        """The data's reference sprites, at most ``REFERENCE_SPRITES``."""
        return self._decode(self._sprites.reference)

    def steps(self, share: Share, steps: Iterable[int]) -> Iterator[Batch]:
        """The batch of each of ``steps``, or this process's share of it, in order.

        Raises:
            PokeGANError: a shard cannot be read, though tried again, or an image is damaged.
        """
        closed = threading.Event()
        with ExitStack() as stack:

            def pool(workers: int) -> ThreadPoolExecutor:
                made = ThreadPoolExecutor(workers)
                stack.callback(made.shutdown, wait=False, cancel_futures=True)
                return made

            lanes = self._lanes(share, closed, pool)
            # One thread walks through the lanes, so that batches which are ready need not wait
            # for one whose sprites are late.
            gatherer, decoders = pool(1), pool(_DECODERS)
            stack.callback(closed.set)
            waiting: deque[Future[Future[Batch]]] = deque()
            for step in steps:
                waiting.append(gatherer.submit(self._gather, lanes, step, decoders))
                if len(waiting) > _STEPS_AHEAD:
                    yield _result(waiting.popleft())
            while waiting:
                yield _result(waiting.popleft())

    def _lanes(self, share: Share, closed: threading.Event, pool) -> list["_Lane"]:
        """The lanes that this process's rows belong to."""
        shards = self._sprites.shards
        count = lane_count(share.batch_size, len(self._sprites))
        block = max(1, self._sprites.buffer // (2 * count))  # one in use, and the next one
        lanes = Lanes(share.seed, shards.shard, shards.rows, count, block)
        each, rows = share.batch_size // count, range(share.batch_size)[share.rows]
        return [
            _Lane(
                lanes,
                number,
                each,
                slice(max(rows.start - number * each, 0), min(rows.stop - number * each, each)),
                Reader(shards, closed),
                pool(1),
            )
            for number in range(rows.start // each, (rows.stop - 1) // each + 1)
        ]

    def _gather(self, lanes: list["_Lane"], step: int, decoders: ThreadPoolExecutor) -> Future:
        import pyarrow as pa

        rows = pa.concat_tables([table for lane in lanes for table in lane.rows(step)])
        return decoders.submit(self._decode, rows)

    def _decode(self, rows: "pa.Table") -> Batch:
        return self._sprites.batch(rows, self._size, self._channels)


def _result(waiting: "Future[Future[Batch]]") -> Batch:
    try:
        return waiting.result().result()
    except PokeGANError as error:
        raise PokeGANError(f"{error}; --resume auto goes on from the last checkpoint") from error


class _Lane:
    """One lane's rows, step by step: a block in use and the next one on its way."""

    def __init__(
        self,
        lanes: Lanes,
        number: int,
        each: int,
        mine: slice,
        reader: Reader,
        pool: ThreadPoolExecutor,
    ):
        self._lanes, self._number, self._each, self._mine = lanes, number, each, mine
        self._reader, self._pool = reader, pool
        self._place: tuple[int, int] | None = None
        self._next: tuple[tuple[int, int], Future[pa.Table]] | None = None

    def rows(self, step: int) -> list["pa.Table"]:
        """This process's rows of the step's batch that come from this lane."""
        first, stop = (step * self._each + row for row in (self._mine.start, self._mine.stop))
        tables = []
        for epoch, block, inside in self._lanes.blocks(self._number, first, stop):
            self._turn_to(epoch, block)
            tables.append(self._block.take(self._order[inside]))
        return tables

    def _turn_to(self, epoch: int, block: int) -> None:
        place = (epoch, block)
        if self._place == place:
            return
        self._block = None  # no longer held while the next one is waited for
        asked, rows = self._next or (None, None)
        if asked != place:
            rows = self._submit(place)
        self._block, self._place = rows.result(), place
        self._order = self._lanes.shuffled(self._number, epoch, block, len(self._block))
        after = self._lanes.after(self._number, epoch, block)
        self._next = after, self._submit(after)

    def _submit(self, place: tuple[int, int]) -> "Future[pa.Table]":
        return self._pool.submit(self._reader.read, self._lanes.spans(self._number, *place))
