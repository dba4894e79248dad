"""The fork server and the run that nothing disturbs, once for all tests of faults."""

import pytest
from faults.runs import ForkServer, facts_of


@pytest.fixture(scope="package")
def server():
    """Starts runs in milliseconds."""
    server = ForkServer()
    yield server
    server.close()


@pytest.fixture(scope="package")
def whole(server, tmp_path_factory):
    """What a run that nothing interrupts leaves."""
    out = tmp_path_factory.mktemp("whole") / "run"
    process = server.train(out)
    assert process.finish() == (0, "")
    return facts_of(out)
