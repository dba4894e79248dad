import itertools
from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pokegan.data.lanes import MOST_LANES, Lanes, lane_count

GROUPS = st.lists(
    st.tuples(st.integers(0, 2), st.integers(1, 9)), min_size=1, max_size=12
)  # whether (and how far) a new shard begins here, and the rows of the group


def layout(groups):
    """Shards and rows of the groups; a shard may have no group at all."""
    steps, rows = np.array(groups).T
    return np.cumsum(steps) - steps[0], rows


def order_of(lanes, lane, first, stop):
    """The (group, row) at each position of a lane."""
    found = []
    for epoch, block, inside in lanes.blocks(lane, first, stop):
        spans = lanes.spans(lane, epoch, block)
        rows = [(span.group, row) for span in spans for row in range(span.first, span.stop)]
        found += [rows[place] for place in lanes.shuffled(lane, epoch, block, len(rows))[inside]]
    return found


@given(GROUPS, st.integers(1, 40), st.integers(1, 7), st.integers(0, 3))
def test_each_epoch_of_all_lanes_holds_every_row_once(groups, batch_size, block, seed):
    shards, rows = layout(groups)
    count = lane_count(batch_size, rows.sum())
    lanes = Lanes(seed, shards, rows, count, block)
    every = {(group, row) for group in range(len(rows)) for row in range(rows[group])}
    lengths = [rows.sum() * (lane + 1) // count - rows.sum() * lane // count
               for lane in range(count)]  # fmt: skip
    for epoch in range(2):
        seen = Counter()
        for lane, length in enumerate(lengths):
            seen.update(order_of(lanes, lane, epoch * length, (epoch + 1) * length))
        assert set(seen) == every
        assert set(seen.values()) == {1}


@given(GROUPS, st.integers(1, 7), st.integers(0, 60), st.integers(1, 20))
def test_any_place_of_a_lane_can_be_told_without_those_before(groups, block, first, rows):
    lanes = Lanes(1, *layout(groups), 1, block)
    assert order_of(lanes, 0, 0, first + rows)[first:] == order_of(lanes, 0, first, first + rows)


@given(GROUPS, st.integers(1, 7))
def test_blocks_follow_each_other(groups, block):
    lanes = Lanes(0, *layout(groups), 1, block)
    places = [place for *place, _ in lanes.blocks(0, 0, 3 * sum(rows for _, rows in groups))]
    for place, after in itertools.pairwise(places):
        assert lanes.after(0, *place) == tuple(after)


def test_epochs_seeds_and_lanes_have_orders_of_their_own():
    shards, rows = np.arange(6), np.full(6, 50)
    lanes = Lanes(0, shards, rows, 2, 50)
    first, second = (order_of(lanes, 0, start, start + 150) for start in (0, 150))
    other = order_of(Lanes(1, shards, rows, 2, 50), 0, 0, 150)
    assert len({tuple(order) for order in (first, second, other)}) == 3
    inside = [lanes.shuffled(lane, 0, 0, 50).tolist() for lane in (0, 1)]
    assert inside[0] != inside[1]


def test_the_groups_of_a_shard_are_visited_together_in_an_order_of_their_own():
    """So a shard is opened once in a lane's epoch."""
    shards, rows = np.repeat(np.arange(5), 10), np.full(50, 2)
    lanes = Lanes(0, shards, rows, 1, 1000)
    spans = lanes.spans(0, 0, 0)
    visited = [int(shards[span.group]) for span in spans]
    assert visited == [shard for shard in dict.fromkeys(visited) for _ in range(10)]
    assert visited != sorted(visited)
    assert [span.group for span in spans[:10]] != sorted(span.group for span in spans[:10])


@given(st.integers(1, 300), st.integers(1, 300))
def test_lanes_share_the_batch_evenly_and_none_is_empty(batch_size, sprites):
    count = lane_count(batch_size, sprites)
    assert batch_size % count == 0
    assert count <= sprites
    if batch_size % MOST_LANES == 0 and sprites >= MOST_LANES:
        assert count == MOST_LANES
