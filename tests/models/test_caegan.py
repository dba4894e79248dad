import pytest
import torch
from conditional import (
    assert_every_weight_learns,
    assert_loads_the_same,
    assert_reacts_to_the_label,
)

from pokegan import PokeGANError, load
from pokegan.models.caegan import CAEGAN

TINY = {"latent_dim": 5, "base_width": 2, "mapping_layers": 2}


@pytest.mark.parametrize("size", [16, 32, 64, 128])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_shapes_and_ranges(size, channels):
    conditioning, classes = ("type", 18) if channels == 4 else ("group", 13)
    model = CAEGAN(**TINY, conditioning=conditioning, channels=channels, size=size)
    labels = torch.tensor([0, classes - 1])
    images = model(torch.randn(2, 5), labels)
    assert images.shape == (2, channels, size, size)
    assert images.abs().max() <= 1
    assert model.encoder(images, labels).shape == (2, 5)
    assert model.conditioning == conditioning


def test_every_weight_gets_a_gradient():
    model = CAEGAN(**TINY, size=32)
    labels = torch.arange(13)
    images = torch.rand(13, 3, 32, 32) * 2 - 1
    reconstructed = model(model.encoder(images, labels), labels)
    assert_every_weight_learns((reconstructed - images).abs().mean(), model)


def test_generator_and_encoder_react_to_the_label():
    model = CAEGAN(**TINY, size=16).eval()
    assert_reacts_to_the_label(model)
    images = torch.zeros(13, 3, 16, 16)
    assert len(model.encoder(images, torch.arange(13))[:, 0].unique()) == 13


def test_a_loaded_model_draws_and_encodes_the_same(tmp_path):
    model = CAEGAN(**TINY, channels=4, size=16).eval()
    assert_loads_the_same(model, tmp_path)
    images = torch.rand(3, 4, 16, 16) * 2 - 1
    loaded = load(tmp_path)
    for task in ("encode", "reconstruct"):
        options = {"output": "tensor"} if task == "reconstruct" else {}
        drawn = getattr(model, task)(images, "fire", **options)
        assert torch.equal(getattr(loaded, task)(images, "fire", **options), drawn)
        assert not torch.equal(getattr(model, task)(images, "water", **options), drawn)


def test_without_types_it_says_so():
    with pytest.raises(PokeGANError, match="type-conditional"):
        CAEGAN(**TINY, size=16).encode(torch.zeros(1, 3, 16, 16))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"latent_dim": 0}, "latent_dim"),
        ({"base_width": 0}, "base_width"),
        ({"contracting_adain": 7}, "contracting_adain"),
        ({"class_weight": 0}, "class_weight"),
        ({"conditioning": "colour"}, "conditioning"),
        ({"channels": 2}, "channels"),
        ({"size": 65}, "size"),
    ],
)
def test_unfit_arguments_are_named(arguments, named):
    with pytest.raises(PokeGANError, match=named):
        CAEGAN(**arguments)
