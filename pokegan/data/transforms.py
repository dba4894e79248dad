"""Shears, rotations, crops, flips and new hues of sprites, each sample with its own parameters.

Images are float tensors (n, channels, height, width) in [-1, 1]: 1 (grey) or 3 (RGB) channels on
white, or 4 (RGBA, straight alpha, RGB 0 where alpha is 0). What moves in from outside the image is
background: white, or transparent.

Gradients with respect to the images pass through everything here, so a generator can be trained
through it. The bilinear resampling has no second derivative: gradient penalties are to be taken at
the transformed images.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from pokegan.errors import PokeGANError

OUTLINE = 0.25
"""Pixels darker than this HSV value are outlines, which recolouring leaves alone. The outermost
pixels of the sprites of generation 5 have a median value of 0.09."""

_HALF_STEP = 1 / 510  # 8 bits show nothing smaller


def flip_left_right(images: Tensor) -> Tensor:
    """Mirror ``images`` (..., height, width)."""
    from torchvision.transforms.v2 import functional as F

    return F.horizontal_flip(images)


def flip_top_bottom(images: Tensor) -> Tensor:
    """Turn ``images`` (..., height, width) upside down."""
    from torchvision.transforms.v2 import functional as F

    return F.vertical_flip(images)


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
    from torchvision.transforms.v2 import functional as F

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
                F.affine(image, **{**as_it_is, **values}, interpolation=InterpolationMode.BILINEAR)
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
