import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageFile
from sprite_tree import blob, gif, moving_gif, png

from pokegan.data.decode import MAX_FRAMES, BadImage, read_frames


def reason(data: bytes, count=1) -> str:
    with pytest.raises(BadImage) as caught:
        read_frames(data, count)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_still_image_is_one_frame():
    [frame] = read_frames(png(blob(1)), None)
    assert np.array_equal(frame.pixels, np.array(blob(1)))
    assert frame.index == 0


@pytest.mark.parametrize("mode", ["RGB", "P", "L", "LA", "1"])
def test_every_mode_becomes_rgba(mode):
    image = blob(1).convert("RGB").convert(mode)
    [frame] = read_frames(png(image))
    assert np.array_equal(frame.pixels, np.array(image.convert("RGBA")))


def test_junk_under_transparent_pixels_is_cleared():
    pixels = np.random.default_rng(0).integers(0, 256, (20, 20, 4), dtype=np.uint8)
    pixels[:10, :, 3] = 0
    [frame] = read_frames(png(Image.fromarray(pixels)))
    assert not frame.pixels[:10].any()
    assert np.array_equal(frame.pixels[10:], pixels[10:] * (pixels[10:, :, 3:] > 0))


def test_one_frame_is_the_first_visible_one():
    empty = Image.new("RGBA", (40, 40))
    assert read_frames(moving_gif(0, 4), 1)[0].index == 0
    assert read_frames(gif([empty, blob(1), blob(2)]), 1)[0].index == 1


@pytest.mark.parametrize(
    ("count", "indices"),
    [(1, [0]), (2, [0, 3]), (3, [0, 1, 3]), (None, [0, 1, 3, 4]), (9, [0, 1, 3, 4])],
)
def test_frames_are_distinct_and_evenly_spaced(count, indices):
    a, b, c, d = (blob(seed) for seed in range(4))
    frames = read_frames(gif([a, b, a, c, d, b, d]), count)
    assert [frame.index for frame in frames] == indices
    assert len({frame.pixels.tobytes() for frame in frames}) == len(frames)


def test_frames_that_differ_only_under_transparent_pixels_are_one():
    first, second = np.array(blob(1)), np.array(blob(1))
    second[..., :3][second[..., 3] == 0] = 90
    buffer = io.BytesIO()
    Image.fromarray(first).save(
        buffer, "PNG", save_all=True, append_images=[Image.fromarray(second), blob(2)], blend=0
    )
    assert Image.open(buffer).n_frames == 3
    assert [frame.index for frame in read_frames(buffer.getvalue(), None)] == [0, 2]


def test_nothing_visible_is_rejected():
    assert reason(png(Image.new("RGBA", (9, 9), (255, 0, 0, 0)))) == "fully transparent"


@pytest.mark.parametrize("data", [b"", b"\0" * 100, b"<html>", b"GIF89a", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_image_is_rejected(data):
    assert reason(data)


@pytest.mark.parametrize("keep", [0.2, 0.5, 0.9, -1])
def test_truncated_gifs_are_rejected_even_when_the_first_frame_is_whole(keep):
    data = moving_gif(0, 5)
    cut = data[: int(len(data) * keep)] if keep > 0 else data[:keep]
    assert reason(cut) == "truncated GIF"


@pytest.mark.parametrize("keep", [0.2, 0.5, 0.8])
def test_truncated_pngs_are_rejected(keep):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 4), dtype=np.uint8))
    data = png(noise)
    assert reason(data[: int(len(data) * keep)])


def test_corrupt_pngs_are_rejected():
    data = bytearray(png(blob(1)))
    data[data.index(b"IDAT") + 6] ^= 0xFF
    assert reason(bytes(data))


def png_bomb(width: int, height: int) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(name + body))
        return struct.pack(">I", len(body)) + name + body + checksum

    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    rows = zlib.compress(bytes(2**20))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


def gif_bomb(width: int, height: int, frames: int, side: int = 1) -> bytes:
    image = struct.pack("<BHHHHB", 0x2C, 0, 0, side, side, 0) + b"\x02\x02\x4c\x01\x00"
    palette = bytes(6)
    return (
        b"GIF89a"
        + struct.pack("<HHBBB", width, height, 0x80, 0, 0)
        + palette
        + image * frames
        + b";"
    )


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (png_bomb(60_000, 60_000), "3600000000 pixels"),
        (png_bomb(10_000, 10_000), "100000000 pixels"),
        (png_bomb(1, 3000), "1x3000 pixels"),
        (gif_bomb(65_535, 65_535, 1), "65535x65535 pixels"),
        (gif_bomb(10, 10, 1, side=60_000), "60000x60000 pixels"),
        (gif_bomb(10, 10, MAX_FRAMES + 1), "frames, the limit"),
        (gif_bomb(2000, 2000, 100), "100 frames of 2000x2000 pixels are too many"),
    ],
)
def test_bombs_are_rejected_before_pixels_are_decoded(data, message, monkeypatch):
    def load(self):
        raise AssertionError("pixels were decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", load)
    assert message in reason(data, None)
