import json

import pytest
import torch
from torch import nn

from pokegan import PokeGANError, load
from pokegan.models.aegan import AEGAN, AEGANImageDiscriminator, AEGANLatentDiscriminator, on_sphere

SMALL = {"latent_dim": 5, "base_width": 2, "colors": 3}


def parameters(network):
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize("size", [16, 32, 64, 128, 256])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_shapes_and_ranges(size, channels):
    model = AEGAN(**SMALL, channels=channels, size=size)
    images = model(torch.randn(3, 5) * 100)
    assert images.shape == (3, channels, size, size)
    assert images.dtype == torch.float32
    assert images.abs().max() <= 1
    assert model.encoder(images).shape == (3, 5)
    judge = AEGANImageDiscriminator(base_width=2, channels=channels, size=size)
    assert judge(images).shape == (3,)


def test_every_weight_gets_a_gradient():
    model = AEGAN(latent_dim=4, base_width=4, colors=3, size=32)
    image_judge = AEGANImageDiscriminator(base_width=4, size=32)
    latent_judge = AEGANLatentDiscriminator(latent_dim=4, width=8, depth=2)
    images = model(torch.randn(8, 4))
    (image_judge(images).sum() + latent_judge(model.encoder(images)).sum()).backward()
    for network in (model, image_judge, latent_judge):
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.abs().sum() > 0, name


def test_pixels_mix_the_palette():
    generator, latents = AEGAN(**SMALL, size=16).generator, torch.randn(4, 5)
    palettes = generator.palette(torch.cat([latents, generator.code(latents)], dim=1))
    palettes = palettes.view(4, 3, 3)  # (n, colors, channels)
    nn.init.zeros_(generator.choice.weight)
    mixed = palettes.mean(dim=1)  # all entries evenly
    torch.testing.assert_close(
        generator(latents), mixed[..., None, None].expand(4, 3, 16, 16), rtol=0, atol=2e-5
    )
    generator.choice.bias.data[1] = 100.0  # the second entry alone
    chosen = palettes[:, 1]
    torch.testing.assert_close(
        generator(latents), chosen[..., None, None].expand(4, 3, 16, 16), rtol=0, atol=2e-5
    )
    assert (chosen - chosen[0]).abs().max() > 0.1  # each latent has its own


def test_a_saturated_palette_stays_in_range():
    generator = AEGAN(**SMALL, size=32).generator
    nn.init.constant_(generator.palette[1].bias, 30.0)
    images = generator(torch.randn(8, 5))
    assert images.min() > 0.9999
    assert images.max() <= 1


def test_signals_start_near_one_in_size():
    model = AEGAN()
    latents = torch.randn(32, 16)
    images = model(latents)
    assert 0.1 < images.std(dim=0).mean() < 0.7
    assert 0.1 < model.encoder(images).std(dim=0).mean() < 2
    assert 0.05 < AEGANImageDiscriminator()(images).std() < 2
    assert 0.05 < AEGANLatentDiscriminator()(latents).std() < 2


@pytest.mark.parametrize(
    ("judge", "shape"),
    [
        (AEGANImageDiscriminator(base_width=2, noise=0.5, size=16), (64, 3, 16, 16)),
        (AEGANLatentDiscriminator(latent_dim=6, width=8, noise=0.5), (64, 6)),
    ],
)
def test_noise_is_for_training_only(judge, shape):
    inputs = torch.randn(shape)
    judge.train()
    assert not torch.equal(judge(inputs), judge(inputs))
    judge.eval()
    clean = judge(inputs)
    assert torch.equal(judge(inputs), clean)


def test_the_noise_multiplies_each_layer_by_one_on_average():
    judge = AEGANLatentDiscriminator(latent_dim=2, width=16, depth=1, noise=0.1)
    final = judge.layers[-1]
    nn.init.ones_(final.weight)
    inputs = torch.randn(1, 2).expand(20_000, 2)
    features = judge.layers[0].eval()(on_sphere(inputs[:1]))  # (1, 16)
    logits = judge.train()(inputs)
    # A sum of independent f·N(1, 0.1²) has the mean Σf and the variance 0.1²·Σf².
    assert abs(logits.mean() - features.sum()) < 0.02
    assert abs(logits.std() / (0.1 * features.norm()) - 1) < 0.02


def test_without_noise_training_is_as_evaluation():
    judge = AEGANImageDiscriminator(base_width=2, noise=0.0, size=16)
    inputs = torch.randn(2, 3, 16, 16)
    assert torch.equal(judge.train()(inputs), judge.eval()(inputs))


def test_no_layer_mixes_the_samples_of_a_batch():
    model, images, latents = AEGAN(**SMALL, size=16), torch.rand(4, 3, 16, 16), torch.randn(4, 5)
    image_judge = AEGANImageDiscriminator(base_width=2, noise=0.0, size=16)
    latent_judge = AEGANLatentDiscriminator(latent_dim=5, noise=0.0)
    for network, batch in [
        (model, latents),
        (model.encoder, images),
        (image_judge, images),
        (latent_judge, latents),
    ]:
        torch.testing.assert_close(network(batch)[:1], network(batch[:1]))


@pytest.mark.parametrize(
    ("network", "arguments", "named"),
    [
        (AEGAN, {"latent_dim": 0}, "latent_dim"),
        (AEGAN, {"base_width": 1}, "base_width must be an integer from 2 to 512"),
        (AEGAN, {"base_width": 10**9}, "base_width"),
        (AEGAN, {"colors": 1}, "colors"),
        (AEGAN, {"channels": 2}, "channels"),
        (AEGAN, {"size": 96}, "size"),
        (AEGANImageDiscriminator, {"base_width": 0}, "base_width"),
        (AEGANImageDiscriminator, {"noise": -0.1}, "noise must be a number from 0 to 1"),
        (AEGANImageDiscriminator, {"noise": float("nan")}, "noise"),
        (AEGANImageDiscriminator, {"size": 2**20}, "size"),
        (AEGANLatentDiscriminator, {"latent_dim": 0}, "latent_dim"),
        (AEGANLatentDiscriminator, {"width": 0}, "width"),
        (AEGANLatentDiscriminator, {"depth": 17}, "depth"),
        (AEGANLatentDiscriminator, {"noise": True}, "noise"),
    ],
)
def test_unfit_arguments_are_named(network, arguments, named):
    with pytest.raises(PokeGANError, match=named):
        network(**arguments)


def test_a_loaded_model_draws_and_encodes_the_same(tmp_path):
    model = AEGAN(**SMALL, channels=4, size=32).eval()
    model.save_pretrained(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["architecture"] == "aegan"
    loaded = load(tmp_path)
    assert type(loaded) is AEGAN
    images = model.sample(5, 3, output="tensor")
    assert torch.equal(loaded.sample(5, 3, output="tensor"), images)
    assert torch.equal(loaded.encode(images), model.encode(images))
    ways = [m.interpolate(images[0], images[1], 4, output="tensor") for m in (loaded, model)]
    assert torch.equal(*ways)
    assert ways[0].shape == (4, 4, 32, 32)


def test_a_few_steps_of_reconstruction_learn():
    model = AEGAN(latent_dim=8, base_width=8, size=16)
    images = torch.linspace(-1, 1, 4)[:, None, None, None].expand(4, 3, 16, 16)
    optimizer = torch.optim.Adam(model.parameters(), 2e-3)
    errors = []
    for _ in range(40):
        error = (model(model.encoder(images)) - images).abs().mean()
        errors.append(error.item())
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
    assert errors[-1] < errors[0] / 2


def test_latents_lie_on_a_sphere():
    latents = torch.randn(5, 16) * torch.tensor([[0.01], [0.1], [1.0], [10.0], [100.0]])
    projected = on_sphere(latents)
    assert torch.allclose(projected.norm(dim=1), torch.full((5,), 4.0), rtol=1e-3)
    assert torch.allclose(torch.cosine_similarity(projected, latents), torch.ones(5))
    assert torch.allclose(on_sphere(projected)[1:], projected[1:], rtol=1e-4)
    assert (on_sphere(torch.zeros(1, 4)) == 0).all()


def test_codes_have_the_length_of_latents_and_length_alone_changes_nothing():
    model = AEGAN(latent_dim=9, base_width=4, size=16).eval()
    codes = model.encoder(torch.rand(3, 3, 16, 16) * 2 - 1)
    assert torch.allclose(codes.norm(dim=1), torch.full((3,), 3.0), rtol=1e-3)
    latents = torch.randn(3, 9)
    assert torch.allclose(model(latents), model(latents * 3), atol=1e-4)
    judge = AEGANLatentDiscriminator(latent_dim=9, width=8).eval()
    assert torch.allclose(judge(latents), judge(latents * 3), atol=1e-4)
