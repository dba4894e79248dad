"""Class-conditional adaptive instance normalisation (Abdool 2022).

AdaIN (Huang & Belongie 2017, arXiv 1703.06868, equation 8) gives each channel of each sample a
deviation and a mean that come from a style. Here the label adds its own share of both,
``γ' = γ + λ_c γ_c`` and ``β' = β + λ_c β_c``, with a constant λ_c that grows with depth.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pokegan.errors import PokeGANError, shown


def adain(features: Tensor, scale: Tensor, shift: Tensor, eps: float = 1e-5) -> Tensor:
    """Give every channel of every sample the mean ``shift`` and the standard deviation ``scale``.

    Args:
        features: (n, c, h, w).
        scale: (n, c); the deviation is its absolute value.
        shift: (n, c).
        eps: added to the variance of the features. A channel whose variance is not far above it
            gets a smaller deviation, and a constant one (a map of one pixel, say) none.

    Returns:
        (n, c, h, w), laid out in memory like ``features``.
    """
    # Instance normalisation; F.instance_norm itself refuses maps of one pixel.
    normalised = F.layer_norm(features, features.shape[2:], eps=eps)
    if features.is_contiguous(memory_format=torch.channels_last):
        # Else the next convolution would bring it back, after an upsampling to four times as much.
        normalised = normalised.contiguous(memory_format=torch.channels_last)
    return normalised * scale[:, :, None, None] + shift[:, :, None, None]


class ClassAdaIN(nn.Module):
    """AdaIN with γ and β from the style (a dense layer) and γ_c and β_c from the label.

    γ starts around 1 and β, γ_c and β_c around 0.

    Args:
        channels: channels of the features.
        style_dim: length of the style.
        num_classes: labels.
        class_weight: λ_c, above 0: how much the label says beside the style.
    """

    def __init__(self, channels: int, style_dim: int, num_classes: int, class_weight: float):
        super().__init__()
        self.class_weight = class_weight
        self.of_style = nn.Linear(style_dim, 2 * channels)
        self.of_class = nn.Embedding(num_classes, 2 * channels)
        nn.init.zeros_(self.of_style.bias)
        nn.init.normal_(self.of_class.weight, 0.0, 0.5)

    def forward(self, features: Tensor, styles: Tensor, labels: Tensor) -> Tensor:
        """Restyle features (n, channels, h, w) by styles (n, style_dim) and labels, int64 (n,)."""
        scale_and_shift = self.of_style(styles) + self.class_weight * self.of_class(labels)
        scale, shift = scale_and_shift.chunk(2, dim=1)
        return adain(features, 1 + scale, shift)


def class_weights(blocks: int, deepest: float) -> list[float]:
    """λ_c of each block: even steps from ``deepest / blocks`` in the first to ``deepest`` in the
    last. The work says that λ_c grows with depth; the straight line is our choice."""
    return [deepest * (block + 1) / blocks for block in range(blocks)]


def check_class_weight(class_weight: float) -> None:
    """Refuse a λ_c outside (0, 10].

    Raises:
        PokeGANError: ``class_weight`` is no number, or out of range.
    """
    number = isinstance(class_weight, int | float) and not isinstance(class_weight, bool)
    if not number or not 0 < class_weight <= 10:
        raise PokeGANError(
            f"class_weight must be a number above 0 and at most 10, not {shown(class_weight)}"
        )
