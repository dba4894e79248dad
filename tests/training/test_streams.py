import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from pokegan.training.streams import StepNoise, batch_indices


def noise(rows, seed=0, step=3, batch_size=12):
    return StepNoise(seed, step, batch_size, rows, torch.device("cpu"))


@given(st.integers(0, 5), st.integers(1, 40), st.integers(1, 30))
def test_every_sprite_is_seen_equally_often(seed, batch_size, sprites):
    """Whatever the batch size, each run of ``sprites`` consecutive draws is one permutation."""
    steps = -(-3 * sprites // batch_size)
    drawn = np.concatenate([batch_indices(seed, s, batch_size, sprites) for s in range(steps)])
    for epoch in range(3):
        assert sorted(drawn[epoch * sprites : (epoch + 1) * sprites]) == list(range(sprites))


def test_epochs_differ_and_seeds_differ():
    first, second = (batch_indices(0, step, 50, 50) for step in (0, 1))
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, batch_indices(1, 0, 50, 50))


def test_indices_are_a_function_of_the_step_alone():
    forwards = [batch_indices(7, step, 16, 100) for step in range(30)]
    backwards = [batch_indices(7, step, 16, 100) for step in reversed(range(30))]
    assert all(map(np.array_equal, forwards, reversed(backwards)))


@given(st.lists(st.integers(0, 12), min_size=2, max_size=4).map(sorted))
def test_noise_does_not_depend_on_how_the_batch_is_shared(cuts):
    whole = noise(slice(0, 12)).normal("latent", 5)
    parts = [
        noise(slice(a, b)).normal("latent", 5) for a, b in zip([0, *cuts], [*cuts, 12], strict=True)
    ]
    assert torch.equal(torch.cat(parts), whole)


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
