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


def test_no_norm_means_biases_instead():
    # Each batch norm of width w has 2w parameters, the bias in its place w. The generator's image
    # layer and the discriminator's first layer gain biases as well.
    norms = 512 + 256 + 128 + 64
    with torch.device("meta"):
        generator, discriminator = DCGANGenerator(norm="none"), DCGANDiscriminator(norm="none")
    assert parameters(generator) == 3_576_704 - norms + 3
    assert parameters(discriminator) == 2_765_568 - (norms - 64) + 64
    for network in (generator, discriminator):
        assert not any(isinstance(layer, torch.nn.BatchNorm2d) for layer in network.modules())


@pytest.mark.parametrize("norm", ["batch", "none"])
@pytest.mark.parametrize("size", [16, 32, 64, 128])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_shapes_and_ranges(size, channels, norm):
    generator = DCGANGenerator(5, base_width=2, norm=norm, channels=channels, size=size)
    images = generator(torch.randn(3, 5) * 100)
    assert images.shape == (3, channels, size, size)
    assert images.abs().max() <= 1
    discriminator = DCGANDiscriminator(2, norm=norm, channels=channels, size=size)
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


@pytest.mark.parametrize("norm", ["batch", "none"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_blank_start_is_nearly_an_empty_image(channels, norm):
    arguments = {"base_width": 8, "norm": norm, "channels": channels, "size": 16}
    latents = torch.randn(64, 100)
    means = DCGANGenerator(**arguments, blank_start=True)(latents).mean((0, 2, 3))
    assert (means[:3] > 0.7).all()  # white
    assert (means[3:] < -0.7).all()  # transparent
    assert DCGANGenerator(**arguments)(latents).mean((0, 2, 3)).abs().max() < 0.6


def test_without_norm_signals_start_neither_faded_nor_saturated():
    images = DCGANGenerator(base_width=16, norm="none")(torch.randn(32, 100))
    assert 0.2 < images.std(dim=0).mean() < 0.7
    assert 0.05 < DCGANDiscriminator(base_width=16, norm="none")(images).std() < 2


def test_a_critic_without_norm_judges_each_image_by_itself():
    critic = DCGANDiscriminator(base_width=2, norm="none", size=32)
    images = torch.rand(4, 3, 32, 32)
    torch.testing.assert_close(critic(images)[:1], critic(images[:1]))


def test_every_weight_of_a_critic_is_trained_by_the_wasserstein_loss():
    critic = DCGANDiscriminator(base_width=2, norm="none", size=32)
    real, fake = torch.rand(2, 8, 3, 32, 32)
    (critic(fake).mean() - critic(real).mean()).backward()
    for name, parameter in critic.named_parameters():
        assert parameter.grad.abs().max() > 1e-6, name


@pytest.mark.parametrize("norm", ["batch", "none"])
def test_every_weight_gets_a_gradient(norm):
    generator = DCGANGenerator(latent_dim=4, base_width=4, norm=norm, size=32)
    discriminator = DCGANDiscriminator(base_width=4, norm=norm, size=32)
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
        ({"norm": "layer"}, "norm must be one of batch, none"),
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
        "norm": "batch",
        "blank_start": False,
        "channels": 3,
        "size": 64,
    }


def test_a_config_from_before_norm_was_an_argument_loads(tmp_path):
    model = DCGANGenerator(latent_dim=7, base_width=2).eval()
    model.save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    config = json.loads(path.read_text())
    del config["norm"]
    path.write_text(json.dumps(config))
    assert torch.equal(load(tmp_path).sample(2, output="tensor"), model.sample(2, output="tensor"))


@pytest.mark.parametrize("norm", ["batch", "none"])
def test_a_loaded_model_draws_the_same_sprites(tmp_path, norm):
    model = DCGANGenerator(latent_dim=7, base_width=2, norm=norm).eval()
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
