"""Train the network of :mod:`pokegan.metrics.sprite_net` and write its weights.

    python -m pokegan.metrics.train_sprite_net [--data gen5] [--epochs 60] [--out FILE]

It learns the first type (and half of the time the second, where there is one) of the training
species' sprites. The weights are those of the last epoch, averaged over the last ones; validation
species are looked at for the report only, so nothing is chosen by them.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor, nn
from torchvision.transforms import v2
from torchvision.transforms.v2 import InterpolationMode

from pokegan.data.feed import SpriteBank
from pokegan.data.resolve import open_sprites
from pokegan.data.types import NO_TYPE, TYPES
from pokegan.files import write_atomically
from pokegan.metrics.sprite_net import SIDE, WEIGHTS, SpriteNet
from pokegan.seeding import derive_seed

BATCH, RATE, DECAY, SMOOTHING = 32, 2e-3, 0.05, 0.1

AUGMENT = v2.Compose(
    [
        v2.RandomHorizontalFlip(),
        v2.RandomAffine(
            degrees=15,
            translate=(0.12, 0.12),
            scale=(0.8, 1.15),
            shear=8,
            interpolation=InterpolationMode.BILINEAR,
            fill=1.0,
        ),
        v2.RandomErasing(0.5, scale=(0.02, 0.2), value=1.0),
    ]
)
"""Of one image (3, 64, 64) in [-1, 1], on white."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", default="gen5", help="as for train.py (default: gen5)")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=WEIGHTS, help=f"default: {WEIGHTS.name}")
    arguments = parser.parse_args()
    train(arguments.data, arguments.epochs, arguments.seed, arguments.out)


def train(data: str, epochs: int, seed: int, out: Path) -> None:
    """Train on ``data`` and write half-precision weights to ``out``."""
    torch.manual_seed(seed)
    images, targets = _labelled(data, "train")
    held_out, held_out_targets = _labelled(data, "validation")
    network = SpriteNet()
    average = torch.optim.swa_utils.AveragedModel(
        network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.998), use_buffers=True
    )
    optimizer = torch.optim.AdamW(network.parameters(), RATE, weight_decay=DECAY)
    steps = epochs * (len(images) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    loss_of = nn.CrossEntropyLoss(label_smoothing=SMOOTHING)
    for epoch in range(epochs):
        network.train()
        torch.manual_seed(derive_seed(seed, "sprite-net", epoch))
        for rows in torch.randperm(len(images)).split(BATCH):
            if len(rows) < BATCH:
                continue
            batch = torch.stack([AUGMENT(images[row]) for row in rows])
            loss = loss_of(network(batch), targets[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            average.update_parameters(network)
        report = {"epoch": epoch + 1, "loss": round(loss.item(), 3)}
        report |= _accuracy(average.module, held_out, held_out_targets)
        print(json.dumps(report), flush=True)
    tensors = average.module.state_dict()
    halves = {k: v.half() if v.is_floating_point() else v for k, v in tensors.items()}
    write_atomically(out, save(halves))


def _labelled(data: str, split: str) -> tuple[Tensor, Tensor]:
    """Images (n, 3, 64, 64) in [-1, 1]; weights of the types (n, 18), 1 together."""
    dataset = open_sprites(data, split).dataset
    batch = next(SpriteBank(dataset, SIDE, 3).batches([np.arange(len(dataset))]))
    shares = torch.nn.functional.one_hot(batch.types, NO_TYPE + 1).float()
    shares = shares.sum(1)[:, : len(TYPES)]  # an absent second type counts for nothing
    return batch.image, shares / shares.sum(1, keepdim=True)


@torch.no_grad()
def _accuracy(network: nn.Module, images: Tensor, targets: Tensor) -> dict[str, float]:
    """Share of sprites of which the first (one of the first three) guesses is one of the types."""
    network.eval()
    order = torch.cat([network(part) for part in images.split(BATCH)]).argsort(1, descending=True)
    right = targets.gather(1, order) > 0
    return {
        "top1": round(right[:, 0].float().mean().item(), 3),
        "top3": round(right[:, :3].any(1).float().mean().item(), 3),
    }


if __name__ == "__main__":
    main()
