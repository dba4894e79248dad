"""How tests are shared out: a small suite in a process of its own."""

import json
import os
import subprocess
import sys

import pytest
from workers import cores

CONFTEST = """
from workers import *
keep_to_one_core()
"""

TESTS = """
import json, os, time, pytest
from pathlib import Path
LOG = Path(os.environ["WORKERS_LOG"])

@pytest.fixture(autouse=True)
def logged(request):
    began = time.monotonic()
    yield
    line = {
        "test": request.node.nodeid.split("/")[-1],
        "worker": os.environ.get("PYTEST_XDIST_WORKER", "none"),
        "cores": sorted(os.sched_getaffinity(0)),
        "began": began,
        "ended": time.monotonic(),
    }
    with LOG.open("a") as file:
        file.write(json.dumps(line) + "\\n")
"""

SHORT, LONG = (
    TESTS + "".join(f"def test_{number}():\n    sum(range({size}))\n" for number in range(8))
    for size in (1000, 20_000_000)
)
ALONE = TESTS + "".join(
    f"@pytest.mark.whole_machine\ndef test_{number}():\n    assert {number} != 1\n"
    for number in range(3)
)
INI = """[pytest]
testpaths = tests
markers =
    whole_machine: alone
"""


@pytest.fixture
def run(tmp_path):
    """Run pytest on a suite of two files and one whose tests are marked; its lines by test."""
    pytest.importorskip("xdist")
    (tmp_path / "tests").mkdir()
    (tmp_path / "pytest.ini").write_text(INI)
    (tmp_path / "tests/conftest.py").write_text(CONFTEST)
    files = {"test_a_alone.py": ALONE, "test_b.py": SHORT, "test_c.py": SHORT}
    for name, text in files.items():
        (tmp_path / "tests" / name).write_text(text)
    log = tmp_path / "log"

    def run(*arguments):
        log.write_text("")
        kept = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
            cwd=tmp_path,
            env={**kept, "PYTHONPATH": os.pathsep.join(sys.path), "WORKERS_LOG": str(log)},
            capture_output=True,
            text=True,
            timeout=300,
        )
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        return done, {line["test"]: line for line in lines}

    return run


@pytest.mark.whole_machine
def test_marked_tests_run_last_and_alone_with_all_cores(run, tmp_path):
    (tmp_path / "tests/test_c.py").write_text(LONG)  # one worker has work when the other has none
    done, lines = run("-n", "2", "--dist", "loadscope")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 failed, 18 passed" in done.stdout
    assert "test_a_alone.py::test_1" in done.stdout
    alone = [line for name, line in lines.items() if name.startswith("test_a_alone")]
    others = [line for name, line in lines.items() if not name.startswith("test_a_alone")]
    assert (len(alone), len(others)) == (3, 16)
    assert len({line["worker"] for line in alone}) == 1
    assert len({line["worker"] for line in others}) == 2
    assert max(line["ended"] for line in others) <= min(line["began"] for line in alone)
    for line in others:
        place = int(line["worker"].removeprefix("gw")) % len(cores())
        assert line["cores"] == [cores()[place]]
    assert all(line["cores"] == cores() for line in alone)


@pytest.mark.whole_machine
def test_only_marked_tests_still_run_one_after_the_other(run):
    done, lines = run("-n", "2", "--dist", "loadscope", "-m", "whole_machine")
    assert "1 failed, 2 passed" in done.stdout
    assert len({line["worker"] for line in lines.values()}) == 1


@pytest.mark.whole_machine
def test_a_crashed_worker_is_replaced_and_nothing_is_left_out(run, tmp_path):
    with (tmp_path / "tests/test_b.py").open("a") as file:
        file.write("def test_crash():\n    os._exit(1)\n")
    done, lines = run("-n", "2", "--dist", "loadscope")
    assert "2 failed, 18 passed" in done.stdout
    assert len(lines) == 19


@pytest.mark.whole_machine
def test_the_whole_suite_takes_workers_and_what_is_chosen_does_not(run):
    def workers(*arguments):
        return {line["worker"] for line in run(*arguments)[1].values()}

    assert workers() == ({"gw0", "gw1"} if len(cores()) > 1 else {"none"})
    for arguments in (["tests/test_b.py"], ["-k", "test_2"], ["-n", "0"]):
        assert workers(*arguments) == {"none"}, arguments
