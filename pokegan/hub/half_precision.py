"""Weights of a model folder in half the bytes, and what that changes in its sprites."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save

from pokegan.files import write_atomically
from pokegan.hub.card import RUN_FILE, read_mapping
from pokegan.models.base import SpriteModel

SPRITES = 64
"""So many sprites are compared."""

MOST_ON_AVERAGE = 0.5
"""Mean difference of a pixel's channel in levels of 255 above which weights stay as they are: half
of what an eye could see if it lay everywhere."""


def halve(folder: str | Path, seed: int = 0) -> bool:
    """Store a model folder's weights as float16, where its sprites stay visually equal.

    Models are loaded as float32 whatever is stored. Weights that float16 cannot hold (beyond
    65,504) stay float32. ``run.json`` gets "half_precision": of how many sprites, the "mean" and
    the "most" that a channel differs, in levels of 255.

    Args:
        folder: a model folder.
        seed: of the sprites that are compared.

    Returns:
        Whether they were: not, if sprites would differ by more than :data:`MOST_ON_AVERAGE`.

    Raises:
        PokeGANError: the folder is no model folder, or damaged.
        OSError: a file cannot be written; the weights are whole.
    """
    folder = Path(folder)
    weights = folder / "model.safetensors"
    before, whole = _levels(folder, seed), weights.read_bytes()
    with safe_open(weights, framework="pt") as file:
        metadata = file.metadata()
        tensors = {name: _half(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118
    write_atomically(weights, save(tensors, metadata))
    difference = (_levels(folder, seed) - before).abs()
    if difference.mean() > MOST_ON_AVERAGE:
        write_atomically(weights, whole)
        return False
    note_of_run(
        folder,
        half_precision={
            "sprites": SPRITES,
            "mean": round(difference.mean().item(), 4),
            "most": round(difference.max().item(), 2),
        },
    )
    return True


def note_of_run(folder: Path, **facts: Any) -> None:
    """Add facts to ``run.json``, which may not exist yet."""
    path = folder / RUN_FILE
    known = read_mapping(path) if path.exists() else {}
    write_atomically(path, (json.dumps(known | facts, indent=2) + "\n").encode())


def _half(tensor: torch.Tensor) -> torch.Tensor:
    if tensor.dtype != torch.float32 or not tensor.half().isfinite().all():
        return tensor
    return tensor.half()


def _levels(folder: Path, seed: int) -> torch.Tensor:
    """Sprites of the folder's model, (n, channels, height, width) in [0, 255]."""
    images = SpriteModel.from_pretrained(folder).sample(SPRITES, seed, output="tensor")
    return images.add(1).mul(127.5)
