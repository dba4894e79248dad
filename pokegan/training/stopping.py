"""Signals that end a run after the step it is at."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


class Interrupted(Exception):
    """A signal ended the run after a checkpoint was written.

    Attributes:
        signal_number: SIGTERM or SIGINT.
    """

    def __init__(self, message: str, signal_number: int):
        super().__init__(message)
        self.signal_number = signal_number


@contextmanager
def stop_signal() -> Iterator[list[int]]:
    """Collect SIGTERM and SIGINT instead of dying; a second one has its usual effect."""
    received: list[int] = []
    before = {}

    def note(number: int, frame) -> None:
        received.append(number)
        for each, handler in before.items():
            signal.signal(each, handler)

    for number in (signal.SIGTERM, signal.SIGINT):
        before[number] = signal.signal(number, note)
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
