"""Sprites as files: pixel-art PNG, sheets, animated GIF, and a ZIP of many."""

import io
import json
import zipfile
from collections.abc import Sequence

import numpy as np
from drawing import Row
from PIL import Image, ImageDraw
from png import png_bytes

from pokegan.sheet import sprite_sheet

COLORS = 16
"""Entries of a kept sprite's palette, as in the games: transparency and 15 colours."""

OPAQUE = 128
"""Alpha from which on a pixel belongs to the sprite."""

NEAR_WHITE = 24
"""How far from white a page may be that models without alpha paint, in 0..255 for each channel."""

SCALES = (1, 4, 8)
SHEET_COLUMNS = 8
FRAME_MS = 90
ZIP_EPOCH = (2026, 1, 1, 0, 0, 0)
"""One date for all files, so that the same sprites make the same archive."""


def with_clear_ground(image: Image.Image) -> Image.Image:
    """The sprite as "RGBA" with hard edges; what is white around one without alpha becomes clear.

    Only white that is joined to the border is ground: white inside an outline stays.
    """
    if image.mode == "RGBA":
        pixels = np.array(image)
        pixels[..., 3] = np.where(pixels[..., 3] >= OPAQUE, 255, 0)
        return Image.fromarray(pixels)
    pixels = np.array(image.convert("RGB"))
    white = (pixels >= 255 - NEAR_WHITE).all(-1)
    # One pixel of ground around it joins everything that touches the border.
    map_ = np.pad(white, 1, constant_values=True).astype(np.uint8) * 255
    map_ = Image.fromarray(map_).copy()  # floodfill does nothing to an image on an array's memory
    ImageDraw.floodfill(map_, (0, 0), 128)
    ground = np.asarray(map_)[1:-1, 1:-1] == 128
    return Image.fromarray(np.dstack([pixels, np.where(ground, 0, 255).astype(np.uint8)]))


def pixel_art(image: Image.Image) -> Image.Image:
    """The sprite in mode "P": entry 0 is transparent, at most 15 others are its colours."""
    rgba = np.asarray(with_clear_ground(image))
    opaque = rgba[..., 3] > 0
    indices = np.zeros(opaque.shape, np.uint8)
    palette = [0, 0, 0]
    if opaque.any():
        body = Image.fromarray(rgba[opaque][None, :, :3])
        reduced = body.quantize(COLORS - 1, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        indices[opaque] = np.asarray(reduced)[0] + 1
        palette += reduced.getpalette()[: 3 * (COLORS - 1)]
    art = Image.frombytes("P", indices.shape[::-1], indices.tobytes())
    art.putpalette(palette)
    art.info["transparency"] = 0
    return art


def colours_of(image: Image.Image) -> list[str]:
    """The colours of the kept sprite as "#rrggbb", the most frequent first."""
    art = pixel_art(image)
    palette = np.array(art.getpalette()).reshape(-1, 3)
    counts = np.bincount(np.asarray(art).ravel(), minlength=len(palette))
    counts[0] = 0
    order = sorted(np.flatnonzero(counts), key=lambda entry: -counts[entry])
    seen = dict.fromkeys("#" + bytes(palette[entry].tolist()).hex() for entry in order)
    return list(seen)


def kept_png(image: Image.Image, scale: int = 1) -> bytes:
    """A sprite as people keep it: indexed, clear ground, enlarged by a whole factor."""
    art = pixel_art(image)
    size = (art.width * scale, art.height * scale)
    return png_bytes(art.resize(size, Image.Resampling.NEAREST), optimize=True, transparency=0)


def sheet_png(images: Sequence[Image.Image]) -> bytes:
    """All sprites of a row on one picture, twice as large."""
    background = None if images[0].mode == "RGBA" else (255, 255, 255)
    return png_bytes(sprite_sheet(images, SHEET_COLUMNS, scale=2, background=background))


def path_gif(images: Sequence[Image.Image], scale: int = 4) -> bytes:
    """The way through the sprites and back again as an endless animation with a clear ground."""
    frames = [pixel_art(image) for image in (*images, *images[-2:0:-1])]
    frames = [
        frame.resize((frame.width * scale, frame.height * scale), Image.Resampling.NEAREST)
        for frame in frames
    ]
    buffer = io.BytesIO()
    frames[0].save(
        buffer,
        format="GIF",
        save_all=True,
        append_images=frames[1:],
        # The ends stand a little, so that one sees what the way leads to.
        duration=[
            6 * FRAME_MS if place in (0, len(images) - 1) else FRAME_MS
            for place in range(len(frames))
        ],
        loop=0,
        transparency=0,
        disposal=2,
    )
    return buffer.getvalue()


def rows_zip(rows: Sequence[Row]) -> bytes:
    """All sprites as kept PNGs in one folder for each model, with a ``sprites.json``.

    That file holds one object for each sprite: file, model, seed, index (from 0), types (what the
    model was asked to draw, or ``null``), shiny and truncation; real sprites also have a species.
    """
    buffer = io.BytesIO()
    facts = []
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        folders: list[str] = []
        for row in rows:
            # Two names may differ in what no file's name can hold.
            folder = file_name(row.name)
            folders.append(f"{folder}-{len(folders) + 1}" if folder in folders else folder)
            for index, image in enumerate(row.images):
                name = f"{folders[-1]}/{index:02d}.png"
                species = {"species": row.species[index]} if row.species else {}
                facts.append(
                    {
                        "file": name,
                        "model": row.name,
                        "seed": row.request.seed,
                        "index": index,
                        "types": row.labels[index] if row.labels else None,
                        "shiny": row.request.shiny,
                        "truncation": row.request.truncation,
                    }
                    | species
                )
                archive.writestr(zipfile.ZipInfo(name, ZIP_EPOCH), kept_png(image))
        text = json.dumps(facts, indent=1, ensure_ascii=False) + "\n"
        archive.writestr(zipfile.ZipInfo("sprites.json", ZIP_EPOCH), text)
    return buffer.getvalue()


def file_name(name: str) -> str:
    """A model's public name as part of a file's name."""
    kept = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in name)
    return kept.lstrip(".") or "model"
