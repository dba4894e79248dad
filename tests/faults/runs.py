"""Real runs that tests kill, starve and mislead, and what must be true of their folders then."""

import json
import re
import warnings
from collections.abc import Mapping
from pathlib import Path

import yaml
from PIL import Image
from processes import ForkServer, Process
from safetensors import safe_open
from tiny import TINY

from pokegan.training.checkpoint import checkpoint_paths, checkpoint_step, load_newest_checkpoint
from pokegan.training.logs import read_log

STEPS, EVERY = 30, 5
"""Length of a run, and the steps between its checkpoints."""

OPTIONS = (
    *TINY,
    "--threads=1",
    "--kimg=0.24",
    "--checkpoint-kimg=0.04",
    "--watch-kimg=0.08",
    "--ema-half-life-kimg=0.05",
)


def train(server: ForkServer, out: Path, *options: str, faults=None) -> Process:
    """Start a tiny training, or continue it, in the folder ``out``."""
    options = [*OPTIONS, f"--out={out}", "--resume=auto", *options]
    return server.start("pokegan.training.main:main", options, faults=faults)


def newest_step(out: Path) -> int:
    """Steps done at the newest checkpoint; 0 where there is none."""
    return max(map(checkpoint_step, checkpoint_paths(out / "checkpoints")), default=0)


def litter(out: Path) -> list[Path]:
    """Temporary files and folders that a run left."""
    return [path for path in out.rglob(".*") if path.parent == out or path.parent.name[0] != "."]


def damaged_files(out: Path) -> list[str]:
    """The files of a run folder that cannot be read to the end, and why; temporary ones apart."""
    broken = []
    for path in sorted(out.rglob("*")):
        parts = path.relative_to(out).parts
        if path.is_file() and not any(part.startswith(".") for part in parts):
            try:
                _read_to_the_end(path)
            except Exception as error:
                broken.append(f"{path.relative_to(out)}: {type(error).__name__}: {error}")
    if checkpoint_paths(out / "checkpoints"):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            load_newest_checkpoint(out / "checkpoints")
    return broken


def _read_to_the_end(path: Path) -> None:
    if path.suffix == ".safetensors":
        with safe_open(path, framework="pt") as file:
            for key in file.keys():  # noqa: SIM118 - it is no mapping
                file.get_tensor(key)
    elif path.suffix == ".png":
        Image.open(path).load()
    elif path.suffix == ".json":
        json.loads(path.read_text(encoding="utf-8"))
    elif path.suffix == ".jsonl":
        for line in path.read_text(encoding="utf-8").splitlines():
            json.loads(line)
    elif path.suffix == ".yaml":
        assert isinstance(yaml.safe_load(path.read_text(encoding="utf-8")), dict)
    elif path.suffix == ".md":
        assert path.read_text(encoding="utf-8").startswith("---\n")
    else:
        assert path.name.startswith("events.out.tfevents")  # its readers take half a record


def facts_of(out: Path) -> dict[str, object]:
    """All that a finished run leaves but the time it took: equal for equal runs, bit for bit."""
    checkpoint = load_newest_checkpoint(out / "checkpoints")
    facts: dict[str, object] = {
        f"tensor {name}": tensor.numpy().tobytes() for name, tensor in checkpoint.tensors.items()
    }
    facts["step"] = checkpoint.step
    for name in ("logs/training_log.jsonl", "model/training_log.jsonl"):
        lines = read_log(out / name)
        facts[name] = [{k: v for k, v in line.items() if k != "seconds"} for line in lines]
    for path in sorted((out / "model").rglob("*")):
        name = str(path.relative_to(out))
        if path.is_file() and name not in facts:
            facts[name] = path.read_bytes()
    card = facts["model/README.md"].decode()
    facts["model/README.md"] = re.sub(r"in \S+ (s|min|h)\b( \d+ min)?", "in TIME", card)
    return facts


def assert_same(out: Path, whole: Mapping[str, object]) -> None:
    """The run ``out`` ended like the uninterrupted one with the facts ``whole``."""
    facts = facts_of(out)
    assert facts.keys() == whole.keys()
    assert [name for name in whole if facts[name] != whole[name]] == []
