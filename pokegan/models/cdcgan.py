"""Conditional DCGAN, as Abdool (2022) describes it.

The work says that the generator's noise is joined with the one-hot label and that the
discriminator gets a learned 16-dimensional embedding of the label, tiled to a fourth channel.
Everything else is the DCGAN of :mod:`pokegan.models.dcgan`; how the 16 numbers are tiled is our
choice (:mod:`pokegan.models.label_plane`).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pokegan.models import ARCHITECTURES
from pokegan.models.base import SpriteModel
from pokegan.models.checks import check_range
from pokegan.models.conditioning import num_classes
from pokegan.models.dcgan import DCGANDiscriminator, DCGANGenerator, init_dcgan
from pokegan.models.label_plane import LabelPlane, check_embedding_dim


@ARCHITECTURES.register("cdcgan-generator")
class CDCGANGenerator(SpriteModel):
    """A DCGAN generator whose input is the latent joined with the one-hot label.

    Batch normalisation takes its statistics per process when several processes train.

    Args:
        latent_dim: length of the latent, 1 to 4000.
        base_width: as in :class:`pokegan.models.dcgan.DCGANGenerator`.
        conditioning: "group" (13 type groups) or "type" (18 types).
        channels: image channels: 1, 3 or 4.
        size: height and width of the image: 16, 32, 64, 128 or 256.

    Raises:
        PokeGANError: an argument out of range.
    """

    architecture = "cdcgan-generator"

    def __init__(
        self,
        latent_dim: int = 100,
        base_width: int = 64,
        conditioning: str = "group",
        channels: int = 3,
        size: int = 64,
    ):
        check_range("latent_dim", latent_dim, 1, 4000)
        classes = num_classes(conditioning)
        super().__init__()
        self.latent_dim, self.channels, self.size = latent_dim, channels, size
        self.conditioning, self.num_classes = conditioning, classes
        self.dcgan = DCGANGenerator(
            latent_dim=latent_dim + classes,
            base_width=base_width,
            channels=channels,
            size=size,
        )

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Map latents (n, latent_dim) and labels, int64 (n,), to images (n, channels, size, size)
        in [-1, 1]."""
        one_hot = F.one_hot(labels, self.num_classes).to(latents.dtype)
        return self.dcgan(torch.cat([latents, one_hot], dim=1))


@ARCHITECTURES.register("cdcgan-discriminator")
class CDCGANDiscriminator(nn.Module):
    """A DCGAN discriminator that sees the label as one more channel of the image.

    Batch normalisation takes its statistics per process when several processes train.

    Args:
        base_width: as in :class:`pokegan.models.dcgan.DCGANDiscriminator`.
        embedding_dim: numbers learned for each label: 1, 4, 16, 64 or 256.
        conditioning: "group" (13 type groups) or "type" (18 types).
        channels: image channels: 1, 3 or 4.
        size: height and width of the image: 16, 32, 64, 128 or 256.

    Raises:
        PokeGANError: an argument out of range.
    """

    architecture = "cdcgan-discriminator"

    def __init__(
        self,
        base_width: int = 64,
        embedding_dim: int = 16,
        conditioning: str = "group",
        channels: int = 3,
        size: int = 64,
    ):
        check_embedding_dim(embedding_dim)
        classes = num_classes(conditioning)
        super().__init__()
        self.conditioning = conditioning
        self.dcgan = DCGANDiscriminator(base_width=base_width, channels=channels, size=size)
        # The label's plane joins the image's channels before the first convolution.
        first = nn.Conv2d(channels + 1, base_width, 4, stride=2, padding=1, bias=False)
        init_dcgan(first)
        self.dcgan.layers[0] = first
        self.label_plane = LabelPlane(classes, embedding_dim, size)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """Map images (n, channels, size, size) in [-1, 1] and labels, int64 (n,), to logits (n,)
        of being real sprites of those labels."""
        return self.dcgan(torch.cat([images, self.label_plane(labels)], dim=1))
