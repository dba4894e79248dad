import pytest
import torch
from torch import nn

from pokegan.models.initialisation import init_kaiming, init_linear

LAYERS = [
    (nn.Linear(400, 300), (64, 400)),
    (nn.Conv2d(40, 50, 4, stride=2, padding=1), (8, 40, 16, 16)),
    (nn.Conv2d(40, 50, 3, padding=1), (8, 40, 16, 16)),
    (nn.ConvTranspose2d(60, 50, 4, stride=2, padding=1), (8, 60, 8, 8)),
]


def inner(features):
    """Without the border, which padding fades."""
    return features[..., 1:-1, 1:-1] if features.ndim == 4 else features


@pytest.mark.parametrize(("layer", "shape"), LAYERS)
def test_a_layer_and_its_activation_keep_the_mean_square(layer, shape):
    init_kaiming(layer)
    assert (layer.bias == 0).all()
    features = nn.functional.leaky_relu(layer(torch.randn(shape)), 0.2)
    assert 0.9 < inner(features).square().mean() < 1.1


@pytest.mark.parametrize("gain", [1.0, 0.01])
@pytest.mark.parametrize(("layer", "shape"), LAYERS)
def test_a_last_layer_has_the_gain_asked_for(layer, shape, gain):
    init_linear(layer, gain)
    assert 0.9 < inner(layer(torch.randn(shape))).square().mean() / gain < 1.1


def test_the_inputs_of_a_single_pixel():
    layer = nn.ConvTranspose2d(100, 64, 4, stride=1, padding=0, bias=False)
    init_kaiming(layer, inputs=100)
    features = nn.functional.leaky_relu(layer(torch.randn(64, 100, 1, 1)), 0.2)
    assert 0.9 < features.square().mean() < 1.1


def test_other_modules_are_left_alone():
    norm = nn.BatchNorm2d(3)
    nn.Sequential(norm, nn.Tanh()).apply(init_kaiming)
    assert (norm.weight == 1).all()
