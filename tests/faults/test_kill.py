"""Runs that are killed again and again lose no checkpoint, damage no file and end the same.

Half of the kills strike between two file operations, drawn from a seed, so that each moment of
writing is hit in time; the other half come from outside, so many steps and milliseconds after the
start as the seed says, wherever the run is by then.
"""

import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, field

import pytest
from faults.runs import EVERY, STEPS, assert_same, damaged_files, litter, newest_step, train

OPERATIONS = 320
"""A run of this length opens, renames and removes somewhat fewer files than this in its folder."""


@dataclass
class Tally:
    """What was tried, and what came of it."""

    cycles: Counter = field(default_factory=Counter)
    lost_steps: int = 0
    damaged: list = field(default_factory=list)
    ends: Counter = field(default_factory=Counter)

    def table(self) -> str:
        """For the report of a test: fault, cycles, steps lost beyond the last checkpoint, files."""
        rows = [f"{fault:30}{count:6}" for fault, count in sorted(self.cycles.items())]
        lost = f"lost beyond the last checkpoint: {self.lost_steps}"
        return "\n".join([*rows, lost, f"damaged files: {len(self.damaged)}", str(self.ends)])


def interrupt(server, out, rng, number, tally):
    """One cycle: start or continue the run, end it at a random moment, and look at what is left.

    Returns whether it was interrupted, and not at its end before.
    """
    before = newest_step(out)
    inside = number == signal.SIGKILL and rng.random() < 0.5
    faults = {"die_at": (rng.randint(1, OPERATIONS), str(out))} if inside else {}
    process = train(server, out, faults=faults)
    if not inside:
        steps = rng.randint(0, 8)
        if steps:  # else it is still beginning
            process.until_line(before + steps)
        time.sleep(rng.random() * 0.1)
        process.kill(number)
    status, errors = process.finish()
    what = "at a file operation" if inside else "from outside"
    tally.cycles[f"{signal.Signals(number).name} {what}"] += status != 0
    tally.ends["completed" if status == 0 else f"status {status}"] += 1
    assert status in (0, -number, 128 + number), errors
    assert "Traceback" not in errors
    # What was reported before the last multiple of EVERY has been written.
    due = max(before, max(0, process.last_step() - 1) // EVERY * EVERY)
    kept = newest_step(out)
    tally.lost_steps += max(0, due - kept)
    tally.damaged += damaged_files(out)
    if process.resumed_at() or process.last_step():
        assert process.resumed_at() == before
    if status == 128 + number:
        assert f"stopped by {signal.Signals(number).name} after step {kept}" in errors
        assert kept >= process.last_step()
    assert len(litter(out)) <= 2  # of this process; those before were cleared
    return status != 0


def complete(server, out, whole):
    """Let the run go on to its end, which is that of a run that nothing disturbed."""
    process = train(server, out)
    assert process.finish() == (0, "")
    assert process.resumed_at() == newest_step(out) or newest_step(out) == STEPS
    assert damaged_files(out) == []
    assert litter(out) == []
    assert_same(out, whole)


def cycles(server, whole, folder, count, seed, number=signal.SIGKILL):
    """``count`` interruptions, over as many runs as the seed makes; each run is completed."""
    rng, tally, run = random.Random(seed), Tally(), 0
    while count:
        out = folder / f"run-{run}"
        for _ in range(min(count, rng.randint(2, 8))):
            count -= interrupt(server, out, rng, number, tally)
            if newest_step(out) == STEPS:
                break
        complete(server, out, whole)
        run += 1
    assert number == signal.SIGKILL or tally.ends[f"status {128 + number}"]
    print(f"{tally.table()}\nruns completed: {run}")
    assert tally.lost_steps == 0
    assert tally.damaged == []


def test_ten_kills_lose_nothing(server, whole, tmp_path):
    cycles(server, whole, tmp_path, 10, seed=0)


@pytest.mark.slow
def test_two_hundred_kills_lose_nothing(server, whole, tmp_path):
    cycles(server, whole, tmp_path, 200, seed=1)


def test_sigterm_at_random_moments_loses_nothing(server, whole, tmp_path):
    cycles(server, whole, tmp_path, 4, seed=2, number=signal.SIGTERM)


@pytest.mark.slow
def test_fifty_sigterms_lose_nothing(server, whole, tmp_path):
    cycles(server, whole, tmp_path, 50, seed=3, number=signal.SIGTERM)
