"""Images that visitors bring: decoded once, within bounds, and kept nowhere."""

import base64
import binascii
import io
import warnings

from PIL import Image, UnidentifiedImageError

from pokegan import PokeGANError

FORMATS = ("PNG", "GIF", "JPEG", "WEBP")
MAX_BYTES = 5 * 1024 * 1024
MAX_PIXELS = 4_000_000
TOO_MANY_PIXELS = f"That image has more than {MAX_PIXELS // 10**6} million pixels."


def decode_uri(uri: object) -> Image.Image:
    """Decode a ``data:`` URI as browsers make them of files.

    Returns:
        The first frame, "RGBA".

    Raises:
        PokeGANError: with one friendly line: too large, of another format, or damaged.
    """
    if not isinstance(uri, str) or not uri.startswith("data:"):
        raise PokeGANError("Choose a PNG, GIF, JPEG or WebP image.")
    _, _, text = uri.partition(";base64,")
    if len(text) > 4 * -(-MAX_BYTES // 3):
        raise PokeGANError(f"That file is larger than {MAX_BYTES // 1024**2} MB.")
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise PokeGANError("That file did not arrive whole; please try again.") from None
    return decode(content)


def decode(content: bytes) -> Image.Image:
    """Decode the bytes of an image file; see :func:`decode_uri`."""
    if len(content) > MAX_BYTES:
        raise PokeGANError(f"That file is larger than {MAX_BYTES // 1024**2} MB.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                # Known from the header alone: nothing large is decoded.
                if image.width * image.height > MAX_PIXELS:
                    raise PokeGANError(TOO_MANY_PIXELS)
                return image.convert("RGBA")
    except PokeGANError:
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise PokeGANError(TOO_MANY_PIXELS) from None
    except UnidentifiedImageError:
        raise PokeGANError("That is no PNG, GIF, JPEG or WebP image.") from None
    except Exception:  # Decoders raise all kinds of errors on damaged files.
        raise PokeGANError("That image is damaged and cannot be read.") from None
