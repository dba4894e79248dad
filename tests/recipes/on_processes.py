"""Train small recipes in one launch: ``python on_processes.py FOLDER GUIDES RECIPE ...``, by itself
or under torchrun.

A recipe marked with ``=`` takes twenty steps in float64. Marked with ``~``, it takes twenty in
float32, in which one process by itself writes its gradients to GUIDES; several compare theirs with
them, and then take those, so that rounding cannot grow from step to step. Any other recipe takes
two steps as it is.
"""

import os
import sys
from pathlib import Path
from unittest.mock import patch

import torch
from safetensors.torch import load_file, save_file
from small_recipes import small_options, train_small

from pokegan.training import loop

ALONE = "RANK" not in os.environ


def train(job: str, out: Path, steps: int) -> None:
    """Train one recipe, without pictures, which take longer than the steps."""
    recipe, *options = job.split(",")
    batch = next((int(x.split("=")[1]) for x in options if x.startswith("--batch-size=")), 8)
    options = [*small_options(recipe), f"--kimg={steps * batch / 1000}", *options]
    with (
        patch.object(loop._Run, "_write_model"),
        patch.object(loop._Run, "_draw_timeline"),
        patch.object(loop._Run, "_look", return_value={}),
    ):
        train_small(options, out)


def train_in_float64(job: str, out: Path) -> None:
    """Twenty steps; what is left of a difference is no rounding."""
    with patch.object(torch.Tensor, "float", torch.Tensor.double):
        torch.set_default_dtype(torch.float64)
        train(job, out, 20)
        torch.set_default_dtype(torch.float32)


def train_along(job: str, out: Path, guide: Path) -> None:
    """Twenty steps along the guide; the relative distance of each turn's gradients from the guide's
    is written beside the checkpoints."""
    steps = {} if ALONE else load_file(guide)
    distances = []
    average = loop._Run._average_gradients

    def follow(run, gradients):
        average(run, gradients)
        for index, gradient in enumerate(gradients):
            name = f"{len(distances):04d}-{index:03d}"
            if ALONE:
                steps[name] = gradient.clone(memory_format=torch.contiguous_format)
        ours = [steps[f"{len(distances):04d}-{index:03d}"] for index in range(len(gradients))]
        squares = [[(a - b).double().square().sum(), b.double().square().sum()]
                   for a, b in zip(gradients, ours, strict=True)]  # fmt: skip
        difference, whole = torch.tensor(squares).sum(0)
        distances.append((difference / whole).sqrt())
        for gradient, one in zip(gradients, ours, strict=True):
            gradient.copy_(one)

    with patch.object(loop._Run, "_average_gradients", follow):
        train(job, out, 20)
    if ALONE:
        guide.parent.mkdir(parents=True, exist_ok=True)
        save_file(steps, guide)
    if os.environ.get("RANK", "0") == "0":
        save_file({"distances": torch.stack(distances)}, out / "distances.safetensors")


if __name__ == "__main__":
    folder, guides = map(Path, sys.argv[1:3])
    for job in sys.argv[3:]:
        mark, name = job[:1], job.lstrip("=~")
        if mark == "=":
            train_in_float64(name, folder / name)
        elif mark == "~":
            train_along(name, folder / f"{name} along", guides / f"{name}.safetensors")
        else:
            train(name, folder / name, 2)
