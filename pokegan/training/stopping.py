"""Signals that end a run after the step it is at."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

ONE_WISH_SECONDS = 10.0
"""Signals that come within so many seconds are one: a terminal or a cluster may tell every process,
and the launcher of several processes hands on what it is told itself."""


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
    """Collect SIGTERM and SIGINT instead of dying; another one, later, has its usual effect."""
    received: list[int] = []
    times: list[float] = []
    before = {}

    def note(number: int, frame) -> None:
        received.append(number)
        times.append(time.monotonic())
        if times[-1] - times[0] > ONE_WISH_SECONDS:
            for each, handler in before.items():
                signal.signal(each, handler)
            os.kill(os.getpid(), number)

    for number in (signal.SIGTERM, signal.SIGINT):
        before[number] = signal.signal(number, note)
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
