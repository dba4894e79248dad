"""Draw one row of sprites for each model, and lay the rows out as HTML."""

import base64
import io
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

from models_index import ModelShelf, ModelSource
from PIL import Image

from pokegan import PokeGANError
from pokegan.sheet import sprite_sheet

MAX_COUNT = 64
MAX_SEED = 2**32 - 1
DISPLAY_SIZE = 128
"""CSS pixels of a sprite's side; a sprite is enlarged by the largest whole factor that fits."""
SHEET_COLUMNS = 8

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Row:
    """What one model made of a seed: its sprites, or the one line that says why there are none."""

    name: str
    images: list[Image.Image] = field(default_factory=list)
    seconds: float = 0.0
    latent_dim: int = 0
    description: str = ""
    error: str = ""


def check_request(models: object, count: object, seed: object, known: Sequence[str]) -> None:
    """Refuse what no control of the page can send.

    Raises:
        PokeGANError: no models or unknown ones, a count outside 1..64, or a seed that is no
            integer from 0 to 2**32 - 1. The message repeats no text of the request.
    """
    if not isinstance(models, list) or not models:
        raise PokeGANError("Choose at least one model.")
    if len(models) > len(known) or any(name not in known for name in models):
        raise PokeGANError(f"models: choose among {', '.join(known)}, each at most once.")
    if len({*models}) != len(models):
        raise PokeGANError("models: choose each model at most once.")
    for name, value, low, high in (("count", count, 1, MAX_COUNT), ("seed", seed, 0, MAX_SEED)):
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise PokeGANError(f"{name} must be a whole number from {low} to {high}.")


def draw_rows(
    names: Sequence[str],
    count: int,
    seed: int,
    models: Mapping[str, ModelSource],
    shelf: ModelShelf,
) -> list[Row]:
    """Draw ``count`` sprites of ``seed`` with every named model, in the order of ``models``.

    A model that fails becomes a row with an error; the others are drawn all the same. Models of
    one latent length start from the same latents, because these depend on the seed alone.
    """
    return [_draw_row(models[name], count, seed, shelf) for name in models if name in names]


def _draw_row(model: ModelSource, count: int, seed: int, shelf: ModelShelf) -> Row:
    try:
        loaded = shelf.get(model)
        start = time.perf_counter()
        images = loaded.generator.sample(count, seed=seed)
        seconds = time.perf_counter() - start
    except PokeGANError as error:
        logger.info("%s", error)
        return Row(model.name, error=str(error))
    except Exception as error:
        # One model's fault, of whatever kind, must not take the page from the others.
        logger.exception("%s cannot be drawn", model.name)
        return Row(model.name, error=f"{model.name}: cannot be drawn ({type(error).__name__})")
    return Row(model.name, images, seconds, loaded.generator.latent_dim, loaded.description)


def png_uri(image: Image.Image) -> str:
    """The image as a ``data:`` URI of a PNG: lossless, and no file on the server."""
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def rows_json(rows: Sequence[Row]) -> list[dict]:
    """The rows for programs: sprites as PNG ``data:`` URIs at their own size."""
    return [
        {"model": row.name, "error": row.error}
        if row.error
        else {
            "model": row.name,
            "description": row.description,
            "latent_dim": row.latent_dim,
            "seconds": round(row.seconds, 4),
            "sprites": [png_uri(image) for image in row.images],
        }
        for row in rows
    ]


def rows_html(rows: Sequence[Row], seed: int) -> str:
    """The rows for the page; every text is escaped."""
    drawn = [row for row in rows if not row.error]
    parts = [problems_html([row.error for row in rows if row.error])]
    parts += [_row_html(row, seed) for row in drawn]
    shared = len(drawn) > 1 and len({row.latent_dim for row in drawn}) < len(drawn)
    if shared:
        parts.append(
            '<p class="pg-note">Models with latents of the same length start from the same random'
            " numbers: compare number 1 with number 1, number 2 with number 2.</p>"
        )
    return f'<div class="pg-rows" data-seed="{seed}">{"".join(parts)}</div>'


def problems_html(problems: Sequence[str]) -> str:
    """One line for each problem, or nothing."""
    lines = "".join(f"<li>{escape(problem)}</li>" for problem in problems)
    return f'<ul class="pg-problems" role="alert">{lines}</ul>' if lines else ""


def _row_html(row: Row, seed: int) -> str:
    figures = "".join(
        _figure_html(image, f"{row.name}, seed {seed}, sprite {number}", number)
        for number, image in enumerate(row.images, start=1)
    )
    background = None if row.images[0].mode == "RGBA" else (255, 255, 255)
    sheet = sprite_sheet(row.images, SHEET_COLUMNS, scale=2, background=background)
    file_name = f"{row.name.replace('/', '-')}-seed-{seed}-{len(row.images)}.png"
    name = escape(row.name)
    side = _display_size(row.images[0])[0]
    facts = f"{row.latent_dim} latent numbers · drawn in {_duration(row.seconds)}"
    return (
        f'<section class="pg-row" data-model="{name}"><header><div><h2>{name}</h2>'
        f'<p class="pg-about">{escape(row.description)}</p>'
        f'<p class="pg-facts">{facts}</p></div>'
        f'<a class="pg-sheet" href="{png_uri(sheet)}" download="{escape(file_name)}"'
        f' aria-label="Save the sheet of {name} as PNG">Save sheet</a></header>'
        f'<div class="pg-sprites" style="--side:{side}px">{figures}</div></section>'
    )


def _figure_html(image: Image.Image, alt: str, number: int) -> str:
    width, height = _display_size(image)
    return (
        f'<figure><img src="{png_uri(image)}" alt="{escape(alt)}"'
        f' width="{width}" height="{height}"><figcaption>{number}</figcaption></figure>'
    )


def _display_size(image: Image.Image) -> tuple[int, int]:
    factor = max(1, DISPLAY_SIZE // max(image.size))
    return image.width * factor, image.height * factor


def _duration(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
