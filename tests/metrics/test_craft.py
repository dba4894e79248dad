import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pokegan.metrics.craft import background_of, craft, on_white

RED, BLACK = (200, 0, 0), (0, 0, 0)


def sprite():
    """White, 16x16, a red square of 8x8 in the middle."""
    pixels = np.full((16, 16, 3), 255, np.uint8)
    pixels[4:12, 4:12] = RED
    return pixels


def test_a_clean_square():
    measured = craft(sprite())
    assert measured.colors == 1
    assert measured.isolated == 0
    assert measured.sharpness == 1
    assert measured.cleanliness == 1
    assert measured.figure == 64 / 256


def test_white_inside_an_outline_is_figure():
    pixels = np.full((8, 8, 3), 255, np.uint8)
    pixels[2:6, 2:6] = BLACK
    pixels[3:5, 3:5] = 255  # an eye
    assert background_of(pixels).sum() == 64 - 16
    pixels[2, 3] = 255  # a gap lets the background in
    assert background_of(pixels).sum() == 64 - 16 + 1 + 4


def test_a_winding_way_from_the_border_is_background():
    pixels = np.zeros((9, 9, 3), np.uint8)
    pixels[1::2] = 255
    pixels[0, 1] = pixels[2, -2] = pixels[4, 1] = pixels[6, -2] = 255
    pixels[:, [0, -1]] = 0
    assert background_of(pixels).sum() == 4 * 7 + 4


def test_few_stray_colours_do_not_count():
    pixels = sprite()
    pixels[4, 4:7] = [(1, 2, 3), (4, 5, 6), (7, 8, 9)]  # 3 of 64 pixels, less than 5 %
    assert craft(pixels).colors == 1
    pixels[5, 4] = (10, 11, 12)  # 4 of 64
    assert craft(pixels).colors == 2


def test_noise_has_isolated_pixels_and_many_colours():
    noise = np.random.default_rng(0).integers(0, 200, (32, 32, 3), np.uint8)
    measured = craft(noise)
    assert measured.isolated > 0.5
    assert measured.colors > 900
    assert measured.cleanliness == 0
    assert measured.figure == 1


def test_one_speck_is_isolated_and_two_that_touch_are_not():
    pixels = sprite()
    pixels[7, 7] = BLACK
    assert craft(pixels).isolated == 1 / 64
    pixels[8, 8] = BLACK  # they touch at a corner
    assert craft(pixels).isolated == 0


def test_a_blurred_edge_is_less_sharp():
    sharp = np.full((8, 8, 3), 255, np.uint8)
    sharp[:, 4:] = BLACK
    soft = sharp.copy()
    soft[:, 2:6] = np.array([204, 153, 102, 51], np.uint8)[:, None]  # steps of 51
    assert craft(sharp).sharpness == 1
    assert craft(soft).sharpness == 0


def test_a_dirty_background_is_told():
    pixels = sprite()
    pixels[0] = 252  # nobody sees it, but it is not white
    measured = craft(pixels)
    assert measured.cleanliness == pytest.approx(1 - 16 / 192)
    assert measured.figure == 64 / 256


def test_a_sprite_with_alpha_is_measured_on_white():
    clear = np.zeros((16, 16, 4), np.uint8)
    clear[4:12, 4:12] = (*RED, 255)
    clear[:4, :, :3] = 77  # hidden
    assert craft(clear) == craft(sprite())
    half = np.full((2, 2, 4), (0, 0, 0, 51), np.uint8)
    assert (on_white(half) == 204).all()


def test_grey_sprites():
    grey = sprite()[..., 1:2]
    assert craft(grey) == craft(grey.repeat(3, axis=2))


def test_an_empty_image():
    measured = craft(np.full((4, 4, 3), 255, np.uint8))
    assert (measured.colors, measured.isolated, measured.sharpness) == (0, 0, 0)
    assert (measured.cleanliness, measured.figure) == (1, 0)


@settings(max_examples=50, deadline=None)
@given(arrays(np.uint8, st.tuples(st.integers(2, 9), st.integers(2, 9), st.just(3))))
def test_mirroring_changes_nothing(pixels):
    assert craft(pixels[:, ::-1]) == craft(pixels)
    assert craft(pixels[::-1]) == craft(pixels)


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((4, 4)), np.zeros((4, 4, 2), np.uint8), np.zeros((1, 4, 3), np.uint8)],
)
def test_other_arrays_are_refused(pixels):
    with pytest.raises(ValueError, match=r"expected uint8|at least 2"):
        craft(pixels)
