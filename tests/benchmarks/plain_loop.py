"""The loop that people would write instead of ours: the DCGAN tutorial's shape."""

import itertools
import statistics
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from pokegan.data.feed import SpriteBank
from pokegan.data.resolve import open_sprites
from pokegan.models.base import to_pil


def write_pictures(root: Path, data: str = "synthetic:200") -> Path:
    """Sprites on white as PNG files, as a tutorial has them: a folder for each class."""
    dataset = open_sprites(data).dataset
    bank = SpriteBank(dataset, 64, 3)
    for index, group in enumerate(dataset["type_group"]):
        folder = root / str(group)
        folder.mkdir(exist_ok=True)
        (picture,) = to_pil(next(bank.batches([np.array([index])])).image)
        picture.save(folder / f"{index}.png")
    return root


def plain_networks(width: int) -> tuple[nn.Module, nn.Module]:
    """The tutorial's DCGAN (Radford et al. 2016), ``width`` channels at half the size."""
    generator = nn.Sequential(
        nn.ConvTranspose2d(100, 8 * width, 4, 1, 0, bias=False),
        nn.BatchNorm2d(8 * width),
        nn.ReLU(True),
        *(
            layer
            for factor in (8, 4, 2)
            for layer in (
                nn.ConvTranspose2d(factor * width, factor * width // 2, 4, 2, 1, bias=False),
                nn.BatchNorm2d(factor * width // 2),
                nn.ReLU(True),
            )
        ),
        nn.ConvTranspose2d(width, 3, 4, 2, 1, bias=False),
        nn.Tanh(),
    )
    discriminator = nn.Sequential(
        nn.Conv2d(3, width, 4, 2, 1, bias=False),
        nn.LeakyReLU(0.2, True),
        *(
            layer
            for factor in (1, 2, 4)
            for layer in (
                nn.Conv2d(factor * width, factor * width * 2, 4, 2, 1, bias=False),
                nn.BatchNorm2d(factor * width * 2),
                nn.LeakyReLU(0.2, True),
            )
        ),
        nn.Conv2d(8 * width, 1, 4, 1, 0, bias=False),
        nn.Sigmoid(),
    )
    return generator, discriminator


def plain_loop(
    pictures: Path, width: int, batch: int, steps: int, seed: int = 0
) -> tuple[float, nn.Sequential]:
    """The tutorial's loop: fp32, files decoded by two workers, real and generated images in passes
    of their own, losses read at every step.

    Returns:
        Median seconds a step, and the trained generator.
    """
    torch.manual_seed(seed)
    transform = v2.Compose(
        [
            v2.Resize(64),
            v2.ToImage(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize([0.5] * 3, [0.5] * 3),
        ]
    )
    data = ImageFolder(str(pictures), transform)
    loader = DataLoader(data, batch, shuffle=True, num_workers=2, drop_last=True)
    generator, discriminator = plain_networks(width)
    loss_of = nn.BCELoss()
    players = [
        torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.5, 0.999))
        for network in (discriminator, generator)
    ]
    times = []
    began = time.perf_counter()
    while len(times) <= steps:
        for real, _ in itertools.islice(loader, steps + 1 - len(times)):
            discriminator.zero_grad()
            real_loss = loss_of(discriminator(real).view(-1), torch.ones(batch))
            real_loss.backward()
            fake = generator(torch.randn(batch, 100, 1, 1))
            fake_loss = loss_of(discriminator(fake.detach()).view(-1), torch.zeros(batch))
            fake_loss.backward()
            players[0].step()
            generator.zero_grad()
            own_loss = loss_of(discriminator(fake).view(-1), torch.ones(batch))
            own_loss.backward()
            players[1].step()
            real_loss.item(), fake_loss.item(), own_loss.item()
            times.append(time.perf_counter() - began)
            began = time.perf_counter()
    return statistics.median(times[1:]), generator  # the first waits for the workers
