"""``python tests/benchmarks/feeding.py SPRITES BATCHES GIB``: how long batches take to come from a
dataset of so many sprites, and the memory of the process, as JSON. ``stream`` in place of GIB
streams them from Parquet shards of a thousand."""

import json
import os
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

from datasets import Dataset, concatenate_datasets

from pokegan.data.order import Share
from pokegan.data.resolve import Sprites, open_sprites
from pokegan.data.stream import StreamedSprites, stream_sprites
from pokegan.data.writer import ROWS_PER_GROUP

BATCH = 64
SHARD = 1000
BUFFER = 8192


def repeated(few: Dataset, sprites: int) -> Dataset:
    """Rows that stand for others: as many to shuffle and to decode as so many sprites are, without
    the memory of a list of indices."""
    whole, rest = divmod(sprites, len(few))
    return concatenate_datasets([*[few] * whole, few.select(range(rest))])


def write_shards(few: Dataset, sprites: int, folder: Path) -> None:
    """The same as shards of a thousand: one file by many names."""
    (folder / "data").mkdir()
    first = folder / "data/train-00000.parquet"
    repeated(few, min(SHARD, sprites)).to_parquet(first, batch_size=ROWS_PER_GROUP)
    for number in range(1, sprites // SHARD):
        os.link(first, folder / f"data/train-{number:05d}.parquet")


def feeding(sprites: Sprites | StreamedSprites, batches: int, max_bank_gib: float) -> dict:
    """Batches of 64 RGBA sprites at 64 px, in the order of a training.

    Returns:
        "first", seconds until the first batch; "seconds" a batch (median); "peak_mib" of the
        process; and which "feed" it was.
    """
    times, began = [], time.perf_counter()
    feed = sprites.feed(64, 4, max_bank_gib)
    for _ in feed.steps(Share(0, BATCH, slice(0, BATCH)), range(batches + 2)):
        times.append(time.perf_counter() - began)
        began = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    # The first ones shuffle the sprites and start the workers.
    return {
        "first": times[0],
        "seconds": statistics.median(times[2:]),
        "peak_mib": peak,
        "feed": type(feed).__name__,
    }


def main(sprites: int, batches: int, how: str) -> dict:
    """What ``feeding`` finds for so many sprites."""
    few = open_sprites("synthetic:200")
    if how != "stream":
        many = Sprites(repeated(few.dataset, sprites), few.spec, few.split, few.synthetic)
        return feeding(many, batches, float(how))
    with tempfile.TemporaryDirectory() as folder:
        write_shards(few.dataset, sprites, Path(folder))
        began = time.perf_counter()
        many = stream_sprites(folder, "train", BUFFER)
        opened = time.perf_counter() - began
        seen = feeding(many, batches, 0)
    return {**seen, "first": seen["first"] + opened}


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])))
