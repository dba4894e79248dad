"""The networks of our own recipe: a generator that paints with a palette, and its discriminator.

What was measured on the way to them is in `pokegan/recipes/sprite.md`. The generator's parts:

* Pixels choose among 15 colours and transparency, as a sprite's do, instead of mixing red, green
  and blue; the palette depends on the style.
* The style sets the scale and shift of every upsampling layer (FiLM, Perez et al. 2018, arXiv
  1709.07871): fewer passes over memory than StyleGAN2's modulation and demodulation.
* Sizes double and halve without a pattern (:mod:`pokegan.models.resampling`): skins are flat where
  plain transposed convolutions left them chequered.
* There is no normalisation (as in R3GAN, Huang et al. 2024, arXiv 2501.05441), so that a sprite
  depends on its own latent alone.
* Each resolution from 16x16 on adds what it has to say about each pixel's choice to the enlarged
  choice of the one before (the skips of StyleGAN2, Karras et al. 2020, arXiv 1912.04958, section
  4.1), beginning with nothing. So the networks can be trained on small images first
  (``training_size``; progressive growing, Karras et al. 2018, arXiv 1710.10196) and go on with
  larger ones without a break.
"""

import itertools
import math
from typing import Literal

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from pokegan.data.transforms import on_white_with_alpha
from pokegan.errors import PokeGANError
from pokegan.models import ARCHITECTURES
from pokegan.models.base import SpriteModel, to_pil
from pokegan.models.checks import check_choice, check_range
from pokegan.models.conditioning import MIXTURE, Types
from pokegan.models.initialisation import LEAKY_SLOPE, init_kaiming, init_linear
from pokegan.models.resampling import SmoothDown, SmoothUp, plain_down

GROUP = 4
"""Images whose deviation the discriminator sees together, consecutive ones of a batch, so that
processes that share a batch see what one would."""


@ARCHITECTURES.register("sprite-generator")
class SpriteGenerator(SpriteModel):
    """Latent and types to an RGBA sprite, or an RGB one on white.

    The last ``palette_dim`` numbers of a latent reach the palette alone, and the last part of a
    code is the palette's: to take that of another sprite is to recolour one (:meth:`recolor`).

    Args:
        latent_dim: length of the latent, 2 to 4096.
        palette_dim: how many of these numbers are the palette's, 1 to ``latent_dim - 1``.
        style_dim: length of the style, 1 to 4096.
        widths: channels at full size, at half of it, ... down to 4x4, each 1 to 2048. Where there
            are more sizes than numbers, the last number is that of all others.
        colors: opaque colours of a palette, 2 to 256. The games' palettes have 15 beside
            transparency.
        channels: 3 (RGB on white) or 4 (RGBA).
        size: height and width of the image: 16, 32, 64, 128 or 256; or 48, 96 or 192, which lead
            from 6x6 on.

    Attributes:
        training_size: height and width of what is drawn in training mode, one of
            ``training_sizes``, by default ``size``; no part of the config.

    Raises:
        PokeGANError: an argument out of range.
    """

    architecture = "sprite-generator"
    conditioning = "types"

    def __init__(
        self,
        latent_dim: int = 64,
        palette_dim: int = 16,
        style_dim: int = 192,
        widths: list[int] = [24, 48, 64, 128],  # noqa: B006 - the Hub mixin stores lists
        colors: int = 15,
        channels: int = 4,
        size: int = 64,
    ):
        check_range("latent_dim", latent_dim, 2, 4096)
        check_range("palette_dim", palette_dim, 1, latent_dim - 1)
        check_range("style_dim", style_dim, 1, 4096)
        check_range("colors", colors, 2, 256)
        check_choice("channels", channels, (3, 4))
        widths = widths_of_sizes(widths, size, halvings=0)[::-1]  # from the smallest map on
        super().__init__()
        self.latent_dim, self.palette_dim, self.colors = latent_dim, palette_dim, colors
        self.style_dim = style_dim
        self.channels, self.size, self.training_size = channels, size, size
        self.mapping = _Mapping(latent_dim - palette_dim, style_dim)
        self.smallest = _smallest(size)
        self.seed = nn.Linear(style_dim, widths[0] * self.smallest**2)
        self.first = nn.Conv2d(widths[0], widths[0], 3, padding=1)
        self.stages = nn.ModuleList(
            _Stage(before, after, style_dim) for before, after in itertools.pairwise(widths)
        )
        # For each size from the second doubling on.
        self.choices = nn.ModuleList(nn.Conv2d(width, colors + 1, 1) for width in widths[2:])
        self.palette = nn.Sequential(
            nn.Linear(style_dim + palette_dim, style_dim),
            nn.LeakyReLU(LEAKY_SLOPE),
            nn.Linear(style_dim, colors * 3),
            nn.Tanh(),
        )
        for module in (self.seed, self.first, self.palette[0]):
            init_kaiming(module)
        init_linear(self.choices[0])
        for choice in self.choices[1:]:
            nn.init.zeros_(choice.weight)
            nn.init.zeros_(choice.bias)
        init_linear(self.palette[2])

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Map latents (n, latent_dim) and labels, float (n, 19), to images
        (n, channels, size, size) in [-1, 1]; in training mode, of ``training_size``."""
        return self.decode(self.code(latents, labels))

    def code(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Map latents (n, latent_dim) and labels, float (n, 19), to codes (n, code_dim): the style
        of each part (the same for all), one after the other, and the palette's numbers. This is
        the space W+ of Abdal et al. 2019, arXiv 1904.03189, for our network."""
        structure, color = latents.split([self.latent_dim - self.palette_dim, self.palette_dim], 1)
        return torch.cat([self.mapping(structure, labels).repeat(1, self.parts), color], 1)

    def decode(self, codes: Tensor) -> Tensor:
        """Map codes (n, code_dim) to images (n, channels, size, size) in [-1, 1]; in training
        mode, of ``training_size``."""
        styles = codes[:, : -self.palette_dim].chunk(self.parts, 1)
        features = self.seed(styles[0]).unflatten(1, (-1, self.smallest, self.smallest))
        features = features.contiguous(memory_format=torch.channels_last)
        features = F.leaky_relu(self.first(F.leaky_relu(features, LEAKY_SLOPE)), LEAKY_SLOPE)
        features = self.stages[0](features, styles[1])
        size, logits = self.training_size if self.training else self.size, None
        for stage, style, choice in zip(self.stages[1:], styles[2:-1], self.choices, strict=True):
            features = stage(features, style)
            added = choice(features)
            logits = added if logits is None else _twice_as_large(logits) + added
            if features.shape[-1] == size:
                break
        # The last style and the palette's numbers stand side by side.
        palettes = self.palette(codes[:, -self.style_dim - self.palette_dim :])
        return self._paint(logits, palettes.unflatten(1, (self.colors, 3)))

    @property
    def parts(self) -> int:
        """How many parts of the network are styled: the first map, each doubling, the palette."""
        return len(self.stages) + 2

    @property
    def code_dim(self) -> int:
        """Length of a code."""
        return self.parts * self.style_dim + self.palette_dim

    @property
    def training_sizes(self) -> list[int]:
        """What ``training_size`` may be: ``size``, half of it, ... down to 16, or to 24 on the way
        from 6x6."""
        return [self.size >> halvings for halvings in range(len(self.choices))]

    def recolor(
        self,
        sprites: Tensor,
        seed: int,
        types: Types | None = None,
        *,
        palette_types: Types | None = None,
        shiny: bool = False,
        output: Literal["pil", "tensor"] = "pil",
    ) -> list[Image.Image] | Tensor:
        """Draw sprites in other colours: what is drawn stays, each gets the palette of another one.

        Each pixel keeps its place in the palette, so outlines stay outlines as far as a model's
        palettes have outlines in the same place.

        Args:
            sprites: latents, float tensor (n, latent_dim), such as :meth:`latents` gives; or codes
                (n, code_dim).
            seed: of the palettes: sprite *i* gets that of sprite *i* of the seed.
            types: as for :meth:`sample`; the sprite's own, if the shape is to stay. Latents need
                them, codes have none.
            palette_types: as for :meth:`sample`, of the sprites whose palettes these are; by
                default the seed chooses among all.
            shiny: as for :meth:`sample`, of both. It changes the shapes of latents, too.
            output: as for :meth:`sample`.

        Raises:
            PokeGANError: latents of another shape, types that are missing or unknown, or an unknown
                ``output``.
        """
        check_choice("output", output, ("pil", "tensor"))
        codes = self.codes_of(sprites, types, shiny=shiny)
        n, colors = len(codes), -self.style_dim - self.palette_dim
        if palette_types is None:
            labels = self.labels(n, seed, shiny)
        else:
            labels = self.labels_of(palette_types, n, shiny)
        others = self._in_chunks(self.code, self.latents(n, seed), labels)
        codes = torch.cat([codes[:, :colors], others[:, colors:]], 1)
        return self.draw_codes(codes, output=output)

    def mix(
        self,
        coarse: Tensor,
        fine: Tensor,
        types: Types | None = None,
        *,
        shiny: bool = False,
        output: Literal["pil", "tensor"] = "pil",
    ) -> list[Image.Image] | Tensor:
        """Style mixing (Karras et al. 2019, arXiv 1812.04948, section 3.1): large shapes of one
        sprite, details and colours of another.

        Args:
            coarse: a latent, float tensor (latent_dim,), such as a row of :meth:`latents`; or a
                code (code_dim,).
            fine: the same.
            types: a type, group or mixture, of both sprites. Latents need it, codes have none.
            shiny: as for :meth:`sample`.
            output: as for :meth:`sample`.

        Returns:
            ``parts + 1`` sprites; that at *k* has the first *k* parts of the network, from the 4x4
            map to the palette, styled by ``coarse`` and the others by ``fine``. So the first is
            the sprite of ``fine`` and the last that of ``coarse``.

        Raises:
            PokeGANError: latents of another shape, types that are missing or unknown, or an unknown
                ``output``.
        """
        check_choice("output", output, ("pil", "tensor"))
        first, second = (self.codes_of(end[None], types, shiny=shiny) for end in (coarse, fine))
        part = torch.arange(self.code_dim).div(self.style_dim, rounding_mode="floor")
        part[-self.palette_dim :] = self.parts - 1
        taken = part < torch.arange(self.parts + 1)[:, None]  # (parts + 1, code_dim)
        return self.draw_codes(torch.where(taken, first, second), output=output)

    def codes_of(
        self, sprites: Tensor, types: Types | None = None, *, shiny: bool = False
    ) -> Tensor:
        """The codes (n, code_dim), on the CPU, of latents (n, latent_dim); codes stay as they are.

        Args:
            sprites: latents or codes.
            types: as for :meth:`sample`. Latents need them, codes have none.
            shiny: as for :meth:`sample`.

        Raises:
            PokeGANError: another shape, or types that are missing or unknown.
        """
        if sprites.ndim == 2 and sprites.shape[1] == self.latent_dim:
            if types is None:
                self.required_labels(types, len(sprites))
            return self._in_chunks(self.code, sprites, self.labels_of(types, len(sprites), shiny))
        if sprites.ndim != 2 or sprites.shape[1] != self.code_dim:
            raise PokeGANError(
                f"latents must have {self.latent_dim} numbers each, or codes {self.code_dim}, not"
                f" {tuple(sprites.shape)}"
            )
        return sprites.detach().float().cpu()

    def draw_codes(
        self, codes: Tensor, *, output: Literal["pil", "tensor"] = "pil"
    ) -> list[Image.Image] | Tensor:
        """Draw one sprite for each code (n, code_dim), in evaluation mode.

        Raises:
            PokeGANError: an unknown ``output``.
        """
        check_choice("output", output, ("pil", "tensor"))
        images = self._in_chunks(self.decode, codes)
        return images if output == "tensor" else to_pil(images)

    def _paint(self, choice: Tensor, palettes: Tensor) -> Tensor:
        """Logits (n, colors + 1, h, w), the last of which is transparency, and palettes
        (n, colors, 3) to images."""
        height_width = choice.shape[2:]
        choice = choice.permute(0, 2, 3, 1).flatten(1, 2).float()  # (n, h w, colors + 1)
        with torch.autocast(choice.device.type, enabled=False):
            # An opaque colour's alpha is 1, transparency is zeros: colour times alpha, and alpha.
            entries = F.pad(F.pad(palettes.float(), (0, 1), value=1.0), (0, 0, 0, 1))
            premultiplied, alpha = (choice.softmax(-1) @ entries).split([3, 1], -1)
            if self.channels == 4:
                # Where there is nothing, any colour will do.
                color = premultiplied / alpha.clamp(min=1e-6)
                pixels = torch.cat([color, 2 * alpha - 1], -1)
            else:
                pixels = 1 - alpha + premultiplied
            pixels = pixels.clamp(-1, 1)  # against rounding
        return pixels.unflatten(1, height_width).permute(0, 3, 1, 2)


class _Mapping(nn.Module):
    """Structure and label to a style, mean square about 1."""

    def __init__(self, structure_dim: int, style_dim: int):
        super().__init__()
        self.embedding = nn.Linear(MIXTURE, structure_dim, bias=False)
        self.layers = nn.Sequential(
            nn.Linear(2 * structure_dim, style_dim),
            nn.LeakyReLU(LEAKY_SLOPE),
            nn.Linear(style_dim, style_dim),
            nn.LeakyReLU(LEAKY_SLOPE),
        )
        self.apply(init_kaiming)

    def forward(self, structure: Tensor, labels: Tensor) -> Tensor:
        label = self.embedding(labels).float()
        # At the latent's scale, whatever the mixture.
        label = label * torch.rsqrt(label.square().mean(1, keepdim=True) + 1e-8)
        return self.layers(torch.cat([structure, label.to(structure.dtype)], 1))


class _Stage(nn.Module):
    """Twice the height and width: a styled transposed convolution, and a residual plain one.

    The transposed convolution takes four products for each output and input channel; nine are what
    a 3x3 one after doubling the pixels takes.
    """

    def __init__(self, before: int, after: int, style_dim: int):
        super().__init__()
        self.up = SmoothUp(before, after)
        self.style = nn.Linear(style_dim, 2 * after)
        init_linear(self.style, gain=0.25)
        nn.init.ones_(self.style.bias[:after])
        self.residual = nn.Conv2d(after, after, 3, padding=1)
        init_kaiming(self.residual)
        _halve_mean_square(self.up, self.residual)

    def forward(self, features: Tensor, styles: Tensor) -> Tensor:
        features = self.up(features)
        scale, shift = self.style(styles).to(features.dtype)[:, :, None, None].chunk(2, 1)
        features = F.leaky_relu(torch.addcmul(shift, features, scale), LEAKY_SLOPE)
        return features + F.leaky_relu(self.residual(features), LEAKY_SLOPE)


@ARCHITECTURES.register("sprite-discriminator")
class SpriteDiscriminator(nn.Module):
    """Image and types to one logit: strided convolutions with residual ones between.

    RGBA images are seen as RGB on white and alpha, so that the colour of what is transparent makes
    no difference. The label enters by projection (Miyato & Koyama 2018, arXiv 1802.05637). The
    mean deviation of the features among four images of the batch is one more channel at the end
    (Karras et al. 2018, arXiv 1710.10196, section 3), by which it sees a collapse.

    Smaller images, down to 16x16 (or 24x24), enter where features have their size; larger ones
    enter there as well, made smaller. As the layers above begin by adding nothing, a larger image
    is at first judged as its smaller version.

    Args:
        widths: channels at half the size, a quarter, ... down to 4x4, each 1 to 2048. Where there
            are more sizes than numbers, the last number is that of all others.
        channels: image channels: 3 or 4.
        size: height and width of the image: 16, 32, 64, 128 or 256; or 48, 96 or 192, which lead
            from 6x6 on.
        antialias: halve sizes by blurred convolutions, which hardly notice that an image moves by
            a pixel; plain ones see the finest details.

    Raises:
        PokeGANError: an argument out of range.
    """

    architecture = "sprite-discriminator"
    conditioning = "types"
    images_together = GROUP  # processes that share a batch must not part them

    def __init__(
        self,
        widths: list[int] = [24, 48, 96, 192],  # noqa: B006 - as for the generator
        channels: int = 4,
        size: int = 64,
        antialias: bool = True,
    ):
        check_choice("channels", channels, (3, 4))
        widths = widths_of_sizes(widths, size, halvings=1)
        super().__init__()
        self.size = size
        self.stages = nn.ModuleList(
            Halving(before, after, antialias)
            for before, after in itertools.pairwise([channels, *widths])
        )
        # For half of the size, a quarter, ... and four times the smallest.
        self.inputs = nn.ModuleList(nn.Conv2d(channels, width, 1) for width in widths[:-2])
        for stage, entry in zip(self.stages, self.inputs, strict=False):
            nn.init.zeros_(stage.down.weight)
            init_kaiming(entry)
        self.last = nn.Conv2d(widths[-1] + 1, widths[-1], _smallest(size))
        # Without a bias, which would cancel out where logits are compared in pairs.
        self.to_logit = nn.Linear(widths[-1], 1, bias=False)
        self.embedding = nn.Linear(MIXTURE, widths[-1], bias=False)
        init_kaiming(self.last)
        init_linear(self.to_logit)
        nn.init.normal_(self.embedding.weight, 0.0, 1 / math.sqrt(widths[-1]))

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """Map images (n, channels, s, s) in [-1, 1], s being 16, 32, ... or ``size``, and labels,
        float (n, 19), to logits (n,) of being real sprites of those types.

        Raises:
            PokeGANError: n is more than 4 and no multiple of 4, or images of another size.
        """
        check_choice("images", images.shape[-1], [self.size >> k for k in range(self.entries)])
        seen = on_white_with_alpha(images).contiguous(memory_format=torch.channels_last)
        skipped = int(math.log2(self.size // seen.shape[-1]))
        features = seen if skipped == 0 else self._entry(skipped, seen)
        for index, stage in enumerate(self.stages[skipped:], skipped + 1):
            features = stage(features)
            if index < self.entries:
                seen = F.avg_pool2d(seen, 2)
                features = features + self._entry(index, seen)
        features = torch.cat([features, _deviation(features)], 1)
        features = F.leaky_relu(self.last(features), LEAKY_SLOPE).flatten(1)
        projection = (self.embedding(labels) * features).float().sum(1)
        return self.to_logit(features).float().squeeze(1) + projection

    @property
    def entries(self) -> int:
        """How many sizes images may have: the full one, half of it, ..., 16 or 24."""
        return len(self.inputs) + 1

    def _entry(self, halvings: int, seen: Tensor) -> Tensor:
        """Features of images that are so many times half the size."""
        return F.leaky_relu(self.inputs[halvings - 1](seen), LEAKY_SLOPE)


class Halving(nn.Module):
    """Half the height and width by a convolution of stride 2, then a residual plain one: from
    (n, before, h, w) to (n, after, h / 2, w / 2).

    Args:
        before: channels.
        after: channels.
        antialias: blur the convolution of stride 2 (:class:`pokegan.models.resampling.SmoothDown`).
    """

    def __init__(self, before: int, after: int, antialias: bool = True):
        super().__init__()
        self.down = SmoothDown(before, after) if antialias else plain_down(before, after)
        self.residual = nn.Conv2d(after, after, 3, padding=1)
        init_kaiming(self.residual)
        _halve_mean_square(self.down, self.residual)

    def forward(self, features: Tensor) -> Tensor:
        features = F.leaky_relu(self.down(features), LEAKY_SLOPE)
        return features + F.leaky_relu(self.residual(features), LEAKY_SLOPE)


@torch.no_grad()
def _halve_mean_square(*layers: nn.Module) -> None:
    """So that the sum of two layers' outputs has what that of one had."""
    for layer in layers:
        layer.weight.mul_(math.sqrt(0.5))


def _twice_as_large(logits: Tensor) -> Tensor:
    return F.interpolate(logits, scale_factor=2, mode="bilinear")


def _deviation(features: Tensor) -> Tensor:
    """The mean, over places and channels, of the standard deviation among the images of a group:
    a plane for each of ``features`` (n, c, h, w)."""
    n, _, height, width = features.shape
    group = min(n, GROUP)
    if n % group:
        raise PokeGANError(
            f"the sprite discriminator looks at {GROUP} images together: give each process a"
            f" multiple of {GROUP}, not {n} (batch_size)"
        )
    grouped = features.float().unflatten(0, (-1, group))  # (n / group, group, c, h, w)
    # torch's own var() over images of this layout takes several times as long.
    variance = (grouped - grouped.mean(1, keepdim=True)).square().mean(1)
    deviation = (variance + 1e-6).sqrt().mean((1, 2, 3))
    plane = deviation.repeat_interleave(group).to(features.dtype)
    return plane[:, None, None, None].expand(n, 1, height, width)


def widths_of_sizes(widths: list[int], size: int, halvings: int, name: str = "widths") -> list[int]:
    """One number of channels for each size from ``size / 2**halvings`` to the smallest.

    Raises:
        PokeGANError: a size that there is not, or unfit widths.
    """
    check_choice("size", size, (16, 32, 48, 64, 96, 128, 192, 256))
    if not widths:
        raise PokeGANError(f"{name} must hold at least one number of channels")
    for width in widths:
        check_range(name, width, 1, 2048)
    count = int(math.log2(size // _smallest(size))) + 1 - halvings
    return [*widths, *[widths[-1]] * count][:count]


def _smallest(size: int) -> int:
    """Height and width of the smallest map on the way to ``size``."""
    return 6 if size % 3 == 0 else 4
