import numpy as np
import pytest
import torch
from PIL import Image

from pokegan.data.quality_features import (
    NETWORK_SIDE,
    STATISTICS,
    _network_input,
    efficientnet_lite0,
    image_statistics,
    network_features,
)


def statistics(pixels: np.ndarray) -> dict[str, float]:
    return dict(zip(STATISTICS, image_statistics([Image.fromarray(pixels)])[0], strict=True))


def canvas(side: int = 20) -> np.ndarray:
    return np.zeros((side, side, 4), np.uint8)


def test_nothing_visible_is_all_zeros():
    assert not image_statistics([Image.fromarray(canvas())]).any()


def test_shares_boxes_and_colours_of_a_rectangle():
    pixels = canvas()
    pixels[5:15, 0:4] = [255, 0, 0, 255]
    pixels[5:10, 0:4] = [128, 64, 64, 255]
    pixels[15, 0:4] = [255, 0, 0, 100]
    found = statistics(pixels)
    assert found["visible"] == pytest.approx(40 / 400)
    assert found["soft"] == pytest.approx(4 / 400)
    assert found["at_border"] == pytest.approx(10 / 76)
    box = [found[f"box_{edge}"] for edge in ("left", "top", "right", "bottom")]
    assert box == pytest.approx([0, 0.25, 0.2, 0.75])
    assert found["colors"] == 1
    assert found["saturation"] == pytest.approx((1 + 0.5) / 2)
    assert found["value"] == pytest.approx((1 + 128 / 255) / 2)
    assert found["lean"] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(("step", "lean"), [(1, 1), (-1, -1)])
def test_lean_is_the_correlation_of_x_and_y(step, lean):
    pixels = canvas()
    pixels[range(20), range(20)[::step]] = 255
    assert statistics(pixels)["lean"] == pytest.approx(lean)


def test_the_euler_number_counts_components_less_holes():
    pixels = canvas()
    pixels[2:7, 2:7] = 255
    assert statistics(pixels)["euler"] == 1
    pixels[4, 4] = 0
    assert statistics(pixels)["euler"] == 0
    pixels[12:14, 12:14] = 255
    pixels[14, 14] = 255  # joined at a corner
    assert statistics(pixels)["euler"] == 1
    pixels[18, 2] = 255
    assert statistics(pixels)["euler"] == 2


def test_edges_are_counted_by_direction():
    found = []
    for turned in (False, True):
        pixels = canvas()
        pixels[::4] = pixels[1::4] = [0, 0, 0, 255]
        found.append(statistics(np.rot90(pixels) if turned else pixels))
    horizontal, vertical = found
    assert horizontal["edges_90"] == pytest.approx(1)
    assert vertical["edges_0"] == pytest.approx(1)
    assert horizontal["edges"] == pytest.approx(vertical["edges"])
    assert horizontal["edges"] > 0


def test_enlarged_pixels_are_less_sharp():
    pixels = np.full((20, 20, 4), 255, np.uint8)
    pixels[..., :3] = np.random.default_rng(0).integers(0, 256, (20, 20, 1))
    small = Image.fromarray(pixels)
    large = small.resize((80, 80), Image.Resampling.BILINEAR)
    sharp, blurred = (
        dict(zip(STATISTICS, image_statistics([image])[0], strict=True))["sharpness"]
        for image in (small, large)
    )
    assert blurred < sharp / 2


def test_the_network_sees_sprites_on_white():
    clear = Image.fromarray(canvas(NETWORK_SIDE))
    assert torch.equal(_network_input([clear]), torch.full((1, 3, NETWORK_SIDE, NETWORK_SIDE), 1.0))
    half = Image.new("RGBA", (10, 10), (0, 255, 127, 102))
    seen = _network_input([half])
    assert seen.shape == (1, 3, NETWORK_SIDE, NETWORK_SIDE)
    expected = [(255 * 0.6 - 127) / 128, 1.0, (127 * 0.4 + 255 * 0.6 - 127) / 128]
    torch.testing.assert_close(seen[0, :, 3, 4], torch.tensor(expected))


def test_features_are_of_each_sprite_alone_and_of_trained_weights():
    noise = np.random.default_rng(0).integers(0, 256, (40, 24, 24, 4), dtype=np.uint8)
    images = [Image.fromarray(pixels) for pixels in noise]
    network = efficientnet_lite0()
    assert not network.training
    found = network_features(network, images)
    assert found.shape == (40, 192)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[35:36], network_features(network, images[35:36]), atol=1e-4)
    assert found.std(0).max() > 0.01
    again = network_features(efficientnet_lite0(), images)
    assert np.array_equal(found, again)
