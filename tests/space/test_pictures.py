"""Sprites as files: palettes, clear ground, animations and archives."""

import base64
import io
import json
import zipfile

import numpy as np
import pytest
from drawing import Request, Row
from pictures import (
    COLORS,
    FRAME_MS,
    colours_of,
    file_name,
    kept_png,
    path_gif,
    pixel_art,
    rows_zip,
    sheet_png,
    with_clear_ground,
)
from PIL import Image, ImageSequence
from png import data_uri, png_uri


def sprite(colours, seed=0, size=24, shares=None):
    """A square of so many random colours on a clear ground."""
    random = np.random.default_rng(seed)
    palette = random.choice(256**3, colours, replace=False).astype("<u4").view(np.uint8)
    pixels = np.zeros((size, size, 4), np.uint8)
    places = random.choice(colours, (size - 6, size - 6), p=shares)
    places.ravel()[:colours] = range(colours)  # each is there
    pixels[3:-3, 3:-3, :3] = palette.reshape(-1, 4)[places, :3]
    pixels[3:-3, 3:-3, 3] = 255
    return Image.fromarray(pixels)


def read(content):
    return Image.open(io.BytesIO(content))


def rgba(image):
    """Its pixels, those that are clear without a colour."""
    pixels = np.array(image.convert("RGBA"))
    pixels[pixels[..., 3] == 0] = 0
    return pixels


@pytest.mark.parametrize("colours", [1, 2, 3, 8, 14, 15])
@pytest.mark.parametrize("even", [True, False])
def test_a_sprite_of_few_colours_keeps_them_exactly(colours, even):
    shares = None if even else np.random.default_rng(1).dirichlet([0.05] * colours)
    image = sprite(colours, seed=colours, shares=shares)
    np.testing.assert_array_equal(rgba(pixel_art(image)), rgba(image))


def test_near_colours_are_kept_apart():
    pixels = np.full((16, 16, 4), 255, np.uint8)
    pixels[:] = (100, 100, 100, 255)
    for step in range(15):
        pixels[step, step, step % 3] += step
    image = Image.fromarray(pixels)
    np.testing.assert_array_equal(rgba(pixel_art(image)), pixels)


@pytest.mark.parametrize("colours", [16, 17, 100, 300])
@pytest.mark.parametrize("mode", ["RGBA", "RGB"])
def test_pixel_art_has_16_entries_the_first_of_them_clear(colours, mode):
    image = sprite(colours, seed=colours)
    if mode == "RGB":
        image = on_white(image)
    art = pixel_art(image)
    entries = np.asarray(art)
    assert (art.mode, art.info["transparency"]) == ("P", 0)
    assert len(art.getpalette()) <= 3 * COLORS
    assert entries.max() < COLORS
    assert len(np.unique(entries)) == COLORS
    assert not entries[:3].any()
    assert entries[3:-3, 3:-3].all()
    assert not rgba(art)[entries == 0].any()


def test_half_clear_pixels_become_clear_or_opaque():
    pixels = np.full((1, 4, 4), 200, np.uint8)
    pixels[0, :, 3] = (0, 127, 128, 255)
    art = pixel_art(Image.fromarray(pixels))
    assert np.asarray(art).tolist() == [[0, 0, 1, 1]]
    assert rgba(art)[0, 2:].tolist() == [[200, 200, 200, 255]] * 2


def test_an_empty_sprite_has_no_colours():
    empty = Image.new("RGBA", (8, 8), (90, 90, 90, 0))
    assert not np.asarray(pixel_art(empty)).any()
    assert colours_of(empty) == []
    assert read(kept_png(empty)).convert("RGBA").getextrema()[3] == (0, 0)


def on_white(image):
    white = Image.new("RGB", image.size, "white")
    white.paste(image, mask=image.getchannel("A"))
    return white


def test_white_is_ground_only_where_it_is_joined_to_the_border():
    pixels = np.full((12, 12, 3), 255, np.uint8)
    pixels[2:10, 2:10] = (10, 10, 10)
    pixels[4:6, 4:6] = 255  # an eye, closed in
    pixels[7:12, 7] = 240  # a slit, open to the border, not quite white
    seen = np.asarray(with_clear_ground(Image.fromarray(pixels)))
    alpha = np.full((12, 12), 255)
    alpha[:2], alpha[10:], alpha[:, :2], alpha[:, 10:] = 0, 0, 0, 0
    alpha[7:12, 7] = 0
    np.testing.assert_array_equal(seen[..., 3], alpha)
    np.testing.assert_array_equal(seen[..., :3], pixels)


def test_ground_does_not_leak_through_a_corner():
    pixels = np.full((7, 7, 3), 255, np.uint8)
    for across, down in [(3, 1), (2, 2), (1, 3), (2, 4), (3, 5), (4, 4), (5, 3), (4, 2)]:
        pixels[down, across] = 0
    alpha = np.asarray(with_clear_ground(Image.fromarray(pixels)))[..., 3]
    assert alpha[3, 3] == 255
    assert alpha[2, 1] == 0


def test_a_sprite_that_fills_its_picture_has_no_ground():
    full = Image.new("RGB", (6, 6), (40, 80, 120))
    assert with_clear_ground(full).getextrema()[3] == (255, 255)
    assert colours_of(full) == ["#285078"]


@pytest.mark.parametrize("mode", ["L", "1", "P"])
def test_other_modes_are_read_as_rgb(mode):
    assert with_clear_ground(Image.new("RGB", (4, 4)).convert(mode)).mode == "RGBA"


def test_colours_come_with_the_most_frequent_first():
    image = Image.new("RGBA", (10, 10))
    image.paste((255, 0, 0, 255), (0, 0, 10, 3))
    image.paste((0, 0, 255, 255), (0, 3, 10, 9))
    image.paste((0, 128, 0, 255), (0, 9, 1, 10))
    assert colours_of(image) == ["#0000ff", "#ff0000", "#008000"]


@pytest.mark.parametrize("scale", [1, 4, 8])
def test_a_kept_png_is_indexed_clear_and_enlarged_without_smoothing(scale):
    image = sprite(12)
    kept = read(kept_png(image, scale))
    assert (kept.mode, kept.size) == ("P", (24 * scale, 24 * scale))
    blocks = np.kron(rgba(image), np.ones((scale, scale, 1), np.uint8))
    np.testing.assert_array_equal(rgba(kept), blocks)


def frames(content):
    gif = read(content)
    return [(rgba(frame), frame.info["duration"]) for frame in ImageSequence.Iterator(gif)]


def test_an_animation_goes_there_and_back_with_each_frame_in_its_own_colours():
    images = [sprite(15, seed) for seed in range(5)]
    shown = frames(path_gif(images, scale=2))
    expected = [*images, *images[3:0:-1]]
    assert len(shown) == len(expected)
    for (seen, _), image in zip(shown, expected, strict=True):
        # No colour of another frame, and nothing left over where it is clear.
        np.testing.assert_array_equal(seen[::2, ::2], rgba(image))
        np.testing.assert_array_equal(seen[1::2, 1::2], seen[::2, ::2])
    assert [duration for _, duration in shown] == [
        6 * FRAME_MS, *[FRAME_MS] * 3, 6 * FRAME_MS, *[FRAME_MS] * 3
    ]  # fmt: skip
    assert read(path_gif(images)).info["loop"] == 0


def test_an_animation_of_twelve_sprites_of_many_colours_is_clear_around_them():
    images = [sprite(200, seed) for seed in range(12)]
    shown = frames(path_gif(images, scale=1))
    assert len(shown) == 22
    for (seen, _), image in zip(shown, images, strict=False):
        np.testing.assert_array_equal(seen[..., 3], rgba(image)[..., 3])
        np.testing.assert_array_equal(seen, rgba(pixel_art(image)))


def test_an_animation_of_equal_sprites_stands_still_as_long():
    image = sprite(5)
    shown = frames(path_gif([image] * 4, scale=1))
    assert sum(duration for _, duration in shown) == (2 * 6 + 4) * FRAME_MS
    for seen, _ in shown:
        np.testing.assert_array_equal(seen, rgba(image))


def test_sprites_without_transparency_are_animated_on_a_clear_ground():
    images = [on_white(sprite(6, seed)) for seed in range(3)]
    for seen, _ in frames(path_gif(images, scale=1)):
        assert not seen[:3].any()
        assert seen[3:-3, 3:-3, 3].all()


def row(name, images, labels=(), **request):
    return Row(name, Request(count=len(images), **request), tuple(images), labels=tuple(labels))


def test_an_archive_holds_every_sprite_and_says_what_it_is():
    first = [sprite(4, seed) for seed in range(2)]
    second = [on_white(sprite(5, 7))]
    content = rows_zip(
        [
            row("one", first, ["fire", "fire + ice"], seed=9, shiny=True, truncation=0.5),
            row("user/two words", second, seed=9),
        ]
    )
    archive = zipfile.ZipFile(io.BytesIO(content))
    assert archive.testzip() is None
    assert archive.namelist() == [
        "one/00.png", "one/01.png", "user-two-words/00.png", "sprites.json"
    ]  # fmt: skip
    for name, image in zip(archive.namelist(), [*first, *second], strict=False):
        kept = read(archive.read(name))
        assert kept.mode == "P"
        np.testing.assert_array_equal(rgba(kept), rgba(with_clear_ground(image)))
    facts = json.loads(archive.read("sprites.json"))
    assert facts[1] == {
        "file": "one/01.png", "model": "one", "seed": 9, "index": 1, "types": "fire + ice",
        "shiny": True, "truncation": 0.5,
    }  # fmt: skip
    assert facts[2]["file"] == "user-two-words/00.png"
    assert facts[2]["model"] == "user/two words"
    assert facts[2]["types"] is None


def test_no_name_of_a_model_leads_out_of_the_archive():
    for name in ("../evil", "a/b", "c:\\d", "..", "."):
        content = rows_zip([row(name, [sprite(2)])])
        names = zipfile.ZipFile(io.BytesIO(content)).namelist()
        assert names[0].count("/") == 1
        assert names[0].split("/")[0].strip(".")
        assert "\\" not in names[0]


def test_models_whose_names_look_alike_as_files_have_folders_of_their_own():
    content = rows_zip([row("user/a", [sprite(2)]), row("user-a", [sprite(3)])])
    assert zipfile.ZipFile(io.BytesIO(content)).namelist()[:2] == [
        "user-a/00.png", "user-a-2/00.png"
    ]  # fmt: skip


@pytest.mark.parametrize(
    "make",
    [
        lambda images: kept_png(images[0], 4),
        lambda images: path_gif(images),
        lambda images: sheet_png(images),
        lambda images: rows_zip([row("one", images)]),
    ],
    ids=["png", "gif", "sheet", "zip"],
)
def test_the_same_sprites_make_the_same_bytes(make):
    assert make([sprite(40, seed) for seed in range(3)]) == make(
        [sprite(40, seed) for seed in range(3)]
    )


def test_a_data_uri_holds_the_picture_without_loss():
    image = sprite(200)
    head, _, text = png_uri(image).partition(",")
    assert head == "data:image/png;base64"
    np.testing.assert_array_equal(np.asarray(read(base64.b64decode(text))), np.asarray(image))
    assert data_uri(b"abc", "image/gif") == "data:image/gif;base64,YWJj"


def test_a_models_name_as_part_of_a_files_name():
    assert file_name("user/model v1.2_x") == "user-model-v1.2_x"
