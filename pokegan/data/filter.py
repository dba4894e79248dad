"""Drop augmented sprites that nobody would recognise: ``pokegan dataset filter``.

The future work named in Zsombor 2021.
"""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from pokegan.data.filter_report import (
    FilterReport,
    Verdict,
    read_report,
    write_csv,
    write_reports,
    write_sheet,
)
from pokegan.data.hand_labels import key_of, read_labels
from pokegan.data.quality import (
    Samples,
    cross_validate,
    import_xgboost,
    make_measure,
    scores,
    train,
    variants,
)
from pokegan.data.stored import rows_at, stored_image, stored_rows
from pokegan.data.writer import new_folder, split_of, write_rows
from pokegan.errors import PokeGANError
from pokegan.seeding import derive_seed

SPRITES = 400
"""How many sprites, augmented anew in nine ways each, the classifier learns from."""

_BATCH = 64


def filter_dataset(
    folder: Path,
    out: Path,
    keep_above: float = 0.5,
    labels: Path | None = None,
    seed: int = 0,
    sprites: int = SPRITES,
    progress: bool = True,
) -> FilterReport:
    """Write a copy of a dataset without its ruined augmentations.

    A classifier learns from up to ``sprites`` sprites of the train split, each augmented anew,
    mildly (recognisable) and four times as strongly (ruined), and from labels given by hand. It
    judges the augmented sprites of the train split; all others are kept as they are. Beside the
    dataset, ``out`` gets ``filter.csv``, every judged sprite with its score, and ``filter.png``,
    those with the lowest scores, those nearest to ``keep_above`` and those with the highest scores.

    Args:
        folder: made by ``pokegan dataset build`` with ``--augment six``.
        out: the folder to make; it appears in one step when all is written.
        keep_above: least probability of being recognisable, in [0, 1], of what is kept.
        labels: a CSV file; see `pokegan.data.hand_labels.read_labels`. Sprites labelled by hand
            are kept or dropped as it says.
        seed: the same dataset, labels and seed give the same result.
        sprites: how many to learn from.
        progress: draw progress bars on stderr.

    Raises:
        PokeGANError: ``folder`` holds no such dataset or none that is augmented, ``out`` exists, a
            wrong label or value, a full disk, or XGBoost or EfficientNet-Lite0 is not installed.
    """
    start, folder, out = time.monotonic(), Path(folder), Path(out)
    if not 0 <= keep_above <= 1:
        raise PokeGANError(f"keep-above: {keep_above} is out of range; give 0 to 1")
    import_xgboost()  # before all the work
    measure = make_measure()
    rows = list(stored_rows(folder, images=False))
    judged = {key_of(row) for row in rows if _is_judged(row)}
    if not judged:
        raise PokeGANError(
            f"{folder}: no augmented sprites to judge; build the dataset with --augment six"
        )
    learnt = _choose(folder, rows, seed, sprites)
    built = read_report(folder)
    by_hand = read_labels(Path(labels), judged) if labels else {}
    with new_folder(out) as target:
        samples = Samples.joined(
            [
                *_automatic_samples(folder, learnt, measure, seed, progress),
                *_hand_samples(folder, rows, by_hand, measure),
            ]
        )
        validation = cross_validate(samples, keep_above, seed)
        classifier = train(samples, seed)
        verdicts: list[Verdict] = []
        written = write_rows(
            _kept_rows(
                _bar(stored_rows(folder), len(rows), "filtering", progress),
                lambda images: scores(classifier, measure(images)),
                keep_above,
                by_hand,
                verdicts,
            ),
            target,
        )
        report = FilterReport(
            out=out,
            keep_above=keep_above,
            seed=seed,
            validation=validation,
            kept=_count(verdict for verdict in verdicts if verdict.kept),
            dropped=_count(verdict for verdict in verdicts if not verdict.kept),
            rows=written.rows,
            seconds=time.monotonic() - start,
        )
        write_csv(target / "filter.csv", verdicts)
        write_sheet(target / "filter.png", folder, verdicts, keep_above)
        write_reports(target, folder, replace(built, **asdict(written)), report)
    return report


def _is_judged(row: dict) -> bool:
    return row["augmentation"] != "" and split_of(row["species_id"]) == "train"


def _bar(items: Iterable, total: int, what: str, progress: bool) -> Iterable:
    from tqdm import tqdm

    return tqdm(items, total=total, unit="sprite", desc=what, disable=not progress, file=sys.stderr)


def _choose(folder: Path, rows: list[dict], seed: int, sprites: int) -> list[int]:
    """Places of the sprites to learn from: sprites of the train split that are not augmented."""
    originals = [
        index
        for index, row in enumerate(rows)
        if row["augmentation"] == "" and split_of(row["species_id"]) == "train"
    ]
    random = np.random.default_rng(derive_seed("filter", seed))
    chosen = sorted(random.permutation(originals)[:sprites].tolist())
    if len({rows[index]["species_id"] for index in chosen}) < 2:
        raise PokeGANError(
            f"{folder}: the filter learns from sprites that are not augmented, of 2 or more species"
            " of the train split; there are fewer"
        )
    return chosen


def _automatic_samples(
    folder: Path, chosen: list[int], measure: Callable, seed: int, progress: bool
) -> Iterator[Samples]:
    rows = _bar(rows_at(folder, chosen), len(chosen), "learning", progress)
    for index, row in rows:
        made = variants(stored_image(row), derive_seed("filter", seed, index))
        names, keep, images = zip(*made, strict=True)
        yield _samples(row, names, keep, measure(images), by_hand=False)


def _hand_samples(
    folder: Path, rows: list[dict], by_hand: dict[tuple, bool], measure: Callable
) -> Iterator[Samples]:
    places = [index for index, row in enumerate(rows) if key_of(row) in by_hand]
    for _, row in rows_at(folder, places):
        keep, features = by_hand[key_of(row)], measure([stored_image(row)])
        yield _samples(row, [row["augmentation"]], [keep], features, by_hand=True)


def _samples(
    row: dict, names: Sequence[str], keep: Sequence[bool], features: np.ndarray, by_hand: bool
) -> Samples:
    count = len(keep)
    species = np.full(count, row["species_id"])
    return Samples(features, np.array(keep), species, np.array(names), np.full(count, by_hand))


def _kept_rows(
    stream: Iterable[dict],
    rate: Callable,
    keep_above: float,
    by_hand: dict[tuple, bool],
    verdicts: list[Verdict],
) -> Iterator[dict]:
    """The rows to keep, with their images; adds to ``verdicts`` while it is read."""
    for batch in _batches(enumerate(stream)):
        decoded = [(index, {**row, "image": stored_image(row)}) for index, row in batch]
        images = [row["image"] for _, row in decoded if _is_judged(row)]
        rated = iter(rate(images).tolist() if images else ())
        for index, row in decoded:
            if _is_judged(row):
                key, score = key_of(row), next(rated)
                label = by_hand.get(key)
                kept = score >= keep_above if label is None else label
                verdicts.append(Verdict(index, key, score, label, kept))
                if not kept:
                    continue
            yield row


def _batches(items: Iterable) -> Iterator[list]:
    batch = []
    for item in items:
        batch.append(item)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _count(verdicts: Iterable[Verdict]) -> dict[str, int]:
    counts = Counter(augmentation for _, augmentation, _ in (item.key for item in verdicts))
    return dict(sorted(counts.items()))
