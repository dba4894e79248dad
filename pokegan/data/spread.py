"""Pick evenly from a list."""


def spread(items: list, limit: int | None) -> list:
    """``limit`` items, evenly spaced from the first on; all when there are no more (or None)."""
    if limit is None or len(items) <= limit:
        return list(items)
    return [items[position * len(items) // limit] for position in range(limit)]
