"""``pokegan recipes``: what there is to train."""

import argparse
import json
from dataclasses import asdict, dataclass, fields

from pokegan.text import align

COLUMNS = {
    "name": "recipe",
    "family": "family",
    "conditioning": "conditioning",
    "size": "size",
    "channels": "channels",
    "parameters": "parameters",
    "all_parameters": "in all",
    "source": "source",
}
"""Field of a :class:`Row` -> head of its column, from left to right."""


@dataclass(frozen=True)
class Row:
    """One recipe of the package.

    Attributes:
        name: what ``train.py --recipe`` takes.
        title: one line for people.
        source: the work that the recipe is after.
        family: the objective.
        conditioning: "group" (13 type groups), "type" (18 types) or ``None``.
        size: height and width of a sprite in pixels.
        channels: 1 (grey), 3 (RGB) or 4 (RGBA).
        parameters: of the network that is published.
        all_parameters: of all networks that are trained.
    """

    name: str
    title: str
    source: str
    family: str
    conditioning: str | None
    size: int
    channels: int
    parameters: int
    all_parameters: int


def add_recipes_command(subparsers) -> None:
    """Add ``recipes`` to an argparse ``subparsers`` object."""
    parser = subparsers.add_parser(
        "recipes",
        help="list what train.py can train",
        description="List the recipes of the package, by family. Parameters are those of the"
        " network that is published, and of all that are trained for it.",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="for machines, with exact numbers")
    form.add_argument("--names", action="store_true", help="names alone, one a line, for loops")
    parser.set_defaults(run=run_recipes)


def run_recipes(arguments: argparse.Namespace) -> None:
    """Print the table, its rows as JSON, or the names alone."""
    rows = recipe_rows()
    if arguments.names:
        print("\n".join(row.name for row in rows))
        return
    if arguments.json:
        print(json.dumps([asdict(row) for row in rows], indent=2, ensure_ascii=False))
        return
    print(table(rows))
    print("\nTrain one with `accelerate launch train.py --recipe NAME`.")


def recipe_rows() -> list[Row]:
    """Every recipe of the package, sorted by family and name.

    The networks are built, but only as shapes: no memory is taken.
    """
    from pokegan.training.recipe_files import recipe_names

    return sorted(map(_row, recipe_names()), key=lambda row: (row.family, row.name))


def _row(name: str) -> Row:
    from pokegan.models.shapes import shapes_only
    from pokegan.training.command_line import parse_command_line

    recipe, _ = parse_command_line(["--recipe", name])
    with shapes_only():
        networks = recipe.build_networks()
    counts = {
        role: sum(parameter.numel() for parameter in network.parameters())
        for role, network in networks.items()
    }
    published = recipe.build_objective().publishes
    return Row(
        name=name,
        title=recipe.title,
        source=recipe.source,
        family=recipe.objective["family"],
        conditioning=networks[published].conditioning,
        size=recipe.image.size,
        channels=recipe.image.channels,
        parameters=counts[published],
        all_parameters=sum(counts.values()),
    )


def table(rows: list[Row]) -> str:
    """Rows as aligned text: numbers to the right, names to the left, a line of heads above."""
    numeric = {field.name for field in fields(Row) if field.type is int}
    cells = [list(COLUMNS.values())]
    cells += [[_text(name, getattr(row, name)) for name in COLUMNS] for row in rows]
    return align(cells, [index for index, name in enumerate(COLUMNS) if name in numeric])


def _text(name: str, value: str | int | None) -> str:
    if value is None:
        return "none"
    if name.endswith("parameters"):
        return f"{value / 1e6:.2f} M"
    return str(value)
