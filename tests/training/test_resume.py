"""Promise 1: a run is a pure function of (recipe, data, seed, step), however often it is killed."""

import json
import os
import shutil
import signal

import pytest
from safetensors.torch import load_file
from tiny import TINY, finish, start_training

from pokegan.training.checkpoint import checkpoint_paths, load_newest_checkpoint
from pokegan.training.logs import read_log

STEPS = 30
OPTIONS = ("--kimg=0.24", "--checkpoint-kimg=0.04", "--ema-half-life-kimg=0.05")


@pytest.fixture(scope="module")
def start(server):
    """Start the training of OPTIONS, with more options or others, in a folder."""

    def start(out, *options):
        arguments = [*TINY, *OPTIONS, f"--out={out}", *options]
        return server.start("pokegan.training.main:main", arguments)

    return start


@pytest.fixture(scope="module")
def train(start):
    """Train to the end; the lines that were printed."""

    def train(out, *options):
        process = start(out, *options)
        status, errors = process.finish()
        assert status == 0, errors
        return process.seen

    return train


@pytest.fixture(scope="module")
def whole(train, tmp_path_factory):
    """A run that nothing interrupts."""
    out = tmp_path_factory.mktemp("whole") / "run"
    train(out)
    return out


def tensors(out):
    checkpoint = load_newest_checkpoint(out / "checkpoints")
    assert checkpoint.step == STEPS
    return checkpoint.tensors


def assert_same_run(one, other):
    ours, theirs = tensors(one), tensors(other)
    assert ours.keys() == theirs.keys()
    for name in ours:
        assert ours[name].numpy().tobytes() == theirs[name].numpy().tobytes(), name
    published, expected = (load_file(run / "model/model.safetensors") for run in (one, other))
    assert all(published[name].equal(expected[name]) for name in expected)
    logs = [
        [{k: v for k, v in line.items() if k != "seconds"} for line in read_log(run / path)]
        for run in (one, other)
        for path in ("logs/training_log.jsonl", "model/training_log.jsonl")
    ]
    assert all(log == logs[0] for log in logs)
    pictures = [sorted(p.name for p in (run / "model/timeline").iterdir()) for run in (one, other)]
    assert pictures[0] == pictures[1]
    for name in ("samples.png", *(f"timeline/{name}" for name in pictures[0])):
        assert (one / "model" / name).read_bytes() == (other / "model" / name).read_bytes(), name


def stop_at(process, step, number):
    """Send a signal as soon as the run reports a step; what it is doing then is up to chance."""
    for line in process.lines():
        if line.startswith(f"step {step} "):
            process.kill(number)
            break
    return process.finish()


# tests/faults kills at many more moments.
@pytest.mark.parametrize("kill_points", [(1,), (7, 16, 29)])
def test_a_killed_and_resumed_run_ends_bit_for_bit_like_an_uninterrupted_one(
    start, train, whole, tmp_path, kill_points
):
    out = tmp_path / "run"
    for step in kill_points:
        status, _ = stop_at(start(out, "--resume=auto"), step, signal.SIGKILL)
        assert status == -signal.SIGKILL
    output = train(out, "--resume=auto")
    if kill_points[-1] > 10:
        assert any(line.startswith(f"resuming {out} at step ") for line in output)
    assert_same_run(out, whole)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_writes_a_checkpoint_first(start, train, whole, tmp_path, number):
    out = tmp_path / "run"
    status, errors = stop_at(start(out), 8, number)
    assert status == 128 + number
    assert f"stopped by {number.name} after step" in errors
    assert "--resume auto" in errors
    stopped = load_newest_checkpoint(out / "checkpoints").step
    assert 8 <= stopped < STEPS
    train(out, "--resume=auto")
    assert_same_run(out, whole)


def test_ctrl_c_spares_the_reading_workers_until_the_checkpoint_is_written(train, whole, tmp_path):
    """A terminal sends SIGINT to the whole group, worker processes included; here all of them are
    as the command starts them."""
    out = tmp_path / "run"
    process = start_training(*OPTIONS, f"--out={out}", "--max-bank-gib=0")
    for line in process.stdout:
        if line.startswith("step 8 "):
            os.killpg(process.pid, signal.SIGINT)
            break
    status, _, errors = finish(process)
    assert status == 128 + signal.SIGINT, errors
    assert len(errors.splitlines()) == 1
    assert load_newest_checkpoint(out / "checkpoints").step >= 8
    train(out, "--resume=auto", "--max-bank-gib=0")
    assert_same_run(out, whole)


def test_a_damaged_newest_checkpoint_costs_only_the_steps_since_the_one_before(
    start, train, whole, tmp_path
):
    out = tmp_path / "run"
    train(out, "--kimg=0.12")
    newest, before = checkpoint_paths(out / "checkpoints")
    newest.write_bytes(newest.read_bytes()[:1000])
    process = start(out, "--resume=auto")
    status, errors = process.finish()
    assert status == 0
    assert f"{newest} is damaged" in errors
    assert process.resumed_at() == int(before.stem[5:])
    assert_same_run(out, whole)


def test_a_run_killed_before_its_model_was_written_is_completed(train, whole, tmp_path):
    """The last checkpoint is there, the model folder is of an older one: nothing left to train."""
    out = tmp_path / "run"
    shutil.copytree(whole, out)
    (out / "model/model.safetensors").write_bytes(b"old")
    (out / "model/timeline/step-00000030.png").unlink()
    train(out, "--resume=auto")
    assert_same_run(out, whole)


def test_a_finished_run_can_be_made_longer(train, whole, tmp_path):
    out = tmp_path / "run"
    train(out, "--kimg=0.1")
    train(out, "--resume=auto")
    # The shorter run's last picture stands at a step that is none of the longer run's.
    extra = out / "model/timeline/step-00000013.png"
    extra.unlink()
    assert_same_run(out, whole)


def test_a_folder_that_holds_a_run_is_not_overwritten(start, whole):
    before = (whole / "options.json").read_bytes()
    status, errors = start(whole).finish()
    assert status == 2
    assert "already holds a run" in errors
    assert "--resume auto" in errors
    assert (whole / "options.json").read_bytes() == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("--optimizer.learning_rate=1e-3", "another recipe (optimizer differ)"),
        ("--data=synthetic:30", "other data"),
    ],
)
def test_another_recipe_or_other_data_do_not_continue_a_run(start, whole, change, message):
    before = tensors(whole)
    status, errors = start(whole, "--resume=auto", change).finish()
    assert status == 2
    assert message in errors
    assert tensors(whole).keys() == before.keys()


def test_the_run_folder_holds_the_options_it_was_started_with(whole):
    options = json.loads((whole / "options.json").read_text())
    assert options["data"] == "synthetic:20"
    assert options["checkpoint_kimg"] == 0.04
    assert (whole / "recipe.yaml").read_text() == (whole / "model/recipe.yaml").read_text()
