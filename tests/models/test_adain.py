import pytest
import torch
from conditional import assert_every_weight_learns
from torch.nn import functional as F

from pokegan.models.adain import ClassAdaIN, adain, class_weights


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("shape", [(2, 3), (4, 4), (64, 64)])
def test_the_output_has_the_requested_mean_and_deviation(memory_format, shape):
    features = (torch.randn(3, 5, *shape, dtype=torch.float64) * 7 + 100).to(
        memory_format=memory_format
    )
    scale, shift = torch.randn(2, 3, 5, dtype=torch.float64)
    styled = adain(features, scale, shift, eps=0.0)
    assert styled.shape == features.shape
    assert styled.is_contiguous(memory_format=memory_format)
    torch.testing.assert_close(styled.mean((2, 3)), shift)
    torch.testing.assert_close(styled.std((2, 3), correction=0), scale.abs())


def test_eps_lowers_the_deviation_as_documented():
    features = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    variance = features.var((2, 3), correction=0)
    styled = adain(features, torch.ones(2, 3), torch.zeros(2, 3), eps=0.5)
    torch.testing.assert_close(
        styled.var((2, 3), correction=0), variance / (variance + 0.5), check_dtype=False
    )


def test_it_is_instance_normalisation_of_each_sample_and_channel_alone():
    features, ones, zeros = torch.randn(3, 4, 6, 6), torch.ones(3, 4), torch.zeros(3, 4)
    torch.testing.assert_close(adain(features, ones, zeros), F.instance_norm(features))
    changed = features.clone()
    changed[1, 2] *= 3
    difference = (adain(changed, ones, zeros) - adain(features, ones, zeros)).abs().amax((2, 3))
    assert difference.max() < 1e-4  # nor does the scale of a channel matter
    changed[1, 2, 0, 0] += 1
    difference = (adain(changed, ones, zeros) - adain(features, ones, zeros)).abs().amax((2, 3))
    assert difference[1, 2] > 1e-2
    assert (difference > 1e-4).sum() == 1


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("side", [1, 4])
@pytest.mark.parametrize("value", [0.0, 1000.0])
def test_constant_maps_become_the_shift(n, side, value):
    features = torch.full((n, 2, side, side), value, requires_grad=True)
    scale, shift = torch.randn(2, n, 2)
    styled = adain(features, scale, shift)
    torch.testing.assert_close(styled, shift[:, :, None, None].expand_as(styled))
    (gradient,) = torch.autograd.grad(styled.square().sum(), features)
    assert torch.isfinite(gradient).all()


def test_the_label_adds_its_share():
    layer = ClassAdaIN(channels=3, style_dim=4, num_classes=13, class_weight=0.25)
    features, styles, labels = torch.randn(5, 3, 8, 8), torch.randn(5, 4), torch.arange(5)
    gamma, beta = layer.of_style(styles).chunk(2, dim=1)
    gamma_c, beta_c = layer.of_class.weight[:5].chunk(2, dim=1)
    expected = adain(features, 1 + gamma + 0.25 * gamma_c, beta + 0.25 * beta_c)
    torch.testing.assert_close(layer(features, styles, labels), expected)


def test_the_styled_features_have_the_mean_and_deviation_that_style_and_label_ask_for():
    layer = ClassAdaIN(channels=3, style_dim=4, num_classes=13, class_weight=1.0).double()
    layer.of_style.weight.data.zero_()
    layer.of_class.weight.data[7] = torch.tensor([0.5, -1.0, 2.0, 10.0, 20.0, 30.0])
    styled = layer(torch.randn(1, 3, 9, 9).double(), torch.randn(1, 4).double(), torch.tensor([7]))
    mean, deviation = styled.mean((2, 3))[0], styled.std((2, 3), correction=0)[0]
    torch.testing.assert_close(mean, torch.tensor([10.0, 20.0, 30.0]).double())
    torch.testing.assert_close(
        deviation, torch.tensor([1.5, 0.0, 3.0]).double(), rtol=1e-4, atol=1e-9
    )


def test_every_weight_gets_a_gradient():
    layer = ClassAdaIN(channels=3, style_dim=4, num_classes=13, class_weight=0.1)
    styled = layer(torch.randn(13, 3, 8, 8), torch.randn(13, 4), torch.arange(13))
    assert_every_weight_learns((styled * torch.randn_like(styled)).sum(), layer)


def test_the_weight_of_the_class_grows_with_depth():
    assert class_weights(4, 1.0) == [0.25, 0.5, 0.75, 1.0]
    assert class_weights(1, 0.3) == [0.3]
