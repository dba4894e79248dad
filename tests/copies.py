"""Copies of sprites that a judge of novelty must not take for new ones."""

import torch
from torch import Tensor

from pokegan.data.transforms import flip_left_right, recolor
from pokegan.metrics.features import feature_network
from pokegan.metrics.novelty import NoveltyIndex, moved_pixels, pixel_values

NETWORK = "sprite-net"
"""Of the two networks the quicker one; with pixels it is a stricter test than with both."""


def unchanged(images: Tensor) -> Tensor:
    return images


def recolored(images: Tensor) -> Tensor:
    turned = recolor(images.float() / 127.5 - 1, torch.full((len(images),), 0.4))
    return ((turned + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def moved(images: Tensor) -> Tensor:
    """Two pixels to the right and one down."""
    result = torch.full_like(images, 255)
    result[..., 1:, 2:] = images[..., :-1, :-2]
    return result


def mirrored_and_moved(images: Tensor) -> Tensor:
    return moved(flip_left_right(images))


COPIES = [unchanged, flip_left_right, recolored, moved, mirrored_and_moved]


def away_from_the_border(images: Tensor) -> Tensor:
    """Rows of sprites of 64 px of which no part is moved out of the picture."""
    border = torch.ones(64, 64, dtype=torch.bool)
    border[2:-2, 2:-2] = False
    inside = (images[..., border] == 255).all(2).all(1)
    return inside.nonzero()[:, 0]


def seen(images: Tensor) -> dict[str, Tensor]:
    return {
        NETWORK: feature_network(NETWORK)(images)[:, None],
        "pixels": moved_pixels(images),
    }


def novelty_index(training: Tensor, held_out: Tensor) -> NoveltyIndex:
    """An index of images, uint8 (n, 3, 64, 64)."""
    both = torch.cat([training, flip_left_right(training)])
    known = {NETWORK: feature_network(NETWORK)(both), "pixels": pixel_values(both)}
    return NoveltyIndex(known, seen(held_out))
