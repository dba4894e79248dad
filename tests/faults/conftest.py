"""The run that nothing disturbs, and one that was stopped, once for all tests of faults."""

import signal

import pytest
from faults.runs import facts_of, train


@pytest.fixture(scope="package")
def half(server, tmp_path_factory):
    """A run that was stopped when half was done, with two checkpoints; to be copied."""
    out = tmp_path_factory.mktemp("half") / "run"
    process = train(server, out)
    process.until_line(12)
    process.kill(signal.SIGTERM)
    status, errors = process.finish()
    assert status == 128 + signal.SIGTERM, errors
    return out


@pytest.fixture(scope="package")
def whole(server, tmp_path_factory):
    """What a run that nothing interrupts leaves."""
    out = tmp_path_factory.mktemp("whole") / "run"
    process = train(server, out)
    assert process.finish() == (0, "")
    return facts_of(out)
