"""A typed dataset of many Parquet shards, for tests of streaming."""

import io
from pathlib import Path

from pokegan.data.synthetic import synthetic_rows
from pokegan.data.writer import SPLITS, features, split_of


def write_shards(folder: Path, *, species: int, rows_per_shard: int, rows_per_group: int) -> Path:
    """Write the synthetic sprites (32 px) as ``folder/data/SPLIT-NNNNN-of-NNNNN.parquet``."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    splits: dict[str, list[dict]] = {name: [] for name in SPLITS}
    for row in synthetic_rows(species, 32):
        buffer = io.BytesIO()
        row["image"].save(buffer, "PNG")
        image = {"bytes": buffer.getvalue(), "path": None}
        splits[split_of(row["species_id"])].append({**row, "image": image})
    (folder / "data").mkdir(parents=True)
    for split, rows in splits.items():
        parts = [rows[at : at + rows_per_shard] for at in range(0, len(rows), rows_per_shard)]
        for number, part in enumerate(parts):
            pq.write_table(
                pa.Table.from_pylist(part, schema=features().arrow_schema),
                folder / f"data/{split}-{number:05d}-of-{len(parts):05d}.parquet",
                row_group_size=rows_per_group,
            )
    return folder
