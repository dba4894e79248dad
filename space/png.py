"""Sprites as PNG, as the page shows them."""

import base64
import io

from PIL import Image


def png_bytes(image: Image.Image, **options) -> bytes:
    """The image as PNG; ``options`` as for ``Image.save``."""
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", **options)
    return buffer.getvalue()


def data_uri(content: bytes, kind: str = "image/png") -> str:
    """Bytes as a ``data:`` URI: no file on the server."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def png_uri(image: Image.Image) -> str:
    """The image, lossless, as a ``data:`` URI; packed lightly, as time counts more than bytes."""
    return data_uri(png_bytes(image, compress_level=1))
