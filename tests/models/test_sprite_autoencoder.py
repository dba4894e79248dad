import pytest
import torch
from conditional import assert_every_weight_learns

from pokegan import PokeGANError, load
from pokegan.data.transforms import on_white_with_alpha
from pokegan.models.sprite import SpriteGenerator
from pokegan.models.sprite_autoencoder import SpriteAutoencoder

TINY = {"latent_dim": 6, "palette_dim": 2, "style_dim": 8, "colors": 4, "widths": [4, 8]}


def autoencoder(size=16, **arguments):
    return SpriteAutoencoder(
        **TINY, encoder_widths=[4, 8], encoder_dim=12, size=size, **arguments
    ).eval()


def images(n=2, channels=4, size=16):
    return torch.rand(n, channels, size, size) * 2 - 1


@pytest.mark.parametrize("size", [16, 48, 64])
@pytest.mark.parametrize("channels", [3, 4])
def test_codes_have_a_style_for_each_part(size, channels):
    model = autoencoder(size, channels=channels)
    real = images(3, channels, size)
    codes = model.encode(real)
    assert codes.shape == (3, model.code_dim)
    assert model.code_dim == model.parts * 8 + 2
    drawn = model.reconstruct(real, output="tensor")
    assert drawn.shape == real.shape
    assert torch.equal(drawn, model.draw_codes(codes, output="tensor"))
    assert not torch.allclose(codes[0], codes[1])


def test_refined_codes_draw_what_is_nearer():
    model = autoencoder()
    real = model.sample(2, seed=3, output="tensor")

    def errors(**options):
        drawn = model.reconstruct(real, output="tensor", **options)
        return (on_white_with_alpha(drawn) - on_white_with_alpha(real)).abs().mean((1, 2, 3))

    assert (errors(refine=60) < 0.6 * errors()).all()


def test_what_is_hidden_does_not_matter():
    model, real = autoencoder(), images()
    real[:, 3, :8] = -1
    other = real.clone()
    other[:, :3, :8] = 0.5
    torch.testing.assert_close(model.encode(real), model.encode(other))


def test_it_draws_what_the_generator_drew(tmp_path):
    """Same weights, same sprites: the encoder is beside them."""
    torch.manual_seed(0)
    generator = SpriteGenerator(**TINY, size=16).eval()
    model = autoencoder()
    model.load_state_dict(generator.state_dict(), strict=False)
    for options in ({}, {"types": {"fire": 0.6, "ghost": 0.4}}, {"shiny": True}):
        drawn = [one.sample(3, seed=1, output="tensor", **options) for one in (generator, model)]
        assert torch.equal(*drawn)
    model.save_pretrained(tmp_path)
    loaded = load(tmp_path)
    assert type(loaded) is SpriteAutoencoder
    real = images()
    assert torch.equal(loaded.encode(real), model.encode(real))


def test_the_way_is_straight_between_codes():
    model, (a, b) = autoencoder(), images()
    codes = model.encode(torch.stack([a, b]))
    steps = model.interpolate(a, b, 3, output="tensor")
    middle = model.draw_codes(codes.mean(0, keepdim=True), output="tensor")
    torch.testing.assert_close(steps[1:2], middle)
    torch.testing.assert_close(
        steps[[0, 2]], model.reconstruct(torch.stack([a, b]), output="tensor")
    )


def test_ends_may_be_latents_of_types_and_codes():
    model, (a, _) = autoencoder(), images()
    latent = model.latents(1)[0]
    drawn = model.sample(1, types="fire+ghost", output="tensor")
    for types in ("fire+ghost", ["water", "fire+ghost"]):
        way = model.interpolate(a, latent, 2, types, output="tensor")
        torch.testing.assert_close(way[-1:], drawn)
    code = model.codes_of(latent[None], "fire+ghost")[0]
    torch.testing.assert_close(model.interpolate(a, code, 2, output="tensor")[-1:], drawn)
    with pytest.raises(PokeGANError, match="say which types"):
        model.interpolate(a, latent, 2)
    with pytest.raises(PokeGANError, match="one for each step, not 3"):
        model.interpolate(a, latent, 2, ["fire"] * 3)
    with pytest.raises(PokeGANError, match="unknown type 'fier'"):
        model.interpolate(a, latent, 2, "fier")


def test_encoded_sprites_are_recoloured_and_mixed():
    model = autoencoder()
    codes = model.encode(images())
    before = model.draw_codes(codes, output="tensor")
    after = model.recolor(codes, 1, output="tensor")
    assert torch.equal(before[:, 3], after[:, 3])
    assert not torch.allclose(before, after)
    mixed = model.mix(*codes, output="tensor")
    torch.testing.assert_close(mixed[[-1, 0]], before)


def test_types_are_neither_needed_nor_taken():
    model = autoencoder()
    for call in (model.encode, model.reconstruct):
        with pytest.raises(PokeGANError, match="leave out types"):
            call(images(), "fire")


def test_every_weight_of_the_encoder_learns():
    model = autoencoder().train()
    real = images(8)
    loss = (model.decode(model.encoder(real)) - real).square().sum()
    assert_every_weight_learns(loss, model.encoder)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"encoder_dim": 0}, "encoder_dim"),
        ({"encoder_widths": []}, "encoder_widths"),
        ({"encoder_widths": [4, 0]}, "encoder_widths"),
        ({"colors": 1}, "colors"),
    ],
)
def test_unfit_arguments_are_named(arguments, named):
    with pytest.raises(PokeGANError, match=named):
        SpriteAutoencoder(**{**TINY, **arguments})
