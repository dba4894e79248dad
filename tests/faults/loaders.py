"""Let our loaders read hostile files, in a process whose memory is bounded.

Run by the fork server; each function prints what went wrong, one line for each file, and at the end
how many files there were.
"""

import inspect
import io
import json
import random
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

from faults import hostile
from PIL import Image

from pokegan import PokeGANError
from pokegan.data.build import build_dataset
from pokegan.data.decode import BadImage, read_frames
from pokegan.metrics.image_set import _read as read_judged
from pokegan.models import ARCHITECTURES
from pokegan.models.aegan import AEGAN
from pokegan.models.base import SpriteModel
from pokegan.training.checkpoint import load_newest_checkpoint, save_checkpoint

SECONDS = 20
"""Far more than any file takes, on a machine that does other things too."""


class Trial:
    """Counts calls, and tells which ended in another way than they may."""

    def __init__(self):
        self.count, self.refused = 0, 0

    def call(self, name: str, function: Callable, *arguments) -> None:
        """Call; an error of another kind than ours, or a long wait, is printed."""
        began, self.count = time.monotonic(), self.count + 1
        try:
            function(*arguments)
        except (PokeGANError, BadImage) as error:
            self.refused += 1
            if "\n" in str(error) or len(str(error)) > 4000:
                print(f"{name}: a long message: {str(error)[:200]!r}")
        except BaseException as error:
            print(f"{name}: {type(error).__name__}: {str(error)[:200]}")
        if time.monotonic() - began > SECONDS:
            print(f"{name}: {time.monotonic() - began:.0f} seconds")


def read_images(first: int, last: int) -> None:
    """Images by every door through which users' images come in."""
    warnings.simplefilter("ignore")  # Pillow warns of what it then reads
    trial, model = Trial(), AEGAN(base_width=4, size=16).eval()
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(first, last):
            name, content = hostile.image_file(seed)
            path = Path(folder) / name
            path.write_bytes(content)
            trial.call(f"{name} read_frames", read_frames, content)
            trial.call(f"{name} read_frames all", read_frames, content, None)
            trial.call(f"{name} judged", read_judged, path)
            trial.call(f"{name} reconstruct", _reconstruct, model, content)
    print(json.dumps({"calls": trial.count, "refused": trial.refused}))


def _reconstruct(model: AEGAN, content: bytes) -> None:
    try:
        image = Image.open(io.BytesIO(content))  # what a user does, with the errors of Pillow
    except Exception:
        return
    model.reconstruct(image)


def build_from_images(first: int, last: int) -> None:
    """A dataset from a folder of such images: what cannot be used is listed, nothing is lost."""
    warnings.simplefilter("ignore")
    trial = Trial()
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder) / "source", Path(folder) / "out"
        source.mkdir()
        names = []
        for seed in range(first, last):
            name, content = hostile.image_file(seed)
            (source / name).write_bytes(content)
            names.append(name)
        rows = "".join(f"{name},Mew\n" for name in names)
        (source / "metadata.csv").write_text(f"file_name,species\n{rows}")
        trial.call("build", build_dataset, str(source), out, None, False)
        rejected = (out / "rejected.csv").read_text().splitlines()[1:]
        report = json.loads((out / "report.json").read_text())
        assert report["files"] + len(rejected) == len(names)
        print(json.dumps({"calls": trial.count, "refused": len(rejected)}))


def load_models(first: int, last: int) -> None:
    """Model folders with hostile weights or config, and checkpoints."""
    warnings.simplefilter("ignore")
    trial = Trial()
    with tempfile.TemporaryDirectory() as temporary:
        small = _small_models(Path(temporary))
        for seed in range(first, last):
            rng = random.Random(f"model {seed}")
            folder = rng.choice(small)
            config, weights = (folder / name for name in ("config.json", "model.safetensors"))
            whole = config.read_bytes(), weights.read_bytes()
            if seed % 2:
                config.write_bytes(hostile.config_file(seed, whole[0]))
            else:
                weights.write_bytes(hostile.weights_file(seed, whole[1]))
            trial.call(f"{seed} {folder.name}", SpriteModel.from_pretrained, folder)
            config.write_bytes(whole[0])
            weights.write_bytes(whole[1])
            checkpoints = Path(temporary) / f"checkpoints-{seed}"
            tensors = SpriteModel.from_pretrained(folder).state_dict()
            path = save_checkpoint(checkpoints, 1, tensors, {"seconds": 1.0})
            path.write_bytes(hostile.weights_file(seed, path.read_bytes()))
            trial.call(f"{seed} checkpoint", load_newest_checkpoint, checkpoints)
    print(json.dumps({"calls": trial.count, "refused": trial.refused}))


def _small_models(folder: Path) -> list[Path]:
    """One folder for each architecture that is published."""
    small = {"base_width": 4, "width": 8, "style_dim": 8, "latent_dim": 8, "palette_dim": 4}
    lists = {"widths": [8, 8]}
    folders = []
    for name in ARCHITECTURES.names():
        kind = ARCHITECTURES.get(name)
        if issubclass(kind, SpriteModel):
            known = inspect.signature(kind).parameters
            arguments = {k: v for k, v in (small | lists | {"size": 16}).items() if k in known}
            kind(**arguments).save_pretrained(folder / name)
            folders.append(folder / name)
    return folders
