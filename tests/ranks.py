"""Processes of a run that are started by hand, as some clusters do it: no launcher watches them.

They are forked from one server that has imported what they need, so they start at once.
"""

import multiprocessing
import os
import runpy
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from ports import free_port
from tiny import environment

from pokegan.training.processes import Processes

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(
    [
        "ranks",
        "pokegan.training.main",
        "pokegan.training.loop",
        # What a run imports on its way.
        "datasets",
        "jinja2",
        "jsonargparse",
        "matplotlib.backends.backend_agg",
        "torch._dynamo",
        "torch.utils.tensorboard",
    ]
)


class Ranks:
    """Processes that call ``target(*arguments)`` and find one another.

    Args:
        folder: where rank 0 writes its output, as ``0.out`` and ``0.err``, and so on.
        machines: how many of them each machine has; machines share nothing but this computer.
            Each works in a folder of its own, ``folder/machine0`` and so on.
        variables: environment variables for all of them.
    """

    def __init__(
        self,
        folder: Path,
        machines: Sequence[int],
        target: Callable[..., Any],
        *arguments: Any,
        variables: Mapping[str, str] | None = None,
    ):
        self.folder = folder
        places = [(machine, local) for machine, n in enumerate(machines) for local in range(n)]
        port = free_port()
        self.processes = []
        for rank, (machine, local) in enumerate(places):
            (folder / f"machine{machine}").mkdir(parents=True, exist_ok=True)
            theirs = {
                "RANK": rank,
                "WORLD_SIZE": len(places),
                "LOCAL_RANK": local,
                "LOCAL_WORLD_SIZE": machines[machine],
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": port,
                "OMP_NUM_THREADS": 1,
            }
            given = {**environment(), **{k: str(v) for k, v in theirs.items()}, **(variables or {})}
            started = _SERVER.Process(
                target=_begin, args=(folder, machine, rank, given, target, arguments)
            )
            started.start()
            self.processes.append(started)

    def statuses(self, seconds: float = 300) -> list[int | None]:
        """Wait for all of them; their exit statuses, ``None`` where one is still there."""
        deadline = time.monotonic() + seconds
        for process in self.processes:
            process.join(max(0.0, deadline - time.monotonic()))
        statuses = [process.exitcode for process in self.processes]
        for process in self.processes:
            process.kill()
        return statuses

    def said(self, rank: int, stream: str = "err") -> str:
        """What a rank wrote to its stderr, or stdout ("out")."""
        return (self.folder / f"{rank}.{stream}").read_text()


def wait_for(path: Path) -> None:
    """Wait until a file is there."""
    deadline = time.monotonic() + 120
    while not path.exists():
        assert time.monotonic() < deadline, path
        time.sleep(0.02)


def run_script(path: Path, options: Sequence[str]) -> None:
    """Run a script with a command line, as Python does."""
    sys.argv = [str(path), *options]
    runpy.run_path(str(path), run_name="__main__")


def build_once(seconds: float) -> None:
    """Build something that a machine lacks, at leisure where a process is its machine's first."""
    processes = Processes(Accelerator(cpu=True))
    with processes.local_main_first():
        if os.environ["LOCAL_RANK"] == "0":
            time.sleep(seconds)
        with Path("built").open("a") as file:
            file.write(f"{os.environ['RANK']}\n")


def _begin(
    folder: Path,
    machine: int,
    rank: int,
    variables: Mapping[str, str],
    target: Callable[..., Any],
    arguments: Sequence[Any],
) -> None:
    for number, stream in ((1, "out"), (2, "err")):
        file = os.open(folder / f"{rank}.{stream}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(file, number)
    os.environ.clear()
    os.environ.update(variables)
    os.chdir(folder / f"machine{machine}")
    target(*arguments)
