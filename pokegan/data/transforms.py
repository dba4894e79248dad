"""Shears, rotations, crops, flips and new hues of sprites, each sample with its own parameters.

Images are float tensors (n, channels, height, width) in [-1, 1]: 1 (grey) or 3 (RGB) channels on
white, or 4 (RGBA, straight alpha, RGB 0 where alpha is 0). What moves in from outside the image is
background: white, or transparent.

Gradients with respect to the images pass through everything here, so a generator can be trained
through it. The bilinear resampling (shear, rotate, crop) has no second derivative: gradient
penalties are to be taken at the transformed images.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from pokegan.errors import PokeGANError

OUTLINE = 0.25
"""Pixels darker than this HSV value are outlines, which recolouring leaves alone. The outermost
pixels of the sprites of generation 5 have a median value of 0.09."""

_HALF_STEP = 1 / 510  # 8 bits show nothing smaller


def flip_left_right(images: Tensor) -> Tensor:
    """Mirror ``images`` (..., height, width)."""
    from torchvision.transforms.v2 import functional as VF

    return VF.horizontal_flip(images)


def flip_top_bottom(images: Tensor) -> Tensor:
    """Turn ``images`` (..., height, width) upside down."""
    from torchvision.transforms.v2 import functional as VF

    return VF.vertical_flip(images)


def shear(images: Tensor, degrees: Tensor) -> Tensor:
    """Let each image's vertical axis lean by its angle; the middle stays where it is.

    Args:
        images: float tensor (n, channels, height, width) in [-1, 1].
        degrees: (n,), each between -90 and 90; above 0, the top leans to the right.
    """
    return _resample(images, [{"shear": [angle, 0.0]} for angle in degrees.tolist()])


def rotate(images: Tensor, degrees: Tensor) -> Tensor:
    """Rotate each image (n, channels, height, width) about its middle by its angle of ``degrees``
    (n,), clockwise."""
    return _resample(images, [{"angle": angle} for angle in degrees.tolist()])


def crop(images: Tensor, keep: Tensor, place: Tensor) -> Tensor:
    """Cut a part out of each image and enlarge it to the whole image.

    Args:
        images: float tensor (n, channels, height, width) in [-1, 1].
        keep: (n,), share of each side that is kept, in (0, 1].
        place: (n, 2), where the part lies: 0 at the left and top, 1 at the right and bottom.
    """
    sides = (images.shape[3], images.shape[2])
    settings = []
    for share, where in zip(keep.tolist(), place.tolist(), strict=True):
        # The middle of the part is (where - 1/2) (1 - share) sides off the image's middle.
        shift = [
            (0.5 - x) * (1 - share) * side / share for x, side in zip(where, sides, strict=True)
        ]
        settings.append({"scale": 1 / share, "translate": shift})
    return _resample(images, settings)


def translate(images: Tensor, pixels: Tensor) -> Tensor:
    """Move each image (n, channels, height, width) by its whole numbers of ``pixels``, int64
    (n, 2): down and to the right."""
    n, _, height, width = images.shape
    rows = torch.arange(height, device=images.device) - pixels[:, :1].to(images.device)  # (n, H)
    columns = torch.arange(width, device=images.device) - pixels[:, 1:].to(images.device)  # (n, W)
    inside = _within(rows, height)[:, :, None] & _within(columns, width)[:, None, :]  # (n, H, W)
    moved = images.permute(0, 2, 3, 1)[
        torch.arange(n, device=images.device)[:, None, None],
        rows.clamp(0, height - 1)[:, :, None],
        columns.clamp(0, width - 1)[:, None, :],
    ].permute(0, 3, 1, 2)
    return torch.where(inside[:, None], moved, _background(images))


def shrink(images: Tensor, size: int) -> Tensor:
    """Images (n, channels, size, size) whose pixels are means of squares of pixels; colours count
    as much as they are opaque.

    Args:
        images: float tensor (n, channels, height, width) in [-1, 1], height and width being a
            multiple of ``size``.
        size: height and width of the result.
    """
    factor = images.shape[-1] // size
    if factor == 1:
        return images
    if images.shape[1] != 4:
        return F.avg_pool2d(images, factor)
    color, alpha = (images / 2 + 0.5).split([3, 1], 1)
    small = F.avg_pool2d(alpha, factor)
    color = F.avg_pool2d(color * alpha, factor) / small.clamp(min=_HALF_STEP)
    return torch.cat([color, small], 1) * 2 - 1


def on_white_with_alpha(images: Tensor) -> Tensor:
    """RGBA images (n, 4, h, w) in [-1, 1] as RGB on white, and alpha; RGB ones as they are."""
    if images.shape[1] == 3:
        return images
    color, alpha = images.split([3, 1], 1)
    return torch.cat([1 + (alpha + 1) / 2 * (color - 1), alpha], 1)


def cutout(images: Tensor, side: float, place: Tensor) -> Tensor:
    """Make a square of each image background, or the part of it that lies inside the image.

    Args:
        images: float tensor (n, channels, height, width) in [-1, 1].
        side: of the square, as a share of the image's.
        place: (n, 2), the square's middle: 0 at the top and left, 1 at the bottom and right.
    """
    hidden = True
    for axis, length in ((0, images.shape[2]), (1, images.shape[3])):
        centres = (torch.arange(length, device=images.device) + 0.5) / length
        near = (centres - place[:, axis : axis + 1].to(images.device)).abs() <= side / 2
        hidden = near.unflatten(1, (-1, 1) if axis == 0 else (1, -1)) & hidden
    return torch.where(hidden[:, None], _background(images), images)


def jitter(images: Tensor, numbers: Tensor, strength: float) -> Tensor:
    """Change brightness, saturation and contrast of each image (Zhao et al. 2020, arXiv
    2006.10738, section 3.2).

    At strength 1, brightness moves by up to a quarter of its range either way, saturation gets a
    factor from 0 to 2 and contrast, about middle grey, one from 0.5 to 1.5; less strength narrows
    all of these in proportion. Alpha stays as it is, values may leave [-1, 1].

    Args:
        images: float tensor (n, 3 or 4, height, width) in [-1, 1].
        numbers: (n, 3) in [0, 1), where in their ranges the three lie.
        strength: 0 to 1.

    Raises:
        PokeGANError: grey images.
    """
    check_colored(images)
    shift, saturation, contrast = (
        strength * (2 * numbers.to(images) - 1)[:, :, None, None, None]
    ).unbind(1)
    color = images[:, :3] + shift / 2
    grey = color.mean(1, keepdim=True)
    color = (grey + (color - grey) * (1 + saturation)) * (1 + contrast / 2)
    return torch.cat([color, images[:, 3:]], 1)


def _within(places: Tensor, length: int) -> Tensor:
    return (places >= 0) & (places < length)


def _background(images: Tensor) -> Tensor:
    """White, or transparent, for ``torch.where`` with ``images``."""
    return images.new_full((), 1.0 if images.shape[1] < 4 else -1.0)


def _resample(images: Tensor, settings: Sequence[dict]) -> Tensor:
    """An affine map for each image, bilinear.

    Bilinear, although these are pixels of a drawing: nearest neighbours tear outlines of one pixel
    apart and give an image no gradient; the images that networks see are softened by resizing
    anyway. What is resampled is 0 where there is background ("ink": how far below white, or
    premultiplied colour and alpha). So what moves in is exact background without a seam (as
    torchvision's own ``fill`` has), edges do not darken, and hidden colours never show.

    torchvision maps a whole batch alike, so it is called for each image; that takes 25 ms for 128
    images of 64 px, no more than one call of ``grid_sample`` for all.
    """
    from torchvision.transforms import InterpolationMode
    from torchvision.transforms.v2 import functional as VF

    as_it_is = {"angle": 0.0, "translate": [0.0, 0.0], "scale": 1.0, "shear": [0.0, 0.0]}
    transparent = images.shape[1] == 4
    if transparent:
        color, alpha = ((images + 1) / 2).split([3, 1], 1)
        ink = torch.cat([color * alpha, alpha], 1)
    else:
        ink = 1 - images
    with torch.autocast(images.device.type, enabled=False):  # its bmm would round the coordinates
        ink = torch.stack(
            [
                VF.affine(image, **{**as_it_is, **values}, interpolation=InterpolationMode.BILINEAR)
                for image, values in zip(ink, settings, strict=True)
            ]
        )
    if not transparent:
        return 1 - ink
    color, alpha = ink.split([3, 1], 1)
    visible = alpha >= _HALF_STEP
    color = torch.where(visible, color / torch.where(visible, alpha, 1), 0)
    return torch.cat([color, alpha], 1) * 2 - 1


def recolor(images: Tensor, turns: Tensor) -> Tensor:
    """Rotate the hues, in HSV, of each image by its angle.

    Outlines (dark pixels), greys, white among them, and alpha stay exactly as they are.
    (torchvision's ``adjust_hue`` has one angle for all and no gradient.)

    Args:
        images: float tensor (n, 3 or 4, height, width) in [-1, 1].
        turns: (n,), 1 being the whole circle of hues.

    Raises:
        PokeGANError: grey images.
    """
    check_colored(images)
    color = (images[:, :3] + 1) / 2
    red, green, blue = color.split(1, 1)  # (n, 1, H, W) each
    value = color.amax(1, keepdim=True)
    chroma = value - color.amin(1, keepdim=True)
    colored = (chroma >= _HALF_STEP) & (value >= OUTLINE)
    # Smith 1978, "Color gamut transform pairs": the hue in sixths of the circle, and back. Where
    # there is none, 1 instead of the chroma keeps the gradient finite.
    divisor = torch.where(colored, chroma, 1)
    hue = torch.where(
        red == value,
        (green - blue) / divisor,
        torch.where(green == value, 2 + (blue - red) / divisor, 4 + (red - green) / divisor),
    )
    hue = hue + 6 * turns.to(images)[:, None, None, None]
    offset = images.new_tensor([5, 3, 1])[:, None, None]
    distance = (offset + hue).remainder(6)  # (n, 3, H, W)
    rotated = value - chroma * torch.minimum(distance, 4 - distance).clamp(0, 1)
    rotated = torch.where(colored, rotated * 2 - 1, images[:, :3])
    return torch.cat([rotated, images[:, 3:]], 1)


def check_colored(images: Tensor) -> None:
    """Refuse images of one channel.

    Raises:
        PokeGANError: grey images, which have no hue.
    """
    if images.shape[1] == 1:
        raise PokeGANError(
            "grey images cannot be recoloured; leave out augmentation.recolor and augmentation.six"
        )
