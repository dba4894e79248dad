"""The Space in a process of its own, as a user or the Hub starts it."""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from ports import free_port
from small_recipes import SMALL

from pokegan.models import ARCHITECTURES
from pokegan.models.dcgan import DCGANGenerator

ROOT = Path(__file__).resolve().parents[2]
SPACE = ROOT / "space"
START_SECONDS = 120


def save_model(folder: Path, seed: int = 0, **arguments) -> Path:
    """Save a tiny generator with weights large enough that its sprites differ visibly."""
    arguments = {"latent_dim": 8, "base_width": 4} | arguments
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = DCGANGenerator(**arguments)
        for layer in model.modules():
            if isinstance(layer, torch.nn.ConvTranspose2d):
                torch.nn.init.normal_(layer.weight, 0.0, 0.3)
    model.save_pretrained(folder)
    return folder


def save_small(folder: Path, architecture: str, seed: int = 0, **arguments) -> Path:
    """Save a small model of any architecture, with random weights that make sprites differ."""
    arguments = SMALL[architecture] | {"size": 32} | arguments
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = ARCHITECTURES.get(architecture)(**arguments)
        for layer in model.modules():
            if isinstance(layer, torch.nn.Linear | torch.nn.Conv2d | torch.nn.ConvTranspose2d):
                torch.nn.init.normal_(layer.weight, 0.0, 2 / layer.weight[0].numel() ** 0.5)
    model.save_pretrained(folder)
    return folder


def copy_space(folder: Path) -> Path:
    """Copy ``space/`` without its released models."""
    ignored = shutil.ignore_patterns("models", "__pycache__")
    return Path(shutil.copytree(SPACE, folder, ignore=ignored))


def space_env(**env: str) -> dict[str, str]:
    """The environment of a Space with no settings of the developer's."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("HF_", "HUGGING", "GRADIO_", "POKEGAN_", "PYTHONWARNINGS"))
    }
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    own = {"PYTHONPATH": path, "NO_PROXY": "127.0.0.1,localhost", "POKEGAN_REAL": "0"}
    return clean | own | env


@dataclass(frozen=True)
class RunningSpace:
    url: str
    log: Path
    pid: int

    def log_lines(self) -> list[str]:
        return self.log.read_text().splitlines()


@contextmanager
def running_space(space: Path, log: Path, **env: str) -> Iterator[RunningSpace]:
    """Start ``space/app.py`` on a free port; its log must stay free of warnings and tracebacks.

    Yields:
        The server's address, and the file that takes its standard error.
    """
    port = free_port()
    command = [sys.executable, str(space / "app.py"), "--port", str(port)]
    with log.open("w") as errors:
        process = subprocess.Popen(
            command, env=space_env(**env), stdout=subprocess.PIPE, stderr=errors, text=True
        )
    # A server that hangs before it has printed its address is ended, which ends readline too.
    limit = threading.Timer(START_SECONDS, process.kill)
    limit.start()
    try:
        # Gradio tells of its MCP server first.
        ready = any(line.startswith("PokeGAN is running on ") for line in process.stdout)
        limit.cancel()
        assert ready, f"not started: {log.read_text()}"
        yield RunningSpace(f"http://127.0.0.1:{port}/", log, process.pid)
    finally:
        limit.cancel()
        process.terminate()
        process.communicate()
    logged = log.read_text()
    assert "Warning" not in logged, logged
    assert "Traceback" not in logged, logged
