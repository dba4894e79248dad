import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from pokegan.cli import main
from pokegan.data.types import TYPE_GROUPS, TYPES
from pokegan.models import ARCHITECTURES
from pokegan.models.base import SpriteModel
from pokegan.models.conditioning import num_classes
from pokegan.models.dcgan import DCGANGenerator
from pokegan.models.sprite import SpriteGenerator
from pokegan.sheet import sprite_sheet


@ARCHITECTURES.register("test-cli-shades")
class Shades(SpriteModel):
    """The label sets the brightness, the latent the place of a black pixel."""

    architecture = "test-cli-shades"

    def __init__(self, conditioning: str = "group", channels: int = 3, size: int = 16):
        super().__init__()
        self.latent_dim, self.channels, self.size = size * size, channels, size
        self.conditioning = conditioning
        self.shades = nn.Parameter(torch.linspace(0, 1, num_classes(conditioning)))

    def forward(self, latents, labels):
        marked = latents == latents.max(dim=1, keepdim=True).values
        values = torch.where(marked, -1.0, self.shades[labels, None])
        return values.view(-1, 1, self.size, self.size).repeat(1, self.channels, 1, 1)


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


@pytest.fixture(scope="module")
def mixing_model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mixing")
    SpriteGenerator(
        latent_dim=4, palette_dim=2, style_dim=8, widths=[4], colors=4, size=16, channels=3
    ).save_pretrained(folder)
    return str(folder)


@pytest.mark.parametrize("asked", [(), ("--types=fire+ghost,water",)])
def test_shiny_colours_mixtures_and_truncation_reach_the_model(mixing_model, tmp_path, asked):
    from pokegan import load

    options = ["--columns=3", "--seed=2", "--shiny", "--truncation=0.5", *asked]
    out = tmp_path / "sheet.png"
    assert main(["sample", mixing_model, *options, f"--out={out}"]) == 0
    model, ask = load(mixing_model), {"shiny": True, "truncation": 0.5}
    if asked:
        sheet = rows_of(out, rows=2, columns=3)
        drawn = [model.sample(3, 2, types, **ask) for types in ("fire+ghost", "water")]
        assert np.array_equal(sheet, np.stack([[np.asarray(i) for i in row] for row in drawn]))
    else:
        expected = sprite_sheet(model.sample(64, 2, **ask), 3, background=(255, 255, 255))
        assert np.array_equal(np.asarray(Image.open(out)), np.asarray(expected))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--shiny",), "not told which sprites are shiny"),
        (("--truncation=3",), "truncation must be a number from 0 to 2, not 3.0"),
        (("--truncation=nan",), "truncation must be a number from 0 to 2"),
    ],
)
def test_what_a_model_cannot_do_is_one_line(model, tmp_path, capsys, options, message):
    assert main(["sample", model, *options, f"--out={tmp_path / 'a.png'}"]) == 2
    assert message in capsys.readouterr().err


@pytest.fixture(scope="module", params=["group", "type"])
def typed_model(tmp_path_factory, request):
    folder = tmp_path_factory.mktemp("typed")
    Shades(request.param).save_pretrained(folder)
    return str(folder)


def rows_of(path, rows, columns):
    """The sprites of a sheet, whatever stands at its left: uint8 (rows, columns, 16, 16, 3)."""
    sheet = np.asarray(Image.open(path))
    assert sheet.shape[0] == rows * 18 + 2
    left = sheet.shape[1] - columns * 18
    assert left > 20  # the labels
    return np.stack(
        [
            [sheet[2 + 18 * r :, left + 18 * c :][:16, :16] for c in range(columns)]
            for r in range(rows)
        ]
    )


def test_each_type_gets_a_row_that_is_the_models_sprites_of_this_type(
    typed_model, tmp_path, capsys
):
    from pokegan import load

    out = tmp_path / "types.png"
    options = ["--types=fire, dragon,water-ice", "--columns=4", "--seed=5", f"--out={out}"]
    assert main(["sample", typed_model, *options]) == 0
    assert "12 sprites" in capsys.readouterr().out
    sheet, model = rows_of(out, rows=3, columns=4), load(typed_model)
    for row, name in zip(sheet, ("fire", "dragon", "water-ice"), strict=True):
        expected = model.sample(4, seed=5, types=name)
        assert np.array_equal(row, np.stack([np.asarray(image) for image in expected]))
    # The same latents in every row: black pixels stand below each other.
    black = (sheet == 0).all(axis=-1)
    assert (black.sum(axis=(2, 3)) == 1).all()
    assert (black == black[0]).all()


def test_all_types_are_the_labels_that_the_model_knows(typed_model, tmp_path):
    from pokegan import load

    known = {"group": TYPE_GROUPS, "type": TYPES}[load(typed_model).conditioning]
    out = tmp_path / "all.png"
    assert main(["sample", typed_model, "--types=all", "--columns=2", f"--out={out}"]) == 0
    sheet = rows_of(out, rows=len(known), columns=2)
    shades = sheet.max(axis=(1, 2, 3, 4)).astype(int)
    assert (np.diff(shades) > 0).all()  # one label after the other


@pytest.mark.parametrize(
    ("types", "message"), [("light", "unknown type 'light'; known: normal"), ("fire,", "type ''")]
)
def test_an_unknown_type_is_one_line(typed_model, tmp_path, capsys, types, message):
    out = tmp_path / "a.png"
    assert main(["sample", typed_model, f"--types={types}", f"--out={out}"]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1
    assert not out.exists()


@pytest.mark.parametrize("types", ["fire", "all"])
def test_a_model_without_types_says_so(model, tmp_path, capsys, types):
    assert main(["sample", model, f"--types={types}", f"--out={tmp_path / 'a.png'}"]) == 2
    assert "leave out types" in capsys.readouterr().err


def test_several_models_get_a_row_each_and_small_sprites_are_enlarged(tmp_path):
    from pokegan import load

    sizes = {"small": 16, "large": 32, "odd": 24}
    for name, size in sizes.items():
        Shades(size=size).save_pretrained(tmp_path / name)
    folders = [str(tmp_path / name) for name in sizes]
    out = tmp_path / "models.png"
    assert main(["sample", *folders, "--columns=3", "--seed=2", f"--out={out}"]) == 0
    sheet = np.asarray(Image.open(out))
    assert sheet.shape[0] == 3 * 34 + 2
    left = sheet.shape[1] - 3 * 34
    for row, (name, size) in enumerate(sizes.items()):
        sprites = load(tmp_path / name).sample(3, seed=2)
        for column, sprite in enumerate(sprites):
            place = sheet[2 + row * 34 :, left + column * 34 :][:32, :32]
            factor, edge = 32 // size, (32 - size * (32 // size)) // 2
            inner = place[edge : 32 - edge, edge : 32 - edge][::factor, ::factor]
            assert np.array_equal(inner, np.asarray(sprite))
            assert (place[:edge] == 255).all()


def test_options_for_one_model_are_refused_with_several(model, tmp_path, capsys):
    for option in ("--n=3", "--types=fire"):
        assert main(["sample", model, "other/model", option]) == 2
        assert "for one model" in capsys.readouterr().err
    assert main(["sample", model, model, f"--out={tmp_path / 'a.png'}"]) == 2
    assert "the same name" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--n=8", "--types=fire"], "--n and --types exclude each other"),
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
