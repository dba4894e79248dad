import pytest
import torch

from pokegan.models.ddpm import DDPM


@pytest.fixture
def model():
    torch.manual_seed(0)
    return DDPM(widths=[8, 8], size=16, sampling_steps=10)


def images_and_noise():
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(3, 3, 16, 16, generator=generator) * 2 - 1
    return images, torch.randn(3, 3, 16, 16, generator=generator)


def test_image_and_noise_follow_from_the_velocity(model):
    images, noise = images_and_noise()
    times = torch.tensor([0, 500, 999])
    noisy, velocity = model.add_noise(images, noise, times), model.velocity(images, noise, times)
    kept = model._schedule.alphas_cumprod[times].view(3, 1, 1, 1)
    a, b = kept.sqrt(), (1 - kept).sqrt()
    assert torch.allclose(velocity, a * noise - b * images, atol=1e-6)
    # The inverse needs no division, so that errors stay as they are at every time.
    assert torch.allclose(a * noisy - b * velocity, images, atol=1e-5)
    assert torch.allclose(b * noisy + a * velocity, noise, atol=1e-5)


def test_a_network_that_knows_the_image_draws_it(model, monkeypatch):
    images, noise = images_and_noise()

    def knowing(noisy, times, labels):
        kept = model._schedule.alphas_cumprod[times].view(-1, 1, 1, 1)
        return (kept.sqrt() * noisy - images) / (1 - kept).sqrt()

    monkeypatch.setattr(model, "predict_velocity", knowing)
    drawn = model(noise.flatten(1), torch.zeros(3, dtype=torch.int64))
    assert torch.allclose(drawn, images, atol=0.02)


def test_a_network_that_is_a_little_wrong_draws_something_like_it(model, monkeypatch):
    images, noise = images_and_noise()
    generator = torch.Generator().manual_seed(2)

    def nearly(noisy, times, labels):
        kept = model._schedule.alphas_cumprod[times].view(-1, 1, 1, 1)
        right = (kept.sqrt() * noisy - images) / (1 - kept).sqrt()
        error = 0.2 * torch.randn(noisy.shape, generator=generator)
        return torch.where(times.view(-1, 1, 1, 1) > 500, right + error, right)

    monkeypatch.setattr(model, "predict_velocity", nearly)
    drawn = model(noise.flatten(1), torch.zeros(3, dtype=torch.int64))
    assert (drawn - images).square().mean() < 0.01


def test_the_velocity_at_the_start_is_the_image_turned_round(model):
    images, noise = images_and_noise()
    velocity = model.velocity(images, noise, torch.full((3,), 999))
    assert torch.allclose(velocity, -images, atol=1e-3)
