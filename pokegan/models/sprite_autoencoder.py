"""The generator of our own recipe with an encoder, so that it can fuse sprites as AEGAN does.

The encoder gives each part of the generator a style of its own (W+, Abdal et al. 2019, arXiv
1904.03189), as an encoder for StyleGAN does (pSp, Richardson et al. 2021, arXiv 2008.00951): one
style for all parts, let alone one latent, cannot say as much about a sprite that was never drawn.
``pokegan/recipes/sprite.md`` has what was measured.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Literal

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from pokegan.data.transforms import on_white_with_alpha
from pokegan.errors import PokeGANError
from pokegan.models import ARCHITECTURES
from pokegan.models.autoencoder import AutoencodingModel
from pokegan.models.checks import check_choice, check_range
from pokegan.models.conditioning import Types
from pokegan.models.initialisation import LEAKY_SLOPE, init_kaiming, init_linear
from pokegan.models.interpolation import check_steps
from pokegan.models.sprite import Halving, SpriteGenerator, widths_of_sizes

_MEAN_OF = 2048
"""Codes that are averaged."""


@ARCHITECTURES.register("sprite-autoencoder")
class SpriteAutoencoder(AutoencodingModel, SpriteGenerator):
    """A :class:`SpriteGenerator` and an encoder of images to its codes.

    The encoder needs no types: a code has the styles that types lead to. So ``encode`` and
    ``reconstruct`` take none, and any two images can be fused.

    Args:
        latent_dim: as for :class:`SpriteGenerator`; so are the others.
        palette_dim: see there.
        style_dim: see there.
        widths: see there.
        colors: see there.
        encoder_widths: channels of the encoder at half the size, a quarter, ... down to 4x4, each
            1 to 2048. Where there are more sizes than numbers, the last number is that of all
            others.
        encoder_dim: what the encoder's last hidden layer has, 1 to 8192.
        channels: see there.
        size: see there.

    Raises:
        PokeGANError: an argument out of range.
    """

    architecture = "sprite-autoencoder"

    def __init__(
        self,
        latent_dim: int = 64,
        palette_dim: int = 16,
        style_dim: int = 192,
        widths: list[int] = [24, 48, 64, 128],  # noqa: B006 - the Hub mixin stores lists
        colors: int = 15,
        encoder_widths: list[int] = [32, 64, 96, 128],  # noqa: B006 - the same
        encoder_dim: int = 384,
        channels: int = 4,
        size: int = 64,
    ):
        check_range("encoder_dim", encoder_dim, 1, 8192)
        super().__init__(latent_dim, palette_dim, style_dim, widths, colors, channels, size)
        encoder_widths = widths_of_sizes(encoder_widths, size, halvings=1, name="encoder_widths")
        self.encoder = _Encoder(encoder_widths, self.smallest, encoder_dim, self.code_dim, channels)

    @property
    def encoder_conditioning(self) -> None:
        """``None``: the encoder knows no types."""
        return None

    def begin_fresh_parts(self) -> None:
        """Let the encoder begin with the mean code for every image, as pSp's does. Where it begins
        with zeros, which draw nothing, it can stay there: a blank page is not far from a sprite."""
        codes = self._in_chunks(self.code, self.latents(_MEAN_OF), self.labels(_MEAN_OF))
        with torch.no_grad():
            self.encoder.code.bias.copy_(codes.mean(0))

    def interpolate(
        self,
        image_a: Image.Image | Tensor,
        image_b: Image.Image | Tensor,
        steps: int,
        types: Types | None = None,
        *,
        output: Literal["pil", "tensor"] = "pil",
    ) -> list[Image.Image] | Tensor:
        """Draw the sprites on the way from one image to another, a straight line between their
        codes: styles have no sphere to stay on.

        Args:
            image_a: one image (see :class:`AutoencodingModel`), whose reconstruction is the first
                sprite; or a latent, float tensor (latent_dim,), or a code (code_dim,).
            image_b: the same for the last sprite.
            steps: sprites to draw, both ends included; at least 2.
            types: for ends that are latents, a type, group or mixture, or a list with one for each
                step, the first and last of which are the ends'.
            output: as for :meth:`sample`.

        Raises:
            PokeGANError: as :meth:`encode`, several images for one end, fewer than 2 steps, types
                missing for a latent, or an unknown ``output``.
        """
        check_choice("output", output, ("pil", "tensor"))
        check_steps(steps)
        ends = [image_a, image_b]
        by_end: Sequence[Types | None] = [types, types]
        if isinstance(types, Sequence) and not isinstance(types, str):
            if len(types) != steps:
                raise PokeGANError(f"types must be one, or one for each step, not {len(types)}")
            by_end = [types[0], types[-1]]
        start, end = (self._code(*pair) for pair in zip(ends, by_end, strict=True))
        share = torch.linspace(0, 1, steps)[:, None]
        return self.draw_codes(torch.lerp(start, end, share), output=output)

    def _code(self, end: Image.Image | Tensor, types: Types | None) -> Tensor:
        """One end of an interpolation, (1, code_dim)."""
        if isinstance(end, Tensor) and end.ndim == 1:
            return self.codes_of(end[None], types)
        return self._latent(end, None)[None]

    def _encoder_labels(self, types: Types | None, n: int) -> None:
        if types is not None:
            raise PokeGANError(
                f"{self.architecture!r} reads what it needs from the image; leave out types"
            )

    @property
    def _drawer(self) -> Callable[[Tensor], Tensor]:
        return self.decode


class _Encoder(nn.Module):
    """Image to code: size x size -> ... -> smallest -> code."""

    def __init__(self, widths: list[int], smallest: int, hidden: int, outputs: int, channels: int):
        super().__init__()
        self.stages = nn.Sequential(
            *(Halving(before, after) for before, after in itertools.pairwise([channels, *widths]))
        )
        self.hidden = nn.Linear(widths[-1] * smallest**2, hidden)
        self.code = nn.Linear(hidden, outputs)
        init_kaiming(self.hidden)
        # Near the bias for every image, where the generator draws something.
        init_linear(self.code, gain=0.01)

    def forward(self, images: Tensor) -> Tensor:
        seen = on_white_with_alpha(images).contiguous(memory_format=torch.channels_last)
        features = self.stages(seen).flatten(1)
        return self.code(F.leaky_relu(self.hidden(features), LEAKY_SLOPE))
