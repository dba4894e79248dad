import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from pokegan.cli import main
from pokegan.models.dcgan import DCGANGenerator


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    DCGANGenerator(latent_dim=4, base_width=2).save_pretrained(folder)
    return str(folder)


def test_a_sheet_holds_the_models_sprites_in_order(model, tmp_path, capsys):
    from pokegan import load

    out = tmp_path / "new" / "sheet.png"
    options = ["--n=10", "--seed=3", "--columns=4", "--scale=2", f"--out={out}"]
    assert main(["sample", model, *options]) == 0
    assert str(out) in capsys.readouterr().out
    sheet = np.asarray(Image.open(out))
    assert sheet.shape == ((3 * 66 + 2) * 2, (4 * 66 + 2) * 2, 3)
    sprites = load(model).sample(10, seed=3)
    row, column = divmod(9, 4)
    top, left = 2 + row * 66, 2 + column * 66
    small = sheet[::2, ::2][top : top + 64, left : left + 64]
    assert np.array_equal(small, np.asarray(sprites[9]))


def test_the_same_command_writes_the_same_file(model, tmp_path):
    for name in ("a.png", "b.png"):
        assert main(["sample", model, "--n=3", f"--out={tmp_path / name}"]) == 0
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--n=0"], "--n must be from 1 to 10000"),
        (["--scale=17"], "--scale must be"),
        (["--columns=0"], "--columns must be"),
        (["--out=sheet.jpg"], "kept as .png"),
    ],
)
def test_unfit_requests_are_one_line(model, tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert main(["sample", model, *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_named(model, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["sample", model, "--n=1", f"--out={tmp_path / 'file' / 'a.png'}"]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_no_model_is_one_line(tmp_path, capsys):
    assert main(["sample", str(tmp_path)]) == 2
    assert "config.json is missing" in capsys.readouterr().err


def test_a_reader_that_has_enough_is_no_error(model, tmp_path):
    """As in ``pokegan ... | head``: the reading end is closed before anything is written."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "pokegan.cli", "sample", model, "--n=1", f"--out={tmp_path}/a.png"],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")
