"""Noisy PatchGAN discriminators, as Abdool (2022) describes them.

PatchGAN (Isola et al. 2017, arXiv 1611.07004, section 3.2) judges patches in place of the image;
the work adds Gaussian noise before its convolutions, and tells it the types in one of two ways: by
projection or by an auxiliary classifier. Its plain PatchGAN leaves open how the label enters;
without it the types could not be taught, so ours sees the label as one more channel. Also ours:
group normalisation, so that noise of one deviation means the same before every convolution and no
batch statistics are needed, and as many layers as make each patch about 5/6 of the image's side.
"""

import itertools
import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pokegan.errors import PokeGANError
from pokegan.models import ARCHITECTURES
from pokegan.models.checks import check_choice, check_number, check_range
from pokegan.models.conditioning import num_classes
from pokegan.models.initialisation import LEAKY_SLOPE, init_kaiming, init_linear
from pokegan.models.label_plane import LabelPlane, check_embedding_dim
from pokegan.models.noise import normal_like

PATCHES = 8
"""Patches a side, at every size."""

GROUPS = 8
"""Groups of channels that are normalised together."""

WIDEST = 8
"""No layer has more channels than this many times the base width."""


@ARCHITECTURES.register("patchgan-discriminator")
class PatchGANDiscriminator(nn.Module):
    """Image and label to one logit for each of 8x8 overlapping patches.

    The label is a plane beside the image's channels (:class:`LabelPlane`).

    Args:
        base_width: channels after the first convolution, a multiple of 8; each further one has
            twice as many, up to 8 times the base width. 8 to 256.
        noise: standard deviation of the noise added before every convolution in training, 0 to 1;
            images have values in [-1, 1], features a mean square of at most about 1.
        embedding_dim: numbers learned for each label: 1, 4, 16, 64 or 256.
        conditioning: "group" (13 type groups) or "type" (18 types).
        channels: image channels: 1, 3 or 4.
        size: height and width of the image: 16, 32, 64, 128 or 256.

    Raises:
        PokeGANError: an argument out of range.
    """

    architecture = "patchgan-discriminator"

    def __init__(
        self,
        base_width: int = 48,
        noise: float = 0.05,
        embedding_dim: int = 16,
        conditioning: str = "group",
        channels: int = 3,
        size: int = 64,
    ):
        _check_arguments(base_width, noise, channels, size)
        check_embedding_dim(embedding_dim)
        classes = num_classes(conditioning)
        super().__init__()
        self.conditioning = conditioning
        self.label_plane = LabelPlane(classes, embedding_dim, size)
        self.trunk = _Trunk(channels, base_width, noise, size, planes=1)
        self.to_logits = _NoisyConvolution(self.trunk.width, 1, noise)
        init_linear(self.to_logits.convolution)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """Map images (n, channels, size, size) in [-1, 1] and labels, int64 (n,), to logits
        (n, 8, 8) of the patches being real sprites of those labels."""
        features = self.trunk(images, self.label_plane(labels))
        return self.to_logits(features).squeeze(1)


@ARCHITECTURES.register("patchgan-projection-discriminator")
class PatchGANProjectionDiscriminator(nn.Module):
    """Image and label to one logit: PatchGAN's flattened output, projected on the label.

    With φ the flattened output and v_y the embedding of the label, the logit is
    ``v_y · φ + ψ(φ)``, ψ being linear (Miyato & Koyama 2018, arXiv 1802.05637, equation 4 and
    figure 1). The work leaves open how many channels the output has that is flattened; one number
    a patch could not hold what tells 13 groups apart.

    Args:
        base_width: as for :class:`PatchGANDiscriminator`.
        noise: as there.
        features: channels of the PatchGAN's output; φ has 64 times as many numbers. 1 to 64.
        conditioning: as there.
        channels: as there.
        size: as there.

    Raises:
        PokeGANError: an argument out of range.
    """

    architecture = "patchgan-projection-discriminator"

    def __init__(
        self,
        base_width: int = 48,
        noise: float = 0.05,
        features: int = 16,
        conditioning: str = "group",
        channels: int = 3,
        size: int = 64,
    ):
        _check_arguments(base_width, noise, channels, size)
        check_range("features", features, 1, 64)
        classes = num_classes(conditioning)
        super().__init__()
        self.conditioning = conditioning
        self.trunk = _Trunk(channels, base_width, noise, size)
        self.to_features = _NoisyConvolution(self.trunk.width, features, noise)
        phi_dim = features * PATCHES * PATCHES
        self.embedding = nn.Embedding(classes, phi_dim)
        # Both terms start at the scale of one feature, however many there are.
        nn.init.normal_(self.embedding.weight, 0.0, phi_dim**-0.5)
        self.linear = nn.Linear(phi_dim, 1)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """Map images (n, channels, size, size) in [-1, 1] and labels, int64 (n,), to logits (n,)
        of being real sprites of those labels."""
        phi = F.leaky_relu(self.to_features(self.trunk(images)), LEAKY_SLOPE).flatten(1)
        return (phi * self.embedding(labels)).sum(dim=1) + self.linear(phi).squeeze(1)


@ARCHITECTURES.register("patchgan-classifier-discriminator")
class PatchGANClassifierDiscriminator(nn.Module):
    """Image to one logit for each patch, and one for each label (an auxiliary classifier).

    The classes are read off the mean of the patches' features (Odena et al. 2017, arXiv
    1610.09585, has a classifier beside the source; where it branches off is our choice).

    Args:
        base_width: as for :class:`PatchGANDiscriminator`.
        noise: as there.
        conditioning: what it classifies: "group" (13 type groups) or "type" (18 types).
        channels: as there.
        size: as there.

    Raises:
        PokeGANError: an argument out of range.
    """

    architecture = "patchgan-classifier-discriminator"
    conditioning = None

    def __init__(
        self,
        base_width: int = 48,
        noise: float = 0.05,
        conditioning: str = "group",
        channels: int = 3,
        size: int = 64,
    ):
        _check_arguments(base_width, noise, channels, size)
        classes = num_classes(conditioning)
        super().__init__()
        self.classifies = conditioning
        self.trunk = _Trunk(channels, base_width, noise, size)
        self.to_logits = _NoisyConvolution(self.trunk.width, 1, noise)
        init_linear(self.to_logits.convolution)
        self.to_classes = nn.Linear(self.trunk.width, classes)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Map images (n, channels, size, size) in [-1, 1] to logits (n, 8, 8) of the patches being
        real, and class logits (n, labels)."""
        features = self.trunk(images)
        return self.to_logits(features).squeeze(1), self.to_classes(features.mean(dim=(2, 3)))


class _Trunk(nn.Module):
    """What the three share: image to features (n, width, 8, 8).

    At 64 px: three 4x4 convolutions of stride 2, then a 3x3 one; with another 3x3 one for the
    logits, each patch is 54x54 pixels.
    """

    def __init__(self, channels: int, base_width: int, noise: float, size: int, planes: int = 0):
        super().__init__()
        # What an empty image holds: white, or (RGBA) transparent black.
        self.empty = -1.0 if channels == 4 else 1.0
        halvings = int(math.log2(size // PATCHES))
        widths = [base_width * min(2**i, WIDEST) for i in range(halvings)]
        self.width = widths[-1]
        convolutions = [
            _NoisyConvolution(before, after, noise, halves=True)
            for before, after in itertools.pairwise([channels + planes, *widths])
        ]
        convolutions.append(_NoisyConvolution(self.width, self.width, noise))
        self.convolutions = nn.ModuleList(convolutions)
        # The first stays as it is: its features still show the colours as they are.
        self.norms = nn.ModuleList(
            nn.GroupNorm(GROUPS, width) for width in [*widths, self.width][1:]
        )

    def forward(self, images: Tensor, *planes: Tensor) -> Tensor:
        first, *others = self.convolutions
        # Empty places become 0: they are most of every image, real or not, and tell nothing.
        features = torch.cat([images - self.empty, *planes], dim=1)
        features = F.leaky_relu(first(features), LEAKY_SLOPE)
        for convolution, norm in zip(others, self.norms, strict=True):
            features = F.leaky_relu(norm(convolution(features)), LEAKY_SLOPE)
        return features


class _NoisyConvolution(nn.Module):
    def __init__(self, before: int, after: int, noise: float, halves: bool = False):
        super().__init__()
        self.noise = noise
        kernel, stride = (4, 2) if halves else (3, 1)
        self.convolution = nn.Conv2d(before, after, kernel, stride, padding=1)
        init_kaiming(self.convolution)

    def forward(self, features: Tensor) -> Tensor:
        if self.training and self.noise:
            features = features + self.noise * normal_like(features)
        return self.convolution(features)


def _check_arguments(base_width: int, noise: float, channels: int, size: int) -> None:
    check_range("base_width", base_width, GROUPS, 256)
    if base_width % GROUPS:
        raise PokeGANError(f"base_width must be a multiple of {GROUPS}, not {base_width}")
    check_number("noise", noise, 0, 1)
    check_choice("channels", channels, (1, 3, 4))
    check_choice("size", size, (16, 32, 64, 128, 256))
