"""Fill ``dataset_card.md`` for one built dataset."""

import os
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from pokegan.data.synthetic import parse_synthetic
from pokegan.data.types import TYPES
from pokegan.data.writer import SPLITS, features

if TYPE_CHECKING:
    from pokegan.data.build import BuildReport

SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def write_card(report: "BuildReport", path: Path) -> None:
    """Write the card of the dataset that ``report`` describes to ``path``."""
    template = Path(__file__).with_name("dataset_card.md").read_text(encoding="utf-8")
    path.write_text(fill_card(template, report), encoding="utf-8")


def fill_card(template: str, report: "BuildReport") -> str:
    """The card: ``$names`` in the text replaced, ``dataset_info`` added to the YAML at its top.

    The result has no date and no path of the machine, so equal builds have equal cards.
    """
    import yaml

    _, front, body = template.split("---\n", 2)
    metadata = yaml.safe_load(front)
    if parse_synthetic(report.source) is not None:  # drawn by our own code
        metadata["license"] = "apache-2.0"
        del metadata["license_name"]
    metadata["size_categories"] = [_size_category(sum(report.rows.values()))]
    for config in metadata["configs"]:  # a split without sprites has no file
        config["data_files"] = [
            files for files in config["data_files"] if report.rows[files["split"]]
        ]
    metadata["dataset_info"] = _dataset_info(report)
    front = yaml.safe_dump(metadata, sort_keys=False, allow_unicode=True)
    options = report.options
    body = Template(body).substitute(
        source=source_name(report.source),
        version=report.version,
        fingerprint=report.fingerprint,
        canvas=options.canvas,
        total=f"{sum(report.rows.values()):,}",
        options=_options_table(report),
        splits=_table(
            ("split", "sprites", "species"),
            [(split, report.rows[split], report.species[split]) for split in SPLITS],
        ),
        types=_table(
            ("type", "sprites", "share"),
            [
                (name, report.types[name], f"{report.types[name] / sum(report.rows.values()):.1%}")
                for name in TYPES
            ],
        ),
        rejected=len(report.rejected),
        scaled=report.scaled,
        recentred=report.recentred,
        ignored=_ignored(report),
    )
    return f"---\n{front}---\n{body}"


def _dataset_info(report: "BuildReport") -> dict:
    from datasets import DatasetInfo, SplitDict, SplitInfo

    splits = SplitDict()
    for split in filter(report.rows.get, SPLITS):
        splits.add(SplitInfo(split, report.image_bytes[split], report.rows[split]))
    info = DatasetInfo(features=features(), splits=splits)
    return {"features": info.features._to_yaml_list(), "splits": splits._to_yaml_list()}


def _size_category(rows: int) -> str:
    return next((name for limit, name in SIZES if rows < limit), "1M<n<10M")


def source_name(source: str) -> str:
    """A package or ``synthetic`` by its spec, a file or folder by its last name, as plain text."""
    if source.startswith(("npm:", "synthetic")):
        return source
    return plain_text(os.path.basename(os.path.abspath(source)))


def plain_text(text: str) -> str:
    """The text with what cannot be printed or encoded as backslash escapes."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )


def _options_table(report: "BuildReport") -> str:
    options = report.options
    rows = [
        ("views", ", ".join(options.views)),
        ("shiny", options.shiny),
        ("games", ", ".join(options.games) or "all"),
        ("frames", options.frames or "all"),
        ("max-forms", options.max_forms or "all"),
        ("canvas", f"{options.canvas} px"),
        ("augment", options.augment),
    ]
    return _table(("option", "value"), rows)


def _ignored(report: "BuildReport") -> str:
    if not report.ignored:
        return "none"
    return "; ".join(f"{count} {reason}" for reason, count in report.ignored.items())


def _table(header: tuple, rows: list[tuple]) -> str:
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)
