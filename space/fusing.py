"""Two sprites fused by a model with an encoder: reconstructions, the path, and style mixing."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from drawing import Studio, check_whole
from PIL import Image
from slots import Slot

from pokegan import PokeGANError
from pokegan.data.types import TYPES

MIN_STEPS, MAX_STEPS = 3, 12

REFINE = 100
"""Steps that bring a code nearer to its picture: more would show more, and let visitors wait."""


@dataclass(frozen=True)
class Fusion:
    """What a model makes of two sprites.

    Attributes:
        model: its public name.
        reconstructions: what it draws after encoding each of them.
        path: the sprites on the way from the first to the second, both ends included.
        mixed: from the first to the second, each with one layer less styled by the first; empty
            for models that cannot mix.
    """

    model: str
    reconstructions: tuple[Image.Image, Image.Image]
    path: tuple[Image.Image, ...]
    mixed: tuple[Image.Image, ...]


def needs_type(studio: Studio, model: str) -> bool:
    """Whether the model's encoder has to be told the sprites' type.

    Raises:
        PokeGANError: the model cannot be loaded.
    """
    return studio.load(model).generator.encoder_conditioning is not None


def fuse(
    studio: Studio, model: str, first: Slot, second: Slot, steps: int, type: str = ""
) -> Fusion:
    """Fuse two sprites.

    Args:
        studio: loads the model.
        model: one that offers ``encode``.
        first: a sprite.
        second: another, or the same.
        steps: sprites on the path, ``MIN_STEPS`` to ``MAX_STEPS``.
        type: of both, for models whose encoder needs one; others ignore it.

    Raises:
        PokeGANError: with one line: another model, an argument out of range, or a model that
            cannot be loaded.
    """
    if model not in studio.able("encode"):
        raise PokeGANError(f"model: choose among {', '.join(studio.able('encode'))}.")
    check_whole("steps", steps, MIN_STEPS, MAX_STEPS)
    generator = studio.load(model).generator
    types = None
    if needs_type(studio, model):
        if type not in TYPES:
            raise PokeGANError(f"type: {model} needs one of {', '.join(TYPES)}.")
        types = type
    slots = (first, second)
    ends = studio.side_by_side(lambda slot: encoded(studio, model, slot, types), slots)
    reconstructions = tuple(generator.draw_encoded(torch.stack(ends), types))
    if types is None:
        known = [_code(studio, model, slot) for slot in slots]
        ends = [end if code is None else code for end, code in zip(ends, known, strict=True)]
    path = tuple(generator.interpolate(*ends, steps, types))
    mixed: Sequence[Image.Image] = ()
    if hasattr(generator, "mix") and hasattr(generator, "codes_of"):
        mixed = generator.mix(*ends)[::-1]
    return Fusion(model, reconstructions, path, tuple(mixed))


def encoded(studio: Studio, model: str, slot: Slot, types: str | None) -> torch.Tensor:
    """The code (d,) of a sprite. That of a drawn one is remembered; a visitor's picture leaves
    nothing behind."""

    def encode() -> torch.Tensor:
        return studio.load(model).generator.encode(slot.image, types, refine=REFINE)[0]

    return encode() if slot.ref is None else studio.remembered((model, slot.ref, types), encode)


def is_own(model: str, slot: Slot) -> bool:
    """Whether the model drew the sprite itself, so that it need not be encoded."""
    return slot.ref is not None and slot.ref.model == model and slot.ref.recolor is None


def _code(studio: Studio, model: str, slot: Slot):
    """The code or latent that the model itself drew the sprite from; ``None`` for other sprites."""
    if not is_own(model, slot):
        return None
    generator = studio.load(model).generator
    if hasattr(generator, "codes_of"):
        return studio.codes(slot.ref)[0]
    latents = generator.latents(slot.ref.index + 1, slot.ref.request.seed)
    return latents[-1] * slot.ref.request.truncation
