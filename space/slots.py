"""A sprite that a visitor put somewhere: a model's, a real one, or a picture. It is kept as a text
in the visitor's browser, and read anew each time; nothing of it stays on the server."""

import json
import math
from dataclasses import dataclass

import numpy as np
from drawing import NO_SPRITE, SpriteRef, Studio
from pictures import with_clear_ground
from PIL import Image
from png import png_uri
from uploads import decode_uri

from pokegan import PokeGANError

MAX_SIDE = 192
"""Pixels of a kept picture's side, at most: more than any model reads."""

MIN_SIDE = 16
MAX_TEXT = 1_000_000


@dataclass(frozen=True)
class Slot:
    """What a visitor put somewhere.

    Attributes:
        image: the sprite.
        name: one line about it.
        ref: which sprite of a model it is; ``None`` for a picture.
    """

    image: Image.Image
    name: str
    ref: SpriteRef | None = None

    def to_text(self) -> str:
        """What the browser keeps, for :func:`read_slot`."""
        if self.ref is not None:
            return json.dumps(self.ref.to_dict())
        return json.dumps({"image": png_uri(self.image), "name": self.name})


def slot_of_ref(ref: SpriteRef, studio: Studio) -> Slot:
    """A sprite that a model draws, or a real one.

    Raises:
        PokeGANError: it cannot.
    """
    image, label = studio.sprite(ref)
    if ref.model not in studio.models:
        return Slot(image, studio.species(ref), ref)
    number = f", sprite {ref.index + 1}" if ref.index else ""
    palette = f", palette {ref.recolor[1] + 1}" if ref.recolor else ""
    asked = f", {label}" if label else ""
    return Slot(image, f"{ref.model}, seed {ref.request.seed}{number}{asked}{palette}", ref)


def slot_of_picture(image: Image.Image, name: str) -> Slot:
    """A picture, made small enough to be kept. The white ground of one without transparency is
    cleared, as models see sprites on none."""
    image = shrunk(unscaled(image.convert("RGBA")))
    if image.getchannel("A").getextrema()[0] == 255:
        image = with_clear_ground(image.convert("RGB"))
    return Slot(image, name)


def read_slot(text: object, studio: Studio) -> Slot:
    """Read what :meth:`Slot.to_text` wrote, or somebody else.

    Raises:
        PokeGANError: with one line: it is empty, no such text, or no sprite of these models.
    """
    if text in ("", None):
        raise PokeGANError("Choose two sprites first.")
    if not isinstance(text, str) or len(text) > MAX_TEXT:
        raise PokeGANError(NO_SPRITE)
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise PokeGANError(NO_SPRITE) from None
    if not isinstance(data, dict):
        raise PokeGANError(NO_SPRITE)
    if "model" in data:
        return slot_of_ref(SpriteRef.from_dict(data, studio.sources), studio)
    name = data.get("name")
    name = name[:200] if isinstance(name, str) else "picture"
    return slot_of_picture(decode_uri(data.get("image")), name)


def unscaled(image: Image.Image) -> Image.Image:
    """Undo a whole enlargement of pixel art, such as our own PNGs of 256 and 512 pixels have, down
    to ``MIN_SIDE`` at least; other pictures stay as they are."""
    pixels = np.asarray(image)
    columns = (pixels[:, 1:] != pixels[:, :-1]).any((0, 2)).nonzero()[0] + 1
    rows = (pixels[1:] != pixels[:-1]).any((1, 2)).nonzero()[0] + 1
    block = math.gcd(*image.size, *columns.tolist(), *rows.tolist())
    factor = max(
        (k for k in range(1, block + 1) if block % k == 0 and min(image.size) // k >= MIN_SIDE),
        default=1,
    )
    return Image.fromarray(pixels[::factor, ::factor]) if factor > 1 else image


def shrunk(image: Image.Image) -> Image.Image:
    """The picture within ``MAX_SIDE``, never stretched."""
    factor = MAX_SIDE / max(image.size)
    if factor >= 1:
        return image
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    # Pillow premultiplies RGBA while it resizes.
    return image.resize(size, Image.Resampling.LANCZOS)
