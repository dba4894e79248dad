import os

import pytest

from pokegan.files import clear_litter, write_atomically


def test_content_is_written_and_replaced(tmp_path):
    path = tmp_path / "new folder" / "file.txt"
    write_atomically(path, b"one")
    write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert list(path.parent.iterdir()) == [path]


def test_a_failure_leaves_the_old_content_and_no_litter(tmp_path, monkeypatch):
    path = tmp_path / "file.txt"
    write_atomically(path, b"one")

    def fail(source, target):
        raise OSError("the disk failed")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="the disk failed"):
        write_atomically(path, b"two")
    assert path.read_bytes() == b"one"
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_has_the_permissions_of_any_other(tmp_path):
    ordinary, path = tmp_path / "ordinary", tmp_path / "file"
    ordinary.write_bytes(b"")
    write_atomically(path, b"")
    assert path.stat().st_mode == ordinary.stat().st_mode


def test_what_a_killed_writer_left_is_cleared_and_nothing_else(tmp_path):
    kept = [tmp_path / "file.tmp", tmp_path / ".hidden", tmp_path / "folder" / ".file.x.tmp"]
    (tmp_path / "folder").mkdir()
    for path in (*kept, tmp_path / ".file.txt.x1_.tmp"):
        path.write_bytes(b"")
    (tmp_path / ".model.x.tmp").mkdir()
    (tmp_path / ".model.x.tmp" / "config.json").write_bytes(b"")
    clear_litter(tmp_path)
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == sorted(kept)
    assert not (tmp_path / ".model.x.tmp").exists()
    clear_litter(tmp_path / "absent")
