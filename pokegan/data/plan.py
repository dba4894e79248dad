"""Decide, from names alone, which files of a source become sprites of the dataset."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from pokegan.data.decode import SUFFIXES
from pokegan.data.layout import is_layout, layout_prefix, parse_path
from pokegan.data.metadata import parse_metadata
from pokegan.data.options import BuildOptions, suggest
from pokegan.data.records import Ignored, Rejected, SpriteFile
from pokegan.data.sources import MAX_FILE_BYTES, Source
from pokegan.data.spread import spread
from pokegan.errors import PokeGANError

FILTERED = "removed by the filters"


@dataclass
class Plan:
    """Which entries to read, and what became of the others.

    Attributes:
        sprites: labels by entry index.
        rejected: (file, reason) of files that should be sprites and cannot be used.
        ignored: number of files left alone, by reason.
    """

    sprites: dict[int, SpriteFile] = field(default_factory=dict)
    rejected: list[tuple[str, str]] = field(default_factory=list)
    ignored: Counter = field(default_factory=Counter)


def make_plan(source: Source, options: BuildOptions) -> Plan:
    """Label, filter, deduplicate and cap the files of ``source``.

    Raises:
        PokeGANError: no sprites in the source, none left by the filters, or a bad ``metadata.csv``.
    """
    plan = Plan()
    csv_index = _find_metadata(source)
    if csv_index is None:
        found = _read_layout(source, options, plan)
    else:
        found = _read_metadata(source, csv_index)
        if not found:
            raise PokeGANError(f"{source.spec}: metadata.csv has no rows; list the images in it")
        plan.ignored["not listed in metadata.csv"] += sum(
            index not in found and _is_image(entry.name)
            for index, entry in enumerate(source.entries)
        )
    if not found and not plan.rejected:
        raise _nothing_found(source, plan)
    _check_games(source, options, found)
    kept = {
        index: sprite
        for index, sprite in found.items()
        if options.keeps(sprite.view, sprite.shiny, sprite.game)
    }
    plan.ignored[FILTERED] += len(found) - len(kept)
    if found and not kept:
        raise _all_filtered(source, options, found)
    if csv_index is None:  # rows of a metadata.csv are all meant
        kept = _one_file_per_sprite(kept, plan)
    kept = _cap_forms(kept, options.max_forms, plan)
    for index, sprite in kept.items():
        if not sprite.source.isprintable():  # bytes that are not UTF-8 are not
            plan.rejected.append((sprite.source, "the file name is not plain text; rename it"))
        elif source.entries[index].size > MAX_FILE_BYTES:
            plan.rejected.append((sprite.source, f"larger than {MAX_FILE_BYTES // 2**20} MiB"))
        else:
            plan.sprites[index] = sprite
    plan.ignored = +plan.ignored
    return plan


def _is_image(name: str) -> bool:
    path = PurePosixPath(name)
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def _find_metadata(source: Source) -> int | None:
    """Index of the ``metadata.csv`` nearest to the top; None in the PokeAPI layout."""
    found = [
        (entry.name.count("/"), index)
        for index, entry in enumerate(source.entries)
        if PurePosixPath(entry.name).name == "metadata.csv" and not is_layout(entry.name)
    ]
    return min(found)[1] if found else None


def _read_metadata(source: Source, csv_index: int) -> dict[int, SpriteFile]:
    entry = source.entries[csv_index]
    _, data, reason = next(source.read([csv_index]))
    if data is None:
        raise PokeGANError(f"{source.spec}: {entry.name} {reason}")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise PokeGANError(f"{source.spec}: {entry.name}, row {line}: not UTF-8") from None
    names = {entry.name: index for index, entry in enumerate(source.entries)}
    try:
        return parse_metadata(text, entry.name, names)
    except PokeGANError as error:
        raise PokeGANError(f"{source.spec}: {error}") from None


def _read_layout(source: Source, options: BuildOptions, plan: Plan) -> dict[int, SpriteFile]:
    prefix = layout_prefix(str(source.path.resolve())) if source.kind == "folder" else ""
    found = {}
    for index, entry in enumerate(source.entries):
        try:
            found[index] = parse_path(entry.name, prefix)
        except Ignored as reason:
            plan.ignored[str(reason)] += 1
        except Rejected as reason:
            if options.keeps(reason.view, reason.shiny, reason.game):
                plan.rejected.append((entry.name, str(reason)))
            else:
                plan.ignored[FILTERED] += 1
    return found


def _nothing_found(source: Source, plan: Plan) -> PokeGANError:
    seen = ", ".join(f"{count} {reason}" for reason, count in plan.ignored.most_common(3))
    return PokeGANError(
        f"{source.spec}: no sprites found among {len(source.entries)} files"
        f"{f' ({seen})' if seen else ''}; expected images in "
        "sprites/pokemon/versions/generation-*/GAME/, or with a metadata.csv"
    )


def _check_games(source: Source, options: BuildOptions, found: dict[int, SpriteFile]) -> None:
    games = sorted({sprite.game for sprite in found.values()})
    for game in options.games:
        if game not in games:
            raise PokeGANError(f"{source.spec}: games: no game {game!r}; {suggest(game, games)}")


def _all_filtered(source: Source, options: BuildOptions, found: dict[int, SpriteFile]):
    counts = Counter(
        f"{sprite.view}{' shiny' if sprite.shiny else ''} of {sprite.game or 'no game'}"
        for sprite in found.values()
    )
    seen = ", ".join(f"{count} {what}" for what, count in counts.most_common(4))
    asked = f"views {','.join(options.views)}, shiny {options.shiny}"
    if options.games:
        asked += f", games {','.join(options.games)}"
    return PokeGANError(f"{source.spec}: no sprite passes the filters ({asked}); found {seen}")


def _one_file_per_sprite(found: dict[int, SpriteFile], plan: Plan) -> dict[int, SpriteFile]:
    """Keep the animated copy, then the shortest, then the first name of each sprite."""

    def rank(index: int) -> tuple:
        sprite = found[index]
        stem = PurePosixPath(sprite.source).stem
        has_form_id = stem.isdecimal() and len(stem) > 4  # "386-attack" says more than "10001"
        return not sprite.animated, has_form_id, len(stem), sprite.source, index

    best: dict[tuple, int] = {}
    for index in sorted(found, key=rank):
        first = best.setdefault(found[index].key, index)
        if first != index:
            static = found[first].animated and not found[index].animated
            plan.ignored["static copy of an animated sprite" if static else "duplicate"] += 1
    return {index: found[index] for index in sorted(best.values())}


def _cap_forms(found: dict[int, SpriteFile], limit: int | None, plan: Plan) -> dict:
    """At most ``limit`` variants per species: the default, then evenly through the sorted rest."""
    variants: dict[int, set] = defaultdict(set)
    for sprite in found.values():
        variants[sprite.species.number].add(sprite.variant)
    kept = {number: set(spread(sorted(seen), limit)) for number, seen in variants.items()}
    capped = {
        index: sprite
        for index, sprite in found.items()
        if sprite.variant in kept[sprite.species.number]
    }
    plan.ignored["over the limit of forms"] += len(found) - len(capped)
    return capped
