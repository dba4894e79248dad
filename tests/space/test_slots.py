"""Sprites that visitors keep in their browsers, as texts that the server reads anew."""

import json

import numpy as np
import pytest
from drawing import Request, Row, SpriteRef
from fusing import fuse
from PIL import Image
from png import png_uri
from slots import MAX_SIDE, read_slot, shrunk, slot_of_picture, slot_of_ref, unscaled

from pokegan import PokeGANError


def noise(width, height, mode="RGBA"):
    random = np.random.default_rng(width * height)
    pixels = random.integers(0, 256, (height, width, 4)).astype(np.uint8)
    pixels[..., 3] = 255
    pixels[0, 0] = 0
    return Image.fromarray(pixels).convert(mode)


def test_a_models_sprite_is_kept_as_what_draws_it(studio):
    ref = SpriteRef("paints", Request(1, 5, (("fire", 1.0),)), 3)
    slot = slot_of_ref(ref, studio)
    assert slot.name == "paints, seed 5, sprite 4, fire"
    text = slot.to_text()
    assert len(text) < 300
    again = read_slot(text, studio)
    assert (again.ref, again.name) == (ref, slot.name)
    assert again.image.tobytes() == studio.sprite(ref)[0].tobytes()


def test_a_picture_is_kept_as_a_picture_and_read_as_the_same(studio):
    slot = slot_of_picture(noise(40, 30), "mine")
    again = read_slot(slot.to_text(), studio)
    assert (again.ref, again.name) == (None, "mine")
    np.testing.assert_array_equal(np.asarray(again.image), np.asarray(slot.image))
    assert again.to_text() == slot.to_text()


def test_a_large_picture_is_kept_small_and_never_stretched(studio):
    slot = slot_of_picture(noise(1000, 400), "mine")
    assert slot.image.size == (MAX_SIDE, round(MAX_SIDE * 0.4))
    assert shrunk(noise(5000, 1)).size == (MAX_SIDE, 1)
    assert shrunk(noise(MAX_SIDE, 4)).size == (MAX_SIDE, 4)


@pytest.mark.parametrize("factor", [1, 2, 4, 8])
def test_enlarged_pixel_art_is_read_at_its_own_size(factor):
    image = noise(24, 32)
    enlarged = image.resize((24 * factor, 32 * factor), Image.Resampling.NEAREST)
    np.testing.assert_array_equal(np.asarray(unscaled(enlarged)), np.asarray(image))


def test_pictures_of_one_colour_stay_large_enough():
    assert unscaled(Image.new("RGBA", (640, 480), "red")).size == (32, 24)
    assert unscaled(Image.new("RGBA", (7, 7), "red")).size == (7, 7)


def test_the_white_ground_of_an_opaque_picture_is_cleared():
    image = Image.new("RGB", (20, 20), "white")
    image.paste("black", (5, 5, 15, 15))
    alpha = np.asarray(slot_of_picture(image, "mine").image)[..., 3]
    assert alpha[0, 0] == 0
    assert alpha[10, 10] == 255


def test_a_real_sprite_is_kept_as_what_draws_it_and_named_by_its_species(studio):
    class Real:
        name = "real sprites"

        def row(self, request):
            image = noise(20, 20)
            return Row(self.name, request, (image,), ("",), ("fire",), species=("Cindling",))

    studio.real = Real()
    slot = slot_of_ref(SpriteRef("real sprites", Request(1, 5)), studio)
    assert slot.name == "Cindling"
    assert read_slot(slot.to_text(), studio) == slot
    assert fuse(studio, "paints", slot, slot, 3).path[0].size == (32, 32)


@pytest.mark.parametrize("text", ["", None])
def test_an_empty_place_asks_for_a_sprite(text, studio):
    with pytest.raises(PokeGANError, match="Choose two sprites first"):
        read_slot(text, studio)


@pytest.mark.parametrize(
    "text",
    [
        7,
        "x" * 2_000_000,
        "{",
        "[]",
        "[" * 100_000,
        '{"model": 5}',
        '{"model": "paints"}',
        '{"model": "../etc", "request": {"types": []}, "index": 0}',
        '{"model": "paints", "request": {"seed": -1, "types": []}, "index": 0}',
        '{"model": "paints", "request": {"types": []}, "index": 1e9}',
        '{"model": "paints", "request": {"types": []}, "recolor": [0, 64]}',
        '{"image": "https://example.com/x.png"}',
        '{"image": null}',
    ],
)
def test_what_is_no_sprite_of_this_page_is_one_line(text, studio):
    with pytest.raises(PokeGANError) as refused:
        read_slot(text, studio)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 100
    assert "etc" not in str(refused.value)


def test_a_name_is_kept_short(studio):
    uri = png_uri(noise(16, 16))
    assert len(read_slot(json.dumps({"image": uri, "name": "n" * 999}), studio).name) == 200
    assert read_slot(json.dumps({"image": uri, "name": ["x"]}), studio).name == "picture"
