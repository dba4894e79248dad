import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pokegan.data.order import batch_indices


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
