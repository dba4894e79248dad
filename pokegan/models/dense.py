"""Generator and discriminator of dense layers only, without normalisation.

As in the dense GAN of the 2020 project page and the dense WGAN of Zsombor (2021); neither states
its widths. Those of the well-known dense GAN on MNIST are the defaults.
"""

import itertools

import torch
from torch import Tensor, nn

from pokegan.errors import PokeGANError, shown
from pokegan.models import ARCHITECTURES
from pokegan.models.base import SpriteModel
from pokegan.models.checks import check_choice, check_range
from pokegan.models.initialisation import LEAKY_SLOPE, init_kaiming, init_linear

FIRST_LAYER_SCALE = 0.1
"""The discriminator's first weights start at this share of what He et al. ask for."""


@ARCHITECTURES.register("dense-generator")
class DenseGenerator(SpriteModel):
    """Latent to image by dense layers with LeakyReLU (slope 0.2), tanh at the end.

    Args:
        latent_dim: length of the latent, 1 to 4096.
        widths: outputs of the hidden layers, from the latent to the image; 1 to 8 of them, each
            from 1 to 8192.
        channels: image channels: 1, 3 or 4.
        size: height and width of the image, any from 8 to 256.

    Raises:
        PokeGANError: an argument out of range.
    """

    architecture = "dense-generator"

    def __init__(
        self,
        latent_dim: int = 100,
        # A list, and in the signature: the Hub mixin writes the defaults into config.json.
        widths: list[int] = [256, 512, 1024],  # noqa: B006
        channels: int = 3,
        size: int = 64,
    ):
        _check_arguments(widths, channels, size)
        check_range("latent_dim", latent_dim, 1, 4096)
        super().__init__()
        self.latent_dim, self.channels, self.size = latent_dim, channels, size
        self.layers = nn.Sequential(
            *_hidden_layers(latent_dim, widths),
            nn.Linear(widths[-1], channels * size * size),
            nn.Tanh(),
        )
        self.apply(init_kaiming)
        # Each pixel has weights of its own: large ones at the start stay in the pictures as noise.
        init_linear(self.layers[-2], gain=0.01)

    def forward(self, latents: Tensor) -> Tensor:
        """Map latents (n, latent_dim) to images (n, channels, size, size) in [-1, 1]."""
        return self.layers(latents).unflatten(1, (self.channels, self.size, self.size))


@ARCHITECTURES.register("dense-discriminator")
class DenseDiscriminator(nn.Module):
    """Image to one logit by dense layers with LeakyReLU; a GAN's discriminator or WGAN's critic.

    Args:
        widths: outputs of the hidden layers, from the image to the logit; 1 to 8 of them, each
            from 1 to 8192.
        channels: image channels: 1, 3 or 4.
        size: height and width of the image, any from 8 to 256.

    Raises:
        PokeGANError: an argument out of range.
    """

    architecture = "dense-discriminator"
    conditioning = None

    def __init__(
        self,
        widths: list[int] = [1024, 512, 256],  # noqa: B006
        channels: int = 3,
        size: int = 64,
    ):
        _check_arguments(widths, channels, size)
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(),
            *_hidden_layers(channels * size * size, widths),
            # Without a bias, which cancels in the Wasserstein loss and would never be trained.
            nn.Linear(widths[-1], 1, bias=False),
        )
        self.apply(init_kaiming)
        # Random weights see pixels one by one and would teach the generator noise; what is learnt
        # from sprites is smooth, and soon outweighs a small beginning.
        with torch.no_grad():
            self.layers[1].weight.mul_(FIRST_LAYER_SCALE)
        init_linear(self.layers[-1])

    def forward(self, images: Tensor) -> Tensor:
        """Map images (n, channels, size, size) in [-1, 1] to logits (n,) of being real."""
        return self.layers(images).squeeze(1)


def _hidden_layers(inputs: int, widths: list[int]) -> list[nn.Module]:
    layers = []
    for width, next_width in itertools.pairwise([inputs, *widths]):
        layers += [nn.Linear(width, next_width), nn.LeakyReLU(LEAKY_SLOPE)]
    return layers


def _check_arguments(widths: list[int], channels: int, size: int) -> None:
    if not isinstance(widths, list) or not 1 <= len(widths) <= 8:
        raise PokeGANError(f"widths must be a list of 1 to 8 integers, not {shown(widths)}")
    for index, width in enumerate(widths):
        check_range(f"widths[{index}]", width, 1, 8192)
    check_choice("channels", channels, (1, 3, 4))
    check_range("size", size, 8, 256)
