"""The pictures of a blind rating: all sprites as PNGs of one size that name nobody."""

import base64
import hashlib
import io
import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from pokegan.data.resolve import Sprites
from pokegan.data.types import GROUP_OF_TYPE, NO_TYPE, TYPE_GROUPS, TYPES
from pokegan.metrics.image_set import on_white_page, real_set
from pokegan.metrics.rating import REAL, Sheet, control_rows
from pokegan.models.base import SpriteModel
from pokegan.models.conditioning import CLASSES, labels_of_classes

LARGEST_SIDE = 192
"""Pixels; the page shows sprites no larger than this."""


def labels_of_model(model: SpriteModel) -> tuple[str | None, ...]:
    """The types or groups that it draws; ``(None,)`` for one that knows none."""
    return (None,) if model.conditioning is None else CLASSES[model.conditioning]


def weights_of(model: SpriteModel) -> str:
    """Hash of all parameters and buffers: 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


class Controls:
    """The real sprites that stand among the models'.

    Args:
        sprites: the dataset.
        size: of the largest model's sprites; the controls are as large.
        seed: chooses among the sprites of a label.

    Raises:
        PokeGANError: the dataset does not name species.
    """

    def __init__(self, sprites: Sprites, size: int, seed: int):
        self._real = real_set(sprites, size)
        pairs = list(zip(*(sprites.dataset[name][:] for name in ("type1", "type2")), strict=True))
        self._types = [tuple(TYPES[one] for one in pair if one != NO_TYPE) for pair in pairs]
        self._groups = [
            tuple(TYPE_GROUPS[GROUP_OF_TYPE[one]] for one in pair if one != NO_TYPE)
            for pair in pairs
        ]
        self._seed = seed

    def rows(self, label: str | None) -> list[int]:
        """See :func:`pokegan.metrics.rating.control_rows`."""
        # Names that are both a type and a group, such as "fire", mean the same sprites.
        labels = self._types if label in TYPES else self._groups
        return control_rows(labels, self._real.species.tolist(), label, self._seed)

    def images(self, label: str | None, start: int, count: int) -> Tensor:
        """Some of a label's sprites, the best ones first: uint8 (count, 3, S, S), on white."""
        return self._real.images[self.rows(label)[start : start + count]]


def draw_sheets(
    sheets: Sequence[Sheet],
    models: Mapping[str, SpriteModel],
    controls: Controls,
    side: int,
    per_sheet: int,
    seed: int,
) -> list[list[str]]:
    """The sprites of each sheet as ``data:`` URIs.

    All of them are on white and ``side`` pixels wide, whatever the models' sizes. All are drawn
    before the first is shown: how long a sheet takes would say who draws it.

    Args:
        sheets: the plan.
        models: by name.
        controls: the real sprites.
        side: of every picture, at least the models' sizes.
        per_sheet: sprites on a full sheet.
        seed: of the latents.

    Returns:
        By sheet, as many URIs as it holds sprites.
    """
    pictures: dict[Sheet, list[str]] = {}
    for name, model in models.items():
        own = [sheet for sheet in sheets if sheet.model == name]
        for sheet, images in zip(own, _drawn(model, own, per_sheet, seed), strict=True):
            pictures[sheet] = [png_uri(image, side) for image in _pixels(images)]
    for sheet in sheets:
        if sheet.model == REAL:
            images = controls.images(sheet.type, sheet.part * per_sheet, sheet.count)
            pictures[sheet] = [png_uri(image, side) for image in _pixels(images)]
    return [pictures[sheet] for sheet in sheets]


def common_side(sides: Sequence[int]) -> int:
    """The side of the square that sprites of all these sizes are enlarged to.

    It is the least that each fills with whole factors, or, where that is more than
    ``LARGEST_SIDE``, the largest size, in which the others are centred.
    """
    least = math.lcm(*sides)
    return least if least <= LARGEST_SIDE else max(sides)


def png_uri(pixels: np.ndarray, side: int) -> str:
    """A sprite as a ``data:`` URI of a PNG.

    Args:
        pixels: uint8 (S, S, 3), S at most ``side``.
        side: of the picture: the sprite is enlarged by the largest whole factor that fits, and
            centred on white.
    """
    factor = side // len(pixels)
    enlarged = pixels.repeat(factor, axis=0).repeat(factor, axis=1)
    before = (side - len(enlarged)) // 2
    edge = (before, side - len(enlarged) - before)
    padded = np.pad(enlarged, (edge, edge, (0, 0)), constant_values=255)
    buffer = io.BytesIO()
    Image.fromarray(padded).save(buffer, format="PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _drawn(
    model: SpriteModel, sheets: Sequence[Sheet], per_sheet: int, seed: int
) -> tuple[Tensor, ...]:
    """A model's sprites, uint8 (count, 3, S, S) on white by sheet; each has its own latents."""
    names = labels_of_model(model)
    places = [names.index(sheet.type) + sheet.part for sheet in sheets]
    latents = model.latents((max(places) + 1) * per_sheet, seed)
    counts = [sheet.count for sheet in sheets]
    rows = [
        place * per_sheet + index
        for place, count in zip(places, counts, strict=True)
        for index in range(count)
    ]
    labels = None
    if model.conditioning is not None:
        classes = torch.tensor(places).repeat_interleave(torch.tensor(counts))
        labels = labels_of_classes(classes, model.conditioning)
    pixels = on_white_page(model.draw(latents[rows], labels))
    return pixels.round().clamp(0, 255).to(torch.uint8).split(counts)


def _pixels(images: Tensor) -> np.ndarray:
    """uint8 (n, 3, S, S) to (n, S, S, 3)."""
    return images.permute(0, 2, 3, 1).numpy()
