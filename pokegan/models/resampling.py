"""Convolutions that halve and double height and width without leaving a pattern.

A transposed convolution of stride 2 draws even and odd pixels with weights of their own, and a
strided one looks at them with weights of their own; so generators draw checkerboards with ease
(Odena et al. 2016, "Deconvolution and Checkerboard Artifacts"), and discriminators change their
minds when an image moves by a pixel (Zhang 2019, arXiv 1904.11486). Both go away where images are
blurred by 2x2 pixels, after doubling and before halving. As all of this is linear, the 3x3 weights
are blurred instead, into 4x4 ones, which costs next to nothing.
"""

import math

from torch import Tensor, nn
from torch.nn import functional as F

from pokegan.models.initialisation import init_kaiming


class SmoothUp(nn.Module):
    """Twice the height and width: (n, inputs, h, w) to (n, outputs, 2 h, 2 w).

    What is constant stays so, but for the borders: there are no even and odd pixels.

    Args:
        inputs: channels before.
        outputs: channels after.
    """

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        # Each output is a sum over 9 numbers a channel, as that of a plain 3x3 convolution.
        plain = nn.Conv2d(inputs, outputs, 3, bias=False)
        init_kaiming(plain)
        self.weight = nn.Parameter(plain.weight.detach().transpose(0, 1).contiguous())

    def forward(self, features: Tensor) -> Tensor:
        return F.conv_transpose2d(features, _blurred(self.weight), stride=2, padding=1)


class SmoothDown(nn.Module):
    """Half the height and width: (n, inputs, 2 h, 2 w) to (n, outputs, h, w).

    Args:
        inputs: channels before.
        outputs: channels after.
    """

    SCALE = 1 / math.sqrt(8)
    """To keep the mean square, blurred noise would need 1/2 and a blurred plain 1/4: the mean."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        plain = nn.Conv2d(inputs, outputs, 3)
        init_kaiming(plain)
        self.weight, self.bias = plain.weight, plain.bias

    def forward(self, features: Tensor) -> Tensor:
        weight = _blurred(self.weight) * self.SCALE
        return F.conv2d(features, weight, self.bias, stride=2, padding=1)


def plain_down(inputs: int, outputs: int) -> nn.Conv2d:
    """A convolution that halves as :class:`SmoothDown` does, each of its 4x4 weights its own."""
    convolution = nn.Conv2d(inputs, outputs, 4, stride=2, padding=1)
    init_kaiming(convolution)
    return convolution


def _blurred(weight: Tensor) -> Tensor:
    """Weights (..., 3, 3) convolved with 2x2 ones: (..., 4, 4)."""
    padded = F.pad(weight, (1, 1, 1, 1))
    rows = padded[..., 1:, :] + padded[..., :-1, :]
    return rows[..., 1:] + rows[..., :-1]
