"""Sprite sheets: many sprites on one picture, pixel for pixel."""

import io
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from pokegan.models.base import SpriteModel

LABEL_HEIGHT = 12
"""Font size of row labels in pixels before enlarging; less where the sprites are smaller."""

LABEL_ON_ANYTHING = (128, 128, 128)
"""Grey, which shows on light and dark pages alike: nobody knows what is behind a clear sheet."""


def sprite_sheet(
    images: Sequence[Image.Image],
    columns: int,
    scale: int = 1,
    background: tuple[int, int, int] | None = None,
    padding: int = 2,
    row_labels: Sequence[str] | None = None,
    column_labels: Sequence[str] | None = None,
) -> Image.Image:
    """Lay sprites out row by row on one picture.

    Args:
        images: at least one sprite; all of one size.
        columns: sprites a row, at least 1.
        scale: whole factor by which every sprite is enlarged, without interpolation.
        background: RGB colour behind the sprites, or ``None`` for a transparent sheet.
        padding: pixels of background around each sprite, before enlarging.
        row_labels: what to write at the left of each row, one text for each.
        column_labels: what to write above each column; texts that are wider break at hyphens,
            and become smaller where that is not enough.

    Returns:
        An "RGB" image, or "RGBA" where ``background`` is ``None``.

    Raises:
        ValueError: no images, images of different sizes, or more or fewer labels than rows or
            columns.
    """
    if len({image.size for image in images}) != 1:
        raise ValueError("a sheet needs at least one sprite, and all of one size")
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    if row_labels is not None and len(row_labels) != rows:
        raise ValueError(f"{len(row_labels)} row labels for {rows} rows")
    if column_labels is not None and len(column_labels) != columns:
        raise ValueError(f"{len(column_labels)} column labels for {columns} columns")
    width, height = (side + padding for side in images[0].size)
    fill = (255, 255, 255, 0) if background is None else (*background, 255)
    sheet = Image.new("RGBA", (columns * width + padding, rows * height + padding), fill)
    for index, image in enumerate(images):
        row, column = divmod(index, columns)
        sheet.alpha_composite(
            image.convert("RGBA"), (column * width + padding, row * height + padding)
        )
    sheet = sheet.resize((sheet.width * scale, sheet.height * scale), Image.Resampling.NEAREST)
    font = ImageFont.load_default(min(LABEL_HEIGHT, images[0].height) * scale)
    above = 0
    if column_labels is not None:
        half = images[0].width / 2
        middles = [(padding + column * width + half) * scale for column in range(columns)]
        headed = _with_heads(sheet, column_labels, middles, width * scale, font, fill)
        sheet, above = headed, headed.height - sheet.height
    if row_labels is not None:
        side = images[0].height
        middles = [above + (padding + row * height + side / 2) * scale for row in range(rows)]
        sheet = _with_labels(sheet, row_labels, middles, font, fill)
    return sheet if background is None else sheet.convert("RGB")


def type_sheet(
    model: "SpriteModel",
    types: Sequence[str],
    columns: int,
    seed: int,
    scale: int = 1,
    background: tuple[int, int, int] | None = None,
    shiny: bool = False,
    truncation: float = 1.0,
) -> Image.Image:
    """Draw a type-conditional model's sprites type by type.

    Args:
        model: draws the sprites.
        types: types or type groups, one row each.
        columns: sprites a row; every row starts from the same latents, so a column shows what the
            type alone changes.
        seed: of the latents.
        scale: as for :func:`sprite_sheet`.
        background: as for :func:`sprite_sheet`.
        shiny: as for :meth:`pokegan.models.base.SpriteModel.sample`.
        truncation: the same.

    Raises:
        PokeGANError: an unknown type, or a model that knows none, or no shiny colours.
    """
    images = [
        image
        for name in types
        for image in model.sample(columns, seed, name, shiny=shiny, truncation=truncation)
    ]
    return sprite_sheet(images, columns, scale, background, row_labels=types)


def model_sheet(
    models: Mapping[str, "SpriteModel"],
    columns: int,
    seed: int,
    scale: int = 1,
    background: tuple[int, int, int] | None = None,
    shiny: bool = False,
    truncation: float = 1.0,
) -> Image.Image:
    """Draw the same seed with several models, one row each.

    Args:
        models: draw the sprites; their names stand at the left. Smaller sprites are enlarged by
            the largest whole factor that keeps them within the largest ones' size, and centred.
        columns: sprites a row.
        seed: of the latents.
        scale: as for :func:`sprite_sheet`.
        background: as for :func:`sprite_sheet`.
        shiny: as for :meth:`pokegan.models.base.SpriteModel.sample`.
        truncation: the same.

    Raises:
        PokeGANError: a model that knows no shiny colours is asked for them.
    """
    side = max(model.size for model in models.values())
    images = [
        _within(image.convert("RGBA"), side)
        for model in models.values()
        for image in model.sample(columns, seed, shiny=shiny, truncation=truncation)
    ]
    return sprite_sheet(images, columns, scale, background, row_labels=list(models))


def type_model_sheet(
    models: Mapping[str, "SpriteModel"],
    types: Sequence[str],
    rows: int,
    seed: int,
    scale: int = 1,
    background: tuple[int, int, int] | None = None,
) -> Image.Image:
    """Draw the same types with several type-conditional models.

    Args:
        models: draw the sprites; their names stand at the left, smaller sprites are enlarged as in
            :func:`model_sheet`.
        types: types or type groups, one column each.
        rows: for each model; a row starts from one latent, so it shows what the type alone changes.
        seed: of the latents.
        scale: as for :func:`sprite_sheet`.
        background: as for :func:`sprite_sheet`.

    Raises:
        PokeGANError: an unknown type, or a model that knows none.
    """
    from pokegan.models.base import to_pil

    side = max(model.size for model in models.values())
    images, names = [], []
    for name, model in models.items():
        latents = model.latents(rows, seed).repeat_interleave(len(types), dim=0)
        labels = model.labels_of(types, len(types))
        labels = labels.repeat(rows, *[1] * (labels.ndim - 1))
        images += [_within(i.convert("RGBA"), side) for i in to_pil(model.draw(latents, labels))]
        names += [name, *[""] * (rows - 1)]
    return sprite_sheet(
        images, len(types), scale, background, row_labels=names, column_labels=types
    )


def png_bytes(image: Image.Image) -> bytes:
    """A picture as the content of a PNG file, as small as it gets."""
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def _within(image: Image.Image, side: int) -> Image.Image:
    factor = side // image.width
    image = image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)
    place = Image.new("RGBA", (side, side), (255, 255, 255, 0))
    place.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return place


def _with_labels(
    sheet: Image.Image,
    labels: Sequence[str],
    middles: Sequence[float],
    font: ImageFont.FreeTypeFont,
    fill: tuple[int, int, int, int],
) -> Image.Image:
    """Widen an RGBA sheet to the left and write each label there, its middle at its height."""
    gap = math.ceil(font.size / 3)
    margin = gap + math.ceil(max(map(font.getlength, labels))) + gap
    wide = Image.new("RGBA", (margin + sheet.width, sheet.height), fill)
    wide.paste(sheet, (margin, 0))
    draw = ImageDraw.Draw(wide)
    for label, middle in zip(labels, middles, strict=True):
        draw.text((gap, middle), label, _readable_on(fill), font, anchor="lm")
    return wide


def _with_heads(
    sheet: Image.Image,
    labels: Sequence[str],
    middles: Sequence[float],
    width: int,
    font: ImageFont.FreeTypeFont,
    fill: tuple[int, int, int, int],
) -> Image.Image:
    """Heighten an RGBA sheet and write each label above its column, which is ``width`` wide."""
    texts = [
        label if font.getlength(label) <= width else label.replace("-", "-\n") for label in labels
    ]
    widest = max(font.getlength(part) for text in texts for part in text.split("\n"))
    if widest > width:
        font = ImageFont.load_default(font.size * width / widest)
    gap = math.ceil(font.size / 3)
    line = math.ceil(font.size * 1.25)
    margin = gap + line * max(text.count("\n") + 1 for text in texts)
    high = Image.new("RGBA", (sheet.width, margin + sheet.height), fill)
    high.paste(sheet, (0, margin))
    draw = ImageDraw.Draw(high)
    for text, middle in zip(texts, middles, strict=True):
        lines = text.split("\n")
        for number, part in enumerate(reversed(lines)):  # the last line next to the sprites
            bottom = margin - number * line
            draw.text((middle, bottom - line / 2), part, _readable_on(fill), font, anchor="mm")
    return high


def _readable_on(fill: tuple[int, int, int, int]) -> tuple[int, int, int]:
    red, green, blue, alpha = fill
    if alpha == 0:
        return LABEL_ON_ANYTHING
    luma = 0.299 * red + 0.587 * green + 0.114 * blue  # ITU-R BT.601
    return (0, 0, 0) if luma > 127 else (255, 255, 255)
