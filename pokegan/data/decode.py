"""Decode one untrusted image file into its distinct frames."""

import hashlib
import io
import struct
import warnings
from dataclasses import dataclass

import numpy as np
from PIL import Image

from pokegan.data.images import clear_hidden
from pokegan.data.spread import spread

FORMATS = ("GIF", "PNG", "WEBP", "BMP", "JPEG")
SUFFIXES = {".gif", ".png", ".webp", ".bmp", ".jpg", ".jpeg"}
MAX_SIDE = 2048
MAX_FRAMES = 2000
MAX_PIXELS = 2**25
"""Bound of width x height x frames, so that one file never takes more than 128 MiB."""


class BadImage(Exception):
    """The file cannot become a sprite; the message says why, in one line."""


@dataclass(frozen=True)
class Frame:
    """``pixels``: uint8 (H, W, 4), RGBA, RGB 0 where alpha is 0; ``index``: place in the file."""

    pixels: np.ndarray
    index: int


def read_frames(data: bytes, count: int | None = 1) -> list[Frame]:
    """``count`` evenly spaced distinct frames of an image file, all distinct ones for None.

    Frames are distinct when their visible pixels differ; fully transparent ones are left out. One
    frame is the first. Sizes and frame counts are checked before pixels are decoded.

    Raises:
        BadImage: no image, truncated, too large, too many frames, or nothing visible.
    """
    try:
        total = _scan_gif(data) if data.startswith(b"GIF8") else None
        with _open(data) as image:
            _check_size(*image.size, 1)
            total = total or getattr(image, "n_frames", 1)
            _check_size(*image.size, total)
            distinct: dict[bytes, Frame] = {}
            decoded: set[bytes] = set()
            for index in range(total):
                image.seek(index)
                pixels = np.array(image.convert("RGBA"))  # (H, W, 4)
                if total > 1 and not _is_new(pixels, decoded):
                    continue  # most frames repeat: spare them the rest
                clear_hidden(pixels)
                if pixels.any():
                    distinct.setdefault(_digest(pixels), Frame(pixels, index))
                    if count == 1:
                        break
    except BadImage:
        raise
    except Exception as error:  # Pillow's decoders raise nearly anything on broken data
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        if "cannot identify image file" in reason:
            reason = "no readable image"
        raise BadImage(reason) from error
    if not distinct:
        raise BadImage("fully transparent")
    return spread(list(distinct.values()), count)


def _open(data: bytes) -> Image.Image:
    """Read the header; what Pillow would only warn of, 90 megapixels and more, is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        return Image.open(io.BytesIO(data), formats=FORMATS)


def _digest(pixels: np.ndarray) -> bytes:
    return hashlib.blake2b(pixels, digest_size=16).digest()


def _is_new(pixels: np.ndarray, seen: set[bytes]) -> bool:
    digest = _digest(pixels)
    if digest in seen:
        return False
    seen.add(digest)
    return True


def _check_size(width: int, height: int, frames: int) -> None:
    if max(width, height) > MAX_SIDE:
        raise BadImage(f"{width}x{height} pixels, the limit is {MAX_SIDE} a side")
    if frames > MAX_FRAMES:
        raise BadImage(f"{frames} frames, the limit is {MAX_FRAMES}")
    if width * height * frames > MAX_PIXELS:
        raise BadImage(f"{frames} frames of {width}x{height} pixels are too many")


def _scan_gif(data: bytes) -> int:
    """Number of frames, found by walking the blocks (GIF89a specification) without decoding.

    Pillow stops silently where a file is cut off and grows the canvas to a frame that sticks out;
    here the first is an error and the second is checked before it takes memory.
    """
    try:
        width, height, packed = struct.unpack_from("<HHB", data, 6)
        position = 13 + _color_table_bytes(packed)
        frames = 0
        while data[position] != 0x3B:  # trailer
            if data[position] == 0x21:  # extension: label, then sub-blocks
                position = _skip_sub_blocks(data, position + 2)
            elif data[position] == 0x2C:  # image: descriptor, colour table, code size, sub-blocks
                left, top, w, h, packed = struct.unpack_from("<HHHHB", data, position + 1)
                width, height = max(width, left + w), max(height, top + h)
                frames += 1
                position += 11 + _color_table_bytes(packed)
                position = _skip_sub_blocks(data, position)
            else:
                raise BadImage("broken GIF block")
    except (IndexError, struct.error):
        raise BadImage("truncated GIF") from None
    if not frames:
        raise BadImage("GIF without frames")
    _check_size(width, height, frames)
    return frames


def _color_table_bytes(packed: int) -> int:
    return 3 * 2 ** ((packed & 7) + 1) if packed & 0x80 else 0


def _skip_sub_blocks(data: bytes, position: int) -> int:
    while data[position]:
        position += data[position] + 1
    return position + 1
