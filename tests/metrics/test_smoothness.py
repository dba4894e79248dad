import pytest
import torch
from torch import Tensor

from pokegan.metrics import smoothness
from pokegan.metrics.image_set import on_white_page
from pokegan.metrics.smoothness import EPSILON, perceptual_path_length
from pokegan.models.dcgan import DCGANGenerator

NETWORK = "sprite-net"


class Plane:
    """Stands in for a network: its features are the first two latents, seen in two pixels, and a
    constant that keeps their directions close to each other."""

    def __call__(self, images: Tensor) -> Tensor:
        return images.flatten(1)[:, :3]


class Linear:
    """A model whose first pixels are its latents, scaled."""

    latent_dim, conditioning = 2, None

    def __init__(self, scale: float):
        self.scale = scale

    def draw(self, latents: Tensor, labels: None) -> Tensor:
        images = torch.zeros(len(latents), 3, 2, 2)
        images[:, 0, 0, :2] = latents * self.scale
        images[:, 0, 1, 0] = 1
        return images


@pytest.fixture
def plane(monkeypatch):
    monkeypatch.setattr(smoothness, "feature_network", lambda name: Plane())


def test_the_length_grows_with_the_square_of_the_speed(plane):
    slow, fast = (perceptual_path_length(Linear(s), NETWORK, 64) for s in (1e-3, 2e-3))
    assert slow > 0
    assert fast == pytest.approx(4 * slow, rel=0.02)


def test_a_model_that_draws_one_sprite_has_no_length(plane):
    assert perceptual_path_length(Linear(0), NETWORK, 32) == 0


def test_it_depends_on_the_seed_alone():
    model = DCGANGenerator(latent_dim=4, base_width=4, size=16)
    first, again, other = (perceptual_path_length(model, NETWORK, 20, seed) for seed in (0, 0, 1))
    assert first == again != other
    assert first > 0


def test_steps_are_small_enough_to_be_steps():
    assert 0 < EPSILON <= 0.01


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_models_of_all_channels_are_measured(channels):
    model = DCGANGenerator(latent_dim=4, base_width=4, size=16, channels=channels)
    assert perceptual_path_length(model, NETWORK, 20) > 0


def test_on_the_page_transparent_is_white_and_grey_is_grey():
    clear = torch.tensor([0.5, -1.0, 0.0, -1.0]).view(1, 4, 1, 1)
    half = torch.tensor([-1.0, -1.0, 1.0, 0.0]).view(1, 4, 1, 1)
    grey = torch.zeros(1, 1, 1, 1)
    assert on_white_page(clear).flatten().tolist() == [255, 255, 255]
    assert on_white_page(half).flatten().tolist() == [127.5, 127.5, 255]
    assert on_white_page(grey).flatten().tolist() == [127.5] * 3
