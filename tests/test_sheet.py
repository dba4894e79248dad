import numpy as np
import pytest
from PIL import Image

from pokegan.sheet import sprite_sheet


def sprites(count, size=(3, 2)):
    return [Image.new("RGB", size, (index, 0, 0)) for index in range(1, count + 1)]


def test_sprites_stand_row_by_row_pixel_for_pixel():
    sheet = np.asarray(sprite_sheet(sprites(5), columns=2, background=(9, 9, 9), padding=1))
    assert sheet.shape == (3 * 3 + 1, 2 * 4 + 1, 3)
    for index in range(5):
        row, column = divmod(index, 2)
        top, left = 1 + row * 3, 1 + column * 4
        assert (sheet[top : top + 2, left : left + 3] == (index + 1, 0, 0)).all()
    assert (sheet[7:, 5:] == 9).all()  # the place of the missing sixth
    assert (sheet[0] == 9).all()


def test_enlarging_repeats_pixels():
    small = np.asarray(sprite_sheet(sprites(4), columns=3))
    large = np.asarray(sprite_sheet(sprites(4), columns=3, scale=3))
    assert np.array_equal(large, small.repeat(3, axis=0).repeat(3, axis=1))


def test_transparency_is_kept_or_laid_on_the_background():
    clear = Image.new("RGBA", (2, 2), (200, 0, 0, 0))
    assert np.asarray(sprite_sheet([clear], 1))[..., 3].max() == 0
    on_white = np.asarray(sprite_sheet([clear], 1, background=(255, 255, 255)))
    assert (on_white == 255).all()


def test_a_short_row_makes_a_narrow_sheet():
    assert sprite_sheet(sprites(2), columns=8, padding=0).size == (6, 2)


def test_nothing_and_mixed_sizes_are_refused():
    for images in ([], [*sprites(1), *sprites(1, (4, 4))]):
        with pytest.raises(ValueError, match="at least one sprite, and all of one size"):
            sprite_sheet(images, 2)
