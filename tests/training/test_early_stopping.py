import json

import pytest
import torch
from safetensors.torch import load_file
from small_recipes import small_options, train_small

from pokegan import PokeGANError
from pokegan.models.dense import DenseGenerator
from pokegan.training.checkpoint import checkpoint_paths, load_newest_checkpoint
from pokegan.training.early_stopping import EarlyStopping
from pokegan.training.logs import read_log
from pokegan.training.main import main
from pokegan.training.recipe import EarlyStoppingSettings

SETTINGS = EarlyStoppingSettings(metric="m", every_kimg=1.0, patience=3)


def network(value):
    generator = DenseGenerator(latent_dim=2, widths=[4], size=8)
    torch.nn.init.constant_(generator.layers[0].weight, value)
    return generator


def first_weight(stopping):
    return stopping.best_model.layers[0].weight[0, 0].item()


def test_the_best_weights_are_kept_and_patience_runs_out():
    current = network(0.0)
    stopping = EarlyStopping(SETTINGS, current)
    for value, weight in ((5.0, 1.0), (3.0, 2.0), (4.0, 3.0), (3.0, 4.0)):
        torch.nn.init.constant_(current.layers[0].weight, weight)
        stopping.observe(value, current)
        assert not stopping.is_over
    assert first_weight(stopping) == 2.0
    stopping.observe(3.5, current)
    assert stopping.is_over
    assert (stopping.best_value, first_weight(stopping)) == (3.0, 2.0)


def test_a_better_value_renews_the_patience():
    stopping = EarlyStopping(SETTINGS, network(0.0))
    for value in (5.0, 6.0, 6.0, 4.9, 6.0, 6.0):
        stopping.observe(value, network(value))
        assert not stopping.is_over
    assert first_weight(stopping) == pytest.approx(4.9)


def test_a_loaded_state_goes_on_like_the_saved_one():
    saved, loaded = (EarlyStopping(SETTINGS, network(0.0)) for _ in range(2))
    for value in (5.0, 6.0, 7.0):
        saved.observe(value, network(value))
    tensors = {name: tensor.clone() for name, tensor in saved.tensors().items()}
    loaded.load(tensors, json.loads(json.dumps(saved.facts())))
    assert first_weight(loaded) == 5.0
    loaded.observe(8.0, network(8.0))
    assert loaded.is_over


@pytest.mark.parametrize("settings", [{"every_kimg": 0.0}, {"patience": 0}, {"from_kimg": -1.0}])
def test_unfit_settings_are_refused(settings):
    with pytest.raises(PokeGANError, match="early_stopping"):
        EarlyStoppingSettings(metric="m", **settings)


OPTIONS = [
    *small_options("wgan-dense"),
    "--optimizer.learning_rate=0.002",
    "--early_stopping.from_kimg=0",
    "--early_stopping.every_kimg=0.016",
    "--early_stopping.patience=2",
    "--checkpoint-kimg=0.02",
    "--kimg=4",
]


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    return train_small(OPTIONS, tmp_path_factory.mktemp("stopped") / "run")


def validations(run):
    lines = read_log(run / "logs/training_log.jsonl")
    return [
        (x["step"], x["validation/wasserstein"]) for x in lines if "validation/wasserstein" in x
    ]


def test_a_run_ends_where_patience_runs_out_and_publishes_the_best(stopped):
    seen = validations(stopped)
    steps, values = zip(*seen, strict=True)
    assert steps == tuple(range(2, steps[-1] + 1, 2))
    assert steps[-1] < 500
    best = values.index(min(values))
    assert best == len(values) - 3
    checkpoint = load_newest_checkpoint(stopped / "checkpoints")
    assert checkpoint.step == steps[-1]
    assert checkpoint.facts["early_stopping"] == {"best_value": min(values), "waited": 2}
    model = load_file(stopped / "model/model.safetensors")
    for name, tensor in model.items():
        assert torch.equal(tensor, checkpoint.tensors[f"best/{name}"])
    assert any(
        not torch.equal(tensor, checkpoint.tensors[f"networks/generator/{name}"])
        for name, tensor in model.items()
    )


def test_early_validations_are_logged_but_do_not_count(tmp_path):
    run = train_small([*OPTIONS, "--early_stopping.from_kimg=0.08", "--kimg=0.12"], tmp_path)
    seen = dict(validations(run))
    assert list(seen) == [2, 4, 6, 8, 10, 12, 14]
    facts = load_newest_checkpoint(run / "checkpoints").facts["early_stopping"]
    assert facts["best_value"] == min(value for step, value in seen.items() if step >= 10)


def test_a_resumed_run_stops_at_the_same_step(stopped, tmp_path):
    run = train_small([*OPTIONS, "--kimg=0.04"], tmp_path / "run")
    train_small([*OPTIONS, "--resume=auto"], run)
    assert validations(run) == validations(stopped)
    one, other = (load_file(checkpoint_paths(r / "checkpoints")[0]) for r in (stopped, run))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_run_that_has_stopped_is_not_taken_further(stopped):
    before = validations(stopped)
    train_small([*OPTIONS, "--resume=auto"], stopped)
    assert validations(stopped) == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--early_stopping.metric=validation/waserstein"],
            "did you mean 'validation/wasserstein'",
        ),
        (["--split=all"], "use --split train"),
    ],
)
def test_what_cannot_be_validated_is_told(options, message, tmp_path, capsys):
    status = main([*OPTIONS, f"--out={tmp_path}", *options])
    assert status == 2
    assert message in capsys.readouterr().err


def test_a_family_without_validation_is_told(tmp_path, capsys):
    options = [*small_options("dense-gan"), "--early_stopping.metric=m", f"--out={tmp_path}"]
    assert main(options) == 2
    assert "the family 'gan' has nothing to validate" in capsys.readouterr().err
