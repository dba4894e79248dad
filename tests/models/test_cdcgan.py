import pytest
import torch
from conditional import (
    assert_every_weight_learns,
    assert_loads_the_same,
    assert_reacts_to_the_label,
)

from pokegan import PokeGANError
from pokegan.models.cdcgan import CDCGANDiscriminator, CDCGANGenerator


@pytest.mark.parametrize("size", [16, 32, 64, 128])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_shapes_and_ranges(size, channels):
    conditioning, classes = ("type", 18) if channels == 4 else ("group", 13)
    shared = {"base_width": 2, "conditioning": conditioning, "channels": channels, "size": size}
    generator = CDCGANGenerator(latent_dim=5, **shared)
    labels = torch.tensor([0, 4, classes - 1])
    images = generator(torch.randn(3, 5) * 100, labels)
    assert images.shape == (3, channels, size, size)
    assert images.dtype == torch.float32
    assert images.abs().max() <= 1
    discriminator = CDCGANDiscriminator(**shared)
    assert discriminator(images, labels).shape == (3,)
    assert generator.conditioning == discriminator.conditioning == conditioning


def test_it_is_a_dcgan_with_a_longer_input_and_one_more_channel():
    def count(network):
        return sum(parameter.numel() for parameter in network.parameters())

    # The DCGAN's published counts; 13 more inputs of 512 4x4 kernels; 64 more 4x4 kernels, and
    # 16 numbers for each group.
    assert count(CDCGANGenerator()) == 3_576_704 + 13 * 512 * 16
    assert count(CDCGANDiscriminator()) == 2_765_568 + 64 * 16 + 13 * 16


def test_the_label_is_one_hot_beside_the_latent():
    generator = CDCGANGenerator(latent_dim=5, base_width=2, size=16).eval()
    latents = torch.randn(2, 5)
    joined = torch.zeros(2, 18)
    joined[:, :5] = latents
    joined[0, 5 + 3] = joined[1, 5 + 12] = 1
    images = generator(latents, torch.tensor([3, 12]))
    assert torch.equal(images, generator.dcgan(joined))


def test_initial_weights_follow_the_dcgan():
    first = CDCGANDiscriminator(base_width=512, size=16).dcgan.layers[0].weight
    assert first.shape == (512, 4, 4, 4)
    assert abs(first.std() - 0.02) < 5e-4


def test_every_weight_gets_a_gradient():
    generator = CDCGANGenerator(latent_dim=4, base_width=2, size=32)
    discriminator = CDCGANDiscriminator(base_width=2, size=32)
    labels = torch.arange(13)
    logits = discriminator(generator(torch.randn(13, 4), labels), labels)
    assert_every_weight_learns((logits * torch.randn(13)).sum(), generator, discriminator)


def test_both_react_to_the_label():
    assert_reacts_to_the_label(CDCGANGenerator(latent_dim=4, base_width=2, size=16).eval())
    discriminator = CDCGANDiscriminator(base_width=2, size=16).eval()
    logits = discriminator(torch.zeros(13, 3, 16, 16), torch.arange(13))
    assert len(logits.unique()) == 13


def test_a_loaded_model_draws_the_same_sprites(tmp_path):
    model = CDCGANGenerator(latent_dim=7, base_width=2, conditioning="type", channels=4, size=16)
    assert_loads_the_same(model.eval(), tmp_path)


@pytest.mark.parametrize(
    ("network", "arguments", "named"),
    [
        (CDCGANGenerator, {"latent_dim": 0}, "latent_dim"),
        (CDCGANGenerator, {"latent_dim": 4096}, "latent_dim must be an integer from 1 to 4000"),
        (CDCGANGenerator, {"base_width": -64}, "base_width"),
        (CDCGANGenerator, {"channels": 2}, "channels"),
        (CDCGANGenerator, {"size": 65}, "size"),
        (CDCGANGenerator, {"conditioning": "colour"}, "conditioning"),
        (CDCGANDiscriminator, {"base_width": 10**6}, "base_width"),
        (CDCGANDiscriminator, {"embedding_dim": 15}, "embedding_dim"),
        (CDCGANDiscriminator, {"channels": 2}, "channels"),
        (CDCGANDiscriminator, {"size": 8}, "size"),
        (CDCGANDiscriminator, {"conditioning": ""}, "conditioning"),
    ],
)
def test_unfit_arguments_are_named(network, arguments, named):
    with pytest.raises(PokeGANError, match=named):
        network(**arguments)
