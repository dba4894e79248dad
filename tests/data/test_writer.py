import errno
import hashlib
import os
import signal
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from sprite_tree import blob

from pokegan.data import writer
from pokegan.data.writer import SPLITS, features, new_folder, split_of, write_rows
from pokegan.errors import PokeGANError


def rows(count: int, side: int = 40):
    for number in range(count):
        yield {
            "image": blob(number, side=side),
            "species_id": 1 + number,
            "species": f"Monster {number}",
            "form": "",
            "type1": number % 18,
            "type2": 18,
            "type_group": 0,
            "generation": 1,
            "game": "game",
            "view": 0,
            "shiny": False,
            "gender": "",
            "frame": 0,
            "source": f"{number}.png",
            "augmentation": "",
        }


def test_one_species_in_ten_is_for_validation_for_ever():
    digest = hashlib.sha256(b"25").hexdigest()
    assert (split_of(25) == "validation") == (int(digest, 16) % 10 == 0)
    assert [n for n in range(1, 100) if split_of(n) == "validation"] == [18, 72, 74, 87, 96]
    share = np.mean([split_of(number) == "validation" for number in range(10_000)])
    assert 0.09 < share < 0.11


def test_rows_are_written_in_order_with_the_features(tmp_path):
    written = write_rows(rows(300), tmp_path)
    assert sum(written.rows.values()) == sum(written.species.values()) == 300
    assert sum(written.types.values()) == 300
    for split in SPLITS:
        [path] = tmp_path.glob(f"data/{split}-*")
        assert path.name == f"{split}-00000-of-00001.parquet"
        table = pq.read_table(path)
        assert table.schema.equals(features().arrow_schema, check_metadata=True)
        numbers = table["species_id"].to_pylist()
        assert numbers == [n for n in range(1, 301) if split_of(n) == split]


def test_large_splits_have_several_shards_and_small_row_groups(tmp_path, monkeypatch):
    monkeypatch.setattr(writer, "SHARD_BYTES", 60_000)
    monkeypatch.setattr(writer, "ROWS_PER_GROUP", 64)
    written = write_rows(rows(1000), tmp_path)
    paths = sorted(tmp_path.glob("data/train-*"))
    assert len(paths) > 1
    assert [path.name for path in paths] == [
        f"train-{index:05d}-of-{len(paths):05d}.parquet" for index in range(len(paths))
    ]
    files = [pq.ParquetFile(path).metadata for path in paths]
    assert sum(file.num_rows for file in files) == written.rows["train"]
    assert max(file.row_group(0).num_rows for file in files) == 64
    assert {path.suffix for path in tmp_path.glob("data/*")} == {".parquet"}


def test_a_split_without_rows_has_no_file(tmp_path):
    written = write_rows(rows(5), tmp_path)
    assert written.rows == {"train": 5, "validation": 0}
    assert [path.name for path in tmp_path.glob("data/*")] == ["train-00000-of-00001.parquet"]


def test_the_fingerprint_is_of_labels_and_pixels(tmp_path):
    def fingerprint(name, items):
        (tmp_path / name).mkdir()
        return write_rows(items, tmp_path / name).fingerprint

    same = fingerprint("a", rows(5))
    assert same == fingerprint("b", rows(5))
    assert same != fingerprint("c", rows(6))
    assert same != fingerprint("d", ({**row, "shiny": True} for row in rows(5)))
    assert same != fingerprint("e", ({**row, "image": blob(99)} for row in rows(5)))


def test_until_all_is_written_nothing_is_called_parquet(tmp_path):
    def failing():
        yield from rows(600)
        assert {path.suffix for path in tmp_path.glob("*/*")} == {".part"}
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_rows(failing(), tmp_path)
    assert not list(tmp_path.rglob("*.parquet"))


def test_a_new_folder_appears_only_when_it_is_whole(tmp_path):
    out = tmp_path / "deep/out"
    with new_folder(out) as folder:
        assert folder.parent == out.parent
        (folder / "file").write_text("text")
        assert not out.exists()
    assert [path.name for path in out.iterdir()] == ["file"]
    assert list(out.parent.iterdir()) == [out]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_nothing_stays_behind_after_an_exception(tmp_path, error):
    def fail():
        with new_folder(tmp_path / "out") as folder:
            (folder / "file").write_text("text")
            raise error

    with pytest.raises(error):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_existing_output_is_left_alone(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for name in ("full", "file"):
        with pytest.raises(PokeGANError, match="exists already"), new_folder(tmp_path / name):
            pass
    assert (tmp_path / "full/mine").read_text() == (tmp_path / "file").read_text() == "mine"
    (tmp_path / "empty").mkdir()
    with new_folder(tmp_path / "empty") as folder:
        (folder / "file").write_text("text")
    assert (tmp_path / "empty/file").exists()


@pytest.mark.parametrize("name", ["file/out", "x" * 300, "y" * 300 + "/out"])
def test_a_place_that_cannot_be_written_is_one_clear_line(tmp_path, name):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(PokeGANError, match=r"cannot be made: .*; choose another --out"),
        new_folder(tmp_path / name),
    ):
        pass


def test_a_link_counts_as_existing_output(tmp_path):
    (tmp_path / "empty").mkdir()
    for target in ("missing", "empty"):
        link = tmp_path / f"to-{target}"
        link.symlink_to(tmp_path / target)
        with pytest.raises(PokeGANError, match="exists already"), new_folder(link):
            pass


def test_the_current_folder_can_be_filled(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with new_folder(Path()) as folder:
        (folder / "file").write_text("text")
    assert [path.relative_to(tmp_path) for path in tmp_path.rglob("*")] == [
        Path("here"),
        Path("here/file"),
    ]


def test_other_failures_of_the_system_are_one_line_too(tmp_path):
    error = PermissionError(errno.EACCES, os.strerror(errno.EACCES), "a.zip")
    message = r"out: not built \(a\.zip: Permission denied\)"
    with pytest.raises(PokeGANError, match=message), new_folder(tmp_path / "out"):
        raise error
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_build_left_is_named_and_kept(tmp_path, capsys):
    left = tmp_path / ".out.building-abc"
    for path in (left, tmp_path / ".other.building-abc"):
        path.mkdir()
    with new_folder(tmp_path / "out"):
        pass
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{left}: left by a killed build")
    assert left.exists()


def test_signals_that_are_ignored_stay_so(tmp_path):
    """As SIGHUP is under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with new_folder(tmp_path / "out"):
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, before)
