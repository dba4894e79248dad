"""AEGAN (Lazarou 2020, arXiv 2004.05472): generator and encoder in one model, two discriminators.

The paper leaves the networks open. From its author's code for sprites come three ideas: the latent
reaches every resolution of the generator, pixels mix a palette of 16 colours that depends on the
latent, and noise multiplies the discriminators' features. The layers are ours. They need no batch
normalisation, with which reconstructions are learnt more slowly. Of latents, all of them regard
the direction alone (:func:`on_sphere`).
"""

import itertools
import math

import torch
from torch import Tensor, nn

from pokegan.models import ARCHITECTURES
from pokegan.models.autoencoder import AutoencodingModel
from pokegan.models.checks import check_choice, check_number, check_range
from pokegan.models.initialisation import LEAKY_SLOPE, init_kaiming, init_linear
from pokegan.models.noise import normal_like

_CODE_WIDTH = 64  # of the dense layers that read the latent alone


@ARCHITECTURES.register("aegan")
class AEGAN(AutoencodingModel):
    """Generator ``G`` (latents to images) and encoder ``E`` (images to latents).

    Args:
        latent_dim: length of the latent, 1 to 4096.
        base_width: channels at half the image's size, doubled at each lower resolution up to
            eight times as many; at the full size the generator has half as many. 2 to 512.
        colors: entries of the palette that the generator's pixels mix, 2 to 256.
        channels: image channels: 1, 3 or 4.
        size: height and width of the image: 16, 32, 64, 128 or 256.

    Raises:
        PokeGANError: an argument out of range.
    """

    architecture = "aegan"

    def __init__(
        self,
        latent_dim: int = 16,
        base_width: int = 32,
        colors: int = 16,
        channels: int = 3,
        size: int = 64,
    ):
        check_range("latent_dim", latent_dim, 1, 4096)
        check_range("base_width", base_width, 2, 512)
        check_range("colors", colors, 2, 256)
        _check_images(channels, size)
        super().__init__()
        self.latent_dim, self.channels, self.size = latent_dim, channels, size
        self.generator = _Generator(latent_dim, base_width, colors, channels, size)
        self.encoder = ImageEncoder(latent_dim, base_width, channels, size)

    def forward(self, latents: Tensor) -> Tensor:
        """Map latents (n, latent_dim) to images (n, channels, size, size) in [-1, 1]."""
        return self.generator(on_sphere(latents))


class _Generator(nn.Module):
    """Latent to image: 4x4 -> ... -> size x size.

    Pixels are doubled before each convolution, as transposed ones tend to draw checkerboards
    (Odena et al. 2016, "Deconvolution and Checkerboard Artifacts").
    """

    def __init__(self, latent_dim: int, base_width: int, colors: int, channels: int, size: int):
        super().__init__()
        self.palette_shape = (colors, channels)
        widths = [*reversed(_widths(base_width, size)), base_width // 2]  # at 4x4, ..., full size
        # Beside what the layers make of it, the latent itself stays visible.
        code = latent_dim + _CODE_WIDTH
        self.code = _dense(latent_dim, _CODE_WIDTH, depth=2)
        self.seed = nn.Sequential(
            nn.Linear(code, widths[0] * 16),
            nn.Unflatten(1, (widths[0], 4, 4)),
            nn.LeakyReLU(LEAKY_SLOPE),
        )
        self.offsets = nn.ModuleList(nn.Linear(code, width) for width in widths[:-1])
        self.stages = nn.ModuleList(
            nn.Sequential(
                nn.Upsample(scale_factor=2),
                nn.Conv2d(width, next_width, 3, padding=1),
                nn.LeakyReLU(LEAKY_SLOPE),
            )
            for width, next_width in itertools.pairwise(widths)
        )
        self.choice = nn.Conv2d(widths[-1], colors, 3, padding=1)
        self.palette = nn.Sequential(
            _dense(code, _CODE_WIDTH, depth=1),
            nn.Linear(_CODE_WIDTH, colors * channels),
            nn.Tanh(),
        )
        self.apply(init_kaiming)
        for layer in (*self.offsets, self.choice, self.palette[1]):
            init_linear(layer)

    def forward(self, latents: Tensor) -> Tensor:
        code = torch.cat([latents, self.code(latents)], dim=1)  # (n, latent_dim + 64)
        features = self.seed(code)  # (n, width, 4, 4)
        for offset, stage in zip(self.offsets, self.stages, strict=True):
            features = stage(features + offset(code)[:, :, None, None])  # height and width double
        choice = self.choice(features).softmax(dim=1)  # (n, colors, size, size), sums to 1
        palette = self.palette(code).unflatten(1, self.palette_shape)  # (n, colors, channels)
        # Shares that rounding lets sum to a little more than 1 must not leave [-1, 1]; a clamp
        # would stop the gradients of white pixels.
        return torch.einsum("nkhw,nkc->nchw", choice, palette * (1 - 1e-5))


class ImageEncoder(nn.Module):
    """Image to a latent on the sphere: size x size -> ... -> 4x4 -> latent."""

    def __init__(self, latent_dim: int, base_width: int, channels: int, size: int):
        super().__init__()
        widths = _widths(base_width, size)
        self.layers = nn.Sequential(
            *_halvings(channels, widths),
            nn.Flatten(),
            _dense(widths[-1] * 16, 4 * _CODE_WIDTH, depth=1),
            nn.Linear(4 * _CODE_WIDTH, latent_dim),
        )
        self.apply(init_kaiming)
        init_linear(self.layers[-1])

    def forward(self, images: Tensor) -> Tensor:
        return on_sphere(self.layers(images))


@ARCHITECTURES.register("aegan-image-discriminator")
class AEGANImageDiscriminator(nn.Module):
    """Image to one logit by strided convolutions, without normalisation.

    Args:
        base_width: channels after the first layer, doubled by each further one up to eight times
            as many. 1 to 512.
        noise: deviation of the noise N(1, noise²) that multiplies each layer's features in
            training, 0 to 1.
        channels: image channels: 1, 3 or 4.
        size: height and width of the image: 16, 32, 64, 128 or 256.

    Raises:
        PokeGANError: an argument out of range.
    """

    architecture = "aegan-image-discriminator"
    conditioning = None

    def __init__(
        self, base_width: int = 32, noise: float = 0.02, channels: int = 3, size: int = 64
    ):
        check_range("base_width", base_width, 1, 512)
        check_number("noise", noise, 0, 1)
        _check_images(channels, size)
        super().__init__()
        widths = _widths(base_width, size)
        self.layers = nn.Sequential(
            *_halvings(channels, widths, noise),
            nn.Flatten(),
            nn.Linear(widths[-1] * 16, 1),
        )
        self.apply(init_kaiming)
        init_linear(self.layers[-1])

    def forward(self, images: Tensor) -> Tensor:
        """Map images (n, channels, size, size) in [-1, 1] to logits (n,) of being real."""
        return self.layers(images).squeeze(1)


@ARCHITECTURES.register("aegan-latent-discriminator")
class AEGANLatentDiscriminator(nn.Module):
    """Latent to one logit by dense layers, without normalisation.

    Args:
        latent_dim: length of the latent, 1 to 4096.
        width: outputs of each hidden layer, 1 to 8192.
        depth: how many hidden layers, 1 to 16.
        noise: as for the image discriminator.

    Raises:
        PokeGANError: an argument out of range.
    """

    architecture = "aegan-latent-discriminator"
    conditioning = None

    def __init__(self, latent_dim: int = 16, width: int = 64, depth: int = 4, noise: float = 0.02):
        check_range("latent_dim", latent_dim, 1, 4096)
        check_range("width", width, 1, 8192)
        check_range("depth", depth, 1, 16)
        check_number("noise", noise, 0, 1)
        super().__init__()
        self.layers = nn.Sequential(_dense(latent_dim, width, depth, noise), nn.Linear(width, 1))
        self.apply(init_kaiming)
        init_linear(self.layers[-1])

    def forward(self, latents: Tensor) -> Tensor:
        """Map latents (n, latent_dim) to logits (n,) of being drawn from the prior."""
        return self.layers(on_sphere(latents)).squeeze(1)


def on_sphere(latents: Tensor) -> Tensor:
    """Bring each latent (n, latent_dim) to the length √latent_dim; its direction stays.

    That is near the length of standard normal latents. Without it, codes of images grow several
    times as long as latents of the prior long before the latent discriminator has learnt to object,
    and the generator meets the prior's unprepared.
    """
    return latents * latents.square().mean(dim=1, keepdim=True).add(1e-8).rsqrt()


class _Noise(nn.Module):
    """Multiplicative noise: in training, features times N(1, deviation²).

    The author of AEGAN found it to stop the discriminators from exploding.
    """

    def __init__(self, deviation: float):
        super().__init__()
        self.deviation = deviation

    def forward(self, features: Tensor) -> Tensor:
        if not self.training:
            return features
        return features * (1 + self.deviation * normal_like(features))


def _dense(inputs: int, width: int, depth: int, noise: float = 0.0) -> nn.Sequential:
    layers = []
    for index in range(depth):
        layers += [nn.Linear(width if index else inputs, width), *_activation(noise)]
    return nn.Sequential(*layers)


def _halvings(channels: int, widths: list[int], noise: float = 0.0) -> list[nn.Module]:
    """Strided convolutions from the image down to 4x4."""
    layers = []
    for width, next_width in itertools.pairwise([channels, *widths]):
        layers += [nn.Conv2d(width, next_width, 4, stride=2, padding=1), *_activation(noise)]
    return layers


def _activation(noise: float) -> list[nn.Module]:
    return [nn.LeakyReLU(LEAKY_SLOPE), *([_Noise(noise)] if noise else [])]


def _widths(base_width: int, size: int) -> list[int]:
    """Channels from half the image's size down to 4x4: 32, 64, 128, 256 for 64 px."""
    return [base_width * min(2**i, 8) for i in range(int(math.log2(size)) - 2)]


def _check_images(channels: int, size: int) -> None:
    check_choice("channels", channels, (1, 3, 4))
    check_choice("size", size, (16, 32, 64, 128, 256))
