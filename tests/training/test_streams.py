from dataclasses import replace

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pokegan.data.augment import Augmentation
from pokegan.data.order import batch_indices
from pokegan.seeding import derive_seed
from pokegan.training.streams import StepNoise, seed_inside

AUGMENTED = Augmentation(flip=0.5, rotate=20, recolor=0.5)


def noise(rows, seed=0, step=3, batch_size=12, augmentation=AUGMENTED):
    return StepNoise(seed, step, batch_size, rows, torch.device("cpu"), augmentation)


@settings(deadline=None)  # the first augmentation imports torchvision
@given(st.lists(st.integers(0, 12), min_size=2, max_size=4).map(sorted))
def test_noise_does_not_depend_on_how_the_batch_is_shared(cuts):
    whole, images = noise(slice(0, 12)), torch.rand(12, 3, 8, 8) * 2 - 1
    parts = [slice(a, b) for a, b in zip([0, *cuts], [*cuts, 12], strict=True) if a < b]
    for draw in (
        lambda noise, rows: noise.normal("latent", 5),
        lambda noise, rows: noise.uniform("labels"),
        lambda noise, rows: noise.augment_real(images[rows]),
    ):
        drawn = [draw(noise(rows, augmentation=AUGMENTED), rows) for rows in parts]
        expected = draw(replace(whole, augmentation=AUGMENTED), slice(None))
        torch.testing.assert_close(torch.cat(drawn), expected)


def test_streams_steps_and_seeds_give_unrelated_noise():
    everything = slice(0, 12)
    drawn = [
        noise(everything).normal("latent", 500),
        noise(everything).normal("other", 500),
        noise(everything, step=4).normal("latent", 500),
        noise(everything, seed=1).normal("latent", 500),
    ]
    correlations = np.corrcoef([values.flatten().numpy() for values in drawn])
    assert np.abs(correlations - np.eye(4)).max() < 0.06


def test_drawing_leaves_the_global_state_alone():
    before = torch.get_rng_state()
    noise(slice(0, 12)).normal("latent", 5)
    batch_indices(11, 5, 10, 1000)
    assert torch.equal(torch.get_rng_state(), before)


def test_uniform_numbers_fill_the_unit_interval():
    drawn = StepNoise(0, 0, 10_000, slice(0, 10_000), torch.device("cpu")).uniform("labels")
    assert 0 <= drawn.min() < 0.01
    assert 0.99 < drawn.max() < 1
    assert abs(drawn.mean() - 0.5) < 0.02


def test_kimg_counts_the_images_before_the_step():
    assert noise(slice(0, 6), step=500).kimg == 6.0


def test_generated_images_are_augmented_where_the_recipe_says_so():
    images = torch.rand(12, 3, 8, 8) * 2 - 1
    everything = slice(0, 12)
    assert noise(everything).augment("fake", images) is images
    flipping = noise(everything, augmentation=Augmentation(flip=1.0, generated=True))
    assert torch.equal(flipping.augment("fake", images), images.flip(-1))


def test_gradients_pass_through_the_augmentation_of_generated_images():
    images = torch.rand(12, 3, 8, 8, requires_grad=True)
    augmented = noise(slice(0, 12), augmentation=replace(AUGMENTED, generated=True))
    (slope,) = torch.autograd.grad(augmented.augment("fake", images).sum(), images)
    assert (slope.flatten(1).abs().sum(1) > 0).all()


def test_real_and_generated_images_are_augmented_differently():
    """Else a discriminator could tell them apart by comparing, and both would move alike."""
    images = (torch.rand(1, 3, 8, 8) * 2 - 1).expand(12, -1, -1, -1)
    flipping = noise(slice(0, 12), augmentation=Augmentation(flip=0.5, generated=True))
    assert not torch.equal(flipping.augment("fake", images), flipping.augment_real(images))


def test_noise_inside_networks_is_a_function_of_seed_and_step():
    def drawn(seed, step):
        seed_inside(seed, step, torch.device("cpu"))
        return torch.randn(4)

    assert torch.equal(drawn(0, 1), drawn(0, 1))
    assert not torch.equal(drawn(0, 1), drawn(0, 2))
    assert not torch.equal(drawn(0, 1), drawn(1, 1))
    torch.manual_seed(derive_seed(0, 1, "inside"))
    assert torch.equal(torch.randn(4), drawn(0, 1))
