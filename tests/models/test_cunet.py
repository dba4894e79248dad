import pytest
import torch
from conditional import (
    assert_every_weight_learns,
    assert_loads_the_same,
    assert_reacts_to_the_label,
)

from pokegan import PokeGANError
from pokegan.models.cunet import CUNetGenerator

TINY = {"latent_dim": 5, "base_width": 2, "mapping_layers": 2}


@pytest.mark.parametrize("size", [16, 32, 64, 128])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_shapes_and_ranges(size, channels):
    conditioning, classes = ("type", 18) if channels == 4 else ("group", 13)
    generator = CUNetGenerator(**TINY, conditioning=conditioning, channels=channels, size=size)
    images = generator(torch.randn(2, 5) * 100, torch.tensor([0, classes - 1]))
    assert images.shape == (2, channels, size, size)
    assert images.dtype == torch.float32
    assert images.abs().max() <= 1
    assert generator.conditioning == conditioning


def test_the_style_is_tiled_beside_the_places():
    generator = CUNetGenerator(**TINY, size=16)
    seen = []
    generator.contracting[0].convolution.register_forward_pre_hook(
        lambda module, arguments: seen.append(arguments[0])
    )
    latents, labels = torch.randn(3, 5), torch.arange(3)
    generator(latents, labels)
    styles = generator.mapping(latents, labels)
    assert styles.shape == (3, 16)
    for row in range(16):
        assert torch.equal(seen[0][:, 0, row], styles)
    assert torch.equal(seen[0][:, 1:], generator.places.expand(3, -1, -1, -1))


def test_each_pixel_is_told_its_row_and_column():
    rows, columns = CUNetGenerator(**TINY, size=16).places[0]
    expected = torch.linspace(-1, 1, 16)
    for index in range(16):
        assert torch.equal(rows[:, index], expected)
        assert torch.equal(columns[index], expected)


def adain_of(blocks):
    return [None if block.adain is None else block.adain.class_weight for block in blocks]


def test_chosen_blocks_have_adain_whose_class_weight_grows_with_depth():
    generator = CUNetGenerator(**TINY, contracting_adain=2, expanding_adain=2, size=64)
    assert adain_of(generator.contracting) == [None, None, 0.25, 0.5]
    assert adain_of(generator.expanding) == [0.75, 1.0, None]
    generator = CUNetGenerator(**TINY, contracting_adain=0, expanding_adain=0, size=64)
    assert adain_of([*generator.contracting, *generator.expanding]) == [None] * 7
    generator = CUNetGenerator(**TINY, contracting_adain=6, expanding_adain=6, size=16)
    assert adain_of([*generator.contracting, *generator.expanding]) == pytest.approx(
        [1 / 3, 2 / 3, 1]
    )


def test_the_bottleneck_joins_the_code_with_the_label():
    generator = CUNetGenerator(**TINY, contracting_adain=0, expanding_adain=0, size=16)
    generator.mapping.embedding.weight.data.zero_()  # so that the label enters nowhere else
    assert_reacts_to_the_label(generator.eval())
    generator.bottleneck.embedding.weight.data.zero_()
    with pytest.raises(AssertionError):
        assert_reacts_to_the_label(generator)


def test_every_weight_gets_a_gradient():
    for arguments in ({}, {"contracting_adain": 0, "expanding_adain": 1}):
        generator = CUNetGenerator(**TINY, **arguments, size=64)
        images = generator(torch.randn(13, 5), torch.arange(13))
        assert_every_weight_learns((images * torch.randn_like(images)).sum(), generator)


def test_images_start_where_tanh_is_not_flat():
    images = CUNetGenerator(size=32)(torch.randn(4, 64), torch.arange(4))
    assert 0.05 < images.std() < 0.6


def test_it_reacts_to_the_label():
    assert_reacts_to_the_label(CUNetGenerator(**TINY, size=16).eval())


def test_a_loaded_model_draws_the_same_sprites(tmp_path):
    model = CUNetGenerator(**TINY, conditioning="type", channels=4, size=16)
    assert_loads_the_same(model.eval(), tmp_path)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"latent_dim": 0}, "latent_dim"),
        ({"base_width": 10**6}, "base_width"),
        ({"mapping_layers": 1}, "mapping_layers"),
        ({"contracting_adain": -1}, "contracting_adain"),
        ({"expanding_adain": 7}, "expanding_adain"),
        ({"class_weight": -1.0}, "class_weight"),
        ({"class_weight": 11}, "class_weight"),
        ({"conditioning": "colour"}, "conditioning"),
        ({"channels": 2}, "channels"),
        ({"size": 512}, "size"),
    ],
)
def test_unfit_arguments_are_named(arguments, named):
    with pytest.raises(PokeGANError, match=named):
        CUNetGenerator(**arguments)
