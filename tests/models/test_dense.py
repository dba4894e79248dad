import json

import pytest
import torch

from pokegan import PokeGANError, load
from pokegan.models.dense import DenseDiscriminator, DenseGenerator


def parameters(network):
    return sum(parameter.numel() for parameter in network.parameters())


def test_parameter_counts():
    with torch.device("meta"):
        generator, discriminator = DenseGenerator(), DenseDiscriminator()
    hidden = 100 * 256 + 256 * 512 + 512 * 1024 + 256 + 512 + 1024
    assert parameters(generator) == hidden + (1024 + 1) * 3 * 64 * 64
    hidden = 3 * 64 * 64 * 1024 + 1024 * 512 + 512 * 256 + 1024 + 512 + 256
    assert parameters(discriminator) == hidden + 256


@pytest.mark.parametrize("size", [8, 16, 33, 64, 128])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_shapes_and_ranges(size, channels):
    generator = DenseGenerator(latent_dim=5, widths=[4, 6], channels=channels, size=size)
    images = generator(torch.randn(3, 5) * 100)
    assert images.shape == (3, channels, size, size)
    assert images.dtype == torch.float32
    assert images.abs().max() <= 1
    discriminator = DenseDiscriminator(widths=[6], channels=channels, size=size)
    assert discriminator(images).shape == (3,)


def test_every_weight_gets_a_gradient():
    generator = DenseGenerator(latent_dim=4, widths=[8, 8], size=8)
    discriminator = DenseDiscriminator(widths=[8, 8], size=8)
    discriminator(generator(torch.randn(16, 4))).sum().backward()
    for network in (generator, discriminator):
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.abs().sum() > 0, name


def test_every_weight_of_a_critic_is_trained_by_the_wasserstein_loss():
    critic = DenseDiscriminator(widths=[8, 8], size=8)
    real, fake = torch.rand(2, 16, 3, 8, 8)
    (critic(fake).mean() - critic(real).mean()).backward()
    for name, parameter in critic.named_parameters():
        assert parameter.grad.abs().max() > 1e-6, name


def test_the_generator_starts_nearly_grey_but_varied():
    images = DenseGenerator(size=16)(torch.randn(64, 100))
    assert images.abs().max() < 0.8
    assert 0.05 < images.std(dim=0).mean() < 0.2


def test_logits_start_small():
    """A tenth of the images' size: what the first layer learns soon outweighs its beginning."""
    logits = DenseDiscriminator(size=16)(torch.randn(64, 3, 16, 16).tanh())
    assert 0.01 < logits.std() < 0.2


@pytest.mark.parametrize("network", [DenseGenerator, DenseDiscriminator])
@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"widths": []}, "widths must be a list of 1 to 8 integers"),
        ({"widths": [4] * 9}, "widths must be a list"),
        ({"widths": [8, 0]}, r"widths\[1\] must be an integer from 1 to 8192, not 0"),
        ({"widths": [2**40]}, r"widths\[0\]"),
        ({"widths": [True]}, r"widths\[0\]"),
        ({"channels": 2}, "channels"),
        ({"size": 7}, "size"),
        ({"size": 2**20}, "size"),
    ],
)
def test_unfit_arguments_are_named(network, arguments, named):
    with pytest.raises(PokeGANError, match=named):
        network(**arguments)


def test_an_unfit_latent_is_named():
    with pytest.raises(PokeGANError, match="latent_dim"):
        DenseGenerator(latent_dim=0)


def test_default_widths_are_written_into_the_config(tmp_path):
    DenseGenerator(latent_dim=2, size=8).save_pretrained(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text()) == {
        "architecture": "dense-generator",
        "latent_dim": 2,
        "widths": [256, 512, 1024],
        "channels": 3,
        "size": 8,
    }


def test_a_loaded_model_draws_the_same_sprites(tmp_path):
    model = DenseGenerator(latent_dim=7, widths=[8, 16], channels=4, size=20).eval()
    model.save_pretrained(tmp_path)
    loaded = load(tmp_path)
    assert type(loaded) is DenseGenerator
    assert torch.equal(loaded.sample(5, 3, output="tensor"), model.sample(5, 3, output="tensor"))
