"""A terminal in a working copy of the checkout, for commands as people type them."""

import os
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ports import free_port
from space.space_server import START_SECONDS
from tiny import ROOT, environment

LINKED = (
    "README.md",
    "pokegan",
    "push_to_hub.py",
    "pyproject.toml",
    "space",
    "tests",
    "train.py",
)
OF_LAUNCHERS = (
    "WORLD_SIZE",
    "RANK",
    "LOCAL_RANK",
    "LOCAL_WORLD_SIZE",
    "MASTER_ADDR",
    "MASTER_PORT",
)
SETTINGS = ("ACCELERATE_", "GRADIO_", "HF_", "HUGGING", "PET_", "POKEGAN_", "PYTEST_", "SLURM_")
SECONDS = 300


@dataclass
class Shell:
    """Runs commands by bash in ``folder``, and stops at the first that fails.

    Attributes:
        folder: the working copy.
        env: its environment variables.
        executed: what was run, as it was given to bash.
    """

    folder: Path
    env: dict[str, str]
    executed: list[str] = field(default_factory=list)

    def _text(self, command: str, options: str, instead: Mapping[str, str]) -> list[str]:
        for old, new in instead.items():
            assert old in command, f"{old!r} is not in {command!r}"
            command = command.replace(old, new)
        self.executed.append(f"{command} {options}".strip())
        return ["bash", "-euo", "pipefail", "-c", self.executed[-1]]

    def __call__(
        self, command: str, options: str = "", instead: Mapping[str, str] = {}, status: int = 0
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end.

        Args:
            command: as it stands on the page.
            options: written behind it.
            instead: what stands in place of parts of it.
            status: the exit status that it must have.
        """
        done = subprocess.run(
            self._text(command, options, instead),
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        told = f"exit status {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        assert done.returncode == status, f"{self.executed[-1]}\n{told}"
        return done

    @contextmanager
    def serving(self, command: str, ready: str, options: str = "") -> Iterator[tuple[str, str]]:
        """Start a server on a free port, and end it as Ctrl+C does.

        Args:
            command: as it stands on the page; it must take ``--port``.
            ready: how the line begins that it prints when it can be asked.
            options: written behind it.

        Yields:
            That line, and the address, which has answered.
        """
        url = f"http://127.0.0.1:{(port := free_port())}/"
        log = self.folder / "server.log"
        with log.open("w") as errors:
            process = subprocess.Popen(
                self._text(command, f"--port {port} {options}", {}),
                cwd=self.folder,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
                # As a terminal starts it: in the background, shells let programs ignore Ctrl+C.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )
        limit = threading.Timer(START_SECONDS, os.killpg, (process.pid, signal.SIGKILL))
        limit.start()
        try:
            line = next((line for line in process.stdout if line.startswith(ready)), None)
            assert line, f"not started: {log.read_text()}"
            assert url in line
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(url, timeout=60) as answer:
                assert answer.status == 200
                assert "<gradio-app" in answer.read().decode()
            yield line, url
            os.killpg(process.pid, signal.SIGINT)
            process.communicate(timeout=60)
        finally:
            limit.cancel()
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        assert process.returncode == 0, log.read_text()
        for word in ("Traceback", "Warning"):
            assert word not in log.read_text()


def working_copy(folder: Path, cache: Path) -> Shell:
    """A new one, with the sprites of ``cache``, and no setting or file of the user's."""
    folder.mkdir()
    for name in LINKED:
        (folder / name).symlink_to(ROOT / name)
    (folder / ".venv").symlink_to(sys.prefix)
    env = {name: value for name, value in environment().items() if not name.startswith(SETTINGS)}
    env |= {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), env["PATH"]]),
        "POKEGAN_CACHE": str(cache),
        "NO_PROXY": "127.0.0.1,localhost",
        "HF_HOME": str(folder / "hf-home"),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_XET": "1",
        "PET_MASTER_PORT": str(free_port()),  # torchrun's own is the same for everybody
    }
    return Shell(folder, env)
