"""A damaged newest checkpoint costs the steps since the one before, and the run says so."""

import random
import shutil

import pytest
from faults.runs import assert_same, damaged_files, train

from pokegan.training.checkpoint import checkpoint_paths, checkpoint_step


def cut_off(content, rng):
    return content[: rng.randrange(len(content))]


def flip_a_bit(content, rng):
    place = rng.randrange(len(content))
    return content[:place] + bytes([content[place] ^ 1 << rng.randrange(8)]) + content[place + 1 :]


def lose_a_block(content, rng):
    """A sector of zeros, as disks and power cuts leave them."""
    start = rng.randrange(len(content)) // 512 * 512
    return content[:start] + bytes(min(512, len(content) - start)) + content[start + 512 :]


def other_content(content, rng):
    return rng.randbytes(rng.randrange(1, 2 * len(content)))


DAMAGES = (cut_off, flip_a_bit, lose_a_block, other_content)


def resume_damaged(server, half, whole, out, damage, rng):
    shutil.copytree(half, out)
    newest, before = checkpoint_paths(out / "checkpoints")
    content = newest.read_bytes()
    damaged = damage(content, rng)
    assert damaged != content
    newest.write_bytes(damaged)
    process = train(server, out)
    status, errors = process.finish()
    assert status == 0, errors
    assert f"{newest} is damaged and passed over" in errors
    assert process.resumed_at() == checkpoint_step(before)
    assert damaged_files(out) == []
    assert_same(out, whole)


@pytest.mark.parametrize("damage", DAMAGES)
def test_the_one_before_takes_over(server, half, whole, tmp_path, damage):
    resume_damaged(server, half, whole, tmp_path / "run", damage, random.Random(0))


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGES)
def test_the_one_before_takes_over_whatever_the_damage(server, half, whole, tmp_path, damage):
    for seed in range(1, 11):
        resume_damaged(server, half, whole, tmp_path / str(seed), damage, random.Random(seed))


def test_where_all_are_damaged_the_run_does_not_begin_anew(server, half, tmp_path):
    out = tmp_path / "run"
    shutil.copytree(half, out)
    for path in checkpoint_paths(out / "checkpoints"):
        path.write_bytes(flip_a_bit(path.read_bytes(), random.Random(1)))
    status, errors = train(server, out).finish()
    assert status == 2
    assert "Traceback" not in errors
    assert errors.splitlines()[-1].endswith("damaged; start anew in another folder")
    assert len(checkpoint_paths(out / "checkpoints")) == 2
