"""``pokegan release``: trains what a plan names, chooses the best weights, and measures them."""

import argparse
import functools
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pokegan.errors import PokeGANError, near_matches
from pokegan.files import write_atomically
from pokegan.hub.card import RUN_FILE, read_mapping
from pokegan.metrics.cli import add_protocol_options, protocol_of

if TYPE_CHECKING:
    from pokegan.metrics.evaluate import Protocol

PLAN = Path(__file__).with_name("release.yaml")
"""The plan of the models that come with the repository."""

KEPT = ("config.json", "model.safetensors", "recipe.yaml", "data.json", RUN_FILE, "samples.png")
"""What a released folder has from the evaluated weights; the rest is the whole training's."""

TRAIN = "import sys; from pokegan.training.main import main; sys.exit(main())"
"""A process of its own for each training: Accelerate keeps the first one's precision."""


@dataclass(frozen=True)
class Planned:
    """A model to be released.

    Attributes:
        name: of its folder.
        stages: command lines for ``train.py`` without ``--out``, ``--data`` and ``--start``; each
            stage begins with the weights that were chosen of the one before.
        shipped: whether its folder goes to the other released ones, or stays by the run folders.
    """

    name: str
    stages: tuple[tuple[str, ...], ...]
    shipped: bool = True

    def folder(self, out: Path, models: Path) -> Path:
        """Where its model folder goes, of a place for run folders and one for released models."""
        return (models if self.shipped else out / "released") / self.name


def add_release_command(subparsers) -> None:
    """Add ``release`` to an argparse ``subparsers`` object."""
    parser = subparsers.add_parser(
        "release",
        help="train, choose and measure all models of a plan",
        description="Train every model of a plan, take of each training the weights with the lowest"
        " KID to held-out species, store them in half precision, and measure them. What is done is"
        " left as it is, and what was stopped goes on. Started several times at once, the processes"
        " share the work.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these models of the plan")
    parser.add_argument(
        "--plan", type=Path, default=PLAN, help="a YAML file (default: that of the package)"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("runs/release"), help="where run folders go"
    )
    parser.add_argument(
        "--models",
        type=Path,
        default=Path("space/models"),
        help="where the released model folders go",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="say what is done, print the trainings, and stop"
    )
    add_protocol_options(parser)
    parser.set_defaults(run=run_release)


def run_release(arguments: argparse.Namespace) -> None:
    """Release every model that nobody else is at."""
    plan = read_plan(arguments.plan)
    names = [model.name for model in plan]
    for name in arguments.names:
        if name not in names:
            raise PokeGANError(f"{arguments.plan}: no model {name!r}{near_matches(name, names)}")
    protocol = protocol_of(arguments)
    for model in plan:
        if arguments.names and model.name not in arguments.names:
            continue
        if arguments.dry_run:
            folder = model.folder(arguments.out, arguments.models)
            done = _is_released(model, folder, arguments.out, protocol)
            _tell(model.name, "released" if done else "to be released")
            for _, argv in _trainings(model, arguments.out, protocol.data):
                print(f"  train.py {' '.join(argv)}")
            continue
        with _alone(arguments.out / f".{model.name}.lock") as mine:
            if mine:
                release(model, arguments.out, arguments.models, protocol)
            else:
                _tell(model.name, "another process is at it")


def read_plan(path: Path) -> list[Planned]:
    """Read a plan: "options" for every training, and under "models" those of each, with "recipe"
    where that is not the model's name, "then" for a training that goes on from the weights that
    were chosen, and "shipped: false" where the model is only to be measured.

    Raises:
        PokeGANError: a file that cannot be read, or is no plan.
    """
    content = read_mapping(path)
    shared, models = content.get("options", {}), content.get("models")
    if not isinstance(shared, dict) or not isinstance(models, dict) or not models:
        raise PokeGANError(f"{path}: a plan has a mapping 'models', and maybe 'options'")
    if unknown := [key for key in content if key not in ("options", "models")]:
        raise PokeGANError(f"{path}: unknown field {unknown[0]!r}")
    plan = []
    for name, settings in models.items():
        stages, stage, shipped = [], settings or {}, True
        while stage is not None:
            if not isinstance(stage, dict):
                raise PokeGANError(f"{path}: models.{name}: {stage!r} is no mapping of options")
            stage = dict(stage)
            recipe, following = stage.pop("recipe", name), stage.pop("then", None)
            shipped = stage.pop("shipped", shipped)
            stages.append((f"--recipe={recipe}", *_options(shared | stage)))
            stage = following
        if not isinstance(shipped, bool):
            raise PokeGANError(f"{path}: models.{name}: shipped: {shipped!r} is no boolean")
        plan.append(Planned(name, tuple(stages), shipped))
    return plan


def _options(settings: Mapping[str, Any]) -> Iterator[str]:
    for name, value in settings.items():
        if value is True:
            yield f"--{name}"
        elif value not in (None, False):  # what a model takes back of the common options
            yield f"--{name}={value if isinstance(value, str) else json.dumps(value)}"


def release(model: Planned, out: Path, models: Path, protocol: "Protocol") -> None:
    """Train a model's stages as far as they are not done, and write its released folder.

    Args:
        model: what to train.
        out: where run folders go.
        models: where the folders of shipped models go; one of an older plan is replaced.
        protocol: how it is measured.

    Raises:
        PokeGANError: a training failed, or a file cannot be written.
    """
    from pokegan.hub.half_precision import halve
    from pokegan.hub.load import load
    from pokegan.metrics.collect import collect, subjects
    from pokegan.sheet import png_bytes
    from pokegan.training.model_folder import sample_sheet, write_curves

    folder = model.folder(out, models)
    if _is_released(model, folder, out, protocol):
        _tell(model.name, "released already")
        return
    if not _holds(model, folder, out, protocol):
        for run, argv in _trainings(model, out, protocol.data):
            _tell(model.name, f"train.py {' '.join(argv)}")
            _train(argv)
            chosen = choose(run)
        fresh = folder.with_name(f".{model.name}.tmp")
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.copytree(chosen, fresh)
        if not halve(fresh):
            _tell(model.name, "sprites would differ in half precision, so weights stay whole")
        sheet = sample_sheet(load(fresh), seed=0)
        write_atomically(fresh / "samples.png", png_bytes(sheet))
        write_curves(fresh)
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)
    collect(subjects([str(folder)], None), {model.name: load(folder)}, protocol)
    _tell(model.name, f"released: {folder}")


def choose(run: Path) -> Path:
    """Write ``chosen/`` beside a run's ``model/``: the weights with the lowest KID to held-out
    species, or the last where none were evaluated, with the log and timeline of the whole training.

    Returns:
        The folder.
    """
    from pokegan.hub.card import last_log_entry, write_card
    from pokegan.hub.half_precision import note_of_run
    from pokegan.training.evaluation import deciding_name
    from pokegan.training.logs import LOG_NAME, read_log

    last, chosen = run / "model", run / "chosen"
    best = run / "best" if (run / "best").is_dir() else last
    shutil.rmtree(chosen, ignore_errors=True)
    shutil.copytree(
        last, chosen, ignore=shutil.ignore_patterns("metrics.json", "nearest.png", "curves.png")
    )
    for name in KEPT:
        write_atomically(chosen / name, (best / name).read_bytes())
    lines = read_log(last / LOG_NAME)
    metric = deciding_name(lines)
    if metric is not None and best != last:
        step = (last_log_entry(best / LOG_NAME) or {})["step"]
        values = {line["step"]: line[metric] for line in lines if metric in line}
        facts = {"step": step, "metric": metric, "value": values[step], "evaluations": len(values)}
        note_of_run(chosen, chosen=facts)
    write_card(chosen)
    return chosen


def _trainings(model: Planned, out: Path, data: str) -> list[tuple[Path, list[str]]]:
    """Run folder and command line of each stage; the last one's model is the released one."""
    trainings, before = [], None
    for number, stage in enumerate(model.stages):
        run = out / (model.name if number == 0 else f"{model.name}-{number + 1}")
        start = [] if before is None else [f"--start={before / 'chosen'}"]
        argv = [*stage, *start, f"--data={data}", f"--out={run}", "--resume=auto"]
        trainings.append((run, argv))
        before = run
    return trainings


def _train(argv: Sequence[str]) -> None:
    process = subprocess.Popen([sys.executable, "-c", TRAIN, *argv])
    try:
        status = process.wait()
    except KeyboardInterrupt:  # the training has had the signal as well, and writes a checkpoint
        process.wait()
        raise
    except BaseException:
        process.terminate()
        process.wait()
        raise
    if status:
        raise PokeGANError(f"train.py {' '.join(argv)} ended with {status}; see its message above")


def _holds(model: Planned, folder: Path, out: Path, protocol: "Protocol") -> bool:
    """Whether a released folder is of the plan's last training."""
    from pokegan.training.command_line import parse_command_line

    path = folder / "recipe.yaml"
    if not path.is_file() or not (folder / RUN_FILE).is_file():
        return False
    _, argv = _trainings(model, out, protocol.data)[-1]
    recipe, _ = parse_command_line(argv)
    try:  # of what has come to recipes since, the folder has the defaults
        own, _ = parse_command_line([f"--recipe={path}"])
    except PokeGANError:
        return False
    return own == recipe


def _is_released(model: Planned, folder: Path, out: Path, protocol: "Protocol") -> bool:
    from pokegan.hub.load import load
    from pokegan.metrics.collect import unfit

    if not _holds(model, folder, out, protocol):
        return False
    return unfit(folder / "metrics.json", _expected(protocol), load(folder)) is None


@functools.lru_cache(maxsize=1)
def _expected(protocol: "Protocol") -> dict:
    """To open and fingerprint the data takes seconds, and a plan has many models."""
    from pokegan.metrics.collect import expected_protocol

    return expected_protocol(protocol)


@contextmanager
def _alone(lock: Path) -> Iterator[bool]:
    """Whether no other process holds this lock; SIGTERM ends what runs meanwhile in order."""
    from filelock import FileLock, Timeout

    lock.parent.mkdir(parents=True, exist_ok=True)
    before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    held = FileLock(lock)
    try:
        try:
            held.acquire(timeout=0)
        except Timeout:
            yield False
        else:
            yield True
    finally:
        held.release()
        signal.signal(signal.SIGTERM, before)


def _tell(name: str, what: str) -> None:
    print(f"{name}: {what}", flush=True)
