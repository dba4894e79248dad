import errno
import json
import os

import pytest
import torch
from safetensors.torch import save_file

from pokegan import PokeGANError
from pokegan.training import checkpoint
from pokegan.training.checkpoint import (
    checkpoint_paths,
    load_newest_checkpoint,
    refuse_another_run,
    save_checkpoint,
)

TENSORS = {"a": torch.arange(6.0).reshape(2, 3), "b/c": torch.tensor(7)}


def names(folder):
    return [path.name for path in checkpoint_paths(folder)]


def test_what_is_saved_is_loaded(tmp_path):
    path = save_checkpoint(tmp_path, 12, TENSORS, {"seconds": 1.5, "recipe": "name: ü"})
    loaded = load_newest_checkpoint(tmp_path)
    assert (loaded.path, loaded.step) == (path, 12)
    assert loaded.facts == {"seconds": 1.5, "recipe": "name: ü"}
    assert loaded.tensors.keys() == TENSORS.keys()
    assert all(torch.equal(loaded.tensors[name], TENSORS[name]) for name in TENSORS)


def test_tensors_of_any_memory_layout_are_saved(tmp_path):
    tensor = torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last)
    save_checkpoint(tmp_path, 1, {"a": tensor, "view": tensor[:, 1]}, {})
    loaded = load_newest_checkpoint(tmp_path).tensors
    assert torch.equal(loaded["a"], tensor)
    assert torch.equal(loaded["view"], tensor[:, 1])


def test_the_newest_two_are_kept_in_numeric_order(tmp_path):
    for step in (5, 99999999, 100000000, 7):
        save_checkpoint(tmp_path, step, TENSORS, {})
    assert names(tmp_path) == ["step-100000000.safetensors", "step-99999999.safetensors"]


def test_no_checkpoint_is_none(tmp_path):
    assert load_newest_checkpoint(tmp_path) is None
    assert load_newest_checkpoint(tmp_path / "absent") is None


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_values_that_are_not_finite_are_never_written(tmp_path, bad):
    save_checkpoint(tmp_path, 1, TENSORS, {})
    with pytest.raises(PokeGANError, match=r"step 2: b/c holds .*step-00000001\.safetensors"):
        save_checkpoint(tmp_path, 2, {**TENSORS, "b/c": torch.tensor([0.0, bad])}, {})
    assert names(tmp_path) == ["step-00000001.safetensors"]


def test_a_full_disk_is_a_clear_error_and_the_old_checkpoint_stays(tmp_path, monkeypatch):
    save_checkpoint(tmp_path, 1, TENSORS, {})

    def full(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(PokeGANError, match=r"No space left on device.*step-00000001.*--resume"):
        save_checkpoint(tmp_path, 2, TENSORS, {})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000001.safetensors"]
    assert load_newest_checkpoint(tmp_path).step == 1


@pytest.mark.parametrize("keep", [0, 7, 100, -1])
def test_a_damaged_checkpoint_is_passed_over_with_a_warning(tmp_path, keep):
    save_checkpoint(tmp_path, 1, TENSORS, {})
    newest = save_checkpoint(tmp_path, 2, TENSORS, {})
    newest.write_bytes(newest.read_bytes()[:keep])
    with pytest.warns(UserWarning, match="step-00000002.safetensors is damaged"):
        assert load_newest_checkpoint(tmp_path).step == 1


def test_a_single_flipped_bit_is_damage(tmp_path):
    save_checkpoint(tmp_path, 1, TENSORS, {})
    newest = save_checkpoint(tmp_path, 2, TENSORS, {"seconds": 1.5})
    content = newest.read_bytes()
    for place in (content.index(b"1.5"), len(content) - 3):  # in the facts, in a tensor
        newest.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.warns(UserWarning, match=r"is damaged and passed over.*not what was written"):
            assert load_newest_checkpoint(tmp_path).step == 1
    newest.write_bytes(content)
    assert load_newest_checkpoint(tmp_path).step == 2


def test_checkpoints_without_a_digest_are_read(tmp_path):
    """Those of runs from before there were digests."""
    facts = json.dumps({"step": 3, "seconds": 2})
    save_file(TENSORS, tmp_path / "step-00000003.safetensors", {"facts": facts})
    assert load_newest_checkpoint(tmp_path).facts == {"seconds": 2}


def test_when_all_are_damaged_the_run_does_not_silently_start_over(tmp_path):
    save_checkpoint(tmp_path, 1, TENSORS, {}).write_bytes(b"damaged")
    with (
        pytest.warns(UserWarning, match="damaged"),
        pytest.raises(PokeGANError, match="every checkpoint is damaged"),
    ):
        load_newest_checkpoint(tmp_path)


def test_old_checkpoints_go_only_after_the_new_one_is_in_place(tmp_path, monkeypatch):
    for step in (1, 2):
        save_checkpoint(tmp_path, step, TENSORS, {})

    def interrupted(path, content):
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint, "write_atomically", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(tmp_path, 3, TENSORS, {})
    assert names(tmp_path) == ["step-00000002.safetensors", "step-00000001.safetensors"]


def test_other_data_continues_a_run_only_if_told_so(tmp_path):
    old = {"recipe": "kimg: 1", "data": "a", "content": {"labels": "b", "pixels": "c"}}
    refuse_another_run(tmp_path, old, {**old, "recipe": "kimg: 2"})
    # Read in another way, its images cannot be compared; runs from before had no content.
    refuse_another_run(tmp_path, old, {**old, "content": {"labels": "b", "files": "d"}})
    refuse_another_run(tmp_path, {"recipe": "kimg: 1", "data": "a"}, old)
    for other in ({"data": "x"}, {"content": {"labels": "b", "pixels": "x"}}):
        with pytest.raises(PokeGANError, match=r"other data.*--data-may-change"):
            refuse_another_run(tmp_path, old, {**old, **other})
        refuse_another_run(tmp_path, old, {**old, **other}, data_may_change=True)
