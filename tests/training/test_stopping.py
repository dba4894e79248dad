"""Signals that end a run."""

import os
import signal

import pytest

from pokegan.training import stopping
from pokegan.training.stopping import stop_signal


def at(monkeypatch, *times):
    clock = iter(times)
    monkeypatch.setattr(stopping.time, "monotonic", lambda: next(clock))


def test_what_a_launcher_hands_on_is_no_second_wish(monkeypatch):
    """A terminal or a cluster tells every process, and the launcher tells its own once more."""
    at(monkeypatch, 100.0, 100.5)
    with stop_signal() as received:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
    assert received == [signal.SIGINT, signal.SIGINT]


@pytest.fixture
def usual_interrupt():
    """Whatever started the tests may have told them to ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("usual_interrupt")
def test_a_later_signal_has_its_usual_effect(monkeypatch):
    at(monkeypatch, 100.0, 111.0)
    with stop_signal() as received:
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert len(received) == 2
