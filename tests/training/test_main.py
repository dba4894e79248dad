import errno
import json
import os

import pytest
import torch
from accelerate.state import AcceleratorState
from tiny import TINY

from pokegan.data.feed import SpriteLoader
from pokegan.training import loop, main, run_folder
from pokegan.training.checkpoint import checkpoint_paths, load_newest_checkpoint
from pokegan.training.logs import read_log


def train(tmp_path, *options):
    # Accelerate keeps the precision of the first run for the rest of the process.
    AcceleratorState._reset_state(reset_partial_state=True)
    return main.main([*TINY, f"--out={tmp_path / 'run'}", *options])


def test_a_dry_run_shows_everything_and_writes_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main.main(["--data=synthetic:20", "--cpu", "--dry-run"]) == 0
    shown = capsys.readouterr().out
    for part in (
        "name: dcgan",
        "learning_rate: 0.0002",
        "generator: DCGANGenerator, 3,576,704 parameters",
        "discriminator: DCGANDiscriminator, 2,765,568 parameters",
        "data: synthetic:20, split train: 38 sprites",
        "types: normal 4, fighting 6,",
        "length: 39 steps = 5.0 kimg",
        f"run folder: {os.path.join('runs', 'dcgan')}",
    ):
        assert part in shown
    assert list(tmp_path.iterdir()) == []


def test_the_run_folder_and_the_model_folder_are_complete(tmp_path):
    assert train(tmp_path, "--kimg=0.1") == 0
    run = tmp_path / "run"
    assert {path.name for path in run.iterdir()} == {
        "checkpoints", "logs", "model", "options.json", "recipe.yaml",
    }  # fmt: skip
    assert {path.name for path in (run / "model").iterdir()} == {
        "config.json", "model.safetensors", "README.md", "recipe.yaml", "data.json",
        "run.json", "training_log.jsonl", "samples.png", "curves.png", "timeline",
    }  # fmt: skip
    assert {path.name for path in (run / "logs").iterdir()} == {
        "training_log.jsonl", "tensorboard", "losses.png", "discriminator.png",
    }  # fmt: skip
    steps = [1, 2, 4, 8, 13]
    assert sorted(path.name for path in (run / "model/timeline").iterdir()) == [
        f"step-{step:08d}.png" for step in steps
    ]
    lines = read_log(run / "logs/training_log.jsonl")
    assert [line["step"] for line in lines] == list(range(1, 14))
    assert lines[-1].keys() == {
        "step", "kimg", "seconds", "loss/discriminator", "loss/generator", "D(x)", "D(G(z))",
    }  # fmt: skip
    assert lines[-1]["kimg"] == pytest.approx(13 * 8 / 1000)


def test_training_moves_all_weights_of_both_players(tmp_path):
    assert train(tmp_path, "--kimg=0.03", "--checkpoint-kimg=0.01") == 0
    checkpoints = checkpoint_paths(tmp_path / "run/checkpoints")
    newest = load_newest_checkpoint(tmp_path / "run/checkpoints")
    checkpoints[0].unlink()
    before = load_newest_checkpoint(tmp_path / "run/checkpoints")
    for name, tensor in newest.tensors.items():
        if name.startswith("networks") and tensor.is_floating_point():
            assert not torch.equal(tensor, before.tensors[name]), name


def test_minutes_count_training_and_end_the_run(tmp_path, monkeypatch):
    clock = iter(float(tick) for tick in range(10**6))
    monkeypatch.setattr(loop.time, "monotonic", lambda: next(clock))
    assert train(tmp_path, "--minutes=0.2") == 0  # each step takes one second of this clock
    checkpoint = load_newest_checkpoint(tmp_path / "run/checkpoints")
    assert (checkpoint.step, checkpoint.facts["seconds"]) == (12, 12.0)


def test_minutes_of_the_cpu_do_not_count_what_others_do(tmp_path, monkeypatch):
    computed = iter(float(tick) for tick in range(10**6))
    monkeypatch.setattr(loop.time, "process_time", lambda: next(computed))
    passed = iter(1000.0 * tick for tick in range(10**6))  # a machine that is busy with other work
    monkeypatch.setattr(loop.time, "monotonic", lambda: next(passed))
    assert train(tmp_path, "--minutes=0.2", "--clock=cpu") == 0
    checkpoint = load_newest_checkpoint(tmp_path / "run/checkpoints")
    assert (checkpoint.step, checkpoint.facts["seconds"]) == (12, 12.0)
    told = json.loads((tmp_path / "run/model/run.json").read_text())
    assert told["clock"] == "cpu"


def test_a_run_of_minutes_resumes_with_the_time_that_is_left(tmp_path, monkeypatch):
    clock = iter(float(tick) for tick in range(10**6))
    monkeypatch.setattr(loop.time, "monotonic", lambda: next(clock))
    assert train(tmp_path, "--minutes=0.1") == 0
    assert train(tmp_path, "--minutes=0.2", "--resume=auto") == 0
    assert load_newest_checkpoint(tmp_path / "run/checkpoints").step == 12
    # Nothing is left: a loop over recipes that is started again trains nothing twice.
    assert train(tmp_path, "--minutes=0.2", "--resume=auto") == 0
    assert load_newest_checkpoint(tmp_path / "run/checkpoints").step == 12


def test_reading_through_workers_trains_the_same_weights(tmp_path, monkeypatch):
    assert train(tmp_path / "memory", "--kimg=0.05") == 0
    used = []
    build = SpriteLoader.__init__
    monkeypatch.setattr(
        SpriteLoader, "__init__", lambda self, *args: (used.append(self), build(self, *args))[1]
    )
    assert train(tmp_path / "workers", "--kimg=0.05", "--max-bank-gib=0") == 0
    assert used
    memory, workers = (
        load_newest_checkpoint(tmp_path / name / "run/checkpoints").tensors
        for name in ("memory", "workers")
    )
    assert all(torch.equal(memory[name], workers[name]) for name in memory)


def test_a_loss_that_is_not_finite_stops_the_run_and_names_the_last_checkpoint(tmp_path, capsys):
    options = ("--checkpoint-kimg=0.01", "--optimizer.learning_rate=1e30", "--kimg=1")
    assert train(tmp_path, *options) == 2
    message = capsys.readouterr().err
    assert "NaN or infinite" in message
    saved = checkpoint_paths(tmp_path / "run/checkpoints")
    assert str(saved[0]) in message if saved else "no checkpoint exists yet" in message


def test_a_loss_that_turns_nan_later_keeps_the_checkpoint_before(tmp_path, capsys, monkeypatch):
    from pokegan.objectives import gan

    calls = []
    bce = gan.bce

    def poisoned(logits, label):
        calls.append(label)
        return bce(logits, label) * (float("nan") if len(calls) == 3 * 7 else 1)

    monkeypatch.setattr(gan, "bce", poisoned)
    assert train(tmp_path, "--kimg=1", "--checkpoint-kimg=0.016") == 2
    message = capsys.readouterr().err
    assert "step 7: loss/generator became NaN or infinite" in message
    assert "step-00000006.safetensors" in message
    assert load_newest_checkpoint(tmp_path / "run/checkpoints").step == 6


def collapse_after(monkeypatch, looks):
    """Let the samples seem diverse for a while, and equal from then on."""
    seen = iter([1.0, *[0.8] * looks, *[0.0] * 1000])
    monkeypatch.setattr(loop, "diversity", lambda images: next(seen))


WATCHED = ("--kimg=0.4", "--checkpoint-kimg=0.04", "--watch-kimg=0.008")


def test_a_collapse_is_told_with_its_step_and_the_last_good_checkpoint(
    tmp_path, capsys, monkeypatch
):
    collapse_after(monkeypatch, looks=17)
    assert train(tmp_path, *WATCHED) == 0
    (warning,) = [x for x in capsys.readouterr().err.splitlines() if x.startswith("warning: ")]
    assert warning.startswith("warning: step 21: samples have become nearly equal")
    assert "step-00000015.safetensors" in warning
    lines = read_log(tmp_path / "run/logs/training_log.jsonl")
    assert [line["diversity"] for line in lines] == [0.8] * 17 + [0.0] * 33
    assert all(0 <= line["saturation"] <= 1 for line in lines)


def test_a_collapsed_run_can_be_stopped_before_its_good_checkpoints_are_gone(
    tmp_path, capsys, monkeypatch
):
    collapse_after(monkeypatch, looks=17)
    assert train(tmp_path, *WATCHED, "--stop-on-collapse") == 2
    message = capsys.readouterr().err
    assert "step 21: samples have become nearly equal" in message
    assert "step-00000015.safetensors" in message
    assert load_newest_checkpoint(tmp_path / "run/checkpoints").step == 20


def test_a_resumed_run_remembers_what_its_watch_has_seen(tmp_path, capsys, monkeypatch):
    collapse_after(monkeypatch, looks=17)
    assert train(tmp_path, "--kimg=0.152", *WATCHED[1:]) == 0  # two looks after the collapse
    seen = iter([1.0, *[0.0] * 1000])
    monkeypatch.setattr(loop, "diversity", lambda images: next(seen))
    assert train(tmp_path, *WATCHED, "--resume=auto") == 0
    assert "warning: step 21: samples have become nearly equal" in capsys.readouterr().err


def test_looks_at_the_samples_are_as_rare_as_asked_for(tmp_path):
    assert train(tmp_path, "--kimg=0.16", "--watch-kimg=0.04", "--log-every=2") == 0
    lines = read_log(tmp_path / "run/logs/training_log.jsonl")
    assert [line["step"] for line in lines if "diversity" in line] == [6, 10, 16, 20]
    assert all(line["diversity"] > 0 for line in lines if "diversity" in line)


def test_a_full_disk_is_one_line_and_the_checkpoint_stays(tmp_path, capsys, monkeypatch):
    def full(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(run_folder, "write_model_folder", full)
    assert train(tmp_path, "--kimg=0.05") == 2
    message = capsys.readouterr().err
    assert "No space left on device" in message
    assert "the checkpoint of step 7 is intact" in message
    assert load_newest_checkpoint(tmp_path / "run/checkpoints").step == 7


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--recipe=dcgam"], "unknown recipe 'dcgam'"),
        (["--data=nowhere"], "no data 'nowhere'"),
        (["--data=synthetic:x"], "synthetic"),
        (["--image.size=50"], "size must be one of"),
        (["--networks.generator.latent_dim=0"], "latent_dim must be"),
        (["--objective.real_label=2"], "objective.real_label must lie in [0, 1]"),
    ],
)
def test_errors_are_one_line_on_stderr(tmp_path, capsys, options, message):
    assert main.main(["--data=synthetic:20", f"--out={tmp_path}/run", "--cpu", *options]) == 2
    error = capsys.readouterr().err
    assert error.startswith("train.py: error: ")
    assert message in error
    assert len(error.splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_bf16_trains_and_publishes_float32(tmp_path):
    assert train(tmp_path, "--kimg=0.05", "--mixed-precision=bf16") == 0
    assert train(tmp_path / "full", "--kimg=0.05") == 0
    half, full = (
        load_newest_checkpoint(folder / "run/checkpoints").tensors
        for folder in (tmp_path, tmp_path / "full")
    )
    assert all(half[name].dtype == full[name].dtype for name in full)
    name = "networks/generator/layers.0.weight"
    assert not torch.equal(half[name], full[name])
    torch.testing.assert_close(half[name], full[name], rtol=0, atol=5e-3)
