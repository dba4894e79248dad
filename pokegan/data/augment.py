"""The six augmentations of Zsombor 2021, for whole datasets and inside training: one code for both.

Shear, rotate, flip top-bottom, flip left-right, crop and recolour. What becomes of a sample is a
function of the sample and its own random numbers, whatever the rest of the batch.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from pokegan.data.images import clear_hidden
from pokegan.data.transforms import (
    check_colored,
    crop,
    cutout,
    flip_left_right,
    flip_top_bottom,
    jitter,
    recolor,
    rotate,
    shear,
    translate,
)
from pokegan.errors import PokeGANError
from pokegan.seeding import derive_seed

SIX = ("shear", "rotate", "flip-top-bottom", "flip-left-right", "crop", "recolor")

SHEAR = (10.0, 20.0)
"""Degrees by which the vertical axis leans, to either side; never more than 75."""

ROTATE = (10.0, 20.0)
"""Degrees of rotation, either way; never more than 180."""

CROP = (0.1, 0.2)
"""Share of the side that a crop cuts off, before it enlarges the rest; never more than 0.9."""

HUE = (1 / 6, 5 / 6)
"""Turns of the hue circle, so that the new hue is at least 60 degrees from the old one."""

NUMBERS = 3
"""How many uniform numbers an augmentation takes for each sample."""


class Uniform(Protocol):
    """Random numbers of a training step; see `pokegan.objectives.Noise`."""

    def __call__(self, stream: str, *shape: int) -> Tensor:
        """Numbers (n, *shape) evenly distributed in [0, 1)."""
        ...


@dataclass(frozen=True)
class Augmentation:
    """What happens to images before a discriminator sees them.

    Args:
        flip: probability of mirroring left-right.
        rotate: rotation by a random angle of up to so many degrees, either way.
        recolor: probability of a random rotation of the hues; not for grey images.
        translate: move by a random whole number of pixels, up to this share of the side, each way.
        cutout: make a square at a random place background, its side being this share of the
            image's.
        jitter: change brightness, saturation and contrast at random, 1 being the most; not for
            grey images. These three are DiffAugment (Zhao et al. 2020, arXiv 2006.10738), which
            needs ``generated``.
        six: let each image be itself or one of its shear, rotate, flip-top-bottom,
            flip-left-right, crop and recolor, with equal chance, as if drawn from seven times the
            images (Zsombor 2021); not for grey images.
        generated: let generated images go through the same augmentation.

    Raises:
        PokeGANError: a value out of range.
    """

    flip: float = 0.0
    rotate: float = 0.0
    recolor: float = 0.0
    translate: float = 0.0
    cutout: float = 0.0
    jitter: float = 0.0
    six: bool = False
    generated: bool = False

    def __post_init__(self):
        shares = ("flip", "recolor", "translate", "cutout", "jitter")
        for name, most in (("rotate", 180), *((name, 1) for name in shares)):
            value = getattr(self, name)
            if not 0 <= value <= most:
                raise PokeGANError(f"augmentation.{name} must lie in [0, {most}], not {value}")

    @property
    def active(self) -> bool:
        """Whether images are changed at all."""
        return any(getattr(self, each.name) for each in fields(self) if each.name != "generated")

    @property
    def needs_color(self) -> bool:
        """Whether grey images cannot be changed so."""
        return any((self.recolor, self.jitter, self.six))

    def __call__(self, images: Tensor, uniform: Uniform) -> Tensor:
        """Augment a batch: first ``six``, then flip, rotate, recolour, jitter, translate, cutout.

        Args:
            images: float tensor (n, channels, height, width) in [-1, 1].
            uniform: source of random numbers, with the streams "six", "flip", "rotate",
                "recolor", "jitter", "translate" and "cutout".

        Returns:
            A tensor of the same shape; half precision, too coarse to resample, becomes float32.

        Raises:
            PokeGANError: grey images are to be recoloured.
        """
        if not self.active:
            return images
        if self.needs_color:
            check_colored(images)
        if images.dtype in (torch.float16, torch.bfloat16):
            images = images.float()
        if self.six:
            images = _one_of_seven(images, uniform("six", 1 + NUMBERS))
        if self.flip:
            flipped = uniform("flip")[:, None, None, None] < self.flip
            images = torch.where(flipped, flip_left_right(images), images)
        if self.rotate:
            images = rotate(images, (2 * uniform("rotate") - 1) * self.rotate)
        if self.recolor:
            numbers = uniform("recolor", 1 + NUMBERS)
            rows = (numbers[:, 0] < self.recolor).nonzero()[:, 0]
            recolored = augment(images[rows], "recolor", numbers[rows, 1:])
            images = images.index_copy(0, rows, recolored)
        if self.jitter:
            images = jitter(images, uniform("jitter", 3), self.jitter)
        if self.translate:
            sides = torch.tensor(images.shape[2:])
            most = (self.translate * sides).round()
            steps = (uniform("translate", 2).cpu() * (2 * most + 1)).floor() - most
            images = translate(images, steps.long())
        if self.cutout:
            images = cutout(images, self.cutout, uniform("cutout", 2))
        return images


def _one_of_seven(images: Tensor, numbers: Tensor) -> Tensor:
    """Leave each image as it is or apply one of ``SIX``; ``numbers`` is (n, 4)."""
    variants = (numbers[:, 0] * (1 + len(SIX))).long()
    counts = variants.bincount(minlength=1 + len(SIX)).tolist()
    order = variants.argsort(stable=True)  # so each augmentation is applied to all of its images
    groups = images[order].split(counts)
    chosen = numbers[order, 1:].split(counts)
    changed = [
        augment(group, name, own) if len(group) else group
        for name, group, own in zip(SIX, groups[1:], chosen[1:], strict=True)
    ]
    return torch.cat([groups[0], *changed])[order.argsort()]


def six_fold(image: Image.Image, seed: int, strength: float = 1.0) -> dict[str, Image.Image]:
    """The six augmentations of one sprite.

    Args:
        image: an RGBA image, RGB 0 where alpha is 0.
        seed: the random angles and places are a function of it and of the augmentation's name.
        strength: see `augment`.

    Returns:
        RGBA images of the same size, RGB 0 where alpha is 0, by the names of ``SIX`` in its order.
        Edges that were resampled are partly transparent.
    """
    from torchvision.transforms.v2 import functional as F

    results = {}
    with _one_thread():
        images = F.pil_to_tensor(image)[None].float() / 127.5 - 1  # (1, 4, H, W)
        for name in SIX:
            generator = torch.Generator().manual_seed(derive_seed(seed, name))
            numbers = torch.rand(1, NUMBERS, generator=generator)
            changed = (augment(images, name, numbers, strength)[0] + 1) * 127.5
            changed = changed.round().clamp(0, 255).byte().permute(1, 2, 0)
            pixels = np.ascontiguousarray(changed.numpy())  # (H, W, 4)
            clear_hidden(pixels)
            results[name] = Image.fromarray(pixels)
    return results


@contextmanager
def _one_thread() -> Iterator[None]:
    """For work on one small image: several threads only wait for each other, up to fifty times
    as long where the machine has other things to do."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def augment(images: Tensor, name: str, numbers: Tensor, strength: float = 1.0) -> Tensor:
    """One of the six augmentations, of all ``images``.

    Args:
        images: float tensor (n, channels, height, width) in [-1, 1].
        name: one of ``SIX``.
        numbers: float tensor (n, 3) in [0, 1), from which angles and places are chosen evenly in
            the ranges at the top of this module.
        strength: factor on the ranges of shear, rotate and crop. 1 is mild; 4 ruins most sprites:
            they lean by 40 to 75 degrees, are rotated by 40 to 80, or no more than 20 to 60 % of
            the side is left, anywhere in the image, which may show nothing of the sprite. Flips and
            recolouring are the same at every strength.

    Raises:
        PokeGANError: grey images are to be recoloured.
    """
    first, second, third = numbers.unbind(1)
    sign = torch.where(second < 0.5, -1, 1)
    if name == "shear":
        return shear(images, sign * _between(SHEAR, first, strength, 75))
    if name == "rotate":
        return rotate(images, sign * _between(ROTATE, first, strength, 180))
    if name == "flip-top-bottom":
        return flip_top_bottom(images)
    if name == "flip-left-right":
        return flip_left_right(images)
    if name == "crop":
        keep = 1 - _between(CROP, first, strength, 0.9)
        return crop(images, keep, torch.stack([second, third], 1))
    if name == "recolor":
        return recolor(images, _between(HUE, first))
    raise ValueError(f"unknown augmentation {name!r}")


def _between(
    ends: tuple[float, float], numbers: Tensor, strength: float = 1.0, most: float = 1.0
) -> Tensor:
    low, high = ends
    return ((low + (high - low) * numbers) * strength).clamp(max=most)
