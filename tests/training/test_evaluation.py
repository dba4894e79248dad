"""Evaluations: what they log and keep, and that they do not disturb the training."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file
from tiny import TINY

from pokegan import PokeGANError, load
from pokegan.metrics.judge import Judge
from pokegan.training import loop, run_folder
from pokegan.training.checkpoint import checkpoint_paths, checkpoint_step
from pokegan.training.evaluation import Evaluation
from pokegan.training.logs import read_log
from pokegan.training.main import main

DECIDES = "eval/kid_validation_sprite_net@100"
EVALUATED = [
    *(option for option in TINY if not option.startswith("--data")),
    "--data=synthetic:240",
    "--kimg=0.048",  # 6 steps of 8
    "--eval-kimg=0.016",  # after steps 2, 4 and 6
    "--eval-samples=100",
    "--eval-features=sprite-net",
]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run with evaluations and the same without; a cache of their own."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POKEGAN_CACHE", str(folder / "cache"))
        assert main(["--recipe=dcgan", f"--out={folder}/with", *EVALUATED]) == 0
        without = [option for option in EVALUATED if not option.startswith("--eval")]
        assert main(["--recipe=dcgan", f"--out={folder}/without", *without]) == 0
    return folder


def evaluations(run) -> list[dict]:
    return [line for line in read_log(run / "logs/training_log.jsonl") if DECIDES in line]


def test_the_log_holds_the_fast_numbers(runs):
    lines = evaluations(runs / "with")
    assert [line["step"] for line in lines] == [2, 4, 6]
    names = {
        "eval/fd_sprite_net@100",
        "eval/kid_sprite_net@100",
        DECIDES,
        "eval/diversity_share_sprite_net",
        "eval/novelty@100",
    }
    assert all(names <= set(line) for line in lines)
    for plot in ("fd.png", "kid.png"):
        assert (runs / "with/logs" / plot).is_file()


def test_evaluations_by_minutes_come_as_often_as_they_are_asked_for(tmp_path, monkeypatch):
    clock = iter(float(tick) for tick in range(10**6))
    monkeypatch.setattr(loop.time, "process_time", lambda: next(clock))  # a second each step
    by_kimg = ("--kimg", "--eval-kimg")
    options = [option for option in EVALUATED if not option.startswith(by_kimg)]
    options += ["--recipe=dcgan", f"--out={tmp_path}/run", "--clock=cpu", "--eval-minutes=0.05"]
    assert main([*options, "--minutes=0.1"]) == 0
    assert [line["step"] for line in evaluations(tmp_path / "run")] == [3, 6]
    assert main([*options, "--minutes=0.2", "--resume=auto"]) == 0
    assert [line["step"] for line in evaluations(tmp_path / "run")] == [3, 6, 9, 12]


def test_the_best_model_is_kept_whole_beside_the_last(runs):
    lines = evaluations(runs / "with")
    best = min(lines, key=lambda line: line[DECIDES])
    kept = runs / "with/best"
    assert read_log(kept / "training_log.jsonl")[-1]["step"] == best["step"]
    assert {path.name for path in kept.iterdir()} >= {"config.json", "README.md", "samples.png"}
    # Its weights are those that were measured.
    judge = Evaluation("synthetic:240", 16, 100, ("sprite-net",))
    seed = 0
    assert judge.measure(load(kept), seed)[DECIDES] == pytest.approx(best[DECIDES], rel=1e-4)


def test_evaluations_do_not_disturb_the_training(runs):
    one, other = (
        load_file(runs / name / "model/model.safetensors") for name in ("with", "without")
    )
    assert all(torch.equal(one[name], other[name]) for name in other)


def test_the_best_model_has_a_checkpoint_that_it_could_be_made_from(tmp_path, monkeypatch):
    written = []
    original = run_folder.write_model_folder

    def note(folder, *arguments):
        steps = {checkpoint_step(path) for path in checkpoint_paths(tmp_path / "run/checkpoints")}
        written.append((folder.name, max(steps)))
        original(folder, *arguments)

    monkeypatch.setattr(run_folder, "write_model_folder", note)
    assert main(["--recipe=dcgan", f"--out={tmp_path}/run", *EVALUATED]) == 0
    best = [step for name, step in written if name == "best"]
    assert best  # and each was written when the newest checkpoint was of the same step
    kept = [line["step"] for line in evaluations(tmp_path / "run")]
    assert set(best) <= set(kept)


def test_a_run_killed_before_its_best_model_was_written_makes_up_for_it(tmp_path):
    out = tmp_path / "run"
    assert main(["--recipe=dcgan", f"--out={out}", *EVALUATED]) == 0
    lines = evaluations(out)
    if min(lines, key=lambda line: line[DECIDES])["step"] != lines[-1]["step"]:
        # Let the last evaluation be the best, as if the run had gone that way.
        log = out / "logs/training_log.jsonl"
        changed = read_log(log)
        changed[-1 if DECIDES in changed[-1] else -2][DECIDES] = -1.0
        log.write_text("".join(json.dumps(line) + "\n" for line in changed))
    shutil.rmtree(out / "best")
    assert main(["--recipe=dcgan", f"--out={out}", *EVALUATED, "--resume=auto"]) == 0
    best = load_file(out / "best/model.safetensors")
    last = load_file(out / "model/model.safetensors")
    assert all(torch.equal(best[name], last[name]) for name in last)


def test_a_resumed_run_knows_what_was_best():
    evaluation = Evaluation("synthetic:240", 16, 100, ("sprite-net",))
    evaluation.recall([{"step": 2, DECIDES: 0.5}, {"step": 4, DECIDES: 0.2}, {"step": 5}])
    assert (evaluation.best, evaluation.best_step) == (0.2, 4)
    assert not evaluation.observe({"step": 6, DECIDES: 0.3})
    assert evaluation.observe({"step": 8, DECIDES: 0.1})
    assert (evaluation.best, evaluation.best_step) == (0.1, 8)


def test_validation_decides_and_not_the_training_sprites(monkeypatch):
    values = {"kid_sprite_net@100": 0.0, "kid_validation_sprite_net@100": 0.7}
    evaluation = Evaluation("synthetic:240", 16, 100, ("sprite-net",))
    monkeypatch.setattr(Judge, "quick", lambda self, seen: values)
    model = load_tiny()
    evaluation.observe({"step": 1, **evaluation.measure(model, 0)})
    assert evaluation.best == 0.7


def load_tiny():
    from pokegan.models.dcgan import DCGANGenerator

    return DCGANGenerator(latent_dim=4, base_width=4, size=16)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--split=all"], "evaluations need sprites to validate: use --split train"),
        (["--eval-kimg=0"], "eval_kimg must be above 0, not 0"),
        (["--eval-minutes=1"], "give one of eval_kimg and eval_minutes, not both"),
        (["--eval-samples=99"], "eval_samples must be at least 100, not 99"),
        (["--eval-features=vgg"], "unknown feature network 'vgg'"),
    ],
)
def test_unfit_options_are_one_line(options, message, tmp_path, capsys):
    assert main(["--recipe=dcgan", f"--out={tmp_path}/run", *EVALUATED, *options]) == 2
    error = capsys.readouterr().err.strip()
    assert message in error
    assert "\n" not in error
    assert not (tmp_path / "run").exists()


def test_without_the_packages_the_line_says_what_to_install(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "pokegan.metrics.judge", None)
    with pytest.raises(PokeGANError, match=r"evaluations need pokegan.metrics.judge; run: pip"):
        Evaluation("synthetic:240", 16, 100, ("sprite-net",))
