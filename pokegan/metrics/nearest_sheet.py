"""The picture ``nearest.png``: samples above the training sprites that they are nearest to."""

import torch
from PIL import Image
from torch import Tensor

from pokegan.metrics.image_set import ImageSet, RealSet
from pokegan.metrics.novelty import Nearest
from pokegan.sheet import sprite_sheet

WHITE = (255, 255, 255)


def least_new(nearest: Nearest, count: int) -> Tensor:
    """The samples that look most like copies, int64 (count,), the nearest first."""
    return nearest.closeness.argsort(stable=True)[:count]


def nearest_sheet(
    samples: ImageSet, training: RealSet, nearest: Nearest, columns: int
) -> Image.Image:
    """Draw the first samples and the least new ones, each above its nearest training sprite.

    It shows sprites of the dataset: it is for one's own eyes, and never published with a model.

    Args:
        samples: what was judged.
        training: what it was compared with.
        nearest: what was found.
        columns: samples a row.
    """
    columns = min(columns, len(samples))
    rows = [torch.arange(columns), least_new(nearest, columns)]
    images = [
        Image.fromarray(pixels.permute(1, 2, 0).numpy())
        for row in rows
        for shown in (samples.images[row], training.images[nearest.index[row]])
        for pixels in shown
    ]
    labels = ["first samples", "nearest", "least new", "nearest"]
    return sprite_sheet(images, columns, scale=2, background=WHITE, row_labels=labels)
