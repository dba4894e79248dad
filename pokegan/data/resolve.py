"""From what ``--data`` names to a typed dataset."""

import hashlib
import itertools
import re
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pokegan.data.types import NO_TYPE, TYPES
from pokegan.errors import PokeGANError

if TYPE_CHECKING:
    import datasets
    from PIL import Image

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
        # A folder's path says more about this machine than about the data.
        name = Path(self.spec).resolve().name if Path(self.spec).is_dir() else self.spec
        first, second = (self.dataset[column][:] for column in ("type1", "type2"))
        counts = Counter(first) + Counter(label for label in second if label != NO_TYPE)
        return {
            "name": name,
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
    from pokegan.data.synthetic import parse_synthetic, synthetic_dataset

    species, hub = parse_synthetic(spec), None
    if species is not None:
        splits = synthetic_dataset(species)
    elif spec == "gen5":
        from pokegan.data.named import ensure_gen5

        splits = _load(str(ensure_gen5()), None)
    elif Path(spec).is_dir():
        splits = _load(spec, None)
    elif spec.removeprefix("./").count("/") == 1 and not spec.startswith(("/", ".", "~")):
        hub = spec
        repo_id, _, revision = spec.partition("@")
        splits = _load(repo_id, revision or None)
    else:
        raise PokeGANError(
            f"no data {spec!r}: give gen5, synthetic, a folder made by `pokegan dataset build`,"
            f" or a Hub dataset (user/name)"
        )

    if split == "all":
        import datasets

        chosen = datasets.concatenate_datasets(list(splits.values()))
    elif split in splits:
        chosen = splits[split]
    else:
        raise PokeGANError(f"{spec}: there is no split {split!r}, only {', '.join(splits)}")
    missing = [column for column in COLUMNS if column not in chosen.column_names]
    if missing:
        raise PokeGANError(
            f"{spec}: the column {missing[0]!r} is missing; is this a typed sprite dataset?"
        )
    if len(chosen) == 0:
        raise PokeGANError(f"{spec}: the split {split!r} is empty")
    games = set(chosen["game"][:]) if "game" in chosen.column_names else set()
    synthetic = games == {"synthetic"}
    return Sprites(chosen, spec, split, synthetic, hub)


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


def _load(path: str, revision: str | None) -> "datasets.DatasetDict":
    import datasets

    from pokegan.hub_errors import hub_errors_in_one_line

    files = None
    if Path(path).is_dir():
        names = sorted(file.name for file in Path(path).glob("data/*.parquet"))
        if not names:
            raise PokeGANError(
                f"{path}: holds no data/*.parquet; make it with `pokegan dataset build`"
            )
        # Files that are named are read anew when they change; a folder only when its card does.
        if all(re.fullmatch(r"\w+-\d+-of-\d+\.parquet", name) for name in names):
            files = {
                split: [f"data/{name}" for name in group]
                for split, group in itertools.groupby(names, lambda name: name.split("-")[0])
            }
    try:
        with hub_errors_in_one_line(path, revision):
            return datasets.load_dataset(path, revision=revision, data_files=files)
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        raise PokeGANError(f"{path}: cannot be loaded ({' '.join(str(error).split())})") from error
