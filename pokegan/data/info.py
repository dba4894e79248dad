"""Look into a built dataset: counts, a contact sheet, the chart of its types."""

import io
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

from pokegan.data.options import VIEWS
from pokegan.data.spread import spread
from pokegan.data.stored import rows_at, stored_image, stored_rows
from pokegan.data.types import SECOND_TYPES, TYPE_GROUPS, TYPES
from pokegan.data.writer import SPLITS
from pokegan.errors import PokeGANError
from pokegan.files import write_atomically

SHEET_SPRITES = 256
SHEET_COLUMNS = 16

# Column of the dataset, title in the table, names of the class labels (None: the value itself).
SECTIONS = (
    ("type1", "first type", TYPES),
    ("type2", "second type", SECOND_TYPES),
    ("type_group", "type group", TYPE_GROUPS),
    ("generation", "generation", None),
    ("game", "game", None),
    ("view", "view", VIEWS),
    ("shiny", "shiny", ("no", "yes")),
    ("gender", "gender", None),
    ("augmentation", "augmentation", None),
)


@dataclass(frozen=True)
class DatasetInfo:
    """Counts of a dataset, and the pictures written.

    Attributes:
        counts: ``counts[title][name][split]`` is the number of sprites.
        rows, species: sprites and distinct species per split.
        contact_sheet, types_chart: paths of the two PNG files.
    """

    rows: dict[str, int]
    species: dict[str, int]
    counts: dict[str, dict[str, dict[str, int]]]
    contact_sheet: Path
    types_chart: Path

    def __str__(self) -> str:
        lines = [
            ("", *self.rows, "total"),
            ("sprites", *_with_total(self.rows)),
            ("species", *_with_total(self.species)),
        ]
        for title, names in self.counts.items():
            lines.append(None)
            lines.append((title,))
            lines += [
                (f"  {name}", *_with_total({split: counts.get(split, 0) for split in self.rows}))
                for name, counts in names.items()
            ]
        width = max(len(line[0]) for line in lines if line) + 2
        return "\n".join(
            (line[0].ljust(width) + "".join(f"{cell!s:>12}" for cell in line[1:])).rstrip()
            if line
            else ""
            for line in lines
        )


def dataset_info(folder: Path, out: Path | None = None) -> DatasetInfo:
    """Count the sprites of the dataset in ``folder`` and draw it.

    Writes ``contact_sheet.png`` (up to 256 sprites on white, pixel for pixel, spread over the
    species) and ``types.png`` (bar chart) into ``out``, by default the folder itself.

    Raises:
        PokeGANError: no dataset made by ``pokegan dataset build`` in ``folder``.
    """
    folder = Path(folder)
    out = Path(out) if out else folder
    labels = {split: list(stored_rows(folder, images=False, splits=[split])) for split in SPLITS}
    if not any(labels.values()):
        raise PokeGANError(f"{folder}: the dataset has no sprites; build it again")
    counts = {title: _count(labels, column, names) for column, title, names in SECTIONS}
    pictures = {"contact_sheet.png": _contact_sheet(folder, labels)}
    pictures["types.png"] = _draw_types(counts)
    try:
        for name, data in pictures.items():
            write_atomically(out / name, data)
    except OSError as error:
        raise PokeGANError(f"{out}: cannot be written: {error.strerror or error}") from error
    return DatasetInfo(
        rows={split: len(rows) for split, rows in labels.items()},
        species={split: len({row["species_id"] for row in rows}) for split, rows in labels.items()},
        counts=counts,
        contact_sheet=out / "contact_sheet.png",
        types_chart=out / "types.png",
    )


def _with_total(counts: dict[str, int]) -> tuple[int, ...]:
    return (*counts.values(), sum(counts.values()))


def _count(labels: dict[str, list[dict]], column: str, names) -> dict[str, dict[str, int]]:
    """Counts by name and split; classes in their order, other values sorted."""
    counts = {split: Counter(row[column] for row in rows) for split, rows in labels.items()}
    keys = range(len(names)) if names else sorted(set().union(*counts.values()))
    return {
        str(names[key] if names else key) or "-": {split: counts[split][key] for split in counts}
        for key in keys
    }


def _contact_sheet(folder: Path, labels: dict[str, list[dict]]) -> bytes:
    """The PNG file."""
    from PIL import Image

    from pokegan.sheet import png_bytes

    chosen = _choose(labels)
    pictures = {
        (split, index): stored_image(row)
        for split in labels
        for index, row in rows_at(folder, {i for s, i in chosen if s == split}, [split])
    }
    images = [pictures[key] for key in chosen]
    side = images[0].width
    scale = max(1, 48 // side)  # small canvases are enlarged by whole pixels
    cell = side * scale + 4
    columns = min(SHEET_COLUMNS, len(images))
    sheet = Image.new("RGBA", (columns * cell, -(-len(images) // columns) * cell), "white")
    for place, image in enumerate(images):
        image = image.resize((side * scale, side * scale), Image.Resampling.NEAREST)
        row, column = divmod(place, columns)
        sheet.alpha_composite(image, (column * cell + 2, row * cell + 2))
    return png_bytes(sheet.convert("RGB"))


def _choose(labels: dict[str, list[dict]]) -> list[tuple[str, int]]:
    """(split, row) of the sprites to show: one of every species first, then further ones."""
    by_species = defaultdict(list)
    for split, rows in labels.items():
        for index, row in enumerate(rows):
            # The default form from the front in normal colours stands for its species.
            unusual = [row[label] != "" for label in ("augmentation", "form", "gender")]
            rank = *unusual, row["view"], row["shiny"], row["frame"]
            by_species[row["species_id"]].append((rank, row["source"], split, index))
    ordered = [sorted(by_species[number]) for number in sorted(by_species)]
    if len(ordered) >= SHEET_SPRITES:
        return [rows[0][2:] for rows in spread(ordered, SHEET_SPRITES)]
    ranked = [(depth, place) for place, rows in enumerate(ordered) for depth in range(len(rows))]
    kept = sorted((place, depth) for depth, place in sorted(ranked)[:SHEET_SPRITES])
    return [ordered[place][depth][2:] for place, depth in kept]


def _draw_types(counts: dict) -> bytes:
    """The PNG file."""
    from matplotlib.figure import Figure

    first, second = (
        [sum(counts[title][name].values()) for name in TYPES]
        for title in ("first type", "second type")
    )
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    axes.bar(TYPES, first, label="first type")
    axes.bar(TYPES, second, bottom=first, label="second type")
    axes.set_ylabel("sprites")
    axes.tick_params(axis="x", rotation=60)
    axes.legend()
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=120, format="png")
    return buffer.getvalue()
