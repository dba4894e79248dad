"""Models side by side: tables and CSV from the contents of their ``metrics.json``."""

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pokegan.errors import PokeGANError
from pokegan.metrics.columns import (
    FLOORS,
    NOTHING,
    SIGNS,
    Column,
    conditioning_of,
    further_columns,
    headline_columns,
)
from pokegan.metrics.rating import REAL

COMPARABLE = ("version", "fingerprint", "split", "samples", "seeds", "networks")
"""Fields of a protocol that must be equal where models are compared. Sizes may differ: each model
is judged at its own."""


@dataclass(frozen=True)
class Cell:
    """A value as it is printed, and whether it is the best of its column."""

    text: str
    best: bool = False


@dataclass(frozen=True)
class Row:
    """A line of a table.

    Attributes:
        name: of the model, or what the real sprites or the floor are called.
        is_model: or else a measure for models.
        cells: the size, and a value for each column.
    """

    name: str
    is_model: bool
    cells: list[Cell]


@dataclass(frozen=True)
class Table:
    """A table, before it becomes Markdown or HTML.

    Attributes:
        heads: of the columns after the name, each as lines.
        rows: measures first, then models.
    """

    heads: list[list[str]]
    rows: list[Row]


def comparison_table(facts: Mapping[str, dict]) -> str:
    """The headline metrics as a Markdown table, with notes below.

    Args:
        facts: name of a model -> content of its ``metrics.json``.

    Raises:
        PokeGANError: no model, or protocols whose values must not be compared.
    """
    check_comparable(facts)
    return markdown(headline_table(facts)) + "\n\n" + " ".join(notes(facts))


def check_comparable(facts: Mapping[str, dict]) -> None:
    """Let nobody compare what was measured in different ways.

    Raises:
        PokeGANError: no model, or protocols that differ in more than the size.
    """
    if not facts:
        raise PokeGANError("there is no model to compare")
    (first, own), *others = facts.items()
    for name, other in others:
        field = difference(other["protocol"], own["protocol"])
        if field is not None:
            raise PokeGANError(
                f"{name} and {first} were evaluated with different {field}"
                f" ({_told(other['protocol'], field)} and {_told(own['protocol'], field)}); their"
                f" values must not be compared, so evaluate both in one way"
            )


def difference(protocol: dict, other: dict) -> str | None:
    """The first of the fields that must be equal in which two protocols differ, or ``None``."""
    pairs = {name: (_ordered(protocol, name), _ordered(other, name)) for name in COMPARABLE}
    return next((name for name, (one, another) in pairs.items() if one != another), None)


def _ordered(protocol: dict, field: str) -> object:
    """The first network judges types and near-duplicates, so that their order counts."""
    value = protocol[field]
    return list(value.items()) if isinstance(value, dict) else value


def _told(protocol: dict, field: str) -> str:
    value = protocol[field]
    if isinstance(value, dict):
        return ", ".join(f"{name} {key}" for name, key in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


# ---- tables --------------------------------------------------------------------------------------


def headline_table(facts: Mapping[str, dict]) -> Table:
    """The headline metrics."""
    return table_of(facts, headline_columns(facts))


def further_tables(facts: Mapping[str, dict]) -> dict[str, Table]:
    """The other metrics, by what they are about."""
    return {title: table_of(facts, own) for title, own in further_columns(facts).items()}


def table_of(facts: Mapping[str, dict], columns: Sequence[Column]) -> Table:
    """A table of some columns: real sprites and floors of each size, then the models.

    Models stand in the order of the first headline metric, the best first, in every table; those
    without a value in it are left out.
    """
    heads = [["px"], *(column.head(facts) for column in columns)]
    best = [_best(facts, column) for column in columns]
    rows = [row for size in sizes(facts) for row in _measures(_of_size(facts, size), columns, size)]
    for name in ranked(facts, headline_columns(facts)[0]):
        own = facts[name]
        if all(column.value(own) is None for column in columns):
            continue
        cells = [
            Cell(column.text(own), best=top is not None and column.goodness(own) == top)
            for column, top in zip(columns, best, strict=True)
        ]
        rows.append(Row(name, True, [Cell(str(own["protocol"]["size"])), *cells]))
    return Table(heads, rows)


def ranked(facts: Mapping[str, dict], column: Column) -> list[str]:
    """Names of models, the best first; those without a value last, and ties as they came."""
    goodness = {name: column.goodness(own) for name, own in facts.items()}
    return sorted(facts, key=lambda name: math.inf if goodness[name] is None else -goodness[name])


def sizes(facts: Mapping[str, dict]) -> list[int]:
    """The sizes at which models draw, the smallest first."""
    return sorted({own["protocol"]["size"] for own in facts.values()})


def _of_size(facts: Mapping[str, dict], size: int) -> list[dict]:
    return [own for own in facts.values() if own["protocol"]["size"] == size]


def _best(facts: Mapping[str, dict], column: Column) -> float | None:
    """The best goodness; ``None`` where no value is better than another."""
    known = [good for own in facts.values() if (good := column.goodness(own)) is not None]
    return max(known) if len(set(known)) > 1 else None


def _measures(models: Sequence[dict], columns: Sequence[Column], size: int) -> list[Row]:
    """Rows of what models of one size are to be read beside; those without a value are left out."""
    named = {"real sprites": [_real(column, models) for column in columns]}
    for floor, title in FLOORS.items():
        values = models[0]["floors"].get(floor, {})
        number = next((name.split("@")[1] for name in values if "@" in name), "?")
        named[f"{title}, N = {number}"] = [column.floor(models[0], floor) for column in columns]
    rows = []
    for name, values in named.items():
        if any(value is not None for value in values):
            numbers = [c.number(value) for c, value in zip(columns, values, strict=True)]
            rows.append(Row(name, False, [Cell(str(size)), *map(Cell, numbers)]))
    return rows


def _real(column: Column, models: Sequence[dict]) -> float | None:
    """Only models with labels tell how well types of real sprites are named."""
    return next((real for own in models if (real := column.real(own)) is not None), None)


def notes(facts: Mapping[str, dict]) -> list[str]:
    """Sentences that a reader needs below the table."""
    protocol = next(iter(facts.values()))["protocol"]
    seeds, split = protocol["seeds"] or [], protocol["split"]
    sprites = f"{protocol['data']}, " + ("both splits" if split == "all" else f"split {split}")
    told = [
        f"Real sprites: {sprites}, {protocol['real_sprites']} of them; their novelty, type accuracy"
        f" and CAS are those of {protocol['held_out_sprites']} sprites of held-out species."
    ]
    told.append(
        "Floors, by the same measures: real halves, one half of the species against the other; real"
        " sprites augmented, or blurred; noise."
    )
    if len(seeds) > 1:
        told.append(f"Values are means ± standard deviations over {len(seeds)} seeds.")
    elif seeds:
        told.append(f"Values are those of one seed ({seeds[0]}).")
    told.append(
        f"{SIGNS['lower']} lower is better, {SIGNS['higher']} higher is better, {SIGNS['real']}"
        f" (≈ 1 of a share): nearer to real sprites' own value is better; the best of the models is"
        f" bold, and what prints alike."
    )
    if len(sizes(facts)) > 1:
        *some, last = map(str, sizes(facts))
        told.append(
            f"Models draw at {', '.join(some)} and {last} px, and each is judged at its own size,"
            f" beside real sprites and floors of that size: across sizes, values are not strictly"
            f" comparable."
        )
    return told


def ratings_table(ratings: Mapping[str, Mapping[str, Mapping]]) -> Table:
    """What people said of the sprites.

    Args:
        ratings: model, or ``REAL`` for the real sprites among them -> question -> "mean" and "n",
            the number of answers.
    """
    rated = [own for name, own in ratings.items() if name != REAL]
    questions = list({question: None for own in ratings.values() for question in own})
    tops = {}
    for question in questions:
        means = [round(own[question]["mean"], 1) for own in rated if question in own]
        tops[question] = max(means) if len(means) > 1 else None
    rows = []
    for name, own in ratings.items():
        cells = []
        for question in questions:
            if question not in own:
                cells.append(Cell(NOTHING))
                continue
            mean, count = own[question]["mean"], own[question]["n"]
            best = name != REAL and round(mean, 1) == tops[question]
            cells.append(Cell(f"{mean:.1f} (n = {count})", best))
        rows.append(Row("real sprites" if name == REAL else name, name != REAL, cells))
    return Table([[f"{question} {SIGNS['higher']}"] for question in questions], rows)


# ---- as text -------------------------------------------------------------------------------------


def markdown(table: Table) -> str:
    """A table as Markdown: names of models as code, measures in italics, best values bold."""
    heads = ["", *("<br>".join(map(_escaped, lines)) for lines in table.heads)]
    lines = [heads, ["---", *("--:" for _ in table.heads)]]
    for row in table.rows:
        name = f"`{row.name}`" if row.is_model else f"*{row.name}*"
        cells = [f"**{cell.text}**" if cell.best else cell.text for cell in row.cells]
        lines.append([_escaped(name), *cells])
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


def csv_text(facts: Mapping[str, dict]) -> str:
    """Every metric, a row for each model; a mean and a deviation for each metric, unrounded."""
    names = list({name: None for own in facts.values() for name in own["metrics"]})
    parts = ("mean", "deviation")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    columns = [f"{name} {part}" for name in names for part in parts]
    writer.writerow(["model", "size", "conditioning", *columns])
    for model, own in facts.items():
        values = [own["metrics"].get(name, {}).get(part) for name in names for part in parts]
        writer.writerow([model, own["protocol"]["size"], conditioning_of(own), *values])
    return text.getvalue()


# ---- metrics.json --------------------------------------------------------------------------------


def read_facts(path: Path) -> dict:
    """The content of a ``metrics.json``.

    Raises:
        PokeGANError: there is none, or it is not what ``pokegan evaluate`` writes.
    """
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise PokeGANError(f"{path} is missing; `pokegan evaluate` writes it") from error
    except (OSError, ValueError, RecursionError) as error:
        raise PokeGANError(f"{path}: cannot be read as JSON ({error})") from error
    if not _is_whole(facts):
        raise PokeGANError(
            f"{path}: is not what `pokegan evaluate` writes; evaluate the model again"
        )
    return facts


def _is_whole(facts: object) -> bool:
    """Whether everything is there that tables need."""
    try:
        return (
            {*COMPARABLE, "size", "data", "real_sprites", "held_out_sprites"}
            <= facts["protocol"].keys()
            and any(name.startswith("fd_") for name in facts["metrics"])
            and all({"mean", "deviation"} <= value.keys() for value in facts["metrics"].values())
            and isinstance(facts["real"], dict)
            and all(isinstance(values, dict) for values in facts["floors"].values())
            and ("types" not in facts or "conditioning" in facts["types"])
        )
    except (TypeError, KeyError, AttributeError):
        return False
