"""Promise 2: many processes, one result."""

import os
import subprocess
import sys
from dataclasses import dataclass

import pytest
import torch
from ports import free_port
from ranks import Ranks, run_script
from sprite_shards import write_shards
from tiny import ROOT, TINY, environment, finish, run_training, start_training
from toy_run import TOY, recorded, toy_options

from pokegan import PokeGANError
from pokegan.training.checkpoint import load_newest_checkpoint
from pokegan.training.command_line import parse_command_line
from pokegan.training.logs import read_log
from pokegan.training.main import check_world, with_precision_of_launcher
from pokegan.training.processes import Processes


@dataclass
class Place:
    """What is asked of an accelerator about the others."""

    process_index: int
    num_processes: int
    is_main_process: bool = True
    device: str = "cpu"


TORCHRUN = ("-m", "torch.distributed.run", "--nproc_per_node=2", "--standalone")


def run_toy(folder, *launcher, options=()):
    return subprocess.run(
        [sys.executable, *launcher, str(TOY), *toy_options(folder, *options)],
        env=environment(TOY_RECORD=str(folder / "record")), capture_output=True, text=True,
        timeout=300,
    )  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The same recipe by one process and by two."""
    folder = tmp_path_factory.mktemp("toy")
    for name, launcher in (("one", ()), ("two", TORCHRUN)):
        done = run_toy(folder / name, *launcher)
        assert done.returncode == 0, done.stderr
    return folder / "one", folder / "two"


def test_two_processes_see_exactly_the_global_batches_of_one(runs):
    one, two = runs
    whole, first, second = (
        recorded(folder / "record", rank) for folder, rank in ((one, 0), (two, 0), (two, 1))
    )
    assert len(whole) == len(first) == len(second) == 10
    for step, (batch, *halves) in enumerate(zip(whole, first, second, strict=True)):
        for name, tensor in batch.items():
            joined = torch.cat([half[name] for half in halves])
            assert torch.equal(joined, tensor), (step, name)


def test_two_processes_take_the_steps_of_one(runs):
    """Gradient penalty, moving average, optimizer state: all equal up to float rounding."""
    one, two = (load_newest_checkpoint(folder / "run/checkpoints") for folder in runs)
    assert one.step == two.step == 10
    for name, tensor in one.tensors.items():
        torch.testing.assert_close(two.tensors[name], tensor, rtol=2e-4, atol=2e-6, msg=name)


def test_two_processes_write_one_log_with_the_means_of_the_whole_batch(runs):
    one, two = (read_log(folder / "run/logs/training_log.jsonl") for folder in runs)
    assert [line["step"] for line in one] == [line["step"] for line in two] == list(range(1, 11))
    for ours, theirs in zip(one, two, strict=True):
        for name in ("loss/judge", "loss/painter"):
            assert ours[name] == pytest.approx(theirs[name], rel=1e-3, abs=1e-4)


def test_two_processes_stream_the_batches_of_one(tmp_path):
    """Each reads the shards of its own lanes."""
    folder = write_shards(tmp_path / "data", species=60, rows_per_shard=10, rows_per_group=4)
    options = (f"--data={folder}", "--streaming", "--stream-buffer=64", "--kimg=0.16")
    for name, launcher in (("one", ()), ("two", TORCHRUN)):
        done = run_toy(tmp_path / name, *launcher, options=options)
        assert done.returncode == 0, done.stderr
    whole = recorded(tmp_path / "one/record", 0)
    halves = [recorded(tmp_path / "two/record", rank) for rank in (0, 1)]
    assert len(whole) == len(halves[0]) == len(halves[1]) == 20
    for batch, *parts in zip(whole, *halves, strict=True):
        for name, tensor in batch.items():
            assert torch.equal(torch.cat([part[name] for part in parts]), tensor), name
    one, two = (
        load_newest_checkpoint(tmp_path / name / "run/checkpoints").tensors
        for name in ("one", "two")
    )
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, rtol=2e-4, atol=2e-6, msg=name)


@pytest.mark.whole_machine
def test_accelerate_launch_trains_with_all_cores(tmp_path):
    """And in the precision that it is told, which is recorded."""
    launcher = ("-m", "accelerate.commands.launch", "--mixed_precision=bf16")
    status, output, errors = finish(
        start_training("--kimg=0.04", f"--out={tmp_path}", launcher=launcher)
    )
    assert status == 0, errors
    assert "asks for mixed precision bf16, which replaces 'no'" in errors
    assert "mixed_precision: bf16" in (tmp_path / "model/recipe.yaml").read_text()
    # The launcher asks for one thread a process; a lone process should use the whole machine.
    assert f"processes: 1 on cpu x {len(os.sched_getaffinity(0))} threads" in output
    assert (tmp_path / "model/model.safetensors").is_file()


def test_dcgan_trains_on_two_processes(tmp_path):
    output = run_training("--kimg=0.04", f"--out={tmp_path}", launcher=TORCHRUN)
    assert "processes: 2 on cpu" in output
    assert (tmp_path / "model/model.safetensors").is_file()


_WITHOUT_CPU = (*(option for option in TINY if option != "--cpu"), "--kimg=0.01")


def refused(*command, options=()):
    done = subprocess.run(
        [sys.executable, *command, *_WITHOUT_CPU, *options],
        env=environment(), cwd=ROOT, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode != 0
    assert "step 1 " not in done.stdout
    return done.stderr


def test_processes_that_do_not_work_together_are_refused(tmp_path):
    errors = refused(*TORCHRUN, "train.py", f"--out={tmp_path}/run")
    assert "started 2 processes, but they do not work together" in errors
    assert not (tmp_path / "run").exists()


def test_accelerate_launch_that_starts_one_process_of_two_is_refused(tmp_path):
    launcher = ("-m", "accelerate.commands.launch", "--cpu", "--num_processes=2")
    errors = refused(*launcher, "train.py", "--cpu", f"--out={tmp_path}/run")
    assert "asked for several CPU processes but starts only one" in errors
    assert "torchrun" in errors


def test_a_world_of_another_size_than_asked_for_is_refused(tmp_path):
    errors = refused("train.py", "--cpu", "--num-processes=2", f"--out={tmp_path}/run")
    assert "--num-processes asks for 2 processes, but 1 take part" in errors


def test_a_batch_smaller_than_the_number_of_processes_is_refused(tmp_path):
    ranks = Ranks(tmp_path, [2], run_script, TOY, toy_options(tmp_path, "--batch-size=1"))
    assert ranks.statuses() == [2, 2]
    assert "batch_size 1 cannot be shared by 2 processes" in ranks.said(0)


@pytest.mark.parametrize(
    ("batch_size", "together", "count", "ends"),
    [(8, 1, 2, [4, 8]), (10, 1, 4, [2, 5, 7, 10]), (16, 4, 3, [4, 8, 16]), (6, 4, 1, [6])],
)
def test_a_batch_is_shared_as_evenly_as_can_be(batch_size, together, count, ends):
    places = [Place(index, count) for index in range(count)]
    shares = [Processes(place).rows(batch_size, together) for place in places]
    assert [share.stop for share in shares] == ends
    assert [share.start for share in shares] == [0, *ends[:-1]]


@pytest.mark.parametrize(("batch_size", "together"), [(1, 1), (4, 4), (10, 4)])
def test_what_a_network_looks_at_together_is_not_parted(batch_size, together):
    """Half a group would be judged otherwise than the whole."""
    with pytest.raises(PokeGANError, match=f"batch_size {batch_size} cannot be shared by 2"):
        Processes(Place(0, 2)).rows(batch_size, together)


@pytest.mark.parametrize(
    ("processes", "wanted", "variables", "fits"),
    [
        (1, None, {}, True),
        (1, 1, {}, True),
        (2, 2, {"WORLD_SIZE": "2"}, True),
        (1, None, {"ACCELERATE_USE_CPU": "True"}, True),
        (1, None, {"MASTER_PORT": "29500"}, True),
        (1, 2, {}, False),
        (2, 4, {"WORLD_SIZE": "2"}, False),
        (1, None, {"WORLD_SIZE": "2"}, False),
        (1, None, {"ACCELERATE_USE_CPU": "True", "MASTER_PORT": "29500"}, False),
    ],
)
def test_what_launchers_leave_behind_is_read_rightly(processes, wanted, variables, fits):
    if fits:
        check_world(processes, wanted, variables)
    else:
        with pytest.raises(PokeGANError):
            check_world(processes, wanted, variables)


def test_no_connection_outlives_the_training():
    """Threads that do may abort the process as Python ends: a complete run would have failed."""
    code = """
import os
from pathlib import Path
import torch
from pokegan.training.processes import meet

def threads():
    return [(path / "comm").read_text().strip() for path in Path("/proc/self/task").iterdir()]

accelerator = meet(cpu=True, mixed_precision="no")
assert any("gloo" in name for name in threads()), threads()
torch.optim.Adam([torch.nn.Parameter(torch.ones(1))])
accelerator.end_training()
assert not any("gloo" in name for name in threads()), threads()
"""
    place = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1"}
    place["MASTER_PORT"] = str(free_port())
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(**place), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_more_processes_than_gpus_are_refused():
    two_here = {"WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "2"}
    check_world(4, None, two_here, gpus=2)
    with pytest.raises(PokeGANError, match="started 2 processes on a machine with 1 GPUs"):
        check_world(4, None, two_here, gpus=1)


def test_the_precision_that_a_launcher_asks_for_counts():
    recipe, _ = parse_command_line(["--recipe=dcgan"])
    half = with_precision_of_launcher(recipe, {"ACCELERATE_MIXED_PRECISION": "bf16"})
    assert half.mixed_precision == "bf16"
    for environment_ in ({}, {"ACCELERATE_MIXED_PRECISION": "no"}):
        assert with_precision_of_launcher(recipe, environment_) == recipe
        assert with_precision_of_launcher(half, environment_) == half
    with pytest.raises(PokeGANError, match="asks for mixed precision fp16"):
        with_precision_of_launcher(recipe, {"ACCELERATE_MIXED_PRECISION": "fp16"})
