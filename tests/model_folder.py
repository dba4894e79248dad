"""A small but complete model folder, as training writes it."""

import json
from pathlib import Path

import yaml

from pokegan.hub.card import write_card
from pokegan.models.dcgan import DCGANGenerator

RECIPE = {
    "name": "tiny",
    "title": "Tiny, for tests",
    "networks": {"generator": {"architecture": "dcgan-generator", "latent_dim": 8}},
    "objective": {"family": "gan", "real_label": 0.9},
    "optimizer": {"name": "adam", "learning_rate": 2.0e-4, "betas": [0.5, 0.999]},
    "batch_size": 128,
}
DATA = {
    "name": "gen5",
    "hub": None,
    "sprites": 1368,
    "split": "train",
    "size": 16,
    "channels": 3,
    "fingerprint": "0123abcd",
    "synthetic": False,
    "types": {"fire": 70, "water": 180, "bug": 180, "fairy": 0},
}
LOG = [
    {"step": 1, "kimg": 0.128, "seconds": 0.5, "loss/generator": 0.7},
    {"step": 12345, "kimg": 1580.16, "seconds": 1500.0, "loss/generator": 0.6},
]


def write_model_folder(folder: Path, **data: object) -> Path:
    """Write a model folder whose data.json has ``data`` in place of the defaults."""
    model = DCGANGenerator(latent_dim=8, base_width=4, size=16).eval()
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    (folder / "recipe.yaml").write_text(yaml.safe_dump(RECIPE, sort_keys=False))
    (folder / "data.json").write_text(json.dumps(DATA | data))
    (folder / "training_log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in LOG))
    model.sample(1)[0].save(folder / "samples.png")
    (folder / "timeline").mkdir()
    model.sample(1, seed=1)[0].save(folder / "timeline" / "step-00000001.png")
    write_card(folder)
    return folder
