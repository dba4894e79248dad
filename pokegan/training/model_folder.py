"""The model folder: what a run gives to the metrics, the Hub and the Space."""

import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from pokegan.files import write_atomically
from pokegan.hub.card import RUN_FILE, write_card
from pokegan.hub.load import model_folder_of
from pokegan.models.base import SpriteModel
from pokegan.models.conditioning import CLASSES
from pokegan.sheet import png_bytes, sprite_sheet, type_sheet
from pokegan.training.logs import LOG_NAME, curves_png

SAMPLES, COLUMNS = 64, 8
TIMELINE_SPRITES = 16
HISTORY = ("recipe.yaml", LOG_NAME, RUN_FILE)
WHITE = (255, 255, 255)


def write_model_folder(
    folder: Path,
    model: SpriteModel,
    recipe: str,
    seed: int,
    data: Mapping[str, Any],
    run: Mapping[str, Any],
    log: Path,
) -> None:
    """Write or refresh everything but the timeline, each file whole or not at all.

    Args:
        folder: the model folder.
        model: the published network.
        recipe: the resolved recipe as YAML.
        seed: of the sample sheet.
        data: ``Sprites.summary()``.
        run: :func:`pokegan.training.machine.run_facts`.
        log: the run's ``training_log.jsonl``.

    Raises:
        OSError: the disk is full or fails; files that were whole stay whole.
    """
    # Numbers measured on older weights would be lies about the new ones.
    (folder / "metrics.json").unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(".tmp", ".model.", folder.parent) as temporary:
        model.save_pretrained(temporary)
        for name in ("config.json", "model.safetensors"):
            write_atomically(folder / name, (Path(temporary) / name).read_bytes())
    # What users will load, which may round differently from the weights' layout in training.
    model = SpriteModel.from_pretrained(folder)
    write_atomically(folder / "recipe.yaml", recipe.encode())
    for name, facts in (("data.json", data), (RUN_FILE, run)):
        write_atomically(folder / name, (json.dumps(facts, indent=2) + "\n").encode())
    write_atomically(folder / LOG_NAME, log.read_bytes())
    write_atomically(folder / "samples.png", png_bytes(sample_sheet(model, seed)))
    write_card(folder)


def write_curves(folder: Path) -> None:
    """Draw the curves of a model folder's log, where it has one, and tell of them in the card."""
    log = folder / LOG_NAME
    picture = curves_png(log) if log.exists() else None
    if picture is not None:
        write_atomically(folder / "curves.png", picture)
        write_card(folder)


def keep_history(folder: Path, source: str) -> None:
    """Keep in ``folder/before`` how the model was trained that a run starts from: its recipe, its
    log, its ``run.json`` and its timeline, as far as ``source`` is a folder that has them.

    Args:
        folder: the model folder.
        source: as for :func:`pokegan.load`.
    """
    kept = folder / "before"
    shutil.rmtree(kept, ignore_errors=True)
    model = Path(model_folder_of(source))
    for path in (*(model / name for name in HISTORY), *sorted(model.glob("timeline/*.png"))):
        if path.is_file():
            target = kept / path.relative_to(model)
            target.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(target, path.read_bytes())


def sample_sheet(model: SpriteModel, seed: int) -> Image.Image:
    """The first sprites of a seed; of type-conditional models, eight of each type that they know,
    from the same latents."""
    if model.conditioning is None:
        return sprite_sheet(model.sample(SAMPLES, seed), COLUMNS, scale=2, background=WHITE)
    types = CLASSES[model.conditioning]
    return type_sheet(model, types, COLUMNS, seed, scale=2, background=WHITE)


def is_timeline_step(step: int) -> bool:
    """Whether the timeline shows this step: 1, 2, 4, 8, ... for early steps change most."""
    return step > 0 and step & (step - 1) == 0


def write_timeline_picture(folder: Path, model: SpriteModel, step: int, seed: int) -> Image.Image:
    """Draw the same latents as at every other point of the timeline, and return the sheet.

    Args:
        folder: the model folder.
        model: the published network.
        step: steps done.
        seed: of the latents.
    """
    images = model.sample(TIMELINE_SPRITES, seed)
    sheet = sprite_sheet(images, COLUMNS, background=WHITE)
    write_atomically(folder / "timeline" / f"step-{step:08d}.png", png_bytes(sheet))
    return sheet


def clear_timeline(folder: Path, after_step: int) -> None:
    """Remove pictures of steps that a crash has undone."""
    for path in (folder / "timeline").glob("step-*.png"):
        if int(path.stem.removeprefix("step-")) > after_step:
            path.unlink()
