"""DCGAN (Radford et al. 2016, arXiv 1511.06434), as Bennion (2021) trained it on sprites.

The exact layer shapes are those of the PyTorch DCGAN tutorial: kernels of 4, no biases, batch
normalisation everywhere but at the images and the logit.
"""

import itertools
import math

from torch import Tensor, nn

from pokegan.models import ARCHITECTURES
from pokegan.models.base import SpriteModel
from pokegan.models.checks import check_choice, check_range


@ARCHITECTURES.register("dcgan-generator")
class DCGANGenerator(SpriteModel):
    """Latent to image by transposed convolutions: 1x1 -> 4x4 -> ... -> size x size.

    Batch normalisation takes its statistics per process when several processes train.

    Args:
        latent_dim: length of the latent, 1 to 4096.
        base_width: channels before the last layer; each layer towards the latent has twice as
            many (512, 256, 128, 64 for a base width of 64 at 64 px). 1 to 512.
        channels: image channels: 1, 3 or 4.
        size: height and width of the image: 16, 32, 64, 128 or 256.

    Raises:
        PokeGANError: an argument out of range.
    """

    architecture = "dcgan-generator"

    def __init__(
        self, latent_dim: int = 100, base_width: int = 64, channels: int = 3, size: int = 64
    ):
        _check_arguments(base_width, channels, size)
        check_range("latent_dim", latent_dim, 1, 4096)
        super().__init__()
        self.latent_dim, self.channels, self.size = latent_dim, channels, size
        widths = [base_width * 2**i for i in reversed(range(_stages(size)))]
        layers = [
            nn.ConvTranspose2d(latent_dim, widths[0], 4, stride=1, padding=0, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(),
        ]
        for width, next_width in itertools.pairwise(widths):
            layers += [
                nn.ConvTranspose2d(width, next_width, 4, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(next_width),
                nn.ReLU(),
            ]
        layers += [
            nn.ConvTranspose2d(widths[-1], channels, 4, stride=2, padding=1, bias=False),
            nn.Tanh(),
        ]
        self.layers = nn.Sequential(*layers)
        self.apply(init_dcgan)

    def forward(self, latents: Tensor) -> Tensor:
        """Map latents (n, latent_dim) to images (n, channels, size, size) in [-1, 1]."""
        return self.layers(latents[:, :, None, None])


@ARCHITECTURES.register("dcgan-discriminator")
class DCGANDiscriminator(nn.Module):
    """Image to one logit by strided convolutions, the generator's mirror image.

    Batch normalisation takes its statistics per process when several processes train.

    Args:
        base_width: channels after the first layer, doubled by each further layer. 1 to 512.
        channels: image channels: 1, 3 or 4.
        size: height and width of the image: 16, 32, 64, 128 or 256.

    Raises:
        PokeGANError: an argument out of range.
    """

    architecture = "dcgan-discriminator"

    def __init__(self, base_width: int = 64, channels: int = 3, size: int = 64):
        _check_arguments(base_width, channels, size)
        super().__init__()
        widths = [base_width * 2**i for i in range(_stages(size))]
        layers = [
            nn.Conv2d(channels, widths[0], 4, stride=2, padding=1, bias=False),
            nn.LeakyReLU(0.2),
        ]
        for width, next_width in itertools.pairwise(widths):
            layers += [
                nn.Conv2d(width, next_width, 4, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(next_width),
                nn.LeakyReLU(0.2),
            ]
        layers.append(nn.Conv2d(widths[-1], 1, 4, stride=1, padding=0, bias=False))
        self.layers = nn.Sequential(*layers)
        self.apply(init_dcgan)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (n, channels, size, size) in [-1, 1] to logits (n,) of being real."""
        return self.layers(images).flatten()


def init_dcgan(module: nn.Module) -> None:
    """Initialise as the DCGAN tutorial: weights N(0, 0.02), batch-norm scales N(1, 0.02)."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)


def _stages(size: int) -> int:
    """How often the image is halved down to 4x4: 4 for 64 px."""
    return int(math.log2(size)) - 2


def _check_arguments(base_width: int, channels: int, size: int) -> None:
    check_range("base_width", base_width, 1, 512)
    check_choice("channels", channels, (1, 3, 4))
    check_choice("size", size, (16, 32, 64, 128, 256))
