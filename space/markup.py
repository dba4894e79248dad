"""The page's own HTML. Every text is escaped here, and only here."""

import json
from collections.abc import Sequence
from html import escape

from drawing import SpriteRef
from pictures import colours_of
from PIL import Image
from png import png_uri

DISPLAY_SIZE = 128
"""CSS pixels of a sprite's side; a sprite is enlarged by the largest whole factor that fits."""


def sprite_button(
    image: Image.Image,
    name: str,
    ref: SpriteRef | dict | None,
    caption: str = "",
    side: int = DISPLAY_SIZE,
    uri: str = "",
) -> str:
    """A sprite that opens the dialog when it is chosen by mouse, touch or keyboard.

    Args:
        image: what is shown, pixel for pixel.
        name: what screen readers say: "sprite, seed 7, number 3, fire".
        ref: what the dialog gets; ``None`` for a dict of an ``image`` (PNG data URI) and a
            ``name``, for sprites that no model draws again by itself.
        caption: the line below the sprite.
        side: CSS pixels, at most; a whole multiple of the sprite's own size is taken.
        uri: the image as a ``data:`` URI, where it is at hand.
    """
    width, height = display_size(image, side)
    uri = uri or png_uri(image)
    data = ref.to_dict() if isinstance(ref, SpriteRef) else (ref or {"name": name})
    line = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return (
        f'<figure><button type="button" class="pg-sprite" data-sprite="{escape(json.dumps(data))}"'
        f' title="Look closer"><img src="{uri}" alt="{escape(name)}" width="{width}"'
        f' height="{height}"></button>{line}</figure>'
    )


def picture(image: Image.Image, alt: str, side: int = DISPLAY_SIZE) -> str:
    """A sprite that is only shown."""
    width, height = display_size(image, side)
    return (
        f'<img class="pg-picture" src="{png_uri(image)}" alt="{escape(alt)}" width="{width}"'
        f' height="{height}">'
    )


def download_link(uri: str, file: str, text: str, label: str = "") -> str:
    """A link that saves a ``data:`` URI as a file."""
    spoken = f' aria-label="{escape(label)}"' if label else ""
    return f'<a class="pg-button" href="{uri}" download="{escape(file)}"{spoken}>{escape(text)}</a>'


def copy_button(text: str, caption: str) -> str:
    """A button that puts a text on the clipboard."""
    return (
        f'<button type="button" class="pg-button" data-copy="{escape(text)}">'
        f"{escape(caption)}</button>"
    )


def swatches(image: Image.Image) -> str:
    """The colours of a sprite, the most frequent first."""
    return "".join(
        f'<span class="pg-swatch" style="background:{colour}" title="{colour}"></span>'
        for colour in colours_of(image)
    )


def problems_html(problems: Sequence[str]) -> str:
    """One line for each problem, or nothing."""
    lines = "".join(f"<li>{escape(problem)}</li>" for problem in problems)
    return f'<div role="alert"><ul class="pg-problems">{lines}</ul></div>' if lines else ""


def display_size(image: Image.Image, side: int = DISPLAY_SIZE) -> tuple[int, int]:
    """CSS pixels of a sprite: the largest whole multiple of its size within ``side``, or its
    own size where even that is larger."""
    factor = max(1, side // max(image.size))
    return image.width * factor, image.height * factor


def duration(seconds: float) -> str:
    """ "83 ms" or "12.3 s"."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
