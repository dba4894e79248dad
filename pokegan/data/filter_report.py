"""What ``pokegan dataset filter`` writes beside the filtered rows."""

import csv
import json
import shutil
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from pokegan.data.build import BuildOptions, BuildReport
from pokegan.data.card import write_card
from pokegan.data.hand_labels import KEY
from pokegan.data.quality import Validation
from pokegan.data.stored import rows_at, stored_image
from pokegan.errors import PokeGANError
from pokegan.sheet import sprite_sheet

SHEET_COLUMNS = 16


@dataclass(frozen=True)
class FilterReport:
    """What a filter did.

    Attributes:
        out: the new dataset's folder.
        keep_above, seed: as given.
        validation: how well the classifier tells mildly augmented sprites from ruined ones.
        kept, dropped: augmented sprites of the train split, by augmentation.
        rows: sprites per split of the new dataset.
        seconds: wall time.
    """

    out: Path
    keep_above: float
    seed: int
    validation: Validation
    kept: dict[str, int]
    dropped: dict[str, int]
    rows: dict[str, int]
    seconds: float

    def to_json(self) -> dict:
        """What ``report.json`` of the new dataset says under "filter"."""
        names = ("keep_above", "seed", "kept", "dropped")
        found = {"validation": asdict(self.validation)}
        return {name: getattr(self, name) for name in names} | found


@dataclass(frozen=True)
class Verdict:
    """An augmented sprite: its place in the dataset, score, label by hand (if any) and fate."""

    index: int
    key: tuple[str, str, int]
    score: float
    by_hand: bool | None
    kept: bool


def write_csv(path: Path, verdicts: list[Verdict]) -> None:
    """Lowest scores first; the column ``keep`` is for labels by hand."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow((*KEY, "score", "kept", "keep"))
        for item in sorted(verdicts, key=lambda item: item.score):
            label = "" if item.by_hand is None else int(item.by_hand)
            writer.writerow((*item.key, f"{item.score:.4f}", int(item.kept), label))


def write_sheet(path: Path, folder: Path, verdicts: list[Verdict], keep_above: float) -> None:
    """Rows of sprites with their scores: the lowest, those at the limit, the highest."""
    order = sorted(verdicts, key=lambda item: item.score)
    near = sorted(order, key=lambda item: abs(item.score - keep_above))
    wanted = *order[: 4 * SHEET_COLUMNS], *near[: 4 * SHEET_COLUMNS], *order[-2 * SHEET_COLUMNS :]
    shown = sorted({item.index: item for item in wanted}.values(), key=lambda item: item.score)
    lines = [shown[at : at + SHEET_COLUMNS] for at in range(0, len(shown), SHEET_COLUMNS)]
    images = {
        index: stored_image(row) for index, row in rows_at(folder, [item.index for item in shown])
    }
    sprite_sheet(
        [images[item.index] for item in shown],
        SHEET_COLUMNS,
        background=(255, 255, 255),
        row_labels=[f"{line[0].score:.2f}-{line[-1].score:.2f}" for line in lines],
    ).save(path)


def read_report(folder: Path) -> BuildReport:
    """What ``report.json`` and ``rejected.csv`` say about the dataset that is filtered."""
    path = folder / "report.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if "filter" in content:
            raise PokeGANError(f"{folder}: is filtered already; filter the dataset it was made of")
        with (folder / "rejected.csv").open(encoding="utf-8", newline="") as file:
            rejected = [(name, reason) for name, reason in list(csv.reader(file))[1:]]
        options = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in content["options"].items()
        }
        known = {item.name for item in fields(BuildReport)}
        changed = {"out": folder, "options": BuildOptions(**options), "rejected": rejected}
        return BuildReport(
            **{name: value for name, value in content.items() if name in known} | changed
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError, csv.Error) as error:
        raise PokeGANError(
            f"{path}: cannot be used ({type(error).__name__}: {error}); give the --out folder of "
            "pokegan dataset build"
        ) from error


def write_reports(target: Path, source: Path, built: BuildReport, report: FilterReport) -> None:
    content = built.to_json() | {"filter": report.to_json()}
    text = json.dumps(content, indent=2, ensure_ascii=False)
    (target / "report.json").write_text(text + "\n", encoding="utf-8")
    shutil.copyfile(source / "rejected.csv", target / "rejected.csv")
    card = target / "README.md"
    write_card(built, card)
    with card.open("a", encoding="utf-8") as file:
        file.write(_card_section(report))


def _card_section(report: FilterReport) -> str:
    kept, dropped = sum(report.kept.values()), sum(report.dropped.values())
    found, keep_above = report.validation, report.keep_above
    return f"""
## Filter

{dropped:,} of {kept + dropped:,} augmented sprites were dropped by `pokegan dataset filter`: those
to which an XGBoost classifier gave a probability of being recognisable below {keep_above:g}, and
those labelled so by hand ({found.by_hand} were labelled). The classifier sees image statistics and
features of EfficientNet-Lite0, and learnt from mildly and from too strongly augmented sprites;
cross-validated over species, it tells these apart with an accuracy of {found.accuracy:.1%}
(balanced {found.balanced_accuracy:.1%}; {found.samples:,} sprites of {found.species} species in
{found.folds} parts). `filter.csv` has the score of every augmented sprite, `filter.png` shows some.
"""
