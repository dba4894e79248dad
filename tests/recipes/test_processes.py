"""Promise 2 for every family: two processes with half the batch each take the steps of one."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from small_recipes import small_options, train_small
from tiny import ROOT, environment

from pokegan.training.checkpoint import checkpoint_paths
from pokegan.training.logs import read_log
from pokegan.training.recipe import recipe_names

EQUAL = [
    "dense-gan",
    "wgan-dense",
    "wgan-gp,--networks.generator.norm=none",
    "aegan",
    "cunet",
    "cunet-multiclass",
    "caegan-multiclass",
    "ddpm",
    "sprite,--mixed-precision=no,--objective.penalty_every=1",
    "sprite-encoder,--mixed-precision=no",
]
"""One recipe or more of each family, without batch norm; with penalty, clipping, validation and
noise inside networks."""

BATCH_NORM = [
    name for name in recipe_names() if name.startswith(("dcgan", "cdcgan")) or name == "wgan-gp-aug"
]


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    launcher = ["-m", "torch.distributed.run", "--nproc_per_node=2", "--standalone"]
    script = str(Path(__file__).with_name("on_two_processes.py"))
    done = subprocess.run(
        [sys.executable, *launcher, script, str(folder), *EQUAL, *BATCH_NORM],
        env={**environment(OMP_NUM_THREADS="1"), "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def state(run):
    return load_file(checkpoint_paths(run / "checkpoints")[0])


@pytest.mark.parametrize("job", EQUAL)
def test_two_processes_take_the_steps_of_one(job, two, tmp_path):
    name, *options = job.split(",")
    one = train_small([*small_options(name), "--kimg=0.024", *options], tmp_path / "one")
    ours, theirs = state(one), state(two / job)
    assert ours.keys() == theirs.keys()
    for key, tensor in ours.items():
        atol = 2e-5
        if (name, key) == ("sprite", "networks/discriminator/last.bias"):
            # A unit that every image activates has a first gradient of 0, real and generated ones
            # cancelling, or of rounding (2e-9), which Adam makes a part of its first step of 3e-4.
            # The gradients are compared all the same, as the optimizer's moments.
            atol = 3e-4
        torch.testing.assert_close(theirs[key], tensor, rtol=1e-3, atol=atol, msg=key)
    logs = [read_log(run / "logs/training_log.jsonl") for run in (one, two / job)]
    for line, other in zip(*logs, strict=True):
        assert line.keys() == other.keys()
        for key in line.keys() - {"seconds"}:
            assert other[key] == pytest.approx(line[key], rel=1e-3, abs=1e-4), key


@pytest.mark.parametrize("name", BATCH_NORM)
def test_recipes_with_batch_norm_run_on_two_processes(name, two):
    run = state(two / name)
    assert all(
        torch.isfinite(tensor).all() for tensor in run.values() if tensor.is_floating_point()
    )
    assert len(read_log(two / name / "logs/training_log.jsonl")) == 3
