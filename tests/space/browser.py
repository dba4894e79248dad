"""A Chromium for the browser tests: found on this machine, or installed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def find_chromium(playwright: Playwright) -> str:
    """Return the path of a Chromium: ``$CHROMIUM``, one on the PATH, or playwright's own, which is
    downloaded if it is missing.

    Raises:
        AssertionError: there is none and none could be installed; a browser test then fails, as
            a skipped one would look like a passed one.
    """
    chosen = os.environ.get("CHROMIUM")
    if chosen:
        assert shutil.which(chosen), f"CHROMIUM={chosen} is no program"
        return chosen
    for name in NAMES:
        if found := shutil.which(name):
            return found
    downloaded = playwright.chromium.executable_path
    if not Path(downloaded).is_file():
        command = [sys.executable, "-m", "playwright", "install", "--with-deps", "chromium"]
        result = subprocess.run(command, capture_output=True, text=True)
        assert Path(downloaded).is_file(), (
            "no Chromium for the browser tests, and playwright could not install one; run"
            f" `apt-get install chromium` or set CHROMIUM=/path/to/it\n{result.stdout[-500:]}"
            f"{result.stderr[-1500:]}"
        )
    return downloaded
