import argparse
import json

import pytest
from sprite_tree import ANIMATED, gen5_tree, write_folder

from pokegan.data.cli import add_dataset_commands
from pokegan.errors import PokeGANError


def run(*words) -> None:
    parser = argparse.ArgumentParser()
    add_dataset_commands(parser.add_subparsers(required=True))
    args = parser.parse_args(["dataset", *map(str, words)])
    args.run(args)


@pytest.fixture
def source(tmp_path):
    return write_folder(tmp_path / "tree", gen5_tree() | {f"{ANIMATED}/9999.gif": b""})


def test_build_and_info(source, tmp_path, capsys):
    out = tmp_path / "out"
    run("build", "--source", source, "--out", out, "--quiet")
    built = capsys.readouterr()
    assert built.err == ""
    assert f"{out}: 26 sprites of 6 species" in built.out
    assert "rejected: 1, listed in" in built.out
    assert "9999.gif: unknown species number 9999" in built.out
    run("info", out, "--out", tmp_path / "pictures")
    assert "electric" in capsys.readouterr().out
    names = {path.name for path in (tmp_path / "pictures").iterdir()}
    assert names == {"contact_sheet.png", "types.png"}


def test_every_option_reaches_the_build(source, tmp_path):
    words = ["--views", "back, front", "--shiny", "only", "--games", "black-white"]
    words += [
        "--frames",
        "all",
        "--max-forms",
        "all",
        "--canvas",
        "64",
        "--augment",
        "six",
        "--quiet",
    ]
    run("build", "--source", source, "--out", tmp_path / "out", *words)
    options = json.loads((tmp_path / "out/report.json").read_text())["options"]
    assert options == {
        "views": ["back", "front"],
        "shiny": "only",
        "games": ["black-white"],
        "frames": None,
        "max_forms": None,
        "canvas": 64,
        "augment": "six",
        "strict": False,
    }


def test_a_progress_bar_is_drawn_on_stderr(source, tmp_path, capsys):
    run("build", "--source", source, "--out", tmp_path / "out")
    assert "26/26" in capsys.readouterr().err
    run("build", "--source", "synthetic:20", "--out", tmp_path / "drawn")
    assert "40/40" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--strict"], r"9999\.gif: unknown species number 9999 \(--strict\)"),
        (["--views", "frnt"], "did you mean front"),
        (["--views", "front,"], "--views: 'front,' has an empty name"),
        (["--shiny", "non"], "shiny: unknown value 'non'"),
        (["--games", "platnum"], "no game 'platnum'"),
        (["--frames", "0"], "--frames: 0 is too small; give 1 or more, or all"),
        (["--max-forms", "some"], "--max-forms: 'some' is no whole number"),
        (["--canvas", "x"], "--canvas: 'x' is no whole number; give 8 to 1024 pixels"),
        (["--canvas", "9" * 5000], "--canvas: '999"),
        (["--augment", "sixfold"], "augment: unknown value 'sixfold'; did you mean six"),
        (["--canvas", "5"], "canvas: 5 is out of range"),
    ],
)
def test_user_errors(source, tmp_path, words, message):
    with pytest.raises(PokeGANError, match=message):
        run("build", "--source", source, "--out", tmp_path / "out", "--quiet", *words)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["info", ""], "DIR is empty; give a folder"),
        (["info", "x", "--out", ""], "--out is empty; give a folder"),
        (["build", "--source", ""], "--source is empty; give a folder, an archive"),
        (["build", "--source", "x", "--out", ""], "--out is empty"),
    ],
)
def test_empty_names_are_not_the_current_folder(words, message):
    with pytest.raises(PokeGANError, match=message):
        run(*words)
