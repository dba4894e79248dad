"""Conditional U-Net generator, as Abdool (2022) describes it.

The work says that the mapping network's output is tiled to 1x64x64, that a U-Net turns it into an
image, with class-conditional AdaIN after chosen contracting and expanding blocks, and that a
mapping network at the bottleneck joins the code with the label embedding. Our choices: widths and
4x4 contracting convolutions are those of the U-Net that comes with PatchGAN (Isola et al. 2017,
arXiv 1611.07004, section 6.1.1), AdaIN stands in place of its batch normalisation, its dropout is
left out, so that a sprite is a function of its latent, and expanding blocks enlarge and convolve
(Odena et al. 2016, doi 10.23915/distill.00003), since transposed convolutions drew checkerboards.
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

WIDEST = 8
"""No block has more channels than this many times the base width."""


@ARCHITECTURES.register("cunet-generator")
class CUNetGenerator(SpriteModel):
    """A style, tiled to an image, through a U-Net that hears style and label again on its way.

    latent, label -> style w (size) -> tiled 1 x size x size -> contracting blocks -> 4x4 ->
    bottleneck -> expanding blocks, each joined with the contracting block of its size -> image.

    Every row of the tiled style is the same, and the skip connections carry that on: sprites were
    drawn in vertical stripes. So two fixed planes beside it, our addition, tell each pixel its row
    and its column.

    Args:
        latent_dim: length of the latent, 1 to 4096.
        base_width: channels after the first contracting block; each further block has twice as
            many, up to 8 times the base width. 1 to 128.
        mapping_layers: dense layers of the mapping network before the U-Net, 2 to 8.
        contracting_adain: how many contracting blocks have AdaIN, counted from the bottleneck; at
            most all of them. 0 to 6.
        expanding_adain: the same for expanding blocks; the last one, which draws the image, has
            none.
        class_weight: λ_c of the last block that has AdaIN, above 0 and at most 10; smaller in the
            others (:func:`pokegan.models.adain.class_weights`).
        conditioning: "group" (13 type groups) or "type" (18 types).
        channels: image channels: 1, 3 or 4.
        size: height and width of the image: 16, 32, 64, 128 or 256.

    Raises:
        PokeGANError: an argument out of range.
    """

    architecture = "cunet-generator"

    def __init__(
        self,
        latent_dim: int = 64,
        base_width: int = 28,
        mapping_layers: int = 4,
        contracting_adain: int = 2,
        expanding_adain: int = 6,
        class_weight: float = 1.0,
        conditioning: str = "group",
        channels: int = 3,
        size: int = 64,
    ):
        check_range("latent_dim", latent_dim, 1, 4096)
        check_range("base_width", base_width, 1, 128)
        check_range("mapping_layers", mapping_layers, 2, 8)
        check_range("contracting_adain", contracting_adain, 0, 6)
        check_range("expanding_adain", expanding_adain, 0, 6)
        check_class_weight(class_weight)
        classes = num_classes(conditioning)
        check_choice("channels", channels, (1, 3, 4))
        check_choice("size", size, (16, 32, 64, 128, 256))
        super().__init__()
        self.latent_dim, self.channels, self.size = latent_dim, channels, size
        self.conditioning = conditioning
        # Recomputed, not saved: row and column of each pixel, from -1 to 1.
        places = torch.linspace(-1, 1, size).expand(size, size)
        self.register_buffer("places", torch.stack([places.T, places])[None], persistent=False)
        self.mapping = MappingNetwork(
            latent_dim, classes, size, hidden_dim=128, layers=mapping_layers, embedding_dim=16
        )

        halvings = int(math.log2(size)) - 2  # down to 4x4
        widths = [base_width * min(2**i, WIDEST) for i in range(halvings)]
        contracting_adain = min(contracting_adain, halvings)
        expanding_adain = min(expanding_adain, halvings - 1)
        weights = iter(class_weights(contracting_adain + expanding_adain, class_weight))

        def adain(width: int, wanted: bool) -> ClassAdaIN | None:
            return ClassAdaIN(width, size, classes, next(weights)) if wanted else None

        self.contracting = nn.ModuleList()
        for index, (before, after) in enumerate(itertools.pairwise([1 + 2, *widths])):
            halving = nn.Conv2d(before, after, 4, stride=2, padding=1)
            wanted = index >= halvings - contracting_adain
            self.contracting.append(_Block(halving, adain(after, wanted)))

        code_dim = widths[-1] * 4 * 4
        self.bottleneck = MappingNetwork(
            code_dim, classes, code_dim, hidden_dim=256, layers=2, embedding_dim=16
        )

        self.expanding = nn.ModuleList()
        before = widths[-1]
        for index, after in enumerate(reversed(widths[:-1])):
            keeping = nn.Conv2d(before, after, 3, padding=1)
            self.expanding.append(_Block(keeping, adain(after, index < expanding_adain)))
            before = 2 * after  # joined with the contracting block's output
        self.to_image = nn.Conv2d(before, channels, 3, padding=1)
        init_linear(self.to_image, gain=0.1)  # far from where tanh is flat

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Map latents (n, latent_dim) and labels, int64 (n,), to images (n, channels, size, size)
        in [-1, 1]."""
        styles = self.mapping(latents, labels)  # (n, size)
        tiled = styles[:, None, None, :].expand(-1, 1, self.size, -1)  # (n, 1, size, size)
        features = torch.cat([tiled, self.places.to(tiled).expand(len(tiled), -1, -1, -1)], dim=1)
        contracted = []
        for block in self.contracting:
            features = block(features, styles, labels)
            contracted.append(features)
        code = contracted.pop()  # (n, width, 4, 4)
        features = self.bottleneck(code.flatten(1), labels).view(code.shape)
        for block in self.expanding:
            features = block(_doubled(features), styles, labels)
            features = torch.cat([features, contracted.pop()], dim=1)
        return torch.tanh(self.to_image(_doubled(features)))


class _Block(nn.Module):
    """A convolution, AdaIN where there is one, LeakyReLU."""

    def __init__(self, convolution: nn.Conv2d, adain: ClassAdaIN | None):
        super().__init__()
        init_kaiming(convolution)
        if adain is not None:
            convolution.bias = None  # the normalisation would take it away again
        self.convolution, self.adain = convolution, adain

    def forward(self, features: Tensor, styles: Tensor, labels: Tensor) -> Tensor:
        features = self.convolution(features)
        if self.adain is not None:
            features = self.adain(features, styles, labels)
        return F.leaky_relu(features, LEAKY_SLOPE)


def _doubled(features: Tensor) -> Tensor:
    return F.interpolate(features, scale_factor=2.0, mode="nearest")
