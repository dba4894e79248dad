"""Sprites on square canvases: placing frames, and the arrays that networks are trained on."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
_BATCH = 256  # sprites resized at once: 38 MB of float32 at 96 px


def clear_hidden(pixels: np.ndarray) -> None:
    """Set RGB to 0 where alpha is 0, in place; ``pixels`` is contiguous uint8 (H, W, 4) RGBA."""
    packed = pixels.view("<u4")  # alpha is the highest byte
    packed[packed < 1 << 24] = 0


@dataclass(frozen=True)
class Placed:
    """``pixels``: the frames on their canvas, uint8 (canvas, canvas, 4) each; how many of them
    were ``scaled`` down; whether each was ``recentred`` on its own."""

    pixels: list[np.ndarray]
    scaled: int
    recentred: bool


def place(frames: list[np.ndarray], canvas: int) -> Placed:
    """Centre the frames of one sprite on a ``canvas`` x ``canvas`` field, never stretched.

    The box around everything visible in any frame is centred, so frames stay aligned with each
    other. If that box does not fit, each frame is centred by its own box; only a frame that does
    not fit by itself is scaled down, in both directions alike.

    ``frames``: uint8 (H, W, 4) RGBA of one size, each with a visible pixel, RGB 0 where alpha is
    0; so is the result.
    """
    visible = np.logical_or.reduce([frame[..., 3] > 0 for frame in frames])
    box = _box(visible)
    if _fits(box, canvas):
        return Placed([_centre(frame[box], canvas) for frame in frames], 0, False)
    scaled, placed = 0, []
    for frame in frames:
        box = _box(frame[..., 3] > 0)
        cropped = frame[box]
        if not _fits(box, canvas):
            cropped = _shrink(cropped, canvas)
            scaled += 1
        placed.append(_centre(cropped, canvas))
    return Placed(placed, scaled, len(frames) > 1)


def _box(visible: np.ndarray) -> tuple[slice, slice]:
    rows, columns = (np.flatnonzero(visible.any(axis=axis)) for axis in (1, 0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _fits(box: tuple[slice, slice], canvas: int) -> bool:
    return all(side.stop - side.start <= canvas for side in box)


def _centre(pixels: np.ndarray, canvas: int) -> np.ndarray:
    height, width = pixels.shape[:2]
    top, left = (canvas - height) // 2, (canvas - width) // 2
    placed = np.zeros((canvas, canvas, 4), np.uint8)
    placed[top : top + height, left : left + width] = pixels
    return placed


def _shrink(pixels: np.ndarray, canvas: int) -> np.ndarray:
    """Scale down to fit, antialiased; Pillow premultiplies RGBA while it resizes."""
    height, width = pixels.shape[:2]
    factor = canvas / max(height, width)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    smaller = np.array(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))
    clear_hidden(smaller)
    # Thin outlines may fade to nothing at the rim: centre what is left of the sprite.
    visible = smaller[..., 3] > 0
    return smaller[_box(visible)] if visible.any() else smaller


def to_training_batch(images: np.ndarray, size: int, channels: int) -> np.ndarray:
    """Resize sprites and reduce them to the channels that a recipe asks for.

    Args:
        images: uint8 (N, S, S, 4), RGBA with straight alpha.
        size: side of the result in pixels.
        channels: 1, luma (ITU-R BT.601) on white; 3, RGB on white; 4, RGBA with straight alpha,
            RGB 0 where alpha is 0.

    Returns:
        uint8 (N, channels, size, size). Resizing is bilinear with antialiasing, on premultiplied
        values, so what hides under transparent pixels never shows and edges do not darken.

    Raises:
        ValueError: other channels, or images of another shape or dtype.
    """
    import torch
    from torch.nn.functional import interpolate

    if channels not in (1, 3, 4):
        raise ValueError(f"channels must be 1, 3 or 4, not {channels}")
    square = images.ndim == 4 and images.shape[1:] == (images.shape[1], images.shape[1], 4)
    if images.dtype != np.uint8 or not square:
        raise ValueError(f"expected uint8 (N, S, S, 4), got {images.dtype} {images.shape}")
    result = np.empty((len(images), channels, size, size), np.uint8)
    for start in range(0, len(images), _BATCH):
        batch = images[start : start + _BATCH].transpose(0, 3, 1, 2).astype(np.float32)
        batch[:, :3] *= batch[:, 3:] / 255  # premultiplied, 0..255
        if size != images.shape[1]:
            tensor = torch.from_numpy(batch)
            batch = interpolate(tensor, (size, size), mode="bilinear", antialias=True).numpy()
        color, alpha = batch[:, :3], batch[:, 3:]
        if channels == 4:
            # Where alpha rounds to 0, so does the colour.
            color *= np.where(alpha >= 0.5, 255 / np.maximum(alpha, 0.5), 0)
        else:
            batch = color + (255 - alpha)
            if channels == 1:
                batch = np.tensordot(batch, np.float32(LUMA), (1, 0))[:, None]
        result[start : start + _BATCH] = batch.clip(0, 255).round()
    return result
