"""Every recipe with networks so small that a step takes milliseconds."""

from pathlib import Path
from unittest.mock import patch

from accelerate import Accelerator

from pokegan.data.resolve import open_sprites
from pokegan.training import loop, run_folder
from pokegan.training.command_line import parse_command_line
from pokegan.training.recipe_files import read_recipe_file

SMALL = {
    "dcgan-generator": {"latent_dim": 8, "base_width": 4},
    "dcgan-discriminator": {"base_width": 4},
    "dense-generator": {"latent_dim": 8, "widths": [16, 16]},
    "dense-discriminator": {"widths": [16, 16]},
    "aegan": {"latent_dim": 8, "base_width": 4, "colors": 4},
    "aegan-image-discriminator": {"base_width": 4},
    "aegan-latent-discriminator": {"latent_dim": 8, "width": 8},
    "cdcgan-generator": {"latent_dim": 8, "base_width": 4},
    "cdcgan-discriminator": {"base_width": 4},
    "cstylegan-generator": {"latent_dim": 8, "style_dim": 8, "base_width": 4},
    "cunet-generator": {"latent_dim": 8, "base_width": 4},
    "caegan": {"latent_dim": 8, "base_width": 4},
    "patchgan-discriminator": {"base_width": 16},
    "patchgan-projection-discriminator": {"base_width": 16},
    "patchgan-classifier-discriminator": {"base_width": 16},
    "sprite-generator": {"latent_dim": 8, "palette_dim": 4, "style_dim": 8, "widths": [4, 8]},
    "sprite-discriminator": {"widths": [4, 8]},
    "sprite-autoencoder": {
        "latent_dim": 8,
        "palette_dim": 4,
        "style_dim": 8,
        "widths": [4, 8],
        "encoder_widths": [4, 8],
        "encoder_dim": 16,
    },
    "ddpm": {"widths": [16, 32], "sampling_steps": 2},
}
"""Arguments that make an architecture small."""


def small_options(name: str, data: str = "synthetic:20") -> list[str]:
    """Options for ``train.py`` that make the recipe ``name`` small; its objective, optimizer,
    augmentation and the kinds of its networks stay as they are."""
    _, content = read_recipe_file(name)
    options = [
        f"--recipe={name}",
        f"--data={data}",
        "--image.size=16",
        "--batch-size=8",
        "--log-every=1",
        "--cpu",
    ]
    for role, settings in content["networks"].items():
        for argument, value in SMALL[settings["architecture"]].items():
            options.append(f"--networks.{role}.{argument}={value}")
    if "start" in content:
        options.append("--start=null")
    if content["objective"]["family"] == "wgan":
        options.append("--objective.n_critic=2")
    return options


def train_small(options: list[str], out: Path) -> Path:
    """Train in this process, as one of the processes of its launcher; returns the run folder."""
    recipe, run = parse_command_line(options)
    sprites = open_sprites(run.data).of_colours(recipe.shiny)
    validation = open_sprites(run.data, "validation") if recipe.early_stopping.metric else None
    with patch.object(run_folder, "plot_log"):  # figures take longer than everything else
        loop.train(recipe, run, sprites, validation, out, Accelerator(cpu=True))
    return out
