"""``python tests/benchmarks/feeding.py SPRITES BATCHES GIB``: how long batches take to come from a
dataset of so many sprites, and the memory of the process, as JSON."""

import json
import resource
import statistics
import sys
import time

from datasets import concatenate_datasets

from pokegan.data.feed import sprite_feed
from pokegan.data.order import batch_indices
from pokegan.data.resolve import open_sprites

BATCH = 64


def feeding(sprites: int, batches: int, max_bank_gib: float) -> dict[str, float | str]:
    """Batches of 64 RGBA sprites at 64 px, in the order of a training.

    Returns:
        "seconds" a batch (median), "peak_mib", and which "feed" it was.
    """
    few = open_sprites("synthetic:200").dataset
    # Rows that stand for others: as many to shuffle and to decode as so many sprites are, without
    # the memory of a list of indices.
    whole, rest = divmod(sprites, len(few))
    dataset = concatenate_datasets([*[few] * whole, few.select(range(rest))])
    feed = sprite_feed(dataset, 64, 4, max_bank_gib)
    times, began = [], time.perf_counter()
    for _ in feed.batches(batch_indices(0, step, BATCH, sprites) for step in range(batches + 2)):
        times.append(time.perf_counter() - began)
        began = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    # The first ones shuffle the sprites and start the workers.
    return {
        "seconds": statistics.median(times[2:]),
        "peak_mib": peak,
        "feed": type(feed).__name__,
    }


if __name__ == "__main__":
    print(json.dumps(feeding(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))))
