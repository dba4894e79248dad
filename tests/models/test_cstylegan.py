import pytest
import torch
from conditional import (
    assert_every_weight_learns,
    assert_loads_the_same,
    assert_reacts_to_the_label,
)

from pokegan import PokeGANError
from pokegan.models.cstylegan import CStyleGANGenerator

TINY = {"latent_dim": 5, "style_dim": 6, "mapping_layers": 2, "base_width": 2}


@pytest.mark.parametrize("size", [16, 32, 64, 128])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_shapes_and_ranges(size, channels):
    conditioning, classes = ("type", 18) if channels == 4 else ("group", 13)
    generator = CStyleGANGenerator(**TINY, conditioning=conditioning, channels=channels, size=size)
    images = generator(torch.randn(2, 5) * 100, torch.tensor([0, classes - 1]))
    assert images.shape == (2, channels, size, size)
    assert images.dtype == torch.float32
    assert images.abs().max() <= 1
    assert generator.conditioning == conditioning


def test_every_block_has_adain_and_its_class_weight_grows():
    generator = CStyleGANGenerator(**TINY, class_weight=2.0, size=64)
    weights = [block.adain.class_weight for block in generator.blocks]
    assert weights == pytest.approx([0.4, 0.8, 1.2, 1.6, 2.0])  # 4x4, 8x8, ..., 64x64


def test_without_styles_and_labels_all_images_are_the_same():
    generator = CStyleGANGenerator(**TINY, size=16)
    for block in generator.blocks:
        block.adain.of_style.weight.data.zero_()
        block.adain.of_class.weight.data.zero_()
    images = generator(torch.randn(3, 5), torch.arange(3))
    torch.testing.assert_close(images, images[:1].expand_as(images))


def test_images_start_where_tanh_is_not_flat():
    images = CStyleGANGenerator(size=32)(torch.randn(4, 64), torch.arange(4))
    assert 0.05 < images.std() < 0.6


def test_every_weight_gets_a_gradient():
    generator = CStyleGANGenerator(**TINY, size=32)
    images = generator(torch.randn(13, 5), torch.arange(13))
    assert_every_weight_learns((images * torch.randn_like(images)).sum(), generator)


def test_it_reacts_to_the_label():
    assert_reacts_to_the_label(CStyleGANGenerator(**TINY, size=16).eval())


def test_a_loaded_model_draws_the_same_sprites(tmp_path):
    model = CStyleGANGenerator(**TINY, conditioning="type", channels=4, size=16)
    assert_loads_the_same(model.eval(), tmp_path)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"latent_dim": 0}, "latent_dim"),
        ({"style_dim": 0}, "style_dim"),
        ({"mapping_layers": 1}, "mapping_layers"),
        ({"base_width": 10**6}, "base_width"),
        ({"class_weight": 0.0}, "class_weight must be a number above 0"),
        ({"class_weight": float("nan")}, "class_weight"),
        ({"conditioning": "colour"}, "conditioning"),
        ({"channels": 2}, "channels"),
        ({"size": 48}, "size"),
    ],
)
def test_unfit_arguments_are_named(arguments, named):
    with pytest.raises(PokeGANError, match=named):
        CStyleGANGenerator(**arguments)
