"""Write rows as Parquet shards into a folder that appears only when it is whole."""

import errno
import hashlib
import io
import json
import os
import shutil
import signal
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pokegan.data.options import VIEWS
from pokegan.data.types import SECOND_TYPES, TYPE_GROUPS, TYPES
from pokegan.errors import PokeGANError

SPLITS = ("train", "validation")
ROWS_PER_GROUP = 256
SHARD_BYTES = 100 * 2**20
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def features():
    """The `datasets.Features` of a typed sprite dataset, in order."""
    from datasets import ClassLabel, Features, Image, Value

    return Features(
        {
            "image": Image(),
            "species_id": Value("int32"),
            "species": Value("string"),
            "form": Value("string"),
            "type1": ClassLabel(names=list(TYPES)),
            "type2": ClassLabel(names=list(SECOND_TYPES)),
            "type_group": ClassLabel(names=list(TYPE_GROUPS)),
            "generation": Value("int8"),
            "game": Value("string"),
            "view": ClassLabel(names=list(VIEWS)),
            "shiny": Value("bool"),
            "gender": Value("string"),
            "frame": Value("int32"),
            "source": Value("string"),
            "augmentation": Value("string"),
        }
    )


def split_of(species_id: int) -> str:
    """The split that holds every sprite of a species: one species in ten is for validation."""
    digest = hashlib.sha256(str(species_id).encode()).hexdigest()
    return "validation" if int(digest, 16) % 10 == 0 else "train"


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """A hidden folder beside ``out`` that is flushed and renamed to ``out`` at the end.

    On any exception, Ctrl-C, SIGTERM or SIGHUP the hidden folder is removed and ``out`` does not
    appear. Hidden folders that killed builds left are named on stderr.

    Raises:
        PokeGANError: ``out`` exists and is not an empty folder, or cannot be written.
    """
    place = Path(os.path.abspath(out))  # "." has a name and a folder around it
    try:
        if os.path.lexists(place) and not _is_empty_folder(place):
            raise PokeGANError(f"{out}: exists already; remove it or choose another --out")
        place.parent.mkdir(parents=True, exist_ok=True)
        prefix = f".{place.name}.building-"
        left = [path for path in place.parent.iterdir() if path.name.startswith(prefix)]
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=place.parent))
    except OSError as error:
        reason = error.strerror or error
        raise PokeGANError(f"{out}: cannot be made: {reason}; choose another --out") from error
    for path in left:  # not removed: it may be of a build that is still running
        print(f"{path}: left by a killed build; remove it unless one is running", file=sys.stderr)
    try:
        with _signals_exit():
            yield folder
            folder.chmod(0o755)  # mkdtemp makes private folders
            for path in (*folder.rglob("*"), folder):
                _sync(path)
            os.replace(folder, place)
            _sync(place.parent)
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, OSError) and error.errno in _FULL:
            raise PokeGANError(
                f"{out}: no space left on the disk; free some or choose another --out"
            ) from error
        if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
            about = f"{error.filename}: " if error.filename else ""
            reason = f"{about}{error.strerror or error}"
            raise PokeGANError(
                f"{out}: not built ({reason}); look into it and try again"
            ) from error
        raise


def _is_empty_folder(path: Path) -> bool:
    """False for a link to one too, as a folder cannot be renamed to a link."""
    return path.is_dir() and not path.is_symlink() and not any(path.iterdir())


@contextmanager
def _signals_exit() -> Iterator[None]:
    """Let SIGTERM and SIGHUP unwind the stack, so that clean-up runs.

    Only the main thread may ask for it; what is ignored, as under nohup, stays so.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number, frame):
        raise SystemExit(128 + number)

    numbers = [signal.SIGTERM, getattr(signal, "SIGHUP", None)]  # no SIGHUP on Windows
    previous = {number: signal.getsignal(number) for number in numbers if number}
    for number, handler in previous.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, leave)
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@dataclass(frozen=True)
class Written:
    """What `write_rows` wrote.

    Attributes:
        rows, image_bytes, species: sprites, bytes of PNG and distinct species, per split.
        types: sprites per ``type1``.
        fingerprint: SHA-256 over labels and pixels of all rows in order.
    """

    rows: dict[str, int]
    image_bytes: dict[str, int]
    species: dict[str, int]
    types: dict[str, int]
    fingerprint: str


def write_rows(rows: Iterable[dict], folder: Path) -> Written:
    """Write ``folder/data/SPLIT-NNNNN-of-NNNNN.parquet`` for both splits.

    Args:
        rows: dicts with every feature; ``image`` a PIL RGBA image, class labels by index.
        folder: must exist. Until all is written the shards are in a hidden folder and called
            ``.part``, which nothing loads. A split without rows gets no file, as `datasets` loads
            no empty ones. Memory holds one row group per split.
    """
    data = folder / ".data"
    data.mkdir()
    schema = features().arrow_schema
    shards = {split: _Shards(data, split, schema) for split in SPLITS}
    species: dict[str, set[int]] = {split: set() for split in SPLITS}
    types: Counter = Counter()
    digest = hashlib.sha256()
    try:
        for row in rows:
            image = row["image"]
            labels = {name: row[name] for name in schema.names if name != "image"}
            digest.update(json.dumps(labels, ensure_ascii=False).encode())
            digest.update(image.tobytes())
            split = split_of(row["species_id"])
            species[split].add(row["species_id"])
            types[row["type1"]] += 1
            shards[split].add({"image": _png(image), **labels})
        for writer in shards.values():
            writer.finish()
        data.rename(folder / "data")
    except BaseException:
        for writer in shards.values():
            writer.abandon()
        raise
    return Written(
        rows={split: shards[split].rows for split in SPLITS},
        image_bytes={split: shards[split].image_bytes for split in SPLITS},
        species={split: len(species[split]) for split in SPLITS},
        types={name: types[label] for label, name in enumerate(TYPES)},
        fingerprint=digest.hexdigest(),
    )


def _png(image) -> dict:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=3)  # a tenth larger than level 6, twice as fast
    return {"bytes": buffer.getvalue(), "path": None}


class _Shards:
    """The shards of one split, written one after the other."""

    def __init__(self, folder: Path, split: str, schema):
        self.folder, self.split, self.schema = folder, split, schema
        self.labels = [name for name in schema.names if name != "image"]
        self.parts: list[Path] = []
        self.pending: list[dict] = []
        self.file = self.writer = None
        self.rows = self.image_bytes = 0

    def add(self, row: dict) -> None:
        self.pending.append(row)
        self.rows += 1
        self.image_bytes += len(row["image"]["bytes"])
        if len(self.pending) == ROWS_PER_GROUP:
            self._flush()

    def finish(self) -> None:
        """Write what is pending and give the shards their names; no rows, no shard."""
        if self.pending:
            self._flush()
        self._close()
        for index, part in enumerate(self.parts):
            name = f"{self.split}-{index:05d}-of-{len(self.parts):05d}.parquet"
            part.rename(self.folder / name)

    def abandon(self) -> None:
        """Close without writing, after an error; the folder is about to be removed."""
        if self.file is not None:
            self.writer.is_open = False  # or its destructor writes a footer to a closed file
            self.file.close()

    def _flush(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if self.writer is None:
            self.parts.append(self.folder / f"{self.split}-{len(self.parts):05d}.part")
            self.file = self.parts[-1].open("wb")
            self.writer = pq.ParquetWriter(
                self.file, self.schema, use_dictionary=self.labels, write_statistics=self.labels
            )
        table = pa.Table.from_pylist(self.pending, schema=self.schema)
        self.writer.write_table(table, row_group_size=ROWS_PER_GROUP)
        self.pending.clear()
        if self.file.tell() >= SHARD_BYTES:
            self._close()

    def _close(self) -> None:
        if self.writer is not None:
            self.writer.close()
            self.file.flush()
            os.fsync(self.file.fileno())
            self.file.close()
            self.file = self.writer = None
