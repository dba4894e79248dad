"""``pokegan runs``: what trained models have seen, and where their losses ended."""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import fmean

import yaml

from pokegan.errors import PokeGANError
from pokegan.text import align
from pokegan.training.logs import LOG_NAME, read_log
from pokegan.training.recipe_files import ODD_YAML

LAST_LINES = 10
"""Final values are means over so many log lines: a single step's say little."""


@dataclass(frozen=True)
class Run:
    """One training, as its model folder tells it; numbers are as of its log's last line.

    Attributes:
        name: of the run folder (or the model folder, where that was given).
        recipe: the recipe's name.
        batch_size: real images a step.
        steps: steps done then.
        kimg: thousand real images seen.
        minutes: time spent training.
        images_per_second: real images a second, over the whole training.
        diversity: of fixed latents' samples as a share of the real sprites', at the last look;
            ``None`` where nobody looked.
        final: mean of each scalar over the last ten log lines that hold it.
    """

    name: str
    recipe: str
    batch_size: int
    steps: int
    kimg: float
    minutes: float
    images_per_second: float
    diversity: float | None
    final: Mapping[str, float] = field(default_factory=dict)


def add_runs_command(subparsers) -> None:
    """Add ``runs`` to an argparse ``subparsers`` object."""
    parser = subparsers.add_parser(
        "runs",
        help="compare trainings by their logs",
        description="What trainings have seen, how fast, and where their losses ended (means over"
        f" the last {LAST_LINES} lines of the log).",
    )
    parser.add_argument(
        "folders", nargs="+", type=Path, metavar="RUN", help="run folders or model folders"
    )
    parser.add_argument("--json", action="store_true", help="for machines, with every scalar")
    parser.set_defaults(run=run_runs)


def run_runs(arguments: argparse.Namespace) -> None:
    """Print the table, or its rows as JSON."""
    runs = [read_run(folder) for folder in arguments.folders]
    if arguments.json:
        print(json.dumps([asdict(run) for run in runs], indent=2, ensure_ascii=False))
    else:
        print(runs_table(runs))


def read_run(folder: Path) -> Run:
    """Read what a run folder, or a model folder on disk, says of its training.

    Raises:
        PokeGANError: the folder holds no recipe, or no log line that counts steps.
    """
    model = folder / "model" if (folder / "model").is_dir() else folder
    path = model / "recipe.yaml"
    try:
        recipe = yaml.safe_load(path.read_text(encoding="utf-8"))
        name, batch_size = recipe["name"], recipe["batch_size"]
    except (OSError, yaml.YAMLError, TypeError, KeyError, *ODD_YAML) as error:
        reason = " ".join(str(error).split())
        raise PokeGANError(f"{path}: no recipe of a training ({reason})") from error
    lines = read_log(model / LOG_NAME)
    try:
        steps, kimg, seconds = (lines[-1][key] for key in ("step", "kimg", "seconds"))
    except (IndexError, TypeError, KeyError) as error:
        raise PokeGANError(f"{model / LOG_NAME}: no log of a training") from error
    looks = [line["diversity"] for line in lines if "diversity" in line]
    return Run(
        name=folder.resolve().name,
        recipe=name,
        batch_size=batch_size,
        steps=steps,
        kimg=kimg,
        minutes=seconds / 60,
        images_per_second=kimg * 1000 / seconds if seconds else 0.0,
        diversity=looks[-1] if looks else None,
        final=_final_values(lines),
    )


def _final_values(lines: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names = {name: None for line in lines for name in line}  # a set that keeps the order
    values = {}
    for name in names:
        if name in ("step", "kimg", "seconds", "diversity"):
            continue
        values[name] = fmean([line[name] for line in lines if name in line][-LAST_LINES:])
    return values


def runs_table(runs: Sequence[Run]) -> str:
    """Runs as aligned text, a line of heads above."""
    heads = ["run", "batch", "steps", "kimg", "min", "img/s", "diversity", "D(x)", "D(G(z))"]
    rows = [
        [
            run.name,
            str(run.batch_size),
            str(run.steps),
            f"{run.kimg:.1f}",
            f"{run.minutes:.1f}",
            f"{run.images_per_second:.0f}",
            _number(run.diversity),
            _number(run.final.get("D(x)")),
            _number(run.final.get("D(G(z))")),
            ", ".join(
                f"{name.removeprefix('loss/')} {value:.3g}"
                for name, value in run.final.items()
                if name.startswith("loss/")
            ),
        ]
        for run in runs
    ]
    return align([[*heads, "losses"], *rows], to_the_right=range(1, len(heads)))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
