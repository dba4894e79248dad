"""Images that visitors bring: what is read, and what is refused with one line."""

import base64
import io
import struct
import zlib

import numpy as np
import pytest
import uploads
from PIL import Image
from uploads import MAX_BYTES, MAX_PIXELS, decode, decode_uri

from pokegan import PokeGANError

SIZE = (20, 12)


def picture(mode="RGBA"):
    """A left half of red, a right half of blue; where there is alpha, a clear top row."""
    pixels = np.zeros((SIZE[1], SIZE[0], 4), np.uint8)
    pixels[:, :10] = (230, 20, 20, 255)
    pixels[:, 10:] = (20, 20, 230, 255)
    pixels[0] = 0
    image = Image.fromarray(pixels)
    return image if mode == "RGBA" else image.convert(mode)


def file_of(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, format=kind, **options)
    return buffer.getvalue()


def uri_of(content, kind="image/png"):
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def png_chunk(name, data):
    check = zlib.crc32(name + data)
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", check)


def png_of_size(width, height, body=b""):
    """A PNG that claims a size and holds only ``body``."""
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    chunks = png_chunk(b"IHDR", header) + body + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def one_line(refused, *content):
    """The refusal's line, which repeats nothing of the input."""
    line = str(refused.value)
    assert "\n" not in line
    assert line.endswith(".")
    assert len(line) < 80
    for part in content:
        assert part not in line
    return line


@pytest.mark.parametrize(
    ("kind", "mode", "options"),
    [
        ("PNG", "RGBA", {}),
        ("PNG", "RGB", {}),
        ("PNG", "P", {}),
        ("PNG", "L", {}),
        ("PNG", "1", {}),
        ("PNG", "LA", {}),
        ("GIF", "P", {}),
        ("WEBP", "RGBA", {"lossless": True}),
        ("WEBP", "RGB", {"quality": 100}),
        ("JPEG", "RGB", {"quality": 98}),
        ("JPEG", "L", {"quality": 98}),
        ("JPEG", "CMYK", {"quality": 98}),
    ],
)
def test_each_format_is_read_as_rgba(kind, mode, options):
    image = picture(mode)
    read = decode_uri(uri_of(file_of(image, kind, **options), f"image/{kind.lower()}"))
    assert (read.mode, read.size) == ("RGBA", SIZE)
    expected = np.asarray(image.convert("RGB").convert("RGBA"), int)
    seen = np.asarray(read, int)
    if mode in ("RGBA", "LA"):
        assert not seen[0, :, 3].any()
    # Without the edges between the halves, which JPEG smears.
    np.testing.assert_allclose(seen[3:, 1:7], expected[3:, 1:7], atol=12)
    np.testing.assert_allclose(seen[3:, 13:19], expected[3:, 13:19], atol=12)


def test_the_first_frame_of_an_animated_gif_is_read():
    first, second = picture("P"), Image.new("P", SIZE)
    content = file_of(first, "GIF", save_all=True, append_images=[second], duration=50)
    seen = decode_uri(uri_of(content, "image/gif"))
    np.testing.assert_array_equal(np.asarray(seen)[..., :3], np.asarray(first.convert("RGB")))


def test_a_transparent_palette_stays_transparent():
    image = picture("P")
    clear = image.getpixel((3, 5))
    read = decode(file_of(image, "PNG", transparency=clear))
    assert read.getpixel((3, 5))[3] == 0
    assert read.getpixel((15, 5)) == (*image.convert("RGB").getpixel((15, 5)), 255)


def test_a_file_of_16_bit_grey_is_read():
    image = Image.fromarray(np.full((16, 16), 40_000, np.uint16))
    assert decode(file_of(image, "PNG")).mode == "RGBA"


@pytest.mark.parametrize(
    "uri",
    [None, 7, [], {}, "", "hello", "http://127.0.0.1/secret.png", "file:///etc/passwd"],
)
def test_what_is_no_data_uri_is_refused(uri):
    with pytest.raises(PokeGANError, match="Choose a PNG") as refused:
        decode_uri(uri)
    one_line(refused, "passwd", "secret")


@pytest.mark.parametrize("kind", ["BMP", "TIFF", "ICO", "PPM", "TGA"])
def test_other_formats_are_refused_whatever_they_say_they_are(kind):
    content = file_of(picture("RGB"), kind)
    with pytest.raises(PokeGANError, match="That is no PNG") as refused:
        decode_uri(uri_of(content, "image/png"))
    one_line(refused)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        b"%PDF-1.7",
        b"\0" * 1000,
    ],
)
def test_what_is_no_image_is_refused(content):
    with pytest.raises(PokeGANError, match="That is no PNG") as refused:
        decode_uri(uri_of(content, "image/svg+xml"))
    one_line(refused, "svg", "alert")


@pytest.mark.parametrize("kind", ["PNG", "GIF", "JPEG", "WEBP"])
def test_a_torn_file_is_refused(kind):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    content = file_of(Image.fromarray(noise), kind)
    with pytest.raises(PokeGANError) as refused:
        decode(content[: len(content) // 2])
    assert one_line(refused).startswith(("That image is damaged", "That is no"))


@pytest.mark.parametrize("text", ["@@@@", "QUJ", "<script>", "QUJD\nQUJD", "ÄÖÜ="])
def test_what_is_no_base64_did_not_arrive_whole(text):
    with pytest.raises(PokeGANError, match="did not arrive whole") as refused:
        decode_uri(f"data:image/png;base64,{text}")
    one_line(refused, text)


def test_a_file_that_is_too_large_is_refused_before_it_is_decoded(monkeypatch):
    monkeypatch.setattr(uploads, "decode", None)
    monkeypatch.setattr(base64, "b64decode", None)
    with pytest.raises(PokeGANError, match="larger than 5 MB") as refused:
        decode_uri("data:image/png;base64," + "A" * (4 * (MAX_BYTES // 3 + 2)))
    one_line(refused, "AAAA")


def test_the_largest_file_is_read_and_a_byte_more_is_not():
    content = file_of(picture(), "PNG")
    largest = content + b"\0" * (MAX_BYTES - len(content))
    assert decode_uri(uri_of(largest)).size == SIZE
    with pytest.raises(PokeGANError, match="larger than 5 MB"):
        decode(largest + b"\0")


@pytest.mark.parametrize(
    "size",
    [(2001, 2000), (MAX_PIXELS + 1, 1), (12_000, 12_000), (100_000, 100_000), (2**31 - 1,) * 2],
)
def test_too_many_pixels_are_refused_by_the_header_alone(size, monkeypatch):
    monkeypatch.setattr(Image.Image, "convert", None)
    with pytest.raises(PokeGANError, match="more than 4 million pixels") as refused:
        decode(png_of_size(*size))
    one_line(refused)


def test_as_many_pixels_as_there_may_be_are_read():
    assert decode(file_of(Image.new("L", (2000, 2000)), "PNG")).size == (2000, 2000)


def test_a_small_file_that_unpacks_to_much_is_refused():
    """Text of 200 MB, packed to 200 kB, in an image of one pixel."""
    packed = zlib.compress(bytes(200 * 2**20), 9)
    bomb = png_chunk(b"zTXt", b"Comment\0\0" + packed)
    pixel = png_chunk(b"IDAT", zlib.compress(b"\0\1\2\3\4"))
    with pytest.raises(PokeGANError) as refused:
        decode(png_of_size(1, 1, bomb + pixel))
    one_line(refused)


def test_pixels_that_are_missing_are_refused():
    with pytest.raises(PokeGANError, match="damaged") as refused:
        decode(png_of_size(30, 30))
    one_line(refused)
