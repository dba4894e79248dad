"""A family that the package does not know, trained by its loop: ``python toy_family.py OPTIONS``.

No batch norm, so that two processes must agree with one; a gradient penalty, which
DistributedDataParallel would get wrong; and a record, in the folder TOY_RECORD, of what every
process is given. With TOY_NAN=RANK:STEP, that process's share of a loss is NaN.
"""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from safetensors.torch import save_file
from torch import nn

from pokegan.models import ARCHITECTURES
from pokegan.models.base import SpriteModel
from pokegan.objectives import OBJECTIVES, Turn
from pokegan.training.main import main

RANK = os.environ.get("RANK", "0")


@ARCHITECTURES.register("toy-painter")
class Painter(SpriteModel):
    architecture = "toy-painter"

    def __init__(self, latent_dim: int = 4, channels: int = 3, size: int = 16):
        super().__init__()
        self.latent_dim, self.channels, self.size = latent_dim, channels, size
        self.layer = nn.Linear(latent_dim, channels * size * size)

    def forward(self, latents):
        return torch.tanh(self.layer(latents)).unflatten(1, (self.channels, self.size, self.size))


@ARCHITECTURES.register("toy-judge")
class Judge(nn.Module):
    def __init__(self, channels: int = 3, size: int = 16):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(), nn.Linear(channels * size * size, 8), nn.Softplus(), nn.Linear(8, 1)
        )

    def forward(self, images):
        return self.layers(images)[:, 0]


@OBJECTIVES.register("toy")
@dataclass(frozen=True)
class Toy:
    penalty: float = 1.0

    players: ClassVar = {"judge": ("judge",), "painter": ("painter",)}
    publishes: ClassVar = "painter"

    def step(self, networks, batch, noise):
        painter, judge = networks["painter"], networks["judge"]
        latents = noise.normal("latent", painter.latent_dim)
        record(batch, latents, noise.step)
        fake = painter(latents)
        real = batch.image.requires_grad_()
        judged = judge(real)
        (slope,) = torch.autograd.grad(judged.sum(), real, create_graph=True)
        penalty = slope.square().sum(dim=(1, 2, 3)).mean()
        yield Turn("judge", judge(fake.detach()).mean() - judged.mean() + self.penalty * penalty)
        spoilt = os.environ.get("TOY_NAN") == f"{RANK}:{noise.step}"
        yield Turn("painter", -judge(fake).mean() * (float("nan") if spoilt else 1.0))


def record(batch, latents, step):
    folder = Path(os.environ["TOY_RECORD"])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"pid-{RANK}").write_text(str(os.getpid()))
    tensors = {name: getattr(batch, name).detach() for name in ("image", "types", "group", "shiny")}
    tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
    save_file({**tensors, "latents": latents}, folder / f"{RANK}-{step:03d}.safetensors")


if __name__ == "__main__":
    sys.exit(main())
