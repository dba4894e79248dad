import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from sprite_tree import blob, to_training_array

from pokegan.data.images import clear_hidden, place, to_training_batch


def field(height: int, width: int, boxes) -> np.ndarray:
    """RGBA pixels with opaque boxes given as (top, left, height, width)."""
    pixels = np.zeros((height, width, 4), np.uint8)
    for number, (top, left, h, w) in enumerate(boxes):
        pixels[top : top + h, left : left + w] = (10 + number, 200, 30, 255)
    return pixels


def box(pixels: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.nonzero(pixels[..., 3])
    return rows.min(), columns.min(), rows.max() + 1, columns.max() + 1


@given(st.data(), st.integers(8, 40))
def test_a_sprite_that_fits_is_moved_to_the_centre_and_nothing_else(data, canvas):
    height, width = data.draw(st.tuples(*[st.integers(1, canvas)] * 2))
    top, left = data.draw(st.tuples(*[st.integers(0, 30)] * 2))
    seed = data.draw(st.integers(0, 2**32 - 1))
    sprite = np.random.default_rng(seed).integers(0, 256, (height, width, 4), dtype=np.uint8)
    sprite[[0, -1]] |= np.uint8(1)  # alpha is never 0 on the rim
    sprite[:, [0, -1]] |= np.uint8(1)
    clear_hidden(sprite)
    frame = np.zeros((70, 70, 4), np.uint8)
    frame[top : top + height, left : left + width] = sprite
    placed = place([frame], canvas)
    [result] = placed.pixels
    assert result.shape == (canvas, canvas, 4)
    y0, x0, y1, x1 = box(result)
    assert abs(y0 - (canvas - y1)) <= 1
    assert abs(x0 - (canvas - x1)) <= 1
    assert np.array_equal(result[y0:y1, x0:x1], sprite)
    assert (placed.scaled, placed.recentred) == (0, False)


def test_frames_stay_aligned_with_each_other():
    frames = [field(50, 50, [(10, 10, 8, 8)]), field(50, 50, [(10, 20, 8, 8)])]
    first, second = (box(pixels) for pixels in place(frames, 32).pixels)
    assert second[1] - first[1] == 10
    assert first[0] == second[0] == 12
    assert (first[1], second[3]) == (7, 25)


def test_frames_that_only_fit_one_by_one_are_centred_one_by_one():
    frames = [field(10, 90, [(0, 0, 10, 20)]), field(10, 90, [(0, 70, 10, 20)])]
    placed = place(frames, 32)
    assert placed.recentred
    assert placed.scaled == 0
    assert [box(pixels) for pixels in placed.pixels] == [(11, 6, 21, 26)] * 2


@given(st.integers(33, 120), st.integers(33, 120))
def test_what_does_not_fit_is_scaled_alike_in_both_directions(height, width):
    placed = place([field(height, width, [(0, 0, height, width)])], 32)
    y0, x0, y1, x1 = box(placed.pixels[0])
    assert placed.scaled == 1
    assert max(y1 - y0, x1 - x0) == 32
    factor = 32 / max(height, width)
    assert abs((y1 - y0) - height * factor) <= 0.5
    assert abs((x1 - x0) - width * factor) <= 0.5
    assert abs(y0 - (32 - y1)) <= 1
    assert abs(x0 - (32 - x1)) <= 1


def test_scaling_down_does_not_darken_edges():
    pixels = field(64, 63, [(0, 0, 64, 63)])
    pixels[::2, ::3] = 0
    [result] = place([pixels], 32).pixels
    visible = result[..., 3] > 0
    assert np.abs(result[visible][:, :3].astype(int) - (10, 200, 30)).max() <= 2
    assert not result[~visible].any()
    assert (result[visible][:, 3] < 255).any()


@given(st.integers(0, 2**32 - 1))
def test_clear_hidden_touches_hidden_pixels_only(seed):
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (5, 7, 4), dtype=np.uint8)
    pixels[..., 3] *= rng.integers(0, 2, (5, 7), dtype=np.uint8)
    expected = np.where(pixels[..., 3:] > 0, pixels, 0)
    clear_hidden(pixels)
    assert np.array_equal(pixels, expected)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("size", [24, 40, 64])
def test_training_arrays_have_the_shape_that_was_asked_for(channels, size):
    array = to_training_array(blob(3), size, channels)
    assert array.shape == (channels, size, size)
    assert array.dtype == np.uint8


def test_without_resizing_pixels_are_kept():
    image = blob(3)
    pixels = np.array(image)
    assert np.array_equal(to_training_array(image, 40, 4), pixels.transpose(2, 0, 1))
    white = np.where(pixels[..., 3:] > 0, pixels[..., :3], 255)
    assert np.array_equal(to_training_array(image, 40, 3), white.transpose(2, 0, 1))


def test_grey_is_luma_on_white():
    pixels = np.zeros((8, 8, 4), np.uint8)
    pixels[:4] = (255, 0, 0, 255)
    pixels[4, :4] = (0, 255, 0, 255)
    pixels[4, 4:] = (0, 0, 255, 255)
    [grey] = to_training_array(Image.fromarray(pixels), 8, 1)
    assert np.array_equal(np.unique(grey), [29, 76, 150, 255])
    assert grey[0, 0] == round(0.299 * 255)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_junk_under_transparent_pixels_never_shows(channels):
    clean = np.array(blob(5))
    junk = clean.copy()
    hidden = junk[..., 3] == 0
    junk[hidden, :3] = np.random.default_rng(0).integers(0, 256, (hidden.sum(), 3))
    expected, actual = (to_training_array(Image.fromarray(p), 24, channels) for p in (clean, junk))
    assert np.array_equal(expected, actual)
    if channels == 4:
        assert not actual[:3, actual[3] == 0].any()


def test_half_transparent_edges_keep_their_colour():
    pixels = np.zeros((48, 48, 4), np.uint8)
    pixels[10:37, 9:38] = (255, 0, 0, 255)
    pixels[9, 9:38] = (255, 0, 0, 128)
    result = to_training_array(Image.fromarray(pixels), 32, 4)
    edge = (result[3] > 0) & (result[3] < 255)
    assert edge.any()
    assert np.array_equal(np.unique(result[0, result[3] > 0]), [255])
    assert not result[1:3].any()


def test_half_transparent_red_on_white_is_pink():
    pixels = np.full((8, 8, 4), (255, 0, 0, 128), np.uint8)
    assert to_training_array(Image.fromarray(pixels), 4, 3)[:, 0, 0].tolist() == [255, 127, 127]


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_resizing_commutes_with_mirroring(channels):
    image = Image.fromarray(np.roll(np.array(blob(9)), 3, 0))
    mirrored = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    expected = to_training_array(image, 24, channels)[..., ::-1]
    assert np.abs(to_training_array(mirrored, 24, channels).astype(int) - expected).max() <= 1


def test_halving_weighs_four_neighbours_as_a_triangle_does():
    """Antialiased bilinear by a factor of two: weights 1, 3, 3, 1 of 8 along each axis."""
    pixels = np.random.default_rng(0).integers(0, 256, (96, 96, 4), dtype=np.uint8)
    pixels[..., 3] = 255
    actual = to_training_array(Image.fromarray(pixels), 48, 3)
    weights = np.outer([1, 3, 3, 1], [1, 3, 3, 1]) / 64
    for row, column in ((1, 1), (20, 7), (46, 30)):
        part = pixels[2 * row - 1 : 2 * row + 3, 2 * column - 1 : 2 * column + 3, :3]
        expected = (part * weights[..., None]).sum(axis=(0, 1))
        assert np.abs(actual[:, row, column] - expected).max() <= 0.51


@pytest.mark.parametrize("size", [7, 24, 64, 95, 128])
def test_resizing_keeps_one_colour_and_the_mean(size):
    flat = np.full((96, 96, 4), (200, 100, 50, 255), np.uint8)
    assert (to_training_array(Image.fromarray(flat), size, 4).T == (200, 100, 50, 255)).all()
    gradient = flat.copy()
    gradient[..., 0] = np.arange(96) * 2
    resized = to_training_array(Image.fromarray(gradient), size, 3)[0]
    assert abs(resized.mean() - 95) < 0.6
    assert (np.diff(resized.astype(int), axis=1) >= 0).all()


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_batch_is_its_sprites_one_by_one(channels):
    images = [blob(seed) for seed in range(300)]
    batch = to_training_batch(np.stack([np.array(image) for image in images]), 24, channels)
    assert batch.shape == (300, channels, 24, 24)
    for index in (0, 1, 255, 256, 299):
        assert np.array_equal(batch[index], to_training_array(images[index], 24, channels))


def test_what_cannot_be_trained_on_is_refused():
    with pytest.raises(ValueError, match="expected uint8"):
        to_training_array(Image.new("RGBA", (20, 10)), 8, 3)
    with pytest.raises(ValueError, match="channels must be 1, 3 or 4"):
        to_training_array(blob(1), 8, 2)
    for bad in (
        np.zeros((2, 8, 8, 3), np.uint8),
        np.zeros((2, 8, 8, 4)),
        np.zeros((2, 8, 9, 4), np.uint8),
    ):
        with pytest.raises(ValueError, match="expected uint8"):
            to_training_batch(bad, 8, 3)
