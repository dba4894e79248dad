"""Promise 2: many processes, one result."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from sprite_shards import write_shards
from tiny import ROOT, TINY, environment, run_training

from pokegan import PokeGANError
from pokegan.training.checkpoint import load_newest_checkpoint
from pokegan.training.logs import read_log
from pokegan.training.main import check_world

TOY = Path(__file__).parent / "toy_family.py"
RECIPE = """
name: toy
title: A toy
networks:
  painter: {architecture: toy-painter}
  judge: {architecture: toy-judge}
objective: {family: toy}
optimizer: {learning_rate: 1.0e-2}
image: {size: 16, channels: 3}
batch_size: 8
kimg: 0.08
ema_half_life_kimg: 0.02
"""
TORCHRUN = ("-m", "torch.distributed.run", "--nproc_per_node=2", "--standalone")


def run_toy(folder, *launcher, options=("--cpu",)):
    recipe = folder / "toy.yaml"
    recipe.parent.mkdir(parents=True, exist_ok=True)
    recipe.write_text(RECIPE)
    return subprocess.run(
        [sys.executable, *launcher, str(TOY), f"--recipe={recipe}", "--data=synthetic:20",
         f"--out={folder / 'run'}", "--log-every=1", "--checkpoint-kimg=0.04", *options],
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


def recorded(folder, rank):
    return [load_file(path) for path in sorted((folder / "record").glob(f"{rank}-*"))]


def test_two_processes_see_exactly_the_global_batches_of_one(runs):
    one, two = runs
    whole, first, second = recorded(one, 0), recorded(two, 0), recorded(two, 1)
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
    options = ("--cpu", f"--data={folder}", "--streaming", "--stream-buffer=64", "--kimg=0.16")
    for name, launcher in (("one", ()), ("two", TORCHRUN)):
        done = run_toy(tmp_path / name, *launcher, options=options)
        assert done.returncode == 0, done.stderr
    whole = recorded(tmp_path / "one", 0)
    halves = [recorded(tmp_path / "two", rank) for rank in (0, 1)]
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


def test_a_run_of_one_process_goes_on_with_two(runs, tmp_path):
    one, _ = runs
    assert run_toy(tmp_path, options=("--cpu", "--kimg=0.04")).returncode == 0
    done = run_toy(tmp_path, *TORCHRUN, options=("--cpu", "--resume=auto"))
    assert "at step 5" in done.stdout
    expected = load_newest_checkpoint(one / "run/checkpoints").tensors
    for name, tensor in load_newest_checkpoint(tmp_path / "run/checkpoints").tensors.items():
        torch.testing.assert_close(tensor, expected[name], rtol=2e-4, atol=2e-6, msg=name)


def test_accelerate_launch_trains_with_all_cores(tmp_path):
    launcher = ("-m", "accelerate.commands.launch")
    output = run_training("--kimg=0.04", f"--out={tmp_path}", launcher=launcher)
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


def test_a_batch_that_cannot_be_shared_evenly_is_refused(tmp_path):
    options = ("--cpu", "--batch-size=7", f"--out={tmp_path}/run")
    errors = refused(*TORCHRUN, "train.py", options=options)
    assert "batch_size 7 cannot be shared evenly by 2 processes" in errors


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
