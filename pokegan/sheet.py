"""Sprite sheets: many sprites on one picture, pixel for pixel."""

from collections.abc import Sequence

from PIL import Image


def sprite_sheet(
    images: Sequence[Image.Image],
    columns: int,
    scale: int = 1,
    background: tuple[int, int, int] | None = None,
    padding: int = 2,
) -> Image.Image:
    """Lay sprites out row by row on one picture.

    Args:
        images: at least one sprite; all of one size.
        columns: sprites a row, at least 1.
        scale: whole factor by which every sprite is enlarged, without interpolation.
        background: RGB colour behind the sprites, or ``None`` for a transparent sheet.
        padding: pixels of background around each sprite, before enlarging.

    Returns:
        An "RGB" image, or "RGBA" where ``background`` is ``None``.

    Raises:
        ValueError: no images, or images of different sizes.
    """
    if len({image.size for image in images}) != 1:
        raise ValueError("a sheet needs at least one sprite, and all of one size")
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    width, height = (side + padding for side in images[0].size)
    sheet = Image.new(
        "RGBA",
        (columns * width + padding, rows * height + padding),
        (255, 255, 255, 0) if background is None else (*background, 255),
    )
    for index, image in enumerate(images):
        row, column = divmod(index, columns)
        sheet.alpha_composite(
            image.convert("RGBA"), (column * width + padding, row * height + padding)
        )
    sheet = sheet.resize((sheet.width * scale, sheet.height * scale), Image.Resampling.NEAREST)
    return sheet if background is None else sheet.convert("RGB")
