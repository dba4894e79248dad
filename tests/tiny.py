"""A training run small enough to repeat many times, and the ways to start it."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
TINY = [
    "--data=synthetic:20",
    "--image.size=16",
    "--networks.generator.base_width=4",
    "--networks.generator.latent_dim=8",
    "--networks.discriminator.base_width=4",
    "--batch-size=8",
    "--log-every=1",
    "--cpu",
]
"""Options that make ``train.py --recipe dcgan`` take milliseconds a step."""


def environment(**extra: str) -> dict[str, str]:
    """This process's environment without what a launcher left in it."""
    left = {"WORLD_SIZE", "RANK", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"}
    kept = {name: value for name, value in os.environ.items() if name not in left}
    return {**kept, "PYTHONPATH": str(ROOT), **extra}


def start_process(*arguments: str) -> subprocess.Popen:
    """Start Python in the checkout; output comes line by line from its stdout."""
    return subprocess.Popen(
        [sys.executable, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        cwd=ROOT,
        start_new_session=True,  # a group of its own, as a terminal gives it
    )


def start_training(*options: str, launcher: tuple[str, ...] = ()) -> subprocess.Popen:
    """Start ``train.py`` with ``TINY`` and ``options`` in a process of its own."""
    return start_process(*launcher, "train.py", *TINY, *options)


def finish(process: subprocess.Popen) -> tuple[int, str, str]:
    """Wait for a started training; its exit status, stdout and stderr."""
    output, errors = process.communicate(timeout=300)
    return process.returncode, output, errors


def run_training(*options: str, launcher: tuple[str, ...] = ()) -> str:
    """Train to the end and return what was printed; the test fails where the training fails."""
    status, output, errors = finish(start_training(*options, launcher=launcher))
    assert status == 0, errors
    return output
