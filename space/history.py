"""How a model was trained, as its folder tells: the log's curves and the timeline's pictures.

Folders come from anywhere. Whatever is damaged is left out and counted, never an error.
"""

import functools
import io
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from models_index import read_json, recipe_title
from PIL import Image
from png import data_uri

from pokegan.hub.card import RUN_FILE
from pokegan.training.logs import LOG_NAME

PARTS = {"own": "", "before": "before"}
"""The parts of a training by their name in links: the model's own run, and the run that it started
from, with their places in the model folder."""

POINTS = 300
"""Points of a curve, at most: a longer log is averaged down to these."""

MAX_LOG_BYTES = 16 * 2**20
MAX_LINE_BYTES = 16 * 2**10
MAX_NAMES = 40
MAX_NAME = 60
LARGEST = 1e30

MAX_STAGES = 64
MAX_PICTURE_BYTES = 4 * 2**20
MAX_PIXELS = 2**22

SHEET_COLUMNS, SHEET_PADDING = 8, 2
"""How ``pokegan.training.model_folder`` lays out the timeline's sprites."""

STAGE = re.compile(r"step-(\d{1,12})\.png", re.ASCII)
HISTORY_FILE = re.compile(
    rf"(before/)?({re.escape(LOG_NAME)}|recipe\.yaml|run\.json|timeline/{STAGE.pattern})", re.ASCII
)


@dataclass(frozen=True)
class Curve:
    """One logged value over the training, averaged to at most ``POINTS`` points.

    Attributes:
        kimg: thousand real images seen, rising.
        values: as they are.
        smooth: a running mean of them.
    """

    kimg: np.ndarray
    values: np.ndarray
    smooth: np.ndarray


@dataclass(frozen=True)
class Stage:
    """A picture of the timeline.

    Attributes:
        step: steps done.
        kimg: thousand real images seen; ``None`` where the log does not tell.
        minutes: of training; ``None`` where the log does not tell.
        content: the picture, lossless WebP.
        size: its width and height.
    """

    step: int
    kimg: float | None
    minutes: float | None
    content: bytes
    size: tuple[int, int]

    @property
    def uri(self) -> str:
        """The picture as a ``data:`` URI."""
        return data_uri(self.content, "image/webp")


@dataclass(frozen=True)
class History:
    """One part of a training.

    Attributes:
        title: of its recipe, or "".
        curves: by their names in the log.
        kimg: at the end of the log; 0 without one.
        minutes: the same.
        stages: the timeline, rising.
        chosen: the step whose weights the folder holds, where that is not the last.
        by_cpu: whether minutes are those that the training itself computed.
        notes: one line for each thing that was left out.
    """

    title: str = ""
    curves: dict[str, Curve] = field(default_factory=dict)
    kimg: float = 0.0
    minutes: float = 0.0
    stages: tuple[Stage, ...] = ()
    chosen: int | None = None
    by_cpu: bool = False
    notes: tuple[str, ...] = ()


def is_history_file(name: str) -> bool:
    """Whether a path inside a model folder is one that this module reads."""
    return HISTORY_FILE.fullmatch(name) is not None


def parts_of(folder: Path) -> list[str]:
    """The parts that the folder has a log or a timeline of, the most telling one first.

    A network that no longer changes (the generator of an encoder's training) draws the same
    picture at every step: the part before it then tells more.
    """
    found = [part for part, place in PARTS.items() if _has_history(folder / place)]
    if len(found) > 1:
        paths = [path for _, path in _stage_paths(folder)]
        if not paths or len({_content(path) for path in (paths[0], paths[-1])}) == 1:
            found.reverse()
    return found


def read_history(folder: Path, part: str, max_bytes: int) -> History:
    """Read one part of a training.

    Args:
        folder: the model folder.
        part: one of ``PARTS``.
        max_bytes: of all pictures together; of a longer timeline fewer are taken, evenly.
    """
    folder = folder / PARTS[part]
    entries, notes = _entries(folder / LOG_NAME)
    stages, missed, total = _stages(folder, entries, max_bytes)
    if missed:
        notes.append(f"{missed} picture{'s' if missed > 1 else ''} of the timeline cannot be read.")
    if len(stages) < total:
        notes.append(
            f"{len(stages)} of the timeline's {total} pictures are shown: all would be many bytes."
        )
    return History(
        recipe_title(folder),
        _curves(entries),
        entries[-1]["kimg"] if entries else 0.0,
        entries[-1].get("seconds", 0.0) / 60 if entries else 0.0,
        stages,
        *_run_facts(folder / RUN_FILE),
        tuple(notes),
    )


def _run_facts(path: Path) -> tuple[int | None, bool]:
    """The chosen step, and whether minutes are the CPU's, as far as ``run.json`` tells."""
    facts = read_json(path)
    chosen = facts.get("chosen")
    step = chosen.get("step") if isinstance(chosen, dict) else None
    is_step = type(step) is int and 0 < step < LARGEST
    return step if is_step else None, facts.get("clock") == "cpu"


# ---- the log -------------------------------------------------------------------------------------


def _entries(path: Path) -> tuple[list[dict[str, float]], list[str]]:
    """The sound lines of a log in the order of their steps, and what is to be said of others."""
    entries, damaged, read = [], 0, 0
    try:
        with path.open("rb") as file:
            while read < MAX_LOG_BYTES and (line := file.readline(MAX_LINE_BYTES)):
                read += len(line)
                entry = _entry(line)
                if entry:
                    entries.append(entry)
                elif line.strip():
                    damaged += 1
            longer = bool(file.read(1))
    except OSError:
        return [], []
    notes = []
    if damaged:
        lines = "One line" if damaged == 1 else f"{damaged} lines"
        notes.append(f"{lines} of the log cannot be read and {'is' if damaged == 1 else 'are'} left"
                     " out.")  # fmt: skip
    if longer:
        notes.append("The log is very long: only its beginning is shown.")
    return sorted(entries, key=lambda entry: entry["step"]), notes


def _entry(line: bytes) -> dict[str, float] | None:
    """The finite numbers of a line; ``None`` where it does not say when it was written."""
    try:
        read = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(read, dict):
        return None
    numbers = {name: _number(value) for name, value in read.items() if len(name) <= MAX_NAME}
    entry = {name: value for name, value in numbers.items() if value is not None}
    if entry.get("step", -1) < 0 or entry.get("kimg", -1) < 0 or entry.get("seconds", 0) < 0:
        return None
    return entry


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # A comparison of a huge integer is exact where its conversion would fail; NaN compares to none.
    return float(value) if -LARGEST < value < LARGEST else None


def _curves(entries: Sequence[dict[str, float]]) -> dict[str, Curve]:
    points: dict[str, list[tuple[float, float]]] = {}
    for entry in entries:
        for name, value in entry.items():
            if name in points or len(points) < MAX_NAMES:
                points.setdefault(name, []).append((entry["kimg"], value))
    for name in ("step", "kimg", "seconds"):
        points.pop(name, None)
    return {name: _curve(np.array(own)) for name, own in points.items()}


def _curve(points: np.ndarray) -> Curve:
    parts = np.array_split(points, min(POINTS, len(points)))
    means = np.array([part.mean(axis=0) for part in parts])
    # A running mean over a twentieth of the curve; at its ends, over what there is.
    width = max(1, len(means) // 20)
    kernel = np.ones(2 * (width // 2) + 1)
    covered = np.convolve(np.ones(len(means)), kernel, "full")
    summed = np.convolve(means[:, 1], kernel, "full")
    ends = len(kernel) // 2
    smooth = (summed / covered)[ends : ends + len(means)]
    return Curve(np.maximum.accumulate(means[:, 0]), means[:, 1], smooth)


# ---- the timeline --------------------------------------------------------------------------------


def _has_history(folder: Path) -> bool:
    return (folder / LOG_NAME).is_file() or bool(_stage_paths(folder))


def _stage_paths(folder: Path) -> list[tuple[int, Path]]:
    """Steps and pictures of a timeline, the first and the last among them, evenly taken."""
    try:
        paths = list((folder / "timeline").iterdir())
    except OSError:
        return []
    found = [(int(match[1]), path) for path in paths if (match := STAGE.fullmatch(path.name))]
    return _evenly(sorted(found), MAX_STAGES)


def _stages(
    folder: Path, entries: Sequence[dict[str, float]], max_bytes: int
) -> tuple[tuple[Stage, ...], int, int]:
    """The timeline; how many of its pictures cannot be read, and how many can."""
    steps = [0.0, *(entry["step"] for entry in entries)]
    kimgs = [0.0, *(entry["kimg"] for entry in entries)]
    timed = [entry for entry in entries if "seconds" in entry]
    seconds = [0.0, *(entry["seconds"] for entry in timed)]
    timed_steps = [0.0, *(entry["step"] for entry in timed)]
    stages, missed = [], 0
    for step, path in _stage_paths(folder):
        content, size = _content(path)
        if not content:
            missed += 1
            continue
        kimg = float(np.interp(step, steps, kimgs)) if entries else None
        minutes = float(np.interp(step, timed_steps, seconds)) / 60 if timed else None
        stages.append(Stage(step, kimg, minutes, content, size))
    fewer = len(stages)
    chosen = stages
    while fewer > 1 and sum(len(stage.content) for stage in chosen) > max_bytes:
        fewer -= 1
        chosen = _evenly(stages, fewer)
    return tuple(chosen), missed, len(stages)


def _evenly(items: Sequence, count: int) -> list:
    if len(items) <= count:
        return list(items)
    if count == 1:
        return [items[-1]]
    return [items[round(i * (len(items) - 1) / (count - 1))] for i in range(count)]


def _content(path: Path) -> tuple[bytes, tuple[int, int]]:
    """A picture of a timeline as lossless WebP, and its size; no bytes where it cannot be read."""
    try:
        seen = path.stat()
    except OSError:
        return b"", (0, 0)
    return _read_picture(path, seen.st_mtime_ns, seen.st_size)


@functools.lru_cache(maxsize=128)
def _read_picture(path: Path, _changed: int, length: int) -> tuple[bytes, tuple[int, int]]:
    if length > MAX_PICTURE_BYTES:
        return b"", (0, 0)
    try:
        with Image.open(path, formats=["PNG"]) as image:
            if image.width * image.height > MAX_PIXELS:
                return b"", (0, 0)
            sheet = relaid(image.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return b"", (0, 0)
    buffer = io.BytesIO()
    # Smaller than PNG, and as exact.
    sheet.save(buffer, "WEBP", lossless=True, quality=60, method=2)
    return buffer.getvalue(), sheet.size


def relaid(sheet: Image.Image) -> Image.Image:
    """A sheet of eight sprites a row as one of four, which also narrow pages have room for; what is
    no such sheet stays as it is."""
    side = (sheet.width - SHEET_PADDING) // SHEET_COLUMNS
    rows, rest = divmod(sheet.height - SHEET_PADDING, side) if side > SHEET_PADDING else (0, 1)
    if rest or rows < 1 or sheet.width != SHEET_COLUMNS * side + SHEET_PADDING:
        return sheet
    half = SHEET_COLUMNS // 2 * side
    taller = Image.new("RGB", (half + SHEET_PADDING, 2 * rows * side + SHEET_PADDING))
    for row in range(rows):
        for part in range(2):
            left, top = part * half, row * side
            box = (left, top, left + half + SHEET_PADDING, top + side + SHEET_PADDING)
            taller.paste(sheet.crop(box), (0, (2 * row + part) * side))
    return taller


def told_number(value: float) -> str:
    """A number in few digits: "0.0123", "1.23", "123", "12,300"."""
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    if digits > 6:
        return f"{value:.1e}"
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
