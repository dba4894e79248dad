"""Read a CSV file that says which augmented sprites to keep."""

import csv
from collections.abc import Collection
from pathlib import Path

from pokegan.errors import PokeGANError

KEY = ("source", "augmentation", "frame")
"""Columns that tell an augmented sprite of a dataset from all others."""

KEEP = {"1": True, "0": False, "": None}


def key_of(row: dict) -> tuple[str, str, int]:
    """The values of ``KEY`` in a row of a dataset."""
    return row["source"], row["augmentation"], row["frame"]


def read_labels(path: Path, known: Collection[tuple]) -> dict[tuple[str, str, int], bool]:
    """Whether to keep each sprite that the file labels, by `key_of` it.

    Args:
        path: a CSV file with the columns of ``KEY`` and ``keep``: 1, 0 or nothing, which is no
            label. Other columns are ignored, so that ``filter.csv`` can be filled in.
        known: keys of the sprites that can be labelled.

    Raises:
        PokeGANError: the file cannot be read, or a column or value is missing or wrong.
    """
    labels: dict[tuple[str, str, int], bool] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            for column in (*KEY, "keep"):
                if column not in (reader.fieldnames or ()):
                    raise PokeGANError(
                        f"{path}, row 1: there is no column {column}; "
                        f"needs {', '.join(KEY)} and keep"
                    )
            for row in reader:
                where = f"{path}, row {reader.line_num}"
                key, keep = _label(row, where)
                if key not in known:
                    raise PokeGANError(
                        f"{where}: the train split has no sprite {key[0]!r}, frame {key[2]}, with "
                        f"augmentation {key[1]!r}; see filter.csv of a filtered dataset"
                    )
                if keep is not None and labels.setdefault(key, keep) != keep:
                    raise PokeGANError(f"{where}, keep: the same sprite has both 0 and 1")
    except csv.Error as error:
        raise PokeGANError(f"{path}, row {reader.line_num}: {error}") from None
    except UnicodeDecodeError:
        raise PokeGANError(f"{path}: is not UTF-8; save it as UTF-8 CSV") from None
    except OSError as error:
        raise PokeGANError(f"{path}: cannot be read ({error.strerror or error})") from error
    return labels


def _label(row: dict, where: str) -> tuple[tuple[str, str, int], bool | None]:
    if None in row or None in row.values():
        raise PokeGANError(f"{where}: more or fewer cells than columns")
    keep, frame = row["keep"].strip(), row["frame"].strip()
    if keep not in KEEP:
        raise PokeGANError(f"{where}, keep: {keep[:60]!r}; write 1, 0 or nothing")
    if not (frame.isascii() and frame.isdecimal() and len(frame) < 10):
        raise PokeGANError(f"{where}, frame: {frame[:60]!r} is no whole number")
    return (row["source"], row["augmentation"], int(frame)), KEEP[keep]
