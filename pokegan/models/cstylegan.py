"""Conditional StyleGAN, as Abdool (2022) describes it: a small one, without noise per pixel.

The work says that noise and a learned label embedding go through a mapping network and that every
block has class-conditional AdaIN whose λ_c grows with depth. Widths and the depth of the mapping
network are our choice; StyleGAN's noise per pixel is left out, so that a sprite is a function of
its latent.
"""

import itertools
import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pokegan.models import ARCHITECTURES
from pokegan.models.adain import ClassAdaIN, check_class_weight, class_weights
from pokegan.models.base import SpriteModel
from pokegan.models.checks import check_choice, check_range
from pokegan.models.conditioning import num_classes
from pokegan.models.initialisation import LEAKY_SLOPE, init_kaiming, init_linear
from pokegan.models.mapping import MappingNetwork

WIDEST = 16
"""No block has more channels than this many times the base width."""


@ARCHITECTURES.register("cstylegan-generator")
class CStyleGANGenerator(SpriteModel):
    """A learned 4x4 constant, doubled block by block, styled by latent and label in every block.

    After StyleGAN (Karras et al. 2019, arXiv 1812.04948): the latent enters through the mapping
    network and AdaIN alone. Each block is an upsampling (none in the first), a 3x3 convolution,
    class-conditional AdaIN and LeakyReLU.

    Args:
        latent_dim: length of the latent, 1 to 4096.
        style_dim: length of the mapping network's output and width of its layers, 1 to 1024.
        mapping_layers: dense layers of the mapping network, 2 to 8.
        base_width: channels of the last block; each block towards the constant has twice as many,
            up to 16 times the base width. 1 to 128.
        class_weight: λ_c of the last block, above 0 and at most 10; smaller in earlier blocks
            (:func:`pokegan.models.adain.class_weights`).
        conditioning: "group" (13 type groups) or "type" (18 types).
        channels: image channels: 1, 3 or 4.
        size: height and width of the image: 16, 32, 64, 128 or 256.

    Raises:
        PokeGANError: an argument out of range.
    """

    architecture = "cstylegan-generator"

    def __init__(
        self,
        latent_dim: int = 64,
        style_dim: int = 128,
        mapping_layers: int = 4,
        base_width: int = 16,
        class_weight: float = 1.0,
        conditioning: str = "group",
        channels: int = 3,
        size: int = 64,
    ):
        check_range("latent_dim", latent_dim, 1, 4096)
        check_range("style_dim", style_dim, 1, 1024)
        check_range("mapping_layers", mapping_layers, 2, 8)
        check_range("base_width", base_width, 1, 128)
        check_class_weight(class_weight)
        classes = num_classes(conditioning)
        check_choice("channels", channels, (1, 3, 4))
        check_choice("size", size, (16, 32, 64, 128, 256))
        super().__init__()
        self.latent_dim, self.channels, self.size = latent_dim, channels, size
        self.conditioning = conditioning
        blocks = int(math.log2(size)) - 1  # 4x4, 8x8, ..., size x size
        widths = [base_width * min(2**i, WIDEST) for i in reversed(range(blocks))]
        self.mapping = MappingNetwork(
            latent_dim, classes, style_dim, style_dim, mapping_layers, embedding_dim=16
        )
        self.constant = nn.Parameter(torch.randn(1, widths[0], 4, 4))
        weights = class_weights(blocks, class_weight)
        self.blocks = nn.ModuleList(
            _Block(before, after, style_dim, classes, weight)
            for (before, after), weight in zip(
                itertools.pairwise([widths[0], *widths]), weights, strict=True
            )
        )
        self.to_image = nn.Conv2d(widths[-1], channels, 1)
        init_linear(self.to_image, gain=0.1)  # far from where tanh is flat

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Map latents (n, latent_dim) and labels, int64 (n,), to images (n, channels, size, size)
        in [-1, 1]."""
        styles = self.mapping(latents, labels)
        features = self.constant.expand(len(latents), -1, -1, -1)
        for index, block in enumerate(self.blocks):
            if index:
                features = F.interpolate(features, scale_factor=2.0, mode="nearest")
            features = block(features, styles, labels)
        return torch.tanh(self.to_image(features))


class _Block(nn.Module):
    def __init__(
        self, before: int, after: int, style_dim: int, num_classes: int, class_weight: float
    ):
        super().__init__()
        # Without a bias, which the normalisation would take away again.
        self.convolution = nn.Conv2d(before, after, 3, padding=1, bias=False)
        init_kaiming(self.convolution)
        self.adain = ClassAdaIN(after, style_dim, num_classes, class_weight)

    def forward(self, features: Tensor, styles: Tensor, labels: Tensor) -> Tensor:
        features = self.adain(self.convolution(features), styles, labels)
        return F.leaky_relu(features, LEAKY_SLOPE)
