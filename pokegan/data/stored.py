"""Read the rows of a built dataset from its Parquet files, a few at a time."""

import io
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from PIL import Image

from pokegan.data.writer import SPLITS, features
from pokegan.errors import PokeGANError

ABSENT = {"augmentation": ""}  # data sets built before there was the column
_BATCH = 256


def stored_rows(
    folder: Path, images: bool = True, splits: Sequence[str] = SPLITS
) -> Iterator[dict]:
    """The rows in order, with the columns of `pokegan.data.writer.features`.

    Args:
        folder: made by ``pokegan dataset build``.
        images: read the column ``image`` too; what is in it is for `stored_image`.
        splits: whose rows, one split after the other.

    Raises:
        PokeGANError: no dataset there, or a file that cannot be read or is of another kind.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = [name for name in features() if images or name != "image"]
    if not any(folder.glob("data/*.parquet")):
        raise PokeGANError(
            f"{folder}: no dataset (data/train-*.parquet) there; give the --out folder of "
            "pokegan dataset build"
        )
    paths = [path for split in splits for path in sorted(folder.glob(f"data/{split}-*.parquet"))]
    for path in paths:
        try:
            with pq.ParquetFile(path) as file:
                present = file.schema_arrow.names
                if missing := [name for name in columns if name not in (*present, *ABSENT)]:
                    lacks = ", ".join(missing)
                    raise PokeGANError(f"{path}: no typed sprite dataset, it lacks {lacks}")
                chosen = [name for name in columns if name in present]
                for batch in file.iter_batches(_BATCH, columns=chosen):
                    yield from (ABSENT | row for row in batch.to_pylist())
        except (pa.ArrowException, OSError) as error:  # OSError: of Arrow too
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise PokeGANError(f"{path}: cannot be read ({reason}); build it again") from error


def rows_at(
    folder: Path, places: Collection[int], splits: Sequence[str] = SPLITS
) -> Iterator[tuple[int, dict]]:
    """(place, row) of those rows of `stored_rows` that are at ``places``, in order."""
    wanted, rows = set(places), stored_rows(folder, splits=splits)
    return (place for place in enumerate(rows) if place[0] in wanted)


def stored_image(row: dict) -> Image.Image:
    """The sprite, RGBA, of a row that `stored_rows` read.

    Raises:
        PokeGANError: it is no image.
    """
    try:
        return Image.open(io.BytesIO(row["image"]["bytes"])).convert("RGBA")
    except (OSError, SyntaxError, ValueError) as error:  # whatever Pillow makes of broken files
        raise PokeGANError(
            f"{row['source']}: its image cannot be read ({error}); build the dataset again"
        ) from error
