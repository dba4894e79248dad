"""Ports for the servers that tests start."""

import itertools
import os
import random
import socket

FIRST, EACH = 20_000, 1_000
"""Below the ports that systems give to whoever asks for any, so nobody gets one of ours between the
look and the start of the server; and each worker has a range of its own."""

_NUMBERS = itertools.count(random.SystemRandom().randrange(EACH))


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on, and that no other test will be given."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw9").removeprefix("gw"))
    for number in itertools.islice(_NUMBERS, EACH):
        port = FIRST + worker % 10 * EACH + number % EACH
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no port is free")
