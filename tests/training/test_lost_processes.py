"""Processes stop together, whatever ends one of them, and another number of them can go on."""

import os
import re
import signal
import subprocess
import sys

import pytest
import torch
from ranks import Ranks, build_once, run_script, wait_for
from tiny import environment
from toy_run import TOY, recorded, toy_options

from pokegan.training.checkpoint import checkpoint_paths, load_newest_checkpoint

A_MINUTE = 60
ENDLESS = "--kimg=1000"


def toy(folder, machines, *options, **variables):
    """Start a run by hand; what its processes are given is recorded in ``folder/record``."""
    variables = {"TOY_RECORD": str(folder / "record"), **variables}
    command = toy_options(folder, *options)
    return Ranks(folder / "ranks", machines, run_script, TOY, command, variables=variables)


def assert_one_line(text, *parts):
    (line,) = [line for line in text.splitlines() if line.startswith("train.py: ")]
    assert all(part in line for part in parts), line
    assert "Traceback" not in text


def newest(folder):
    return checkpoint_paths(folder / "run/checkpoints")[0]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What one process is given in ten steps."""
    folder = tmp_path_factory.mktemp("whole")
    ranks = toy(folder, [1])
    assert ranks.statuses() == [0], ranks.said(0)
    return recorded(folder / "record", 0)


def assert_stream(whole, folder, processes, steps):
    shares = [recorded(folder, rank) for rank in range(processes)]
    assert {len(share) for share in shares} == {len(steps)}
    for at, step in enumerate(steps):
        for name, tensor in whole[step].items():
            joined = torch.cat([share[at][name] for share in shares])
            assert torch.equal(joined, tensor), (step, name)


def test_shares_that_differ_by_one_take_the_steps_of_equal_ones(whole, tmp_path):
    ends = []
    for machines in ([1], [3]):
        folder = tmp_path / str(machines[0])
        ranks = toy(folder, machines)
        assert ranks.statuses() == [0] * machines[0], ranks.said(0)
        ends.append(load_newest_checkpoint(folder / "run/checkpoints").tensors)
    assert_stream(whole, tmp_path / "3/record", 3, range(10))
    assert [len(share[0]["image"]) for share in (recorded(tmp_path / "3/record", 1),)] == [3]
    for name, tensor in ends[0].items():
        torch.testing.assert_close(ends[1][name], tensor, rtol=2e-4, atol=2e-6, msg=name)


@pytest.mark.parametrize("machines", [[1], [2, 2]])
def test_a_run_of_two_machines_goes_on_with_the_same_stream_of_samples(whole, tmp_path, machines):
    """The second machine never has the run folder, which the main process alone writes."""
    first = toy(tmp_path, [1, 1], "--kimg=0.04", "--out=run")
    assert first.statuses() == [0, 0], first.said(0)
    assert_stream(whole, tmp_path / "record", 2, range(5))
    assert list((tmp_path / "ranks/machine1").iterdir()) == []

    record = str(tmp_path / "more")
    options = ("--resume=auto", "--out=run")
    ranks = toy(tmp_path, machines, *options, TOY_RECORD=record)
    assert ranks.statuses() == [0] * sum(machines), ranks.said(0)
    assert "resuming run at step 5" in ranks.said(0, "out")
    assert_stream(whole, tmp_path / "more", sum(machines), range(5, 10))
    assert list((tmp_path / "ranks/machine1").iterdir()) == []


@pytest.mark.parametrize("killed", [0, 1])
def test_nobody_waits_for_a_killed_process(tmp_path, killed):
    ranks = toy(tmp_path, [2], ENDLESS)
    wait_for(tmp_path / "run/checkpoints/step-00000010.safetensors")
    os.kill(ranks.processes[killed].pid, signal.SIGKILL)
    statuses = ranks.statuses(A_MINUTE)
    other = 1 - killed
    assert (statuses[killed], statuses[other]) == (-signal.SIGKILL, 2)
    told = "another process is gone", "the last good checkpoint is", "--resume auto"
    assert_one_line(ranks.said(other), *told)
    (named,) = re.findall(r"\S+\.safetensors", ranks.said(other))
    good = load_newest_checkpoint(tmp_path / "run/checkpoints")
    # A killed main process may have written one more that the other did not hear of.
    assert named == str(good.path) or killed == 0
    more = toy(tmp_path, [2], f"--kimg={(good.step + 2) * 8 / 1000}", "--resume=auto")
    assert more.statuses() == [0, 0], more.said(0)
    assert f"at step {good.step}" in more.said(0, "out")
    assert newest(tmp_path).name == f"step-{good.step + 2:08d}.safetensors"


def test_a_launcher_ends_when_a_process_is_killed(tmp_path):
    launched = subprocess.Popen(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2",
         str(TOY), *toy_options(tmp_path, ENDLESS)],
        env=environment(TOY_RECORD=str(tmp_path / "record")), stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    wait_for(tmp_path / "run/checkpoints/step-00000010.safetensors")
    os.kill(int((tmp_path / "record/pid-1").read_text()), signal.SIGKILL)
    _, errors = launched.communicate(timeout=A_MINUTE)
    assert launched.returncode != 0
    assert "train.py: error: another process is gone" in errors
    assert str(load_newest_checkpoint(tmp_path / "run/checkpoints").path) in errors


def test_a_nan_on_one_process_stops_all(tmp_path):
    ranks = toy(tmp_path, [2], ENDLESS, TOY_NAN="1:7")
    assert ranks.statuses(A_MINUTE) == [2, 2]
    last = str(tmp_path / "run/checkpoints/step-00000005.safetensors")
    assert_one_line(ranks.said(0), "step 8: a value on another process became NaN", last)
    assert_one_line(ranks.said(1), "step 8: loss/painter became NaN", last)
    assert str(newest(tmp_path)) == last


@pytest.mark.parametrize("told", [0, 1])
def test_a_signal_to_one_process_stops_all_after_one_step(tmp_path, told):
    ranks = toy(tmp_path, [2], ENDLESS)
    wait_for(tmp_path / "run/checkpoints/step-00000005.safetensors")
    os.kill(ranks.processes[told].pid, signal.SIGTERM)
    assert ranks.statuses(A_MINUTE) == [128 + signal.SIGTERM] * 2
    step = load_newest_checkpoint(tmp_path / "run/checkpoints").step
    for rank in (0, 1):
        assert_one_line(ranks.said(rank), f"stopped by SIGTERM after step {step};")


def test_a_refusal_by_the_main_process_ends_the_others(tmp_path):
    assert toy(tmp_path, [1], "--kimg=0.008").statuses() == [0]
    ranks = toy(tmp_path, [2])
    assert ranks.statuses(A_MINUTE) == [2, 2]
    assert_one_line(ranks.said(0), "already holds a run")
    assert_one_line(ranks.said(1), "another process is gone", "see its own message")


def test_one_process_of_each_machine_builds_what_it_lacks(tmp_path):
    ranks = Ranks(tmp_path, [2, 2], build_once, 0.5)
    assert ranks.statuses() == [0] * 4, ranks.said(0)
    first = [(tmp_path / f"machine{at}/built").read_text().split()[0] for at in (0, 1)]
    assert first == ["0", "2"]
