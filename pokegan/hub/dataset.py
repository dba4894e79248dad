"""Publishing a typed sprite dataset on the Hub."""

import re
from collections.abc import Mapping
from pathlib import Path

from pokegan.data.resolve import COLUMNS
from pokegan.data.synthetic import GAME
from pokegan.errors import PokeGANError
from pokegan.hub.repository import Contents

SHARD = re.compile(r"data/[^/]+\.parquet")
RECORDS = ("README.md", "report.json", "rejected.csv")
PLACEHOLDER = "DIR_OR_REPO_ID"
"""Stands in a dataset's card where the repository's id belongs."""


def dataset_contents(folder: str | Path, repo_id: str) -> Contents:
    """The files of a dataset that ``pokegan dataset build`` made, for its repository.

    The repository becomes equal to the folder: shards that only the repository has go.

    Args:
        folder: the dataset; it is not changed.
        repo_id: "user/name", which the published card names.

    Raises:
        PokeGANError: no such folder, no card, no shard, or a shard that is damaged or lacks a
            column.
    """
    folder = Path(folder)
    shards = _shards(folder)
    card = folder / "README.md"
    if not card.is_file():
        raise PokeGANError(f"{folder}: README.md is missing; publish what `dataset build` made")
    for path in shards.values():
        _column_names(path)
    records = {name: folder / name for name in RECORDS if (folder / name).is_file()}
    text = card.read_text(encoding="utf-8").replace(PLACEHOLDER, repo_id)
    files: Mapping[str, Path | bytes] = {**records, **shards, "README.md": text.encode()}
    return Contents("dataset", files, _belongs, "Publish a typed sprite dataset")


def is_synthetic(folder: str | Path) -> bool:
    """Whether every sprite of a dataset was drawn by our own code, so that all may have it.

    Asks the rows themselves: a report could be of another build.

    Raises:
        PokeGANError: as ``dataset_contents``.
    """
    import pyarrow.parquet as pq

    games = set()
    for path in _shards(Path(folder)).values():
        if "game" not in _column_names(path):
            return False
        games |= set(pq.read_table(path, columns=["game"])["game"].unique().to_pylist())
    return games == {GAME}


def _belongs(name: str) -> bool:
    return name in RECORDS or SHARD.fullmatch(name) is not None


def _shards(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise PokeGANError(f"{folder}: no such folder")
    shards = {f"data/{path.name}": path for path in sorted(folder.glob("data/*.parquet"))}
    if not shards:
        raise PokeGANError(
            f"{folder}: holds no data/*.parquet; make it with `pokegan dataset build`"
        )
    return shards


def _column_names(path: Path) -> list[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        names = pq.read_schema(path).names
    except (OSError, pa.ArrowException) as error:
        reason = " ".join(str(error).split())
        raise PokeGANError(f"{path}: not readable as Parquet ({reason})") from error
    missing = [column for column in COLUMNS if column not in names]
    if missing:
        raise PokeGANError(
            f"{path}: the column {missing[0]!r} is missing; is this a typed sprite dataset?"
        )
    return names
