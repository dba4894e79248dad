"""``pokegan evaluate`` as it is typed."""

import json
import re
import sys

import pytest
from model_folder import write_model_folder
from PIL import Image

from pokegan import load
from pokegan.cli import main

QUICK = ["--data=synthetic:240", "--features=sprite-net", "--samples=100", "--seeds=1"]
OF_100 = "fd_sprite_net@100"


@pytest.fixture
def run(tmp_path):
    """A run folder with a model."""
    write_model_folder(tmp_path / "run" / "model")
    return tmp_path / "run"


def test_a_run_is_measured_and_its_card_shows_it(run, capsys):
    assert main(["evaluate", str(run), *QUICK]) == 0
    table = capsys.readouterr().out
    facts = json.loads((run / "model/metrics.json").read_text())
    mean = facts["metrics"][OF_100]["mean"]
    assert re.search(rf"^{OF_100} +{mean:.3g} ", table, re.MULTILINE)
    head = table.splitlines()[0].split()
    assert head == ["metric", "value", "±", "real", "halves", "augmented", "blurred", "noise"]
    assert (run / "model/nearest.png").is_file()
    card = (run / "model/README.md").read_text()
    assert OF_100 in card
    assert "Not evaluated yet" not in card


def test_seeds_are_means_and_deviations(run):
    assert main(["evaluate", str(run), *QUICK[:-1], "--seeds=2", "--seed=5"]) == 0
    facts = json.loads((run / "model/metrics.json").read_text())
    assert facts["protocol"]["seeds"] == [5, 6]
    assert facts["metrics"][OF_100]["deviation"] > 0


def test_the_same_sprites_get_the_same_numbers_from_a_folder(run, tmp_path, capsys):
    images = tmp_path / "images"
    images.mkdir()
    for index, image in enumerate(load(run).sample(100, seed=0)):
        image.save(images / f"{index:03}.png")
    assert main(["evaluate", str(run), *QUICK]) == 0
    assert main(["evaluate", str(images), *QUICK]) == 0
    model, folder = (
        json.loads((place / "metrics.json").read_text())["metrics"]
        for place in (run / "model", images)
    )
    only_models_have = {"path_length_sprite_net@200"}
    assert set(model) - set(folder) == only_models_have
    for name, value in folder.items():
        assert value["mean"] == pytest.approx(model[name]["mean"]), name
    # Once more, with what the first time left beside the images.
    before = (images / "metrics.json").read_text()
    assert main(["evaluate", str(images), *QUICK]) == 0
    assert (images / "metrics.json").read_text() == before


def test_numbers_can_go_elsewhere(run, tmp_path):
    assert main(["evaluate", str(run), *QUICK, "--out", str(tmp_path / "there")]) == 0
    assert (tmp_path / "there/metrics.json").is_file()
    assert not (run / "model/metrics.json").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["someone/model", *QUICK], "say where metrics.json is to go with --out"),
        (["RUN", *QUICK, "--samples=99"], "--samples must be at least 100, not 99"),
        (["RUN", *QUICK, "--seeds=0"], "--seeds must be at least 1"),
        (["RUN", *QUICK, "--features=sprite-nett"], "did you mean 'sprite-net'?"),
        (["RUN", *QUICK, "--data=nothing"], "no data 'nothing'"),
        (["EMPTY", *QUICK], "0 images; a judgement needs at least 100"),
    ],
)
def test_what_cannot_be_measured_is_one_line(run, tmp_path, arguments, message, capsys):
    (tmp_path / "empty").mkdir()
    places = {"RUN": str(run), "EMPTY": str(tmp_path / "empty")}
    assert main(["evaluate", *(places.get(word, word) for word in arguments)]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (run / "model/metrics.json").exists()


def test_images_of_two_sizes_are_one_line(tmp_path, capsys):
    for index in range(100):
        Image.new("RGB", (16, 16)).save(tmp_path / f"{index}.png")
    Image.new("RGB", (32, 32)).save(tmp_path / "odd.png")
    assert main(["evaluate", str(tmp_path), *QUICK]) == 2
    assert "odd.png: 32x32 pixels" in capsys.readouterr().err


def test_without_the_packages_the_line_says_what_to_install(run, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "pokegan.metrics.evaluate", None)
    assert main(["evaluate", str(run), *QUICK]) == 2
    assert "is not installed; run: pip install 'pokegan[metrics]'" in capsys.readouterr().err
