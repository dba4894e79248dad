"""What every type-conditional network promises."""

from pathlib import Path

import torch
from torch import Tensor, nn

from pokegan import load
from pokegan.models.base import SpriteModel


def assert_every_weight_learns(loss: Tensor, *networks: nn.Module) -> None:
    """Each parameter of the networks has a finite, nonzero gradient of ``loss``."""
    for network in networks:
        names, parameters = zip(*network.named_parameters(), strict=True)
        gradients = torch.autograd.grad(loss, parameters, retain_graph=True)
        for name, gradient in zip(names, gradients, strict=True):
            assert torch.isfinite(gradient).all(), name
            assert gradient.abs().sum() > 0, name


def assert_reacts_to_the_label(model: SpriteModel) -> None:
    """The same latents with another label are other sprites, each of its own label alone."""
    latents = model.latents(4)
    labels = torch.tensor([0, 1, 2, 12])
    drawn = model.draw(latents, labels)
    for changed in range(4):
        others = labels.clone()
        others[changed] = 5
        different = (model.draw(latents, others) != drawn).flatten(1).any(dim=1)
        assert different.tolist() == [row == changed for row in range(4)]


def assert_loads_the_same(model: SpriteModel, folder: Path) -> None:
    """Saved and loaded, the model draws the same sprites, with and without types."""
    model.save_pretrained(folder)
    loaded = load(folder)
    assert type(loaded) is type(model)
    for types in (None, "fire", ["water", "dragon", "psychic-fairy"]):
        assert torch.equal(
            loaded.sample(3, seed=1, types=types, output="tensor"),
            model.sample(3, seed=1, types=types, output="tensor"),
        )
