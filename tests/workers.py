"""The whole suite on several workers, each with one core of its own.

Tests that measure time, or need all cores, are marked ``whole_machine``. They run at the end, one
after the other on one worker, when the others have left; the rest of the suite is shared out by
file, or by folder where files share servers. Single files and tests, chosen on the command line,
run in one process as without pytest-xdist; so does everything with ``-n 0``.
"""

import json
import os
import tempfile
from collections import OrderedDict
from pathlib import Path

import pytest

MOST_WORKERS = 2
"""More have not been tried: each takes some 2 GiB while it shows the page in a browser."""

MARK = "whole_machine"

TOGETHER = ("tests/space/", "tests/faults/")
"""Folders whose tests share servers that are dear to start."""

FIRST = (
    *TOGETHER,
    "tests/recipes/test_processes.py",
    "tests/training/",
    "tests/benchmarks/",
    "tests/commands/",
)
"""What takes longest begins first, so that the workers come to an end together."""


def cores() -> list[int]:
    """The cores that this process may use; empty where systems do not tell."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


ALL_CORES = cores()


def keep_to_one_core() -> None:
    """In a worker: compute on one core with one thread, as do the programs that tests start.

    To be called before torch is imported, which looks once how many cores there are. So results do
    not depend on what other workers do, or on how many threads share a sum.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is not None and ALL_CORES:
        os.sched_setaffinity(0, {ALL_CORES[int(worker.removeprefix("gw")) % len(ALL_CORES)]})


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Take workers for the whole suite, unless the command line says how many."""
    if not config.pluginmanager.hasplugin("xdist") or "PYTEST_XDIST_WORKER" in os.environ:
        return
    options = config.option
    if options.numprocesses is not None:
        return
    chosen = any(
        config.getoption(name, None) for name in ("keyword", "lf", "usepdb", "collectonly")
    )
    whole = config.args_source == pytest.Config.ArgsSource.TESTPATHS and not chosen
    workers = min(MOST_WORKERS, len(ALL_CORES))
    if whole and workers > 1 and options.dist == "no":
        options.numprocesses, options.dist = workers, "loadscope"


_FOLDER = pytest.StashKey[tempfile.TemporaryDirectory]()


def _list_of_marked(config: pytest.Config) -> Path:
    """The file in which workers tell which tests are marked; the scheduler sees nothing but names.
    (The groups of pytest-xdist 3.8 are lost with pytest 9.2: its issue 1386.)"""
    if _FOLDER not in config.stash:
        config.stash[_FOLDER] = tempfile.TemporaryDirectory(prefix="workers-")
    return Path(config.stash[_FOLDER].name) / "marked.json"


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node) -> None:
    """Before a worker starts."""
    node.workerinput["list_of_marked"] = str(_list_of_marked(node.config))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In a worker: the long ones first, the marked ones last, and these on a list."""
    if not hasattr(config, "workerinput"):
        return
    items.sort(key=_place)
    marked = [item.nodeid for item in items if item.get_closest_marker(MARK)]
    path = Path(config.workerinput["list_of_marked"])
    own = path.with_suffix(f".{os.environ['PYTEST_XDIST_WORKER']}")
    own.write_text(json.dumps(marked))
    own.replace(path)


def _place(item: pytest.Item) -> int:
    if item.get_closest_marker(MARK):
        return len(FIRST) + 1
    starts = (place for place, start in enumerate(FIRST) if item.nodeid.startswith(start))
    return next(starts, len(FIRST))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log):
    """Share out the tests as this module says."""
    if config.getvalue("dist") != "loadscope":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        marked: frozenset[str] = frozenset()

        def schedule(self) -> None:
            if self.collection is None:  # all workers have collected
                self.marked = frozenset(json.loads(_list_of_marked(config).read_text()))
            super().schedule()

        def _split_scope(self, nodeid: str) -> str:
            if nodeid in self.marked:
                return MARK
            file = nodeid.split("::")[0]
            return next((folder for folder in TOGETHER if file.startswith(folder)), file)

        def _assign_work_unit(self, node) -> None:
            if next(iter(self.workqueue)) != MARK:
                super()._assign_work_unit(node)
                return
            others = [other for other in self.nodes if other is not node]
            if not others:
                super()._assign_work_unit(node)
            elif any(not other.shutting_down for other in others):
                node.shutdown()  # it ends what it has; the last of them waits for the rest

        def remove_node(self, node) -> str | None:
            work, crashed = self.assigned_work.pop(node), None
            left = [
                (group, test) for group in work for test, done in work[group].items() if not done
            ]
            if left:
                group, crashed = left[0]
                work[group][crashed] = True  # once is enough; xdist's own would try it again
                rest = {group: work[group] for group, _ in left[1:]}
                self.workqueue = OrderedDict({**rest, **self.workqueue})
            for other in self.nodes:
                self._reschedule(other)
            return crashed

    config.option.loadscopereorder = False  # the order is that of the items
    return Scheduling(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item):
    """Give a marked test all cores, and its process as many threads."""
    if not item.get_closest_marker(MARK) or cores() == ALL_CORES:
        return (yield)
    import torch

    own = cores()
    os.sched_setaffinity(0, ALL_CORES)
    torch.set_num_threads(len(ALL_CORES))
    try:
        return (yield)
    finally:
        os.sched_setaffinity(0, own)
        torch.set_num_threads(len(own))
