"""The one exception that users are meant to read, and how messages name near matches."""

import difflib
from collections.abc import Iterable


class PokeGANError(Exception):
    """Bad input or a failed operation, told in one line.

    The message says what was wrong, where (file, row, field) and what to do. Command lines print
    it after ``error:`` and exit with status 2, without a traceback.
    """


def shown(value: object) -> str:
    """What a user gave, as Python writes it, for a message: shortened where it is long."""
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:197]}..."


def near_matches(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'a' or 'b'?"``, or the known names where nothing is near.

    Args:
        name: what the user wrote.
        known: the names that would have been right.
    """
    known = sorted(known)
    near = difflib.get_close_matches(name[:200], known, n=3, cutoff=0.6)
    if near:
        return f"; did you mean {' or '.join(repr(match) for match in near)}?"
    return f"; known: {', '.join(known)}" if known else ""
