"""Conditional AEGAN, as Abdool (2022) describes it: the conditional U-Net with an encoder.

The work says that AEGAN (Lazarou 2020, arXiv 2004.05472) is put on top of the U-Net and the
projection PatchGAN. How the encoder hears the label is left open; ours sees it as one more channel
of the image, and is AEGAN's otherwise. The latent discriminator is AEGAN's
(:mod:`pokegan.models.aegan`): latents are drawn N(0, 1) whatever the label.
"""

import torch
from torch import Tensor, nn

from pokegan.models import ARCHITECTURES
from pokegan.models.aegan import ImageEncoder, on_sphere
from pokegan.models.autoencoder import AutoencodingModel
from pokegan.models.checks import check_range
from pokegan.models.conditioning import num_classes
from pokegan.models.cunet import CUNetGenerator
from pokegan.models.label_plane import LabelPlane


@ARCHITECTURES.register("caegan")
class CAEGAN(AutoencodingModel):
    """Generator (latents and labels to images) and encoder (images and labels to latents).

    Args:
        latent_dim: as for :class:`pokegan.models.cunet.CUNetGenerator`; so are the others.
        base_width: of generator and encoder.
        mapping_layers: of the generator.
        contracting_adain: of the generator.
        expanding_adain: of the generator.
        class_weight: of the generator.
        conditioning: "group" (13 type groups) or "type" (18 types).
        channels: image channels: 1, 3 or 4.
        size: height and width of the image: 16, 32, 64, 128 or 256.

    Raises:
        PokeGANError: an argument out of range.
    """

    architecture = "caegan"

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
        super().__init__()
        self.latent_dim, self.channels, self.size = latent_dim, channels, size
        self.conditioning = conditioning
        self.generator = CUNetGenerator(  # checks the rest
            latent_dim=latent_dim,
            base_width=base_width,
            mapping_layers=mapping_layers,
            contracting_adain=contracting_adain,
            expanding_adain=expanding_adain,
            class_weight=class_weight,
            conditioning=conditioning,
            channels=channels,
            size=size,
        )
        self.encoder = _ConditionalEncoder(latent_dim, base_width, conditioning, channels, size)

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Map latents (n, latent_dim) and labels, int64 (n,), to images (n, channels, size, size)
        in [-1, 1]."""
        return self.generator(on_sphere(latents), labels)


class _ConditionalEncoder(nn.Module):
    def __init__(
        self, latent_dim: int, base_width: int, conditioning: str, channels: int, size: int
    ):
        super().__init__()
        self.label_plane = LabelPlane(num_classes(conditioning), 16, size)
        self.encoder = ImageEncoder(latent_dim, base_width, channels + 1, size)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """Map images (n, channels, size, size) and labels (n,) to latents (n, latent_dim)."""
        return self.encoder(torch.cat([images, self.label_plane(labels)], dim=1))
