"""The pictures of a report: values as bars, losses as curves, and sprites of the models' own."""

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from PIL import Image

from pokegan.errors import PokeGANError
from pokegan.metrics.columns import FLOORS, Column, headline_columns
from pokegan.metrics.compare import ranked
from pokegan.models.base import SpriteModel
from pokegan.models.conditioning import CLASSES
from pokegan.sheet import model_sheet, png_bytes, sprite_sheet, type_model_sheet
from pokegan.training.logs import LOG_NAME, read_log

ACROSS = 3
"""Panels in a row of a figure."""

DPI = 110
WHITE = (255, 255, 255)

BAR, BEST_BAR = "#8fa9c4", "#2f6690"

MEASURES = {
    "real": ("real sprites", "#111111", "-"),
    "halves": (FLOORS["halves"], "#1b7f3b", "-"),
    "augmented": (FLOORS["augmented"], "#6a3d9a", "--"),
    "blurred": (FLOORS["blurred"], "#b15928", "-."),
    "noise": (FLOORS["noise"], "#d62728", ":"),
}
"""What models are read beside: how the legend calls it, colour, line style."""

BEYOND = 1.3
"""A line further right than so many times the longest bar would squeeze the bars: its value is told
below the panel instead."""

ROOM = 1.28
"""A panel is so many times as wide as what is in it: values stand at the right of the bars."""

POINTS = 400
"""Points of a curve; a longer log is averaged down to these."""

SIDE = 64
"""Smaller sprites than this are enlarged, by a whole factor."""

SHEET_COLUMNS = 10
TYPE_ROWS = 2
STAGES = 6
"""Points of a training in its timeline."""

PADDING = 2
"""Pixels between sprites in the pictures of a timeline, as :func:`sprite_sheet` leaves them."""


# ---- metrics -------------------------------------------------------------------------------------


def comparison_figure(facts: Mapping[str, dict]) -> Figure:
    """Bars of all headline metrics, one panel each, the best model on top.

    Floors and real sprites are lines; they run through the rows of models of their size.
    """
    columns = headline_columns(facts)
    rows = math.ceil(len(columns) / ACROSS)
    height = 0.9 + 0.24 * len(facts)
    figure = Figure(figsize=(13, 0.8 + rows * height), dpi=DPI, layout="constrained")
    panels = figure.subplots(rows, ACROSS, squeeze=False).ravel()
    drawn = set()
    for axes, column in zip(panels, columns, strict=False):
        drawn |= _bars(axes, facts, column)
    for axes in panels[len(columns) :]:
        axes.axis("off")
    lines = [
        Line2D([], [], color=color, linestyle=style, label=title)
        for name, (title, color, style) in MEASURES.items()
        if name in drawn
    ]
    figure.legend(handles=lines, loc="outside upper center", ncols=len(lines), frameon=False)
    return figure


def _bars(axes: Axes, facts: Mapping[str, dict], column: Column) -> set[str]:
    """Draw one panel; returns which measures have a line in it, or are told below it."""
    names = [name for name in ranked(facts, column) if column.value(facts[name]) is not None]
    values = [column.value(facts[name]) for name in names]
    goodness = [column.goodness(facts[name]) for name in names]
    top = goodness[0] if len(set(goodness)) > 1 else None
    colors = [BEST_BAR if top is not None and good == top else BAR for good in goodness]
    axes.barh(names, [mean for mean, _ in values], height=0.72, color=colors)
    lines = {name: [_measure(column, facts[model], name) for model in names] for name in MEASURES}
    known = {name: [x for x in own if x is not None] for name, own in lines.items()}
    known = {name: own for name, own in known.items() if own}
    longest = max(mean for mean, _ in values)
    inside = [name for name, own in known.items() if longest <= 0 or min(own) <= BEYOND * longest]
    for name in inside:
        _, color, style = MEASURES[name]
        for row, x in enumerate(lines[name]):
            if x is not None:
                axes.vlines(x, row - 0.5, row + 0.5, color, style, linewidth=1.4)
    beyond = [name for name in known if name not in inside]
    if beyond:
        told = ", ".join(f"{name} {column.number(max(known[name]))}" for name in beyond)
        axes.set_xlabel(f"further right: {told}", fontsize=8)
    right = ROOM * max([longest, *(x for name in inside for x in known[name])]) or 1.0
    axes.set_xlim(min(0.0, *(mean for mean, _ in values)), right)
    axes.set_ylim(len(names) - 0.5, -0.5)
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.6}
    for row, (mean, _) in enumerate(values):
        place, text = max(mean, 0.0) + 0.012 * right, column.text(facts[names[row]])
        axes.text(place, row, text, va="center", fontsize=7.5, bbox=box)
    title, *rest = column.head(facts)
    axes.set_title("\n".join([title, ", ".join(rest)]), fontsize=9.5)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.tick_params(labelsize=8, length=0)
    axes.spines[["top", "right"]].set_visible(False)
    return set(known)


def _measure(column: Column, facts: dict, name: str) -> float | None:
    return column.real(facts) if name == "real" else column.floor(facts, name)


# ---- losses --------------------------------------------------------------------------------------


def loss_figure(folders: Mapping[str, Path]) -> Figure | None:
    """Curves of losses, a panel for each model with a log; ``None`` where no model has one.

    Args:
        folders: model folders by name.
    """
    curves = {name: loss_curves(read_log(folder / LOG_NAME)) for name, folder in folders.items()}
    curves = {name: own for name, own in curves.items() if own}
    if not curves:
        return None
    rows = math.ceil(len(curves) / ACROSS)
    figure = Figure(figsize=(13, 2.6 * rows), dpi=DPI, layout="constrained")
    panels = figure.subplots(rows, ACROSS, squeeze=False).ravel()
    for axes, (name, own) in zip(panels, curves.items(), strict=False):
        for loss, (kimg, values) in own.items():
            axes.plot(kimg, values, linewidth=1, label=loss)
        everything = np.concatenate([values for _, values in own.values()])
        low, high = np.nanpercentile(everything, [0.5, 99.5])  # a few peaks must not rule the panel
        room = 0.08 * (high - low) or 0.5
        axes.set_ylim(low - room, high + room)
        axes.set_title(name, fontsize=10)
        axes.tick_params(labelsize=8)
        axes.set_xlabel("kimg", fontsize=8)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=7)
    for axes in panels[len(curves) :]:
        axes.axis("off")
    return figure


def loss_curves(lines: Sequence[Mapping[str, float]]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """kimg and values of each loss in a log, averaged to at most ``POINTS`` points.

    Args:
        lines: of a ``training_log.jsonl``.
    """
    names = dict.fromkeys(name for line in lines for name in line if name.startswith("loss/"))
    curves = {}
    for name in names:
        points = [(line["kimg"], line[name]) for line in lines if name in line and "kimg" in line]
        parts = np.array_split(np.array(points, dtype=float), min(POINTS, len(points)) or 1)
        means = np.array([part.mean(axis=0) for part in parts if len(part)])
        if len(means) and np.isfinite(means).all(axis=1).any():
            means = means[np.isfinite(means).all(axis=1)]
            curves[name.removeprefix("loss/")] = means[:, 0], means[:, 1]
    return curves


# ---- sprites -------------------------------------------------------------------------------------


def sample_sheet(models: Mapping[str, SpriteModel], seed: int) -> Image.Image:
    """The first sprites of a seed, a row for each model: latents of one length are equal."""
    return model_sheet(models, SHEET_COLUMNS, seed, _scale(models), WHITE)


def types_sheet(models: Mapping[str, SpriteModel], seed: int) -> Image.Image | None:
    """Types by conditional models; ``None`` where no model knows types.

    Columns are the 13 groups, or the 18 types where all models know those.
    """
    typed = {name: model for name, model in models.items() if model.conditioning is not None}
    if not typed:
        return None
    everywhere = {model.conditioning for model in typed.values()} == {"type"}
    labels = CLASSES["type" if everywhere else "group"]
    return type_model_sheet(typed, labels, TYPE_ROWS, seed, _scale(typed), WHITE)


def _scale(models: Mapping[str, SpriteModel]) -> int:
    """So that the largest sprites have about ``SIDE`` pixels, or more."""
    return max(1, SIDE // max(model.size for model in models.values()))


def timeline_sheet(folder: Path, size: int) -> Image.Image | None:
    """What the same latents became in the course of a training, a row for each of a few steps.

    Args:
        folder: the model folder.
        size: of its sprites.

    Returns:
        The picture; ``None`` where the folder has no timeline.

    Raises:
        PokeGANError: a picture cannot be read, or is no sheet of sprites of this size.
    """
    paths = evenly(sorted((folder / "timeline").glob("step-*.png")), STAGES)
    if not paths:
        return None
    rows = [_first_row(path, size) for path in paths]
    columns = min(len(row) for row in rows)
    labels = [f"step {path.stem.removeprefix('step-').lstrip('0')}" for path in paths]
    sprites = [sprite for row in rows for sprite in row[:columns]]
    return sprite_sheet(sprites, columns, background=WHITE, row_labels=labels)


def evenly(items: Sequence, count: int) -> list:
    """At most ``count`` of the items, the first and the last among them, evenly spaced."""
    if len(items) <= count:
        return list(items)
    return [items[round(i * (len(items) - 1) / (count - 1))] for i in range(count)]


def _first_row(path: Path, size: int) -> list[Image.Image]:
    try:
        with Image.open(path) as image:
            sheet = image.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise PokeGANError(f"{path}: cannot be read as an image ({error})") from error
    step = size + PADDING
    columns, rest = divmod(sheet.width - PADDING, step)
    if columns < 1 or rest or sheet.height < step + PADDING:
        raise PokeGANError(
            f"{path}: {sheet.width}x{sheet.height} pixels are no sheet of {size} px sprites"
        )
    lefts = [PADDING + column * step for column in range(columns)]
    return [sheet.crop((left, PADDING, left + size, PADDING + size)) for left in lefts]


# ---- files ---------------------------------------------------------------------------------------


def png(picture: Figure | Image.Image) -> bytes:
    """A figure or image as the content of a PNG file."""
    if isinstance(picture, Image.Image):
        return png_bytes(picture)
    buffer = io.BytesIO()
    # matplotlib would note its own version; the same values shall give the same file.
    picture.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
