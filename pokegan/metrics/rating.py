"""A blind rating by a person: the plan of its sheets, its marks, and the file that keeps them.

After the subjective comparison of Abdool 2022: a person marks the colour, shape, detail and
diversity of ten sprites of each type. Here models stay nameless until the end, sheets come in a
shuffled order, and real sprites are among them as controls.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from filelock import FileLock

from pokegan.errors import PokeGANError
from pokegan.files import write_atomically
from pokegan.seeding import derive_seed

VERSION = 1
"""Of the file."""

REAL = "real"
"""What the controls are called in the place of a model's name."""

UNTYPED_SHEETS = 3
"""Sheets of a model that knows no types, and of the controls that go with it."""

MARKS = (1, 2, 3, 4, 5)

LOCK_SECONDS = 10
"""How long a mark waits for others that are being saved; each takes a few milliseconds."""


@dataclass(frozen=True)
class Question:
    """What is asked about every sheet.

    Attributes:
        name: how the file and the page call it.
        low: what the mark 1 means.
        high: what the mark 5 means.
    """

    name: str
    low: str
    high: str


QUESTIONS = (
    Question(
        "colour",
        "Muddy or clashing colours that run into each other.",
        "A few clear colours that go together, each in its place.",
    ),
    Question(
        "shape",
        "Blobs: no creature can be made out.",
        "Every figure is one whole creature with a clear outline.",
    ),
    Question(
        "detail",
        "Noise or blur where eyes, limbs and markings should be.",
        "Eyes, limbs and markings are clear, down to the pixel.",
    ),
    Question(
        "diversity",
        "All of them are nearly the same figure.",
        "Each of them is a creature of its own.",
    ),
)
NAMES = tuple(question.name for question in QUESTIONS)


@dataclass(frozen=True)
class Sheet:
    """Sprites that are marked together.

    Attributes:
        model: who drew them: a model's name, or ``REAL``.
        type: the type or type group they were drawn for, or ``None``.
        part: which of the sheets of this model and type, from 0.
        count: how many sprites.
    """

    model: str
    type: str | None
    part: int
    count: int


@dataclass(frozen=True)
class Setup:
    """What the sheets depend on; a rating goes on only with an equal one.

    Attributes:
        seed: of latents, controls and order.
        data: the name of the dataset that the controls come from.
        fingerprint: of this dataset's content.
        per_sheet: sprites on a sheet.
        weights: by model, a hash of its weights.
    """

    seed: int
    data: str
    fingerprint: str
    per_sheet: int
    weights: dict[str, str]


def control_rows(
    labels: Sequence[Sequence[str]], species: Sequence[int], label: str | None, seed: int
) -> list[int]:
    """The rows of a dataset that can serve as controls of a label, the best first.

    Sprites whose first label it is come before those whose second it is (few have "flying" as
    their first), and species that are not on the sheet yet before other colours and forms of one
    that is; the seed chooses among equals.

    Args:
        labels: by row, the label of the first type and that of the second, if it has one.
        species: by row, the National Dex number.
        label: a type or type group, or ``None`` for sprites of any.
        seed: any integer.
    """
    rows = [row for row, own in enumerate(labels) if label is None or label in own]
    rows.sort(key=lambda row: derive_seed(seed, "rate", "control", label or "", row))
    rows.sort(key=lambda row: label is not None and labels[row][0] != label)
    earlier: Counter[int] = Counter()
    rank = {}
    for row in rows:
        rank[row] = (label is not None and labels[row][0] != label, earlier[species[row]])
        earlier[species[row]] += 1
    return sorted(rows, key=rank.__getitem__)


def plan_sheets(
    labels: Mapping[str, Sequence[str | None]],
    available: Mapping[str | None, int],
    per_sheet: int,
    seed: int,
) -> list[Sheet]:
    """All sheets in the order in which they are marked.

    The order is the seed's: it does not depend on the order of the models, and another model among
    them leaves the others in theirs. All sheets of a label hold equally many sprites, as many as
    there are controls where these are fewer than ``per_sheet``: a shorter sheet would give the
    controls away. Labels without any control are left out, as no model can have learned them.

    Args:
        labels: by model, the types or groups that it draws; ``(None,)`` for one that knows none.
        available: by label, how many real sprites there are; ``None`` counts all.
        per_sheet: sprites on a sheet.
        seed: any integer.
    """
    known = dict.fromkeys(label for own in labels.values() for label in own)
    sheets = []
    for maker, own in [*labels.items(), (REAL, known)]:
        for label in own:
            for part in range(UNTYPED_SHEETS if label is None else 1):
                count = min(per_sheet, available[label] - part * per_sheet)
                if count > 0:
                    sheets.append(Sheet(maker, label, part, count))
    return sorted(
        sheets,
        key=lambda sheet: derive_seed(
            seed, "rate", "order", sheet.model, sheet.type or "", sheet.part
        ),
    )


def summarise(sheets: Sequence[Sheet], marks: Sequence[Mapping[str, int]]) -> dict[str, Any]:
    """By model, and for ``REAL`` at the end: by question, the "mean" and the number "n" of marks.

    Args:
        sheets: in their order.
        marks: of each sheet, as far as it was marked.
    """
    models = sorted({sheet.model for sheet in sheets} - {REAL})
    summary = {}
    for model in [*models, REAL]:
        own = [given for sheet, given in zip(sheets, marks, strict=True) if sheet.model == model]
        summary[model] = {}
        for question in NAMES:
            values = [given[question] for given in own if question in given]
            mean = round(fmean(values), 4) if values else None
            summary[model][question] = {"mean": mean, "n": len(values)}
    return summary


def overall(results: Mapping[str, Mapping[str, Any]]) -> float | None:
    """The mean over the questions' means of one row of a summary; ``None`` where one is missing."""
    means = [results[question]["mean"] for question in NAMES]
    return None if None in means else fmean(means)


def preferred_to_real(summary: Mapping[str, Any]) -> list[str]:
    """The models whose overall mean is above that of the real sprites."""
    values = {name: overall(results) for name, results in summary.items()}
    real = values.pop(REAL)
    if real is None:
        return []
    return [name for name, value in values.items() if value is not None and value > real]


class Ratings:
    """Marks, on the disk as soon as they are given.

    Several may be open on one file, in this process or in others: marks of all of them are kept,
    and of two for one question the later.

    Args:
        path: the file; one that is there is gone on with. A lock file beside it stays.
        sheets: in their order; sheet ``number`` counts from 1.
        setup: what the sheets depend on.

    Attributes:
        path: the file.
        sheets: in their order.

    Raises:
        PokeGANError: the file belongs to other sheets, cannot be read, or cannot be written.
    """

    def __init__(self, path: Path, sheets: Sequence[Sheet], setup: Setup):
        self.path, self.sheets, self._setup = path, tuple(sheets), setup
        self._marks: list[dict[str, int]] = [{} for _ in sheets]
        with self._alone():
            self._marks = self._stored()
            self._write(self._marks)

    def marks_of(self, number: int) -> dict[str, int]:
        """The marks of a sheet by question, as far as it was marked."""
        return dict(self._marks[number - 1])

    def is_marked(self, number: int) -> bool:
        """Whether every question about a sheet was answered."""
        return len(self._marks[number - 1]) == len(NAMES)

    def first_open(self) -> int | None:
        """The first sheet that is not marked; ``None`` where all are."""
        numbers = range(1, len(self.sheets) + 1)
        return next((number for number in numbers if not self.is_marked(number)), None)

    def marked(self) -> int:
        """How many sheets are marked."""
        return sum(map(self.is_marked, range(1, len(self.sheets) + 1)))

    def summary(self) -> dict[str, Any]:
        """See :func:`summarise`."""
        return summarise(self.sheets, self._marks)

    def mark(self, number: int, given: Mapping[str, int]) -> None:
        """Keep marks of a sheet, in the place of earlier ones; they are on the disk on return.

        Args:
            number: of the sheet, from 1.
            given: marks by question; others keep theirs.

        Raises:
            PokeGANError: no such sheet, question or mark; or the file cannot be written, and the
                marks are as before; or it belongs to other sheets by now.
        """
        if not 1 <= number <= len(self.sheets):
            raise PokeGANError(f"there is no sheet {number}, only 1 to {len(self.sheets)}")
        if not _are_marks(given):
            raise PokeGANError(f"marks are whole numbers from 1 to 5, for {', '.join(NAMES)}")
        with self._alone():
            stored = self._stored()
            marks = [dict(one) for one in stored]
            marks[number - 1].update(given)
            if marks != stored:
                self._write(marks)
            self._marks = marks

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let nobody else read or write the file meanwhile."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self.path.with_name(f".{self.path.name}.lock"), timeout=LOCK_SECONDS):
                yield
        except OSError as error:
            raise PokeGANError(
                f"{self.path}: cannot be written ({error.strerror or error})"
            ) from error

    def _write(self, marks: Sequence[Mapping[str, int]]) -> None:
        content = {
            "version": VERSION,
            "questions": list(NAMES),
            **asdict(self._setup),
            "marks": [
                {"sheet": number, "model": sheet.model, "type": sheet.type, "marks": given}
                for number, (sheet, given) in enumerate(zip(self.sheets, marks, strict=True), 1)
                if given
            ],
            "models": summarise(self.sheets, marks),
        }
        write_atomically(self.path, (json.dumps(content, indent=1) + "\n").encode())

    def _stored(self) -> list[dict[str, int]]:
        """The file's marks by sheet; those known here where the file is gone."""
        if not self.path.exists():
            return self._marks
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise PokeGANError(f"{self.path}: cannot be read as JSON ({error})") from error
        known = {"version": VERSION, "questions": list(NAMES)}
        if not isinstance(content, dict) or any(content.get(k) != v for k, v in known.items()):
            raise PokeGANError(
                f"{self.path}: holds no ratings of version {VERSION}; choose another --out"
            )
        if difference := _difference(content, self._setup):
            raise PokeGANError(
                f"{self.path}: {difference}; go on with what it was begun with, or choose another"
                f" --out"
            )
        marks: list[dict[str, int]] = [{} for _ in self.sheets]
        entries = content.get("marks")
        for entry in entries if isinstance(entries, list) else [None]:
            number = entry.get("sheet") if isinstance(entry, dict) else None
            if not self._fits(number, entry):
                raise PokeGANError(
                    f"{self.path}: the marks of sheet {number!r} do not fit; was the file edited?"
                )
            marks[number - 1] = entry["marks"]
        return marks

    def _fits(self, number: object, entry: Any) -> bool:
        if type(number) is not int or not 1 <= number <= len(self.sheets):
            return False
        sheet = self.sheets[number - 1]
        named = (entry.get("model"), entry.get("type")) == (sheet.model, sheet.type)
        return named and _are_marks(entry.get("marks"))


def _are_marks(given: object) -> bool:
    return isinstance(given, Mapping) and all(
        question in NAMES and type(mark) is int and mark in MARKS
        for question, mark in given.items()
    )


def _difference(content: Mapping[str, Any], setup: Setup) -> str | None:
    """What a file was begun with that is not so now, in words; ``None`` where nothing is."""
    weights = content.get("weights")
    begun = sorted(weights) if isinstance(weights, dict) else []
    if begun != sorted(setup.weights):
        return f"was begun with the models {', '.join(begun)}, not {', '.join(setup.weights)}"
    for key, option in (("seed", "--seed"), ("data", "--data"), ("per_sheet", "--per-type")):
        now = getattr(setup, key)
        if content.get(key) != now:
            return f"was begun with {option} {content.get(key)}, not {now}"
    if content.get("fingerprint") != setup.fingerprint:
        return f"the sprites of {setup.data} have changed since"
    changed = [name for name, digest in setup.weights.items() if weights[name] != digest]
    return f"the weights of {', '.join(changed)} have changed since" if changed else None
