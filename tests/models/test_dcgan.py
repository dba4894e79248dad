import json

import pytest
import torch

from pokegan import PokeGANError, load
from pokegan.models.base import SpriteModel
from pokegan.models.dcgan import DCGANDiscriminator, DCGANGenerator


def parameters(network):
    return sum(parameter.numel() for parameter in network.parameters())


def test_published_parameter_counts():
    assert parameters(DCGANGenerator()) == 3_576_704
    assert parameters(DCGANDiscriminator()) == 2_765_568


@pytest.mark.parametrize("size", [16, 32, 64, 128])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_shapes_and_ranges(size, channels):
    generator = DCGANGenerator(latent_dim=5, base_width=2, channels=channels, size=size)
    images = generator(torch.randn(3, 5) * 100)
    assert images.shape == (3, channels, size, size)
    assert images.abs().max() <= 1
    discriminator = DCGANDiscriminator(base_width=2, channels=channels, size=size)
    assert discriminator(images).shape == (3,)


def test_initial_weights_follow_the_paper():
    generator = DCGANGenerator()
    deep = generator.layers[3].weight
    assert abs(deep.mean()) < 1e-4
    assert abs(deep.std() - 0.02) < 1e-4
    scales = generator.layers[1].weight
    assert abs(scales.mean() - 1) < 0.005
    assert abs(scales.std() - 0.02) < 0.005
    assert (generator.layers[1].bias == 0).all()


def test_every_weight_gets_a_gradient():
    generator = DCGANGenerator(latent_dim=4, base_width=2, size=32)
    discriminator = DCGANDiscriminator(base_width=2, size=32)
    discriminator(generator(torch.randn(4, 4))).sum().backward()
    for network in (generator, discriminator):
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"latent_dim": 0}, "latent_dim"),
        ({"latent_dim": 10**12}, "latent_dim"),
        ({"latent_dim": True}, "latent_dim"),
        ({"base_width": -64}, "base_width"),
        ({"base_width": 10**6}, "base_width"),
        ({"channels": 2}, "channels"),
        ({"size": 65}, "size"),
        ({"size": 2**20}, "size"),
    ],
)
def test_unfit_arguments_are_named(arguments, named):
    with pytest.raises(PokeGANError, match=named):
        DCGANGenerator(**arguments)


def test_the_config_names_the_architecture(tmp_path):
    DCGANGenerator(latent_dim=7, base_width=2).save_pretrained(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text()) == {
        "architecture": "dcgan-generator",
        "latent_dim": 7,
        "base_width": 2,
        "channels": 3,
        "size": 64,
    }


def test_a_loaded_model_draws_the_same_sprites(tmp_path):
    model = DCGANGenerator(latent_dim=7, base_width=2).eval()
    model.save_pretrained(tmp_path)
    for loaded in (load(tmp_path), DCGANGenerator.from_pretrained(tmp_path)):
        assert type(loaded) is DCGANGenerator
        assert not loaded.training
        assert torch.equal(
            loaded.sample(5, seed=3, output="tensor"), model.sample(5, seed=3, output="tensor")
        )


def test_a_model_of_another_class_is_refused(tmp_path):
    class Other(SpriteModel):
        architecture = "other"

    DCGANGenerator(latent_dim=7, base_width=2).save_pretrained(tmp_path)
    with pytest.raises(PokeGANError, match=r"no Other.*pokegan\.load"):
        Other.from_pretrained(tmp_path)
