"""Real runs that tests kill, starve and mislead, and what must be true of their folders then."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml
from PIL import Image
from safetensors import safe_open
from tiny import ROOT, TINY, environment

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


class ForkServer:
    """Starts processes from :mod:`faults.fork_server`; one server serves many tests.

    Args:
        modules: what it imports; without any, what a training does.
    """

    def __init__(self, *modules: str):
        self._socket, theirs = socket.socketpair()
        script = Path(__file__).with_name("fork_server.py")
        self._process = subprocess.Popen(
            [sys.executable, script, str(theirs.fileno()), *modules],
            pass_fds=[theirs.fileno()],
            cwd=ROOT,
            env=environment(PYTHONPATH=f"{ROOT}{os.pathsep}{ROOT / 'tests'}", OMP_NUM_THREADS="1"),
        )
        theirs.close()
        self._socket.settimeout(300)
        assert self._socket.recv(16) == b"ready"

    def start(
        self, target: str, *arguments, faults: Mapping[str, tuple] | None = None
    ) -> "Process":
        """Call a function in a process of its own.

        Args:
            target: "module:function"; what it returns is the exit status.
            arguments: its arguments, as far as JSON has them.
            faults: functions of :mod:`faults.fork_server` to call before, with their arguments.
        """
        ours, theirs = os.pipe()
        errors, their_errors = os.pipe()
        job = {"target": target, "arguments": arguments, "faults": dict(faults or {})}
        socket.send_fds(self._socket, [json.dumps(job).encode()], [theirs, their_errors])
        os.close(theirs)
        os.close(their_errors)
        return Process(self, self._answer(), ours, errors)

    def train(self, out: Path, *options: str, faults=None) -> "Process":
        """Start a tiny training, or continue it, in the folder ``out``."""
        options = [*OPTIONS, f"--out={out}", "--resume=auto", *options]
        return self.start("pokegan.training.main:main", options, faults=faults)

    def reap(self, pid: int) -> int:
        """Wait for a process to end; its exit status, or minus the signal that killed it."""
        self._socket.sendall(json.dumps({"reap": pid}).encode())
        return self._answer()

    def _answer(self) -> int:
        return json.loads(self._socket.recv(64))

    def close(self) -> None:
        """End the server."""
        self._socket.close()
        self._process.wait(timeout=60)


class Process:
    """A process that the fork server started.

    It stays a zombie until :meth:`finish`, so a signal never reaches another process.

    Attributes:
        pid: its id.
        seen: the lines that it has written to stdout so far, as far as they were read.
    """

    def __init__(self, server: ForkServer, pid: int, output: int, errors: int):
        self.pid, self.seen = pid, []
        self._server, self._ended = server, None
        self._output, self._errors = (
            os.fdopen(handle, encoding="utf-8", errors="replace") for handle in (output, errors)
        )

    def lines(self) -> Iterator[str]:
        """The lines of stdout as they come."""
        for line in self._output:
            self.seen.append(line.rstrip("\n"))
            yield self.seen[-1]

    def until_line(self, count: int) -> None:
        """Read until the run has reported ``count`` steps, or ended."""
        for line in self.lines():
            if line.startswith("step ") and self.last_step() >= count:
                return

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal, unless it is known to have ended."""
        if self._ended is None:
            os.kill(self.pid, number)

    def finish(self) -> tuple[int, str]:
        """Read to the end and wait; the exit status (minus a signal's number) and stderr."""
        if self._ended is None:
            for _ in self.lines():
                pass
            with self._output, self._errors:
                self._ended = self._server.reap(self.pid), self._errors.read()
        return self._ended

    def last_step(self) -> int:
        """The last step that the run has reported."""
        steps = [int(line.split()[1]) for line in self.seen if line.startswith("step ")]
        return steps[-1] if steps else 0

    def resumed_at(self) -> int:
        """The step at which it took up the run; 0 where it began anew."""
        found = [re.fullmatch(r"resuming .* at step (\d+)", line) for line in self.seen]
        return max((int(match[1]) for match in found if match), default=0)


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
