"""Models that also encode: images to latents, reconstructions, and the way between two images."""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from pokegan.data.images import to_training_batch
from pokegan.errors import PokeGANError
from pokegan.models.base import SpriteModel, to_pil
from pokegan.models.checks import check_choice, check_range
from pokegan.models.interpolation import check_steps, slerp
from pokegan.models.inversion import refine as refine_code

MAX_SIDE = 4096
"""Larger images are refused: as floats on a square, this one takes 256 MiB."""

MOST_STEPS = 10_000
"""Of refinement; a step draws a sprite."""

Images = Image.Image | Sequence[Image.Image] | Tensor


class AutoencodingModel(SpriteModel):
    """A generator with an encoder, such as AEGAN's: ``forward`` is G, ``encoder`` is E.

    Wherever images are asked for, they are PIL images of any mode and size, or a float tensor
    (n, channels, size, size) in [-1, 1]; one image may come without its list or first dimension.
    PIL images are brought to the model's size and channels as in training; those that are not
    square are first centred on a transparent square, never stretched.

    Attributes:
        encoder: maps images (n, channels, size, size) in [-1, 1], and labels where
            ``encoder_conditioning`` says so, to codes (n, d): latents, unless a model says
            otherwise.
    """

    encoder: nn.Module

    @property
    def encoder_conditioning(self) -> str | None:
        """What the encoder's labels are, as ``conditioning``; the same, unless a model says
        otherwise."""
        return self.conditioning

    def encode(
        self, images: Images, types: str | Sequence[str] | None = None, *, refine: int = 0
    ) -> Tensor:
        """The codes E(x) of images, in evaluation mode; the model's own mode is kept.

        Args:
            images: see the class.
            types: for models whose encoder is type-conditional, a type or type group for all
                images, or a list with one for each; required of these.
            refine: steps of gradient descent that bring each code nearer to its image, from 0 to
                10,000 (:func:`pokegan.models.inversion.refine`). A hundred show much that the
                encoder misses, and take a second or two for each image on a CPU.

        Returns:
            Float tensor (n, d) on the CPU. Row *i* depends on image *i* (and its type) alone.

        Raises:
            PokeGANError: no image, an unreadable one, a tensor of another shape or range, types
                that are missing, unknown, or given to a model that knows none, or ``refine`` out
                of range.
        """
        check_range("refine", refine, 0, MOST_STEPS)
        pixels = self._pixels(images)
        labels = self._encoder_labels(types, len(pixels))
        codes = self._encode(pixels, labels)
        return self._refined(codes, pixels, labels, refine) if refine else codes

    def reconstruct(
        self,
        images: Images,
        types: str | Sequence[str] | None = None,
        *,
        refine: int = 0,
        output: Literal["pil", "tensor"] = "pil",
    ) -> list[Image.Image] | Tensor:
        """Draw G(E(x)) for each image.

        Args:
            images: see the class.
            types: as for :meth:`encode`.
            refine: as for :meth:`encode`.
            output: as for :meth:`sample`.

        Raises:
            PokeGANError: as :meth:`encode`, or an unknown ``output``.
        """
        check_choice("output", output, ("pil", "tensor"))
        return self.draw_encoded(self.encode(images, types, refine=refine), types, output=output)

    def draw_encoded(
        self,
        codes: Tensor,
        types: str | Sequence[str] | None = None,
        *,
        output: Literal["pil", "tensor"] = "pil",
    ) -> list[Image.Image] | Tensor:
        """Draw one sprite for each code that :meth:`encode` gave, float tensor (n, d).

        Args:
            codes: the codes.
            types: what they were encoded with.
            output: as for :meth:`sample`.

        Raises:
            PokeGANError: types that are missing, unknown, or given to a model that knows none, or
                an unknown ``output``.
        """
        check_choice("output", output, ("pil", "tensor"))
        labels = self._encoder_labels(types, len(codes))
        drawn = self._in_chunks(self._drawer, codes, *(() if labels is None else (labels,)))
        return drawn if output == "tensor" else to_pil(drawn)

    def interpolate(
        self,
        image_a: Image.Image | Tensor,
        image_b: Image.Image | Tensor,
        steps: int,
        types: str | Sequence[str] | None = None,
        *,
        output: Literal["pil", "tensor"] = "pil",
    ) -> list[Image.Image] | Tensor:
        """Draw the sprites on the way from one image to another.

        The way leads along a great circle (:func:`pokegan.models.interpolation.slerp`) from E(a)
        to E(b): the encoder learns to give latents like those of the prior, a standard normal
        distribution, which lie near a sphere.

        Args:
            image_a: one image (see the class), whose reconstruction is the first sprite; or a
                latent, float tensor (latent_dim,), as for models without an encoder.
            image_b: the same for the last sprite.
            steps: sprites to draw, both ends included; at least 2.
            types: for type-conditional models, one type or type group for the whole way, or a
                list with one for each step, the first and last of which ``image_a`` and
                ``image_b`` are encoded with.
            output: as for :meth:`sample`.

        Raises:
            PokeGANError: as :meth:`encode`, several images for one end, fewer than 2 steps, or an
                unknown ``output``.
        """
        check_choice("output", output, ("pil", "tensor"))
        check_steps(steps)
        labels = self.required_labels(types, steps)
        start = self._latent(image_a, None if labels is None else labels[:1])
        end = self._latent(image_b, None if labels is None else labels[-1:])
        drawn = self.draw(slerp(start, end, steps), labels)
        return drawn if output == "tensor" else to_pil(drawn)

    def _encoder_labels(self, types: str | Sequence[str] | None, n: int) -> Tensor | None:
        return self.required_labels(types, n)

    @property
    def _drawer(self) -> Callable[..., Tensor]:
        """What draws images from codes (n, d), and labels where the encoder has them."""
        return self

    def _latent(self, end: Image.Image | Tensor, labels: Tensor | None) -> Tensor:
        """One end of an interpolation, (latent_dim,)."""
        if isinstance(end, Tensor) and end.shape == (self.latent_dim,):
            return end.detach().float().cpu()
        pixels = self._pixels(end)
        if len(pixels) != 1:
            raise PokeGANError(f"interpolate takes one image for each end, not {len(pixels)}")
        return self._encode(pixels, labels)[0]

    def _encode(self, pixels: Tensor, labels: Tensor | None) -> Tensor:
        return self._in_chunks(self.encoder, pixels, *(() if labels is None else (labels,)))

    def _refined(self, codes: Tensor, pixels: Tensor, labels: Tensor | None, steps: int) -> Tensor:
        """One image after the other, so that each row depends on its own image alone."""
        rows = []
        with self._in_evaluation() as weight:
            for row in range(len(codes)):
                one = slice(row, row + 1)
                label = () if labels is None else (labels[one].to(weight.device),)
                near = refine_code(
                    lambda code, label=label: self._drawer(code.to(weight.dtype), *label).float(),
                    codes[one].to(weight.device),
                    pixels[one].to(weight.device),
                    steps,
                )
                rows.append(near.cpu())
        return torch.cat(rows)

    def _pixels(self, images: Images) -> Tensor:
        """Whatever images were given as (n, channels, size, size) in [-1, 1]."""
        if isinstance(images, Tensor):
            return self._checked(images)
        images = [images] if isinstance(images, Image.Image) else list(images)
        if not images:
            raise PokeGANError("no image was given; give at least one")
        squares = [_rgba_square(image, index) for index, image in enumerate(images)]
        batches = [to_training_batch(square[None], self.size, self.channels) for square in squares]
        return torch.from_numpy(np.concatenate(batches)).float().div_(127.5).sub_(1)

    def _checked(self, images: Tensor) -> Tensor:
        shape = (self.channels, self.size, self.size)
        if images.shape == shape:
            images = images[None]
        if images.ndim != 4 or images.shape[1:] != shape or len(images) == 0:
            expected = ", ".join(map(str, shape))
            raise PokeGANError(
                f"image tensors must be (n, {expected}) for this model, not {tuple(images.shape)}"
            )
        # Rounding may carry a value a little beyond the ends.
        if not images.is_floating_point() or not (images.abs() < 1.001).all():
            raise PokeGANError(
                f"image tensors must hold floats in [-1, 1]; this one holds {images.dtype} from"
                f" {images.min().item():g} to {images.max().item():g}"
            )
        return images.detach()


def _rgba_square(image: Image.Image, index: int) -> np.ndarray:
    """uint8 (S, S, 4), the image centred on a transparent square."""
    if not isinstance(image, Image.Image):
        raise PokeGANError(
            f"image {index} is a {type(image).__name__}; give PIL images, or one tensor"
        )
    if max(image.size) > MAX_SIDE:  # known before the pixels are read
        raise PokeGANError(
            f"image {index} is {image.width}x{image.height} pixels; the limit is {MAX_SIDE} a side"
        )
    try:
        pixels = np.asarray(image.convert("RGBA"))  # (H, W, 4)
    except (OSError, ValueError) as error:  # a truncated file, a mode that Pillow cannot convert
        raise PokeGANError(f"image {index} cannot be read as RGBA ({error})") from error
    height, width = pixels.shape[:2]
    side = max(height, width)
    if min(height, width) == 0:
        raise PokeGANError(f"image {index} is empty: {width}x{height} pixels")
    top, left = (side - height) // 2, (side - width) // 2
    square = np.zeros((side, side, 4), np.uint8)
    square[top : top + height, left : left + width] = pixels
    return square
