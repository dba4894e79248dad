"""Checkpoints: one safetensors file each, whole or absent."""

import hashlib
import json
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from pokegan.errors import PokeGANError
from pokegan.files import write_atomically
from pokegan.training.recipe import DURATIONS

KEEP = 2
"""The newest checkpoint, and the one before it in case the disk damages the newest."""

_NAME = re.compile(r"step-(\d{8,})\.safetensors")


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint as read from disk.

    Attributes:
        path: its file.
        step: steps done.
        tensors: what ``TrainState.tensors`` gave.
        facts: JSON values stored beside them: the recipe, the data's fingerprint and order,
            seconds spent.
    """

    path: Path
    step: int
    tensors: dict[str, Tensor]
    facts: dict[str, Any]


def checkpoint_paths(folder: Path) -> list[Path]:
    """The checkpoints of a run, newest first."""
    found = [path for path in folder.glob("step-*.safetensors") if _NAME.fullmatch(path.name)]
    return sorted(found, key=checkpoint_step, reverse=True)


def checkpoint_path(folder: Path, step: int) -> Path:
    """Where the checkpoint of a step is."""
    return folder / f"step-{step:08d}.safetensors"


def checkpoint_step(path: Path) -> int:
    """Steps done when a checkpoint was written, from its name."""
    return int(_NAME.fullmatch(path.name).group(1))


def save_checkpoint(
    folder: Path, step: int, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]
) -> Path:
    """Write a checkpoint beside its place, flush it, rename it, then drop those beyond ``KEEP``.

    Raises:
        PokeGANError: a value is NaN or infinite, or the disk is full or fails. Older checkpoints
            stay as they are.
    """
    older = checkpoint_paths(folder)
    known_good = f"the last good checkpoint is {older[0]}" if older else "there is no older one"
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise PokeGANError(
                f"step {step}: {name} holds a NaN or infinite value, so no checkpoint was written;"
                f" {known_good}"
            )
    path = checkpoint_path(folder, step)
    told = json.dumps({"step": step, **facts})
    metadata = {"facts": told, "sha256": _digest(told, tensors)}
    content = save({name: tensor.contiguous() for name, tensor in tensors.items()}, metadata)
    try:
        write_atomically(path, content)
    except OSError as error:
        raise PokeGANError(
            f"{path}: the checkpoint cannot be written ({error.strerror or error}); {known_good};"
            f" make room and continue with --resume auto"
        ) from error
    for old in checkpoint_paths(folder)[KEEP:]:
        old.unlink()
    return path


def load_newest_checkpoint(folder: Path) -> Checkpoint | None:
    """Read the newest checkpoint that is whole; ``None`` where there is none at all.

    A damaged one, be it by a single bit, is passed over with a warning that names it.

    Raises:
        PokeGANError: there are checkpoints, and all of them are damaged.
    """
    paths = checkpoint_paths(folder)
    for path in paths:
        try:
            with safe_open(path, framework="pt") as file:
                metadata = file.metadata()
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            # Checkpoints from before there were digests have none.
            if metadata.get("sha256", digest := _digest(metadata["facts"], tensors)) != digest:
                raise ValueError("its content is not what was written")
            facts = json.loads(metadata["facts"])
            return Checkpoint(path, facts.pop("step"), tensors, facts)
        except (SafetensorError, OSError, AttributeError, KeyError, ValueError) as error:
            warnings.warn(f"{path} is damaged and passed over ({error})", stacklevel=2)
    if paths:
        raise PokeGANError(f"{folder}: every checkpoint is damaged; start anew in another folder")
    return None


def _digest(facts: str, tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of all that a checkpoint holds, in hexadecimal digits."""
    digest = hashlib.sha256(facts.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def refuse_another_run(
    out: Path, old: Mapping[str, Any], new: Mapping[str, Any], data_may_change: bool = False
) -> None:
    """Refuse to continue a run with another recipe (its length apart) or on other data.

    Args:
        out: the run folder, for the message.
        old: the facts of the run's checkpoint.
        new: those of the run that is to continue it.
        data_may_change: let it go on with other data.

    Raises:
        PokeGANError: they differ.
    """
    before, after = (
        {k: v for k, v in yaml.safe_load(facts["recipe"]).items() if k not in DURATIONS}
        for facts in (old, new)
    )
    changed = sorted(k for k in before.keys() | after.keys() if before.get(k) != after.get(k))
    if changed:
        raise PokeGANError(
            f"{out} holds a run with another recipe ({', '.join(changed)} differ); continue it as"
            f" its recipe.yaml says, or choose another --out"
        )
    orders = [facts.get("order", "shuffled") for facts in (old, new)]
    if orders[0] != orders[1]:
        raise PokeGANError(
            f"{out} holds a run that reads its sprites {orders[0]}, not {orders[1]}; continue it"
            f" with the same --streaming and --stream-buffer, or choose another --out"
        )
    known = old.get("content", {})  # runs from before there were digests have none
    differs = any(known.get(kind, digest) != digest for kind, digest in new["content"].items())
    if (old["data"] != new["data"] or differs) and not data_may_change:
        raise PokeGANError(
            f"{out} holds a run on other data, or the data has changed since its checkpoint; choose"
            f" another --out, or add --data-may-change"
        )
