"""A process that imports the libraries once and forks a new one for every run that a test starts.

Importing torch takes over a second, a tiny run less: without this, hundreds of runs that are killed
and resumed would be hours of imports. Each run is a process of its own, with its own pid, memory,
limits and signals, that really dies; only its imports came before. (``multiprocessing`` has such a
server too, but tells neither exit status nor output, and before Python 3.12 knows no search path.)

Started by :class:`processes.ForkServer`, which sends one JSON object a message through a socket:
a job, with the handles that become its stdout and stderr, or the pid of a job whose end is to be
waited for.
"""

import ctypes
import errno
import importlib
import io
import json
import os
import resource
import signal
import socket
import sys
import threading
import time
import traceback

FILE_EVENTS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod"}


def die_at(count: int, folder: str) -> None:
    """SIGKILL this process at its ``count``-th operation on a file or folder inside ``folder``."""
    left = count

    def watch(event: str, arguments: tuple) -> None:
        nonlocal left
        if event in FILE_EVENTS and str(arguments[0]).startswith(folder):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


def lose_the_powers_of_root() -> None:
    """Let permission bits count, whoever runs the tests: root without capabilities is no root."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # version 3 of capset(2), this process
    if ctypes.CDLL(None, use_errno=True).capset(header, (ctypes.c_uint32 * 6)()) != 0:
        raise OSError(ctypes.get_errno(), "capset")


def limit(name: str, size: int) -> None:
    """A limit of ``resource``, such as ``RLIMIT_FSIZE``, in bytes."""
    resource.setrlimit(getattr(resource, name), (size, size))


def limit_more_memory(size: int) -> None:
    """Allow so many bytes of address space beyond what this process has now."""
    with open("/proc/self/statm") as file:
        pages = int(file.read().split()[0])
    limit("RLIMIT_AS", pages * resource.getpagesize() + size)


def jumping_clock(jump: float) -> None:
    """A wall clock that jumps so many seconds at every look, forward and backward in turn."""
    real, looks = time.time, 0

    def jumping() -> float:
        nonlocal looks
        looks += 1
        return real() + jump * (looks % 2)

    time.time = jumping
    time.time_ns = lambda: int(jumping() * 1e9)


def no_network() -> None:
    """Refuse every connection, as where a server has gone away."""

    def refuse(self, address):
        raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))

    socket.socket.connect = refuse


def environment(variables: dict[str, str]) -> None:
    """Have these environment variables and no others."""
    os.environ.clear()
    os.environ.update(variables)


def errors_to(path: str) -> None:
    """Write stderr to a file."""
    with open(path, "w") as file:
        os.dup2(file.fileno(), 2)


def serve(connection: socket.socket) -> None:
    """Fork what is asked for, one message after the other, until the other end is closed."""
    while True:
        message, handles, *_ = socket.recv_fds(connection, 2**16, 2)
        if not message:
            return
        job = json.loads(message)
        if "reap" in job:
            status = os.waitstatus_to_exitcode(os.waitpid(job["reap"], 0)[1])
            connection.sendall(json.dumps(status).encode())
            continue
        pid = os.fork()
        if pid == 0:
            connection.close()
            _become(job, *handles)
        for handle in handles:
            os.close(handle)
        connection.sendall(json.dumps(pid).encode())


def _become(job: dict, output: int, errors: int) -> None:
    """Be the process that was asked for; never returns."""
    os.setsid()
    # As a terminal starts it: shells let what they run in the background ignore Ctrl+C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for handle, place in ((output, 1), (errors, 2)):
        os.dup2(handle, place)
        os.close(handle)
    status = 1
    try:
        for name, arguments in job["faults"].items():
            globals()[name](*arguments)
        module, function = job["target"].split(":")
        status = getattr(importlib.import_module(module), function)(*job["arguments"]) or 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def import_everything() -> None:
    """What a training imports; nothing that starts a thread, which a fork would lose."""
    for name in (
        "accelerate",
        "datasets",
        "matplotlib.figure",
        "pokegan.data.build",
        "pokegan.data.feed",
        "pokegan.data.synthetic",
        "pokegan.training.loop",
        "pokegan.training.main",
        "torch._dynamo",  # by the first optimizer; slow
        "torch.utils.tensorboard",
        "tqdm",
    ):
        importlib.import_module(name)
    from matplotlib.figure import Figure

    from pokegan.models import ARCHITECTURES
    from pokegan.objectives import OBJECTIVES

    ARCHITECTURES.names()
    OBJECTIVES.names()
    Figure().savefig(io.BytesIO())  # finds the fonts


if __name__ == "__main__":
    if sys.argv[2:]:
        for name in sys.argv[2:]:
            importlib.import_module(name)
    else:
        import_everything()
    assert threading.active_count() == 1
    with socket.socket(fileno=int(sys.argv[1])) as connection:
        connection.sendall(b"ready")
        serve(connection)
