import pytest
import torch
from conditional import assert_every_weight_learns

from pokegan.models.mapping import MappingNetwork


@pytest.fixture
def network():
    return MappingNetwork(
        code_dim=7, num_classes=13, style_dim=5, hidden_dim=8, layers=3, embedding_dim=4
    )


def test_shapes(network):
    assert network(torch.randn(2, 7), torch.tensor([0, 12])).shape == (2, 5)
    dense = [layer for layer in network.layers if isinstance(layer, torch.nn.Linear)]
    assert [tuple(layer.weight.shape) for layer in dense] == [(8, 11), (8, 8), (5, 8)]


def test_code_and_label_are_both_heard(network):
    codes, labels = torch.randn(1, 7).repeat(3, 1), torch.tensor([2, 2, 3])
    codes[0] += 1
    styles = network(codes, labels)
    assert not torch.allclose(styles[0], styles[1])
    assert not torch.allclose(styles[1], styles[2])


def test_the_length_of_the_code_is_heard_too(network):
    codes, labels = torch.randn(4, 7), torch.arange(4)
    assert not torch.allclose(network(codes, labels), network(2 * codes, labels))


@pytest.mark.parametrize("layers", [2, 8])
def test_the_output_starts_at_unit_scale(layers):
    network = MappingNetwork(64, 13, 256, hidden_dim=256, layers=layers, embedding_dim=16)
    styles = network(torch.randn(500, 64), torch.randint(13, (500,)))
    assert 0.5 < styles.square().mean() < 3


def test_every_weight_gets_a_gradient(network):
    styles = network(torch.randn(13, 7), torch.arange(13))
    assert_every_weight_learns((styles * torch.randn(13, 5)).sum(), network)
