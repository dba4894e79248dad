import itertools

import pytest
import torch
from conditional import assert_every_weight_learns

from pokegan import PokeGANError, load
from pokegan.data.transforms import shrink
from pokegan.models.conditioning import labels_of
from pokegan.models.sprite import SpriteDiscriminator, SpriteGenerator

TINY = {"latent_dim": 6, "palette_dim": 2, "style_dim": 8, "colors": 4}


def generator(size=16, **arguments):
    return SpriteGenerator(**TINY, widths=[4, 8], size=size, **arguments).eval()


def discriminator(size=16, **arguments):
    return SpriteDiscriminator(widths=[4, 8], size=size, **arguments)


def labels(*names):
    return labels_of(list(names), len(names), "types")


@pytest.mark.parametrize("size", [16, 32, 48, 64, 96])
@pytest.mark.parametrize("channels", [3, 4])
def test_shapes_and_ranges(size, channels):
    images = generator(size, channels=channels)(
        torch.randn(2, 6) * 100, labels("fire", "water+ice")
    )
    assert images.shape == (2, channels, size, size)
    assert images.dtype == torch.float32
    assert images.abs().max() <= 1


def test_widths_go_from_fine_to_coarse_and_the_last_is_that_of_the_rest():
    draws = generator(size=64)
    assert [stage.residual.out_channels for stage in draws.stages] == [8, 8, 8, 4]
    assert draws.first.out_channels == 8
    assert [stage.residual.out_channels for stage in discriminator(size=32).stages] == [4, 8, 8]
    shorter = SpriteGenerator(**TINY, widths=[4, 6, 8, 10, 12], size=16)
    assert [stage.residual.out_channels for stage in shorter.stages] == [6, 4]
    assert shorter.first.out_channels == 8


def test_a_pixel_that_is_sure_has_a_colour_of_the_palette():
    """Logits far apart leave one entry; the last one is transparency."""
    model = generator()
    palettes = torch.rand(1, 4, 3) * 2 - 1
    choice = torch.full((1, 5, 16, 16), -100.0)
    choice[:, 2] = 100.0
    choice[:, :, 8:] = -100.0
    choice[:, 4, 8:] = 100.0
    image = model._paint(choice, palettes)[0]
    torch.testing.assert_close(image[:3, :8], palettes[0, 2][:, None, None].expand(3, 8, 16))
    assert (image[3, :8] == 1).all()
    assert (image[3, 8:] == -1).all()


def test_a_mixture_on_white_is_a_softmax_over_colours_and_white():
    """Alpha is one less the last share of the softmax, however alpha is computed."""
    choice, palettes = torch.randn(2, 5, 16, 16), torch.rand(2, 4, 3) * 2 - 1
    shares = choice.softmax(1)
    white = torch.cat([palettes, torch.ones(2, 1, 3)], 1)
    expected = torch.einsum("nkhw,nkc->nchw", shares, white)
    torch.testing.assert_close(generator(channels=3)._paint(choice, palettes), expected)
    rgba = generator()._paint(choice, palettes)
    alpha = (rgba[:, 3:] + 1) / 2
    torch.testing.assert_close(alpha, 1 - shares[:, 4:])
    torch.testing.assert_close(1 + alpha * (rgba[:, :3] - 1), expected)


def test_the_end_of_the_latent_changes_colours_alone():
    model, latents, label = generator(), torch.randn(1, 6), labels("fire")
    other = latents.clone()
    other[:, -2:] += 1
    before, after = model(latents, label), model(other, label)
    assert torch.equal(before[:, 3], after[:, 3])
    assert not torch.allclose(before[:, :3], after[:, :3])
    other = latents.clone()
    other[:, 0] += 1
    assert not torch.allclose(before[:, 3], model(other, label)[:, 3])


def test_recolouring_keeps_the_shape_and_is_the_seeds():
    model = generator()
    latents = model.latents(3, seed=5)
    plain = model.sample(3, seed=5, types="fire", output="tensor")
    other = model.recolor(latents, 1, "fire", output="tensor")
    assert torch.equal(plain[:, 3], other[:, 3])
    assert (plain != other).flatten(1).any(1).all()
    assert torch.equal(model.recolor(latents[:2], 1, "fire", output="tensor"), other[:2])
    assert not torch.equal(model.recolor(latents, 2, "fire", output="tensor"), other)
    own = model.recolor(latents, 5, "fire", palette_types="fire", output="tensor")
    assert torch.equal(own, plain)
    assert len(model.recolor(latents, 1, "fire")) == 3


def test_a_recoloured_sprite_has_the_whole_palette_of_another():
    """Of its style, not of its latent's last numbers alone; of any types, or of those asked for."""
    model = generator()
    latents, others = model.latents(3, seed=5), model.latents(3, seed=1)
    codes, types = model.codes_of(latents, "fire"), ["water", "ice", "bug"]
    colors = -model.style_dim - model.palette_dim
    for asked, labels in ((types, model.labels_of(types, 3)), (None, model.labels(3, seed=1))):
        palettes = model.code(others, labels).detach()[:, colors:]
        expected = model.draw_codes(torch.cat([codes[:, :colors], palettes], 1), output="tensor")
        for sprites, own in ((latents, "fire"), (codes, None)):
            drawn = model.recolor(sprites, 1, own, palette_types=asked, output="tensor")
            torch.testing.assert_close(drawn, expected)
    shiny = model.recolor(codes, 1, shiny=True, output="tensor")
    assert torch.equal(shiny[:, 3], expected[:, 3])
    assert not torch.allclose(shiny, expected)


def test_style_mixing_leads_from_one_sprite_to_the_other():
    model = generator()
    coarse, fine = model.latents(2)
    mixed = model.mix(coarse, fine, "fire+ghost", output="tensor")
    assert len(mixed) == model.parts + 1 == 5
    ends = model.draw(torch.stack([fine, coarse]), labels("fire+ghost", "fire+ghost"))
    torch.testing.assert_close(mixed[[0, -1]], ends)
    # The palette alone changes at the last step.
    torch.testing.assert_close(mixed[-2, 3], mixed[-1, 3])
    assert all(not torch.allclose(*pair) for pair in itertools.pairwise(mixed))


def test_latents_of_another_length_are_refused():
    model = generator()
    with pytest.raises(PokeGANError, match="latents must have 6 numbers each"):
        model.recolor(torch.zeros(2, 5), 0, "fire")
    for pair in ((torch.zeros(5), torch.zeros(5)), (torch.zeros(6), torch.zeros(5))):
        with pytest.raises(PokeGANError, match="latents must have 6 numbers each"):
            model.mix(*pair, "fire")


def test_every_part_of_the_label_matters():
    model, latents = generator(), torch.randn(1, 6)
    asked = ("fire", "ghost", "fire+ghost", {"fire": 3, "ghost": 1})
    drawn = [model.sample(1, types=types, output="tensor") for types in asked]
    drawn += [model.sample(1, types="fire", shiny=True, output="tensor")]
    for index, image in enumerate(drawn):
        assert all(not torch.allclose(image, other) for other in drawn[:index])
    again = {"ghost": 1, "fire": 1}
    assert torch.equal(model(latents, labels("fire+ghost")), model(latents, labels(again)))


def test_a_loaded_model_draws_the_same_sprites(tmp_path):
    model = generator()
    model.save_pretrained(tmp_path)
    loaded = load(tmp_path)
    assert type(loaded) is SpriteGenerator
    for options in ({}, {"types": {"fire": 0.6, "ghost": 0.4}}, {"shiny": True}):
        drawn = [one.sample(3, seed=1, output="tensor", **options) for one in (model, loaded)]
        assert torch.equal(*drawn)


def test_the_discriminator_does_not_see_hidden_colours():
    judge, label = discriminator(), labels("fire", "water", "grass", "bug")
    images = torch.rand(4, 4, 16, 16) * 2 - 1
    images[:, 3, :8] = -1
    recolored = images.clone()
    recolored[:, :3, :8] = 0.3
    torch.testing.assert_close(judge(images, label), judge(recolored, label))
    recolored[:, :3, 8:] = 0.3
    assert not torch.allclose(judge(images, label), judge(recolored, label))


def test_groups_of_four_are_judged_apart():
    """Rows see the deviation of their own group of four, whatever else is in the batch."""
    judge = discriminator()
    images, label = torch.rand(8, 4, 16, 16) * 2 - 1, labels(*["fire"] * 8)
    whole = judge(images, label)
    halves = torch.cat([judge(images[:4], label[:4]), judge(images[4:], label[4:])])
    torch.testing.assert_close(whole, halves)
    changed = images.clone()
    changed[0] = -images[0]
    moved = (judge(changed, label) - whole).abs() > 1e-6
    assert moved.tolist() == [True] * 4 + [False] * 4
    with pytest.raises(PokeGANError, match="a multiple of 4, not 6"):
        judge(images[:6], label[:6])


@pytest.mark.parametrize("channels", [3, 4])
def test_every_weight_gets_a_gradient(channels):
    draws, judge = generator(channels=channels), discriminator(channels=channels)
    label = labels("fire", "water+ice", "grass", "bug")
    label[0, -1] = 1
    images = draws(torch.randn(4, 6), label)
    loss = (judge(images, label) * torch.randn(4)).sum()
    assert_every_weight_learns(loss, draws.palette, draws.choices, judge.to_logit, judge.stages)
    embedding, other = torch.autograd.grad(
        loss, [draws.mapping.embedding.weight, draws.seed.weight]
    )
    assert embedding[:, label.sum(0) > 0].abs().sum() > 0
    assert other.abs().sum() > 0


def test_what_larger_images_are_made_for_learns_from_its_first_steps():
    """Layers that begin by adding nothing must not stay so."""
    draws, judge, label = generator(64), discriminator(64), labels(*["fire"] * 4)
    networks = (draws, judge)
    optimizers = [torch.optim.SGD(network.parameters(), lr=0.01) for network in networks]
    for _ in range(2):
        loss = (judge(draws(torch.randn(4, 6), label), label) * torch.randn(4)).sum()
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
    loss = (judge(draws(torch.randn(4, 6), label), label) * torch.randn(4)).sum()
    assert_every_weight_learns(loss, draws.choices, draws.stages, judge.stages, judge.inputs)


@pytest.mark.parametrize("channels", [3, 4])
def test_networks_grow_without_a_break(channels):
    """Fresh layers for larger images change neither what is drawn nor how it is judged."""
    draws, judge = generator(64, channels=channels), discriminator(64, channels=channels)
    latents, label = torch.randn(4, 6), labels("fire", "water", "grass", "bug")
    full = draws(latents, label)
    images = torch.rand(4, channels, 64, 64) * 2 - 1
    for size in (16, 32, 64):
        draws.train().training_size = size
        small = draws(latents, label)
        assert small.shape == (4, channels, size, size)
        # Enlarging logits smoothly keeps large shapes.
        error = (shrink(full, 16) - shrink(small, 16)).abs().mean()
        assert error < 0.3 * (full - full.mean()).abs().mean()
        torch.testing.assert_close(judge(shrink(images, size), label), judge(images, label))
    assert torch.equal(draws.eval()(latents, label), full)


def test_a_discriminator_without_antialiasing_sees_the_finest_patterns():
    """Stripes a pixel wide: to blurred convolutions a plain of their mean, but at the borders."""
    plain = torch.zeros(1, 4, 32, 32)
    stripes = plain + 1 - 2 * torch.arange(32).remainder(2)
    for antialias in (True, False):
        halving = discriminator(32, antialias=antialias).stages[0]
        torch.nn.init.normal_(halving.down.weight)
        seen = (halving(stripes) - halving(plain))[..., 2:-2, 2:-2].abs().mean()
        assert (seen.item() > 0.1) is not antialias


def test_small_images_are_judged_alike_without_antialiasing():
    judge, images = discriminator(32, antialias=False), torch.rand(4, 4, 32, 32)
    label = labels(*["ice"] * 4)
    torch.testing.assert_close(judge(shrink(images, 16), label), judge(images, label))


def test_half_precision_draws_nearly_the_same():
    model = generator()
    drawn = model.sample(4, output="tensor")
    half = model.to(torch.bfloat16).sample(4, output="tensor")
    assert (half - drawn).abs().mean() < 0.05


def test_only_in_training_mode_images_are_small():
    model = generator(32).train()
    model.training_size = 16
    assert model(torch.randn(1, 6), labels("fire")).shape[-1] == 16
    assert model.sample(1)[0].size == (32, 32)
    assert model.training


def test_images_of_another_size_are_refused():
    for size, known in ((8, "32, 16"), (64, "32, 16"), (24, "32, 16")):
        with pytest.raises(PokeGANError, match=f"images must be one of {known}, not {size}"):
            discriminator(32)(torch.zeros(4, 4, size, size), labels(*["fire"] * 4))


def test_features_keep_their_scale_at_the_start():
    """No normalisation keeps them, so the initial weights must."""
    draws = SpriteGenerator()
    styles = draws.mapping(torch.randn(64, 48), labels(*["fire"] * 64))
    assert 0.3 < styles.square().mean() < 3
    features = draws.seed(styles).unflatten(1, (-1, 4, 4))
    for stage in draws.stages:
        features = stage(features, styles)
        assert 0.1 < features.square().mean() < 10
    logits = SpriteDiscriminator()(torch.rand(16, 4, 64, 64) * 2 - 1, labels(*["fire"] * 16))
    assert logits.std() < 10


@pytest.mark.parametrize(
    ("network", "arguments", "named"),
    [
        (SpriteGenerator, {"latent_dim": 1}, "latent_dim"),
        (SpriteGenerator, {"palette_dim": 64}, "palette_dim"),
        (SpriteGenerator, {"style_dim": 0}, "style_dim"),
        (SpriteGenerator, {"colors": 1}, "colors"),
        (SpriteGenerator, {"channels": 1}, "channels"),
        (SpriteGenerator, {"size": 40}, "size"),
        (SpriteGenerator, {"widths": []}, "widths must hold at least one number"),
        (SpriteGenerator, {"widths": [8, 0]}, "widths"),
        (SpriteGenerator, {"widths": [8, 0.5]}, "widths"),
        (SpriteDiscriminator, {"widths": []}, "widths must hold at least one number"),
        (SpriteDiscriminator, {"size": 40}, "size"),
        (SpriteDiscriminator, {"channels": 1}, "channels"),
    ],
)
def test_unfit_arguments_are_named(network, arguments, named):
    with pytest.raises(PokeGANError, match=named):
        network(**arguments)
