"""Sprite craft: does an image look drawn pixel by pixel? Measures of single images.

Judged as on a page, on white, so that models with and without alpha are measured alike. Numbers
mean little alone: they are to be read beside the real sprites' in the same size, which resizing has
softened as well.
"""

from dataclasses import dataclass

import numpy as np

WHITE = 250
"""A pixel is background where red, green and blue are at least this and such pixels connect it to
the border."""

LONELY = 32
"""A pixel is isolated where it differs from each of its neighbours by more than this in red, green
or blue."""

STEP = 64
"""A change between neighbouring pixels is a clean step where red, green or blue changes by more
than this."""

SHARE = 0.95
"""Colours are counted until they make up this share of the figure."""


@dataclass(frozen=True)
class Craft:
    """Measures of one sprite.

    Attributes:
        colors: the fewest colours (24 bits) that make up 95 % of the figure's pixels; 0 where there
            is no figure. A sprite of the games has at most 15 before it is resized.
        isolated: share of the figure's pixels that differ from all of their neighbours, up to 8.
        sharpness: share of all change between neighbouring pixels that is made in clean steps
            rather than in gradients, in [0, 1]; 0 for an empty image.
        cleanliness: share of the background's pixels that are exactly white, in [0, 1]; 0 where
            there is no background.
        figure: share of the image that is figure, not background.
    """

    colors: int
    isolated: float
    sharpness: float
    cleanliness: float
    figure: float


def craft(pixels: np.ndarray) -> Craft:
    """Measure one sprite.

    Args:
        pixels: uint8 (H, W, 1), grey; (H, W, 3), RGB; or (H, W, 4), RGBA with straight alpha.
            Height and width of at least 2.

    Raises:
        ValueError: another shape or dtype.
    """
    color = on_white(pixels)  # (H, W, 3)
    background = background_of(color)
    figure = ~background
    clean = (color[background] == 255).all(1)
    return Craft(
        colors=_colors(color[figure]),
        isolated=_isolated(color)[figure].mean().item() if figure.any() else 0.0,
        sharpness=_sharpness(color),
        cleanliness=clean.mean().item() if background.any() else 0.0,
        figure=figure.mean().item(),
    )


def on_white(pixels: np.ndarray) -> np.ndarray:
    """Composite a sprite on white.

    Args:
        pixels: as for :func:`craft`.

    Returns:
        uint8 (H, W, 3).

    Raises:
        ValueError: another shape or dtype.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] not in (1, 3, 4):
        raise ValueError(f"expected uint8 (H, W, 1, 3 or 4), got {pixels.dtype} {pixels.shape}")
    if min(pixels.shape[:2]) < 2:
        raise ValueError(f"height and width must be at least 2, not {pixels.shape[:2]}")
    if pixels.shape[2] == 1:
        return pixels.repeat(3, axis=2)
    color = pixels[..., :3]
    if pixels.shape[2] == 4:
        opaque = pixels[..., 3:] / 255
        color = np.round(color * opaque + 255 * (1 - opaque)).astype(np.uint8)
    return color


def background_of(color: np.ndarray) -> np.ndarray:
    """The near-white pixels that are connected to the border, up, down, left or right.

    Args:
        color: uint8 (H, W, 3).

    Returns:
        bool (H, W).
    """
    white = (color >= WHITE).all(2)
    reached = np.zeros_like(white)
    reached[[0, -1]], reached[:, [0, -1]] = white[[0, -1]], white[:, [0, -1]]
    while True:
        grown = reached.copy()
        grown[1:] |= reached[:-1]
        grown[:-1] |= reached[1:]
        grown[:, 1:] |= reached[:, :-1]
        grown[:, :-1] |= reached[:, 1:]
        grown &= white
        if (grown == reached).all():
            return reached
        reached = grown


def _colors(figure: np.ndarray) -> int:
    """Colours, the commonest first, that cover ``SHARE`` of the pixels (n, 3)."""
    if not len(figure):
        return 0
    _, counts = np.unique(figure, axis=0, return_counts=True)
    covered = np.sort(counts)[::-1].cumsum()
    return int(np.searchsorted(covered, SHARE * len(figure))) + 1


def _isolated(color: np.ndarray) -> np.ndarray:
    """bool (H, W): unlike every neighbour."""
    padded = np.pad(color.astype(np.int16), ((1, 1), (1, 1), (0, 0)), constant_values=-1000)
    height, width = color.shape[:2]
    lonely = np.ones((height, width), bool)
    for down in range(3):
        for right in range(3):
            if (down, right) != (1, 1):
                neighbour = padded[down : down + height, right : right + width]
                lonely &= np.abs(color - neighbour).max(2) > LONELY
    return lonely


def _sharpness(color: np.ndarray) -> float:
    values = color.astype(np.int16)
    changes = np.concatenate([np.abs(np.diff(values, axis=axis)).max(2).ravel() for axis in (0, 1)])
    total = changes.sum()
    return (changes[changes > STEP].sum() / total).item() if total else 0.0
