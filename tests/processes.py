"""Processes that start in milliseconds: forks of one that has imported the libraries."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from tiny import ROOT, environment


class ForkServer:
    """Starts processes from :mod:`fork_server`; one server serves many tests.

    Args:
        modules: what it imports; without any, what a training does.
    """

    def __init__(self, *modules: str):
        self._socket, theirs = socket.socketpair()
        script = Path(__file__).with_name("fork_server.py")
        self._process = subprocess.Popen(
            [sys.executable, script, str(theirs.fileno()), *modules],
            pass_fds=[theirs.fileno()],
            cwd=ROOT,
            env=environment(PYTHONPATH=f"{ROOT}{os.pathsep}{ROOT / 'tests'}", OMP_NUM_THREADS="1"),
        )
        theirs.close()
        self._socket.settimeout(300)
        assert self._socket.recv(16) == b"ready"

    def start(
        self, target: str, *arguments, faults: Mapping[str, tuple] | None = None
    ) -> "Process":
        """Call a function in a process of its own.

        Args:
            target: "module:function"; what it returns is the exit status.
            arguments: its arguments, as far as JSON has them.
            faults: functions of :mod:`fork_server` to call before, with their arguments.
        """
        ours, theirs = os.pipe()
        errors, their_errors = os.pipe()
        job = {"target": target, "arguments": arguments, "faults": dict(faults or {})}
        socket.send_fds(self._socket, [json.dumps(job).encode()], [theirs, their_errors])
        os.close(theirs)
        os.close(their_errors)
        return Process(self, self._answer(), ours, errors)

    def reap(self, pid: int) -> int:
        """Wait for a process to end; its exit status, or minus the signal that killed it."""
        self._socket.sendall(json.dumps({"reap": pid}).encode())
        return self._answer()

    def _answer(self) -> int:
        return json.loads(self._socket.recv(64))

    def close(self) -> None:
        """End the server."""
        self._socket.close()
        self._process.wait(timeout=60)


class Process:
    """A process that the fork server started.

    It stays a zombie until :meth:`finish`, so a signal never reaches another process.

    Attributes:
        pid: its id.
        seen: the lines that it has written to stdout so far, as far as they were read.
    """

    def __init__(self, server: ForkServer, pid: int, output: int, errors: int):
        self.pid, self.seen = pid, []
        self._server, self._ended = server, None
        self._output, self._errors = (
            os.fdopen(handle, encoding="utf-8", errors="replace") for handle in (output, errors)
        )

    def lines(self) -> Iterator[str]:
        """The lines of stdout as they come."""
        for line in self._output:
            self.seen.append(line.rstrip("\n"))
            yield self.seen[-1]

    def until_line(self, count: int) -> None:
        """Read until the run has reported ``count`` steps, or ended."""
        for line in self.lines():
            if line.startswith("step ") and self.last_step() >= count:
                return

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal, unless it is known to have ended."""
        if self._ended is None:
            os.kill(self.pid, number)

    def finish(self) -> tuple[int, str]:
        """Read to the end and wait; the exit status (minus a signal's number) and stderr."""
        if self._ended is None:
            for _ in self.lines():
                pass
            with self._output, self._errors:
                self._ended = self._server.reap(self.pid), self._errors.read()
        return self._ended

    def last_step(self) -> int:
        """The last step that the run has reported."""
        steps = [int(line.split()[1]) for line in self.seen if line.startswith("step ")]
        return steps[-1] if steps else 0

    def resumed_at(self) -> int:
        """The step at which it took up the run; 0 where it began anew."""
        found = [re.fullmatch(r"resuming .* at step (\d+)", line) for line in self.seen]
        return max((int(match[1]) for match in found if match), default=0)
