"""Runs of the family in toy_family.py, however their processes are started."""

from pathlib import Path

from safetensors.torch import load_file

TOY = Path(__file__).parent / "training/toy_family.py"
RECIPE = """
name: toy
title: A toy
networks:
  painter: {architecture: toy-painter}
  judge: {architecture: toy-judge}
objective: {family: toy}
optimizer: {learning_rate: 1.0e-2}
image: {size: 16, channels: 3}
batch_size: 8
kimg: 0.08
ema_half_life_kimg: 0.02
"""


def toy_options(folder, *options):
    """The command line of a run; the recipe is written into ``folder``."""
    recipe = folder / "toy.yaml"
    recipe.parent.mkdir(parents=True, exist_ok=True)
    recipe.write_text(RECIPE)
    return [
        f"--recipe={recipe}", "--data=synthetic:20", f"--out={folder / 'run'}", "--log-every=1",
        "--checkpoint-kimg=0.04", "--cpu", *options,
    ]  # fmt: skip


def recorded(folder, rank):
    """What a rank was given at each step, in the order of the steps."""
    return [load_file(path) for path in sorted(folder.glob(f"{rank}-*"))]
