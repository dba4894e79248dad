"""Our training loop beside the plain one that people would write instead."""

import itertools
import statistics
import time
from pathlib import Path

import pytest
import torch
from tiny import finish, start_process
from torch import nn
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from pokegan.data.resolve import open_sprites
from pokegan.training.logs import read_log

BATCH, STEPS, ROUNDS = 64, 6, 3
SHAPE = [
    "--recipe=dcgan",
    "--data=synthetic:200",
    "--networks.generator.base_width=32",
    "--networks.discriminator.base_width=32",
    f"--batch-size={BATCH}",
    "--log-every=1",
    "--cpu",
]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    """Sprites on white as PNG files, as a tutorial has them: a folder for each class."""
    root = tmp_path_factory.mktemp("pictures")
    sprites = open_sprites("synthetic:200").dataset
    for index, row in enumerate(sprites):
        folder = root / str(row["type_group"])
        folder.mkdir(exist_ok=True)
        image = row["image"].convert("RGBA").resize((64, 64))
        image.save(folder / f"{index}.png")
    return root


def plain_networks() -> tuple[nn.Module, nn.Module]:
    """The tutorial's DCGAN (Radford et al. 2016) of half its width."""
    generator = nn.Sequential(
        nn.ConvTranspose2d(100, 256, 4, 1, 0, bias=False),
        nn.BatchNorm2d(256),
        nn.ReLU(True),
        *(
            layer
            for width in (256, 128, 64)
            for layer in (
                nn.ConvTranspose2d(width, width // 2, 4, 2, 1, bias=False),
                nn.BatchNorm2d(width // 2),
                nn.ReLU(True),
            )
        ),
        nn.ConvTranspose2d(32, 3, 4, 2, 1, bias=False),
        nn.Tanh(),
    )
    discriminator = nn.Sequential(
        nn.Conv2d(3, 32, 4, 2, 1, bias=False),
        nn.LeakyReLU(0.2, True),
        *(
            layer
            for width in (32, 64, 128)
            for layer in (
                nn.Conv2d(width, width * 2, 4, 2, 1, bias=False),
                nn.BatchNorm2d(width * 2),
                nn.LeakyReLU(0.2, True),
            )
        ),
        nn.Conv2d(256, 1, 4, 1, 0, bias=False),
        nn.Sigmoid(),
    )
    return generator, discriminator


def plain_loop(pictures: Path) -> float:
    """Median seconds a step of the tutorial's loop: fp32, files decoded by two workers, real and
    generated images in passes of their own, losses read at every step."""
    transform = v2.Compose(
        [
            v2.Resize(64),
            v2.ToImage(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize([0.5] * 3, [0.5] * 3),
        ]
    )
    data = ImageFolder(str(pictures), transform)
    loader = DataLoader(data, BATCH, shuffle=True, num_workers=2, drop_last=True)
    generator, discriminator = plain_networks()
    loss_of = nn.BCELoss()
    players = [
        torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.5, 0.999))
        for network in (discriminator, generator)
    ]
    times = []
    began = time.perf_counter()
    while len(times) <= STEPS:
        for real, _ in loader:
            discriminator.zero_grad()
            real_loss = loss_of(discriminator(real).view(-1), torch.ones(BATCH))
            real_loss.backward()
            fake = generator(torch.randn(BATCH, 100, 1, 1))
            fake_loss = loss_of(discriminator(fake.detach()).view(-1), torch.zeros(BATCH))
            fake_loss.backward()
            players[0].step()
            generator.zero_grad()
            own_loss = loss_of(discriminator(fake).view(-1), torch.ones(BATCH))
            own_loss.backward()
            players[1].step()
            real_loss.item(), fake_loss.item(), own_loss.item()
            times.append(time.perf_counter() - began)
            began = time.perf_counter()
    return statistics.median(times[1:])  # the first waits for the workers


def our_loop(out: Path, precision: str) -> float:
    """Median seconds a step of ours, from its own log."""
    length = BATCH * (STEPS + 1) / 1000
    options = [*SHAPE, f"--kimg={length}", f"--mixed-precision={precision}", f"--out={out}"]
    status, _, errors = finish(start_process("train.py", *options))
    assert status == 0, errors
    seconds = [line["seconds"] for line in read_log(out / "logs/training_log.jsonl")]
    return statistics.median(b - a for a, b in itertools.pairwise(seconds))


def test_our_loop_is_faster_than_the_plain_one(pictures, tmp_path):
    """Alternating, so that what else the machine does meets both."""
    ratios = {"fp32": [], "bf16": []}
    for index in range(ROUNDS):
        plain = plain_loop(pictures)
        for name, precision in (("fp32", "no"), ("bf16", "bf16")):
            ratios[name].append(plain / our_loop(tmp_path / f"{index}-{name}", precision))
    medians = {name: statistics.median(values) for name, values in ratios.items()}
    print(", ".join(f"plain loop / ours in {name}: {ratio:.2f}" for name, ratio in medians.items()))
    assert medians["fp32"] > 1.0
