"""From what ``--data`` names to a typed dataset."""

import hashlib
import itertools
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pokegan.data.types import NO_TYPE, TYPES
from pokegan.errors import PokeGANError

if TYPE_CHECKING:
    import datasets
    from PIL import Image

    from pokegan.data.feed import SpriteBank, SpriteLoader

COLUMNS = ("image", "type1", "type2", "type_group", "shiny")
"""What training reads of a dataset."""


@dataclass(frozen=True)
class Sprites:
    """A typed dataset, ready for training.

    Attributes:
        dataset: the rows, with at least ``COLUMNS``.
        spec: what the user asked for.
        split: "train", "validation" or "all".
        synthetic: whether the sprites are drawn by our own code, which no one else owns.
        hub: the Hub dataset ("user/name" or "user/name@revision") that they come from, if any.
    """

    dataset: "datasets.Dataset"
    spec: str
    split: str
    synthetic: bool
    hub: str | None = None

    def __len__(self) -> int:
        return len(self.dataset)

    def of_colours(self, shiny: str) -> "Sprites":
        """The sprites in these colours: "both", "normal" or "only" shiny ones.

        Raises:
            PokeGANError: there is none.
        """
        if shiny == "both":
            return self
        flags = np.asarray(self.dataset["shiny"][:], dtype=bool)
        rows = np.flatnonzero(flags == (shiny == "only"))
        if len(rows) == 0:
            kind = "shiny" if shiny == "only" else "normal"
            raise PokeGANError(f"{self.spec}: the split {self.split!r} has no {kind} sprite")
        return replace(self, dataset=self.dataset.select(rows))

    def feed(self, size: int, channels: int, max_bank_gib: float) -> "SpriteBank | SpriteLoader":
        """What gives a training its batches, see ``pokegan.data.feed.sprite_feed``."""
        from pokegan.data.feed import sprite_feed

        return sprite_feed(self.dataset, size, channels, max_bank_gib)

    def fingerprint(self) -> str:
        """Hash of all labels and the pixels of 64 evenly spaced sprites: 16 hexadecimal digits."""
        digest = hashlib.sha256(str(len(self)).encode())
        for column in COLUMNS[1:]:
            digest.update(np.asarray(self.dataset[column][:], dtype=np.int64).tobytes())
        rows = np.unique(np.linspace(0, len(self) - 1, 64).astype(int))
        for row in rows.tolist():
            digest.update(read_image(self.dataset, row).convert("RGBA").tobytes())
        return digest.hexdigest()[:16]

    def summary(self) -> dict[str, Any]:
        """Facts about the data for run folders and cards (JSON)."""
        first, second = (self.dataset[column][:] for column in ("type1", "type2"))
        counts = Counter(first) + Counter(label for label in second if label != NO_TYPE)
        return {
            "name": public_name(self.spec),
            "hub": self.hub,
            "split": self.split,
            "sprites": len(self),
            "synthetic": self.synthetic,
            "fingerprint": self.fingerprint(),
            "types": {name: counts[label] for label, name in enumerate(TYPES)},
        }


def open_sprites(spec: str, split: str = "train") -> Sprites:
    """Open the dataset that ``--data`` names.

    Args:
        spec: "gen5" (built on first use from the public package), "synthetic" or
            "synthetic:SPECIES", a folder made by ``pokegan dataset build``, or a Hub dataset as
            "user/name" or "user/name@revision".
        split: "train", "validation", or "all" for both.

    Raises:
        PokeGANError: the dataset cannot be found, fetched or read, or lacks a column or split.
    """
    from pokegan.data.synthetic import GAME, parse_synthetic, synthetic_dataset

    species, hub = parse_synthetic(spec), None
    if species is not None:
        splits = synthetic_dataset(species)
    else:
        path, revision, hub = locate(spec)
        splits = _load(path if hub is None else str(_fetched(path, revision)), spec)

    if split == "all":
        import datasets

        chosen = datasets.concatenate_datasets(list(splits.values()))
    else:
        check_split(spec, split, splits)
        chosen = splits[split]
    check_columns(spec, chosen.column_names)
    if len(chosen) == 0:
        raise PokeGANError(f"{spec}: the split {split!r} is empty")
    games = set(chosen["game"][:]) if "game" in chosen.column_names else set()
    synthetic = games == {GAME}
    return Sprites(chosen, spec, split, synthetic, hub)


def locate(spec: str) -> tuple[str, str | None, str | None]:
    """Where the files of a dataset are that is not drawn in memory.

    Returns:
        A folder or a Hub id, its revision if one was asked for, and ``spec`` if it is on the Hub.

    Raises:
        PokeGANError: ``spec`` names nothing of the kind, a folder that holds no dataset, or gen5
            cannot be built.
    """
    if spec == "gen5":
        from pokegan.data.named import ensure_gen5

        return str(ensure_gen5()), None, None
    if Path(spec).is_dir():
        if not any(Path(spec).glob("data/*.parquet")):
            raise PokeGANError(
                f"{spec}: holds no data/*.parquet; make it with `pokegan dataset build`"
            )
        return spec, None, None
    if spec.removeprefix("./").count("/") == 1 and not spec.startswith(("/", ".", "~")):
        repo_id, _, revision = spec.partition("@")
        return repo_id, revision or None, spec
    raise PokeGANError(
        f"no data {spec!r}: give gen5, synthetic, a folder made by `pokegan dataset build`,"
        f" or a Hub dataset (user/name)"
    )


def public_name(spec: str) -> str:
    """What to call the data; a folder's path says more about this machine than about the data."""
    return Path(spec).resolve().name if Path(spec).is_dir() else spec


def check_split(spec: str, split: str, splits: Iterable[str]) -> None:
    """Raise a `PokeGANError` unless there is this split."""
    if split not in splits:
        raise PokeGANError(f"{spec}: there is no split {split!r}, only {', '.join(splits)}")


def check_columns(spec: str, names: Iterable[str]) -> None:
    """Raise a `PokeGANError` unless all of ``COLUMNS`` are there."""
    missing = [column for column in COLUMNS if column not in names]
    if missing:
        raise PokeGANError(
            f"{spec}: the column {missing[0]!r} is missing; is this a typed sprite dataset?"
        )


def read_image(dataset: "datasets.Dataset", row: int) -> "Image.Image":
    """The decoded image of a row.

    Raises:
        PokeGANError: it cannot be decoded; the message names the row, and its source if known.
    """
    try:
        return dataset[row]["image"]
    except Exception as error:  # Pillow's decoders raise nearly anything on broken data
        where = f"row {row}"
        if "source" in dataset.column_names:
            where += f" ({dataset.select_columns('source')[row]['source']})"
        raise PokeGANError(
            f"{where}: the image cannot be read ({' '.join(str(error).split())}); build or fetch"
            f" the dataset again"
        ) from error


@contextmanager
def loading_errors_in_one_line(path: str, revision: str | None) -> Iterator[None]:
    """Turn what ``datasets`` raises inside the block into a ``PokeGANError``."""
    import datasets

    from pokegan.hub_errors import hub_errors_in_one_line

    try:
        with nullcontext() if Path(path).is_dir() else hub_errors_in_one_line(path, revision):
            yield
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        raise PokeGANError(f"{path}: cannot be loaded ({' '.join(str(error).split())})") from error


def _fetched(repo_id: str, revision: str | None) -> Path:
    """The folder of a Hub dataset in the Hub cache: all of its Parquet files, and the card."""
    from pokegan.hub_files import fetch_files

    return fetch_files(repo_id, _shards, "README.md", revision=revision, repo_type="dataset")


def _shards(names: Collection[str]) -> list[str]:
    """The Parquet files of a dataset, of which ``names`` may lack some."""
    found = {name for name in names if name.endswith(".parquet")} or {"data/*.parquet"}
    for name in [*found]:
        if count := re.search(r"-\d{5}-of-(\d{5})\.parquet$", name):
            stem, of = name[: count.start()], count[1]
            found |= {f"{stem}-{shard:05d}-of-{of}.parquet" for shard in range(int(of))}
    return sorted(found)


def _load(folder: str, spec: str) -> "datasets.DatasetDict":
    import datasets

    # Files that are named are read anew when they change; a folder only when its card does.
    files = None
    names = sorted(file.name for file in Path(folder).glob("data/*.parquet"))
    if names and all(re.fullmatch(r"\w+-\d+-of-\d+\.parquet", name) for name in names):
        files = {
            split: [f"data/{name}" for name in group]
            for split, group in itertools.groupby(names, lambda name: name.split("-")[0])
        }
    try:
        return datasets.load_dataset(folder, data_files=files)
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        raise PokeGANError(f"{spec}: cannot be loaded ({' '.join(str(error).split())})") from error
