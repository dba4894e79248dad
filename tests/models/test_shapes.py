import subprocess
import sys

import pytest
import torch
from torch import nn

from pokegan.models import ARCHITECTURES
from pokegan.models.shapes import shapes_only


@pytest.mark.parametrize("architecture", ["dcgan-generator", "dcgan-discriminator"])
def test_names_and_shapes_are_those_of_a_network_with_weights(architecture):
    network_class = ARCHITECTURES.get(architecture)
    with shapes_only():
        shapes = network_class(base_width=4).state_dict()
    expected = network_class(base_width=4).state_dict()
    assert all(tensor.is_meta for tensor in shapes.values())
    assert {name: (t.shape, t.dtype) for name, t in shapes.items()} == {
        name: (t.shape, t.dtype) for name, t in expected.items()
    }


def test_initialisation_is_as_ever_before_and_after():
    def weights():
        torch.manual_seed(0)
        return nn.init.normal_(nn.Linear(3, 3).weight, 5.0, 0.1)

    before = weights()
    with shapes_only():
        nn.Linear(3, 3)
    assert torch.equal(weights(), before)
    assert before.min() > 4


def test_what_is_far_too_large_costs_nothing():
    with shapes_only():
        layer = nn.Linear(10**7, 10**7)  # 400 TB
        nn.init.normal_(layer.weight)
        nn.init.zeros_(layer.bias)
    assert layer.weight.numel() == 10**14


def test_torchs_compiler_stays_unloaded():
    statement = (
        "import sys; from pokegan.models.shapes import shapes_only;"
        "from pokegan.models.dcgan import DCGANGenerator;"
        "\nwith shapes_only(): DCGANGenerator()"
        "\nprint('torch._dynamo' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", statement], check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == "False"
