"""Parquet shards, in a folder or on the Hub, read a few rows at a time and never kept."""

import hashlib
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from pokegan.data.lanes import Span
from pokegan.data.resolve import COLUMNS, check_columns
from pokegan.data.synthetic import GAME
from pokegan.errors import PokeGANError

if TYPE_CHECKING:
    import pyarrow as pa

logger = logging.getLogger(__name__)

PAUSES = (1.0, 4.0, 16.0)
"""Seconds before each new try to read; the Hub's client itself tries each request six times."""

_LABELS = COLUMNS[1:]
_AT_ONCE = 256  # rows decoded by Parquet in one go
_AT_A_TIME = 16  # files that are looked into at the same time
# Of a row group up to a MiB, its images and with them the labels that follow are one request; of
# a larger one, no more than a page of each column is held.
_BUFFER = 2**20
_AHEAD = 2**18

Result = TypeVar("Result")


@dataclass(frozen=True)
class Shards:
    """The row groups of a data set's shards, as their footers tell them.

    Attributes:
        spec: the data as the user named it, for messages.
        files: the file system that has the shards (of ``fsspec``).
        urls: of the shards, in order.
        shard: int64 (groups,), the shard of each group that has rows.
        index: int64 (groups,), its number in the shard.
        rows: int64 (groups,), the number of its sprites.
        digest: of names, numbers of rows and the stored sizes of every group's columns.
        synthetic: whether the footers say that every sprite is drawn by our own code.
        shiny: the colours that count: "both", "normal" or "only" shiny ones.
    """

    spec: str
    files: Any
    urls: tuple[str, ...]
    shard: np.ndarray
    index: np.ndarray
    rows: np.ndarray
    digest: str
    synthetic: bool
    shiny: str = "both"

    def of_colours(self, shiny: str) -> "Shards":
        """Only the sprites in these colours, counted by reading that column of every group that
        has both kinds."""

        def count(shard: int) -> list[int]:
            groups = self.index[self.shard == shard].tolist()
            return _patiently(
                lambda: _matching(self.files, self.urls[shard], groups, shiny), self.urls[shard]
            )

        counts = _side_by_side(count, sorted(set(self.shard.tolist())))
        rows = np.array([rows for shard in counts for rows in shard], dtype=np.int64)
        kept = rows > 0
        return replace(
            self,
            shard=self.shard[kept],
            index=self.index[kept],
            rows=rows[kept],
            digest=f"{self.digest} {shiny}",
            shiny=shiny,
        )

    def spaced(self, sprites: int, groups: int) -> "pa.Table":
        """At most so many sprites: the first ones of so many evenly spaced row groups."""
        import pyarrow as pa

        chosen = np.unique(np.linspace(0, len(self.rows) - 1, groups).astype(int)).tolist()
        each = -(-sprites // len(chosen))

        def first(group: int) -> "pa.Table":
            with closing(Reader(self)) as reader:
                return reader.read([Span(group, 0, min(each, int(self.rows[group])))])

        return pa.concat_tables(_side_by_side(first, chosen)).slice(0, sprites)


def read_footers(spec: str, urls: Sequence[str]) -> Shards:
    """Find the row groups of Parquet files.

    Args:
        spec: the data as the user named it.
        urls: paths on this machine or addresses that ``fsspec`` knows, all of one kind.

    Raises:
        PokeGANError: a file is no Parquet, cannot be read, or lacks a column.
    """
    from fsspec.core import url_to_fs

    for url in urls:
        if not url.endswith(".parquet"):
            raise PokeGANError(f"{url}: only Parquet files can be streamed; leave out --streaming")
    files = url_to_fs(urls[0])[0]
    footers = _side_by_side(lambda url: _patiently(lambda: _footer(files, url), url), urls)
    digest = hashlib.sha256()
    shard, index, rows, synthetic = [], [], [], []
    for number, (url, groups) in enumerate(zip(urls, footers, strict=True)):
        digest.update(url.rsplit("/", 1)[-1].encode())
        for group, (count, sizes, ours) in enumerate(groups):
            digest.update(np.array([count, *sizes], dtype=np.int64).tobytes())
            if count:
                shard.append(number)
                index.append(group)
                rows.append(count)
                synthetic.append(ours)
    return Shards(
        spec,
        files,
        tuple(urls),
        *(np.array(values, dtype=np.int64) for values in (shard, index, rows)),
        digest.hexdigest(),
        all(synthetic),
    )


class Reader:
    """Reads rows of shards; quick where each call goes on where the last one ended.

    Args:
        shards: whose rows.
        closed: once set, failures are not outlasted any more.
    """

    def __init__(self, shards: Shards, closed: threading.Event | None = None):
        self._shards = shards
        self._closed = closed or threading.Event()
        self._open = ExitStack()
        self.close()

    def close(self) -> None:
        """Leave the open shard."""
        self._open.close()
        self._shard = self._group = None
        self._row = 0
        self._batches: Iterator[pa.RecordBatch] = iter(())
        self._left: pa.RecordBatch | None = None

    def read(self, spans: Sequence[Span]) -> "pa.Table":
        """The rows of ``spans``, in order.

        Returns:
            A table with the columns "bytes" (of the image file), "type1", "type2", "type_group",
            "shiny", and for messages "group" and "row".

        Raises:
            PokeGANError: a shard cannot be read, though tried again.
        """
        import pyarrow as pa

        found = []
        for span in spans:
            url = self._shards.urls[self._shards.shard[span.group]]
            found += _patiently(lambda span=span: self._rows(span), url, self._closed, self.close)
        return pa.Table.from_batches(found)

    def _rows(self, span: Span) -> list["pa.RecordBatch"]:
        import pyarrow as pa

        if span.group != self._group or span.first < self._row:
            self._begin(span.group)
        found = []
        while self._row < span.stop:
            if self._left is None or len(self._left) == 0:
                self._left = next(self._batches, None)
                if self._left is None:
                    raise pa.ArrowInvalid(
                        f"row group {self._shards.index[span.group]} ends too early"
                    )
            end = min(len(self._left), span.stop - self._row)
            skipped = min(end, max(0, span.first - self._row))
            if skipped < end:
                found.append(self._left.slice(skipped, end - skipped))
            self._left = self._left.slice(end)
            self._row += end
        return found

    def _begin(self, group: int) -> None:
        shards = self._shards
        if self._shard != shards.shard[group]:
            self.close()
            url = shards.urls[shards.shard[group]]
            opened = _opened(shards.files, url, block_size=_AHEAD, cache_type="readahead")
            self._file = self._open.enter_context(opened)
            self._shard = shards.shard[group]
        self._group, self._row, self._left = group, 0, None
        self._batches = _batches(shards, self._file, group)


def _batches(shards: Shards, file: Any, group: int) -> Iterator["pa.RecordBatch"]:
    """The sprites of a row group in the colours that count, up to 256 at a time."""
    import pyarrow as pa
    import pyarrow.compute as pc

    row, index = 0, int(shards.index[group])
    columns = ["image.bytes", *_LABELS]
    for batch in file.iter_batches(_AT_ONCE, row_groups=[index], columns=columns):
        for name in _LABELS:
            if batch.column(name).null_count:
                raise pa.ArrowInvalid(f"row group {index} has sprites without {name}")
        batch = pa.RecordBatch.from_pydict(
            {
                "bytes": pc.struct_field(batch.column("image"), "bytes").cast(pa.large_binary()),
                **{name: batch.column(name).cast(pa.int64()) for name in _LABELS[:-1]},
                "shiny": batch.column("shiny").cast(pa.bool_()),
                "group": pa.array(np.full(len(batch), group)),
                "row": pa.array(np.arange(row, row + len(batch))),
            }
        )
        row += len(batch)
        if shards.shiny != "both":
            flags = batch.column("shiny")
            batch = batch.filter(flags if shards.shiny == "only" else pc.invert(flags))
        yield batch


@contextmanager
def _opened(files: Any, url: str, **options: Any) -> Iterator[Any]:
    import pyarrow.parquet as pq

    with files.open(url, "rb", **options) as source:
        yield pq.ParquetFile(source, buffer_size=_BUFFER, pre_buffer=False)


def _footer(files: Any, url: str) -> list[tuple[int, list[int], bool]]:
    """Of each row group: rows, stored sizes of the columns that are read, and whether all of its
    sprites are of the game "synthetic"."""
    import pyarrow as pa

    with _opened(files, url, cache_type="none") as file:
        check_columns(url, file.schema_arrow.names)
        image = file.schema_arrow.field("image").type
        if not pa.types.is_struct(image) or image.get_field_index("bytes") < 0:
            raise PokeGANError(f"{url}: the column 'image' does not hold image files")
        found = []
        for number in range(file.num_row_groups):
            group = file.metadata.row_group(number)
            sizes, ours = [], False
            for place in range(group.num_columns):
                column = group.column(place)
                if column.path_in_schema.split(".")[0] in COLUMNS:
                    sizes.append(column.total_compressed_size)
                elif column.path_in_schema == "game":
                    ours = _single_value(column) == GAME
            found.append((group.num_rows, sizes, ours))
        return found


def _single_value(column: Any) -> Any:
    """The value that all rows of a column chunk have, as far as its statistics tell."""
    seen = column.statistics
    if seen is None or not seen.has_min_max or seen.null_count or seen.min != seen.max:
        return None
    return seen.min


def _matching(files: Any, url: str, groups: Sequence[int], shiny: str) -> list[int]:
    """How many sprites of each row group have these colours."""
    import pyarrow.compute as pc

    with _opened(files, url, cache_type="none") as file:
        place = next(
            place
            for place in range(file.metadata.num_columns)
            if file.metadata.schema.column(place).path == "shiny"
        )
        counts = []
        for group in groups:
            rows = file.metadata.row_group(group).num_rows
            value = _single_value(file.metadata.row_group(group).column(place))
            if value is None:
                flags = file.read_row_group(group, columns=["shiny"]).column("shiny")
                shinies = pc.sum(flags).as_py() or 0
            else:
                shinies = rows * bool(value)
            counts.append(shinies if shiny == "only" else rows - shinies)
        return counts


def _side_by_side(action: Callable[[Any], Result], items: Sequence[Any]) -> list[Result]:
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        return list(pool.map(action, items))


def _patiently(
    action: Callable[[], Result],
    url: str,
    closed: threading.Event | None = None,
    after_failure: Callable[[], None] = lambda: None,
) -> Result:
    """``action()``, tried again after growing pauses where it failed over the network.

    Raises:
        PokeGANError: the last try failed, or the first one on a file of this machine.
    """
    import pyarrow as pa
    from huggingface_hub.errors import HfHubHTTPError

    # The base class of the HTTP library's errors; which library that is depends on the version.
    http_error = HfHubHTTPError.__bases__[0]
    left = list(PAUSES) if "://" in url else []
    closed = closed or threading.Event()
    while True:
        try:
            return action()
        except (http_error, OSError, pa.ArrowException) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            after_failure()
            if not left or closed.is_set():
                raise PokeGANError(f"{url}: cannot be read ({reason})") from error
        pause = left.pop(0)
        logger.warning("%s: cannot be read (%s); trying again in %g s", url, reason, pause)
        closed.wait(pause)
