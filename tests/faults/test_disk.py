"""Disks that fill up and folders that become read-only end a run in one line, and cost no more
than the steps since the last checkpoint."""

import contextlib
import random
import resource
import subprocess

import pytest
from faults.runs import EVERY, assert_same, damaged_files, litter, newest_step, train


def assert_one_line(status, errors, reason):
    """The run ended with an error that was told in one line, and names ``reason``."""
    assert status == 2, errors
    assert len(errors.splitlines()) == 1, errors
    assert errors.startswith("train.py: error: ")
    assert reason in errors
    assert "--resume auto" in errors


def complete(server, out, whole):
    process = train(server, out)
    before = newest_step(out)
    assert process.finish() == (0, "")
    assert process.resumed_at() == before
    assert damaged_files(out) == litter(out) == []
    assert_same(out, whole)


def starve(server, out, whole, seed):
    """Limit the size of files, as a quota does, from a random step on, three times."""
    rng = random.Random(seed)
    for step in (2, 9, 16):
        process = train(server, out)
        process.until_line(step + rng.randint(0, 4))
        with contextlib.suppress(ProcessLookupError):  # it is at its end already
            size = rng.randint(1, 40_000)
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, size))
        due = (process.last_step() - 1) // EVERY * EVERY
        status, errors = process.finish()
        if status != 0:
            assert_one_line(status, errors, "File too large")
        assert damaged_files(out) == litter(out) == []
        assert newest_step(out) >= due
    complete(server, out, whole)


def test_no_file_may_grow_beyond_a_size(server, whole, tmp_path):
    starve(server, tmp_path / "run", whole, seed=0)


@pytest.mark.slow
def test_no_file_may_grow_beyond_any_size_at_any_time(server, whole, tmp_path):
    for seed in range(1, 21):
        starve(server, tmp_path / f"run-{seed}", whole, seed)


@pytest.fixture
def disk(tmp_path):
    """A folder that holds 160 KiB, and a function that makes it larger; where nothing may be
    mounted, ``None`` twice."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=160k", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        yield None, None
        return
    enlarge = ["mount", "-o", "remount,size=16m", str(folder)]
    yield folder, lambda: subprocess.run(enlarge, check=True)
    subprocess.run(["umount", folder], check=True)


def test_a_disk_fills_up(server, whole, tmp_path, disk):
    """A real one, of memory; where nothing may be mounted, a limit of the size of files."""
    folder, make_room = disk
    out = (folder or tmp_path) / "run"
    faults = {} if folder else {"limit": ("RLIMIT_FSIZE", 40_000)}
    status, errors = train(server, out, faults=faults).finish()
    assert_one_line(status, errors, "No space left" if folder else "File too large")
    assert damaged_files(out) == []
    if folder:
        assert newest_step(out) > 0
        make_room()
    complete(server, out, whole)


def set_modes(out, folders, files):
    for path in (out, *out.rglob("*")):
        path.chmod(folders if path.is_dir() else files)


def test_a_run_folder_becomes_read_only(server, whole, tmp_path):
    rng, out = random.Random(0), tmp_path / "run"
    for step in (1, 11):
        process = train(server, out, faults={"lose_the_powers_of_root": ()})
        process.until_line(step + rng.randint(0, 4))
        set_modes(out, 0o555, 0o444)
        before = newest_step(out)
        status, errors = process.finish()
        set_modes(out, 0o755, 0o644)
        assert_one_line(status, errors, "Permission denied")
        assert damaged_files(out) == []
        assert newest_step(out) == before
    complete(server, out, whole)


def test_a_run_cannot_begin_in_a_read_only_folder(server, tmp_path):
    tmp_path.chmod(0o555)
    process = train(server, tmp_path / "run", faults={"lose_the_powers_of_root": ()})
    status, errors = process.finish()
    tmp_path.chmod(0o755)
    assert_one_line(status, errors, "Permission denied")


def test_a_run_cannot_begin_below_a_file(server, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    status, errors = train(server, tmp_path / "file" / "run").finish()
    assert_one_line(status, errors, "Not a directory")
