from hypothesis import given
from hypothesis import strategies as st

from pokegan.data.spread import spread


@given(st.lists(st.integers(), unique=True), st.integers(1, 50))
def test_spread_keeps_order_and_the_first(items, limit):
    kept = spread(items, limit)
    assert len(kept) == min(limit, len(items))
    assert [item for item in items if item in set(kept)] == kept
    assert kept[:1] == items[:1]
    assert spread(items, None) == items


def test_gaps_are_even():
    assert spread(list(range(10)), 3) == [0, 3, 6]
    assert spread(list(range(10)), 5) == [0, 2, 4, 6, 8]
