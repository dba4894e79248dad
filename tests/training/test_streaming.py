"""``--streaming`` from a folder; from the Hub and killed: tests/hub/test_stream_from_hub.py."""

import json

import pytest
import torch
from accelerate.state import AcceleratorState
from small_recipes import small_options
from sprite_shards import write_shards
from tiny import TINY

from pokegan.training.checkpoint import load_newest_checkpoint
from pokegan.training.logs import read_log
from pokegan.training.main import main

STREAMING = [*TINY[1:], "--streaming", "--stream-buffer=48"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    return write_shards(folder, species=60, rows_per_shard=4, rows_per_group=3)


def train(folder, out, *options):
    AcceleratorState._reset_state(reset_partial_state=True)
    return main([*STREAMING, f"--data={folder}", f"--out={out}", *options])


def test_a_run_made_longer_equals_one_of_full_length(folder, tmp_path):
    """In an epoch's midst, and with blocks that were half used."""
    assert train(folder, tmp_path / "whole", "--epochs=2") == 0
    assert train(folder, tmp_path / "parts", "--kimg=0.136") == 0
    assert train(folder, tmp_path / "parts", "--epochs=2", "--resume=auto") == 0
    whole, parts = (
        load_newest_checkpoint(tmp_path / name / "checkpoints") for name in ("whole", "parts")
    )
    assert whole.step == parts.step == 30  # 2 epochs of 118 sprites, 8 a step
    assert all(torch.equal(whole.tensors[name], parts.tensors[name]) for name in whole.tensors)
    log = read_log(tmp_path / "whole/logs/training_log.jsonl")
    assert [line["step"] for line in log] == list(range(1, 31))


@pytest.mark.parametrize("options", [["--streaming", "--stream-buffer=64"], []])
def test_a_run_whose_sprites_would_come_in_another_order_is_not_continued(
    folder, tmp_path, capsys, options
):
    assert train(folder, tmp_path, "--kimg=0.016") == 0
    AcceleratorState._reset_state(reset_partial_state=True)
    command = [*TINY[1:], f"--data={folder}", f"--out={tmp_path}", "--kimg=0.032", "--resume=auto"]
    assert main([*command, *options]) == 2
    error = capsys.readouterr().err
    assert "reads its sprites streamed, 48 at once, not" in error
    assert "continue it with the same --streaming and --stream-buffer" in error


def test_facts_colours_and_all_splits(folder, tmp_path, capsys):
    options = ["--split=all", "--shiny=only", "--kimg=0.008"]
    assert train(folder, tmp_path, *options) == 0
    assert "split all: 60 sprites" in capsys.readouterr().out
    facts = json.loads((tmp_path / "model/data.json").read_text())
    assert (facts["sprites"], facts["synthetic"], facts["types"]) == (60, True, {})
    assert "Sprites by type" not in (tmp_path / "model/README.md").read_text()


def test_early_stopping_validates_on_a_stream(folder, tmp_path):
    AcceleratorState._reset_state(reset_partial_state=True)
    options = [
        *small_options("wgan-gp"),
        f"--data={folder}",
        "--streaming",
        "--kimg=0.032",
        "--early_stopping.metric=validation/wasserstein",
        "--early_stopping.every_kimg=0.008",
        f"--out={tmp_path}",
        "--cpu",
    ]
    assert main(options) == 0
    log = read_log(tmp_path / "logs/training_log.jsonl")
    assert [line for line in log if any(name.startswith("validation") for name in line)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--eval-kimg=1"], "evaluations need all sprites at hand: leave out --streaming"),
        (["--stream-buffer=0"], "stream_buffer must be above 0, not 0"),
        (["--data=synthetic:20"], "what is drawn in memory cannot be streamed"),
    ],
)
def test_what_does_not_go_with_a_stream_is_one_line(folder, tmp_path, capsys, options, message):
    assert train(folder, tmp_path / "run", *options) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1
