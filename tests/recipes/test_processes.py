"""Promise 2 for every recipe: two processes take the steps of one; for some, four as well."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tiny import ROOT, environment

from pokegan.training.checkpoint import checkpoint_paths
from pokegan.training.logs import read_log
from pokegan.training.recipe_files import recipe_names

EQUAL = [
    "dense-gan",
    "wgan-dense,--batch-size=10",
    "wgan-gp,--networks.generator.norm=none",
    "aegan",
    "cunet-projection",
    "cunet-multiclass",
    "cstylegan",
    "caegan-multiclass",
    "ddpm",
    "sprite,--mixed-precision=no,--objective.penalty_every=2,--batch-size=16",
    "sprite-encoder,--mixed-precision=no",
]
"""One recipe or more of each family, without batch norm; with penalties, clipping, noise inside
networks, a player that is part of a network, and shares of ten sprites that differ."""

BY_FOUR = [
    job for job in EQUAL if job.split(",")[0] in ("wgan-dense", "wgan-gp", "aegan", "sprite")
]
"""Shares that differ, a penalty, two discriminators, and everything that ``sprite`` does."""

OTHERS = [
    name + (",--batch-size=16" if name.startswith("sprite") else "")
    for name in recipe_names()
    if name not in {job.split(",")[0] for job in EQUAL} - {"wgan-gp", "sprite"}
]
"""All that is left, and what was changed above as the recipes have it: batch norm, bf16, growth."""

IN_FLOAT64, IN_FLOAT32 = ([f"{mark}{job}" for job in EQUAL] for mark in "=~")


def train_all(folder, guides, jobs, *launcher):
    script = str(Path(__file__).with_name("on_processes.py"))
    done = subprocess.run(
        [sys.executable, *launcher, script, str(folder), str(guides), *jobs],
        env={**environment(OMP_NUM_THREADS="1"), "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    folder = tmp_path_factory.mktemp("one")
    return train_all(folder, folder / "guides", [*IN_FLOAT64, *IN_FLOAT32])


@pytest.fixture(scope="module")
def many(one, request, tmp_path_factory):
    launcher = ["-m", "torch.distributed.run", f"--nproc_per_node={request.param}", "--standalone"]
    if request.param == 2:
        jobs = [*IN_FLOAT64, *IN_FLOAT32, *OTHERS]
    else:
        jobs = [f"={job}" for job in BY_FOUR]
    return train_all(tmp_path_factory.mktemp("many"), one / "guides", jobs, *launcher)


def state(run):
    return load_file(checkpoint_paths(run / "checkpoints")[0])


def assert_same_steps(job, one, many):
    """In float64, where any difference is more than rounding: weights, moments, averages, logs."""
    ours, theirs = state(one / job), state(many / job)
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        distance = (theirs[name] - tensor).double().norm()
        # The first moment of a gradient that is 0 (of the bias of attention's keys) is rounding.
        assert distance <= 1e-8 * tensor.double().norm() + 1e-15, name
    logs = [read_log(run / job / "logs/training_log.jsonl") for run in (one, many)]
    assert len(logs[0]) == len(logs[1]) >= 20
    for line, other in zip(*logs, strict=True):
        assert line.keys() == other.keys()
        for key in line.keys() - {"seconds"}:
            assert other[key] == pytest.approx(line[key], rel=1e-4, abs=1e-6), key


@pytest.mark.parametrize("many", [2], indirect=True)
@pytest.mark.parametrize("job", EQUAL)
def test_two_processes_take_twenty_steps_of_one(job, one, many):
    assert_same_steps(job, one, many)


@pytest.mark.parametrize("many", [4], indirect=True)
@pytest.mark.parametrize("job", BY_FOUR)
def test_four_processes_take_twenty_steps_of_one(job, one, many):
    assert_same_steps(job, one, many)


@pytest.mark.parametrize("many", [2], indirect=True)
@pytest.mark.parametrize("job", EQUAL)
def test_each_step_of_two_processes_is_that_of_one_in_float32(job, many):
    """From equal weights, each player's gradient is equal to 1e-5 of its length.

    Left alone, some families do not stay equal for long: where a gradient is 0 but for rounding,
    Adam and RMSprop, which divide by its usual size, make a step of it as long as any other. And
    one turn may differ: among millions of inputs of (leaky) ReLUs, now and then one is so near 0
    that rounding decides on which side it falls, with another slope.
    """
    distances = load_file(many / f"{job} along/distances.safetensors")["distances"]
    assert len(distances) >= 20
    assert (distances >= 1e-5).sum() <= 1, distances
    print(f"{job}: largest {' '.join(f'{value:.1e}' for value in distances.sort()[0][-2:])}")


@pytest.mark.parametrize("many", [2], indirect=True)
@pytest.mark.parametrize("name", OTHERS)
def test_every_other_recipe_trains_on_two_processes(name, many):
    run = state(many / name)
    assert all(
        torch.isfinite(tensor).all() for tensor in run.values() if tensor.is_floating_point()
    )
    assert len(read_log(many / name / "logs/training_log.jsonl")) == 2
