"""DCGAN (Radford et al. 2016, arXiv 1511.06434), as Bennion (2021) trained it on sprites.

The exact layer shapes are those of the PyTorch DCGAN tutorial: kernels of 4, no biases, batch
normalisation everywhere but at the images and the logit. Without normalisation the same layers
serve as critic, and as generator, of a WGAN-GP (Gulrajani et al. 2017, arXiv 1704.00028, whose
section 4 rules batch normalisation out for critics).
"""

import itertools
import math

import torch
from torch import Tensor, nn

from pokegan.models import ARCHITECTURES
from pokegan.models.base import SpriteModel
from pokegan.models.checks import check_choice, check_range
from pokegan.models.initialisation import LEAKY_SLOPE, init_kaiming, init_linear

BLANK = 1.5
"""Before tanh: 0.905, near white and not yet where tanh is flat."""


@ARCHITECTURES.register("dcgan-generator")
class DCGANGenerator(SpriteModel):
    """Latent to image by transposed convolutions: 1x1 -> 4x4 -> ... -> size x size.

    Batch normalisation takes its statistics per process when several processes train.

    Args:
        latent_dim: length of the latent, 1 to 4096.
        base_width: channels before the last layer; each layer towards the latent has twice as
            many (512, 256, 128, 64 for a base width of 64 at 64 px). 1 to 512.
        norm: "batch", or "none" for biases in place of batch normalisation.
        blank_start: give the last layer biases that let an untrained generator draw nearly empty
            images: white, or transparent. Without it, the way from grey to a white background can
            make every feature mean "whiter"; where ReLU cuts all of them off, only grey is left.
        channels: image channels: 1, 3 or 4.
        size: height and width of the image: 16, 32, 64, 128 or 256.

    Raises:
        PokeGANError: an argument out of range.
    """

    architecture = "dcgan-generator"

    def __init__(
        self,
        latent_dim: int = 100,
        base_width: int = 64,
        norm: str = "batch",
        blank_start: bool = False,
        channels: int = 3,
        size: int = 64,
    ):
        _check_arguments(base_width, norm, channels, size)
        check_range("latent_dim", latent_dim, 1, 4096)
        super().__init__()
        self.latent_dim, self.channels, self.size = latent_dim, channels, size
        widths = [base_width * 2**i for i in reversed(range(_stages(size)))]
        bias = norm == "none"
        layers = [
            nn.ConvTranspose2d(latent_dim, widths[0], 4, stride=1, padding=0, bias=bias),
            *_normalisation(norm, widths[0]),
            nn.ReLU(),
        ]
        for width, next_width in itertools.pairwise(widths):
            layers += [
                nn.ConvTranspose2d(width, next_width, 4, stride=2, padding=1, bias=bias),
                *_normalisation(norm, next_width),
                nn.ReLU(),
            ]
        last_bias = bias or blank_start
        layers += [
            nn.ConvTranspose2d(widths[-1], channels, 4, stride=2, padding=1, bias=last_bias),
            nn.Tanh(),
        ]
        self.layers = nn.Sequential(*layers)
        if norm == "batch":
            self.apply(init_dcgan)
        else:
            self.apply(init_kaiming)
            init_kaiming(layers[0], inputs=latent_dim)  # a pixel sees one pixel
            init_linear(layers[-2], gain=0.1 if blank_start else 1.0)
        if blank_start:
            with torch.no_grad():
                layers[-2].bias[:3] = BLANK  # white
                layers[-2].bias[3:] = -BLANK  # transparent

    def forward(self, latents: Tensor) -> Tensor:
        """Map latents (n, latent_dim) to images (n, channels, size, size) in [-1, 1]."""
        return self.layers(latents[:, :, None, None])


@ARCHITECTURES.register("dcgan-discriminator")
class DCGANDiscriminator(nn.Module):
    """Image to one logit by strided convolutions, the generator's mirror image.

    Batch normalisation takes its statistics per process when several processes train.

    Args:
        base_width: channels after the first layer, doubled by each further layer. 1 to 512.
        norm: "batch", or "none" for biases in place of batch normalisation.
        channels: image channels: 1, 3 or 4.
        size: height and width of the image: 16, 32, 64, 128 or 256.

    Raises:
        PokeGANError: an argument out of range.
    """

    architecture = "dcgan-discriminator"
    conditioning = None

    def __init__(
        self, base_width: int = 64, norm: str = "batch", channels: int = 3, size: int = 64
    ):
        _check_arguments(base_width, norm, channels, size)
        super().__init__()
        widths = [base_width * 2**i for i in range(_stages(size))]
        bias = norm == "none"
        layers = [
            nn.Conv2d(channels, widths[0], 4, stride=2, padding=1, bias=bias),
            nn.LeakyReLU(LEAKY_SLOPE),
        ]
        for width, next_width in itertools.pairwise(widths):
            layers += [
                nn.Conv2d(width, next_width, 4, stride=2, padding=1, bias=bias),
                *_normalisation(norm, next_width),
                nn.LeakyReLU(LEAKY_SLOPE),
            ]
        # Never a bias here: it cancels in the Wasserstein loss and would not be trained.
        layers.append(nn.Conv2d(widths[-1], 1, 4, stride=1, padding=0, bias=False))
        self.layers = nn.Sequential(*layers)
        if norm == "batch":
            self.apply(init_dcgan)
        else:
            self.apply(init_kaiming)
            init_linear(layers[-1])

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


def _normalisation(norm: str, width: int) -> list[nn.Module]:
    return [nn.BatchNorm2d(width)] if norm == "batch" else []


def _stages(size: int) -> int:
    """How often the image is halved down to 4x4: 4 for 64 px."""
    return int(math.log2(size)) - 2


def _check_arguments(base_width: int, norm: str, channels: int, size: int) -> None:
    check_range("base_width", base_width, 1, 512)
    check_choice("norm", norm, ("batch", "none"))
    check_choice("channels", channels, (1, 3, 4))
    check_choice("size", size, (16, 32, 64, 128, 256))
