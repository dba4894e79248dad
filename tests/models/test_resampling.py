import pytest
import torch
from torch import nn
from torch.nn import functional as F

from pokegan.models.resampling import SmoothDown, SmoothUp

BLUR = torch.ones(1, 1, 2, 2)


def blur(images, padding):
    n, c = images.shape[:2]
    return F.conv2d(images.flatten(0, 1)[:, None], BLUR, padding=padding).unflatten(0, (n, c))[
        :, :, 0
    ]


def test_doubling_is_a_transposed_convolution_and_a_blur():
    layer, features = SmoothUp(3, 5), torch.randn(2, 3, 6, 6)
    spread = F.conv_transpose2d(features, layer.weight, stride=2)  # 13x13
    torch.testing.assert_close(layer(features), blur(spread, padding=0))


def test_halving_is_a_blur_and_a_strided_convolution():
    layer, images = SmoothDown(3, 5), torch.randn(2, 3, 12, 12)
    layer.bias.data.normal_()
    blurred = blur(images, padding=1) * layer.SCALE  # 13x13
    expected = F.conv2d(blurred, layer.weight, layer.bias, stride=2)
    # The blur reaches one pixel beyond the image, the convolution one more, where all is zero.
    torch.testing.assert_close(layer(images)[..., 1:-1, 1:-1], expected[..., 1:-1, 1:-1])


def test_a_plain_stays_plain_where_ordinary_layers_draw_a_checkerboard():
    plain = torch.ones(1, 4, 8, 8)
    drawn = SmoothUp(4, 6)(plain)[..., 2:-2, 2:-2]
    torch.testing.assert_close(drawn, drawn[..., :1, :1].expand_as(drawn))
    drawn = nn.ConvTranspose2d(4, 6, 4, stride=2, padding=1)(plain)[..., 2:-2, 2:-2]
    assert (drawn - drawn[..., :1, :1]).abs().mean() > 0.01


def test_the_finest_checkerboard_is_not_seen():
    """What would be aliased, features that change with every move by a pixel, is blurred away."""
    board = 1 - 2 * (torch.arange(16)[:, None] + torch.arange(16)).remainder(2).float()
    drawn = SmoothDown(1, 3)(board[None, None])[..., 1:-1, 1:-1]
    torch.testing.assert_close(drawn, torch.zeros_like(drawn))


@pytest.mark.parametrize("layer", [SmoothUp(64, 64), SmoothDown(64, 64)])
def test_the_scale_is_kept_at_the_start(layer):
    for features in (torch.randn(4, 64, 16, 16), torch.randn(4, 64, 1, 1).expand(4, 64, 16, 16)):
        # Before a LeakyReLU of slope 0.2, which takes 0.48 of it away.
        ratio = layer(features)[..., 2:-2, 2:-2].square().mean() * 0.52 / features.square().mean()
        assert 0.3 < ratio < 4
