import itertools
import os
import signal

import numpy as np
import pytest
import torch
from sprite_tree import to_training_array

from pokegan import PokeGANError
from pokegan.data import feed
from pokegan.data.feed import SpriteBank, SpriteLoader, sprite_feed
from pokegan.data.synthetic import synthetic_dataset

SCHEDULE = [np.array([3, 0, 3]), np.array([7]), np.array([1, 2, 30])]


@pytest.fixture(scope="module")
def dataset():
    return synthetic_dataset(20)["train"]


@pytest.mark.parametrize("feed_class", [SpriteBank, SpriteLoader])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_batches_hold_the_rows_of_the_schedule(dataset, feed_class, channels):
    batches = list(feed_class(dataset, 32, channels).batches(SCHEDULE))
    assert [len(batch) for batch in batches] == [3, 1, 3]
    for indices, batch in zip(SCHEDULE, batches, strict=True):
        assert batch.image.dtype == torch.float32
        for place, index in enumerate(indices):
            row = dataset[int(index)]
            pixels = torch.from_numpy(to_training_array(row["image"], 32, channels).copy())
            assert torch.equal(batch.image[place], pixels.float() / 127.5 - 1)
            assert batch.types[place].tolist() == [row["type1"], row["type2"]]
            assert batch.group[place] == row["type_group"]
            assert batch.shiny[place] == row["shiny"]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores are chosen on Linux only")
@pytest.mark.filterwarnings("error")
def test_a_machine_of_one_core_gets_the_same_batches_and_no_warning(dataset):
    expected = list(SpriteLoader(dataset, 16, 3).batches(SCHEDULE))
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        batches = list(SpriteLoader(dataset, 16, 3).batches(SCHEDULE))
    finally:
        os.sched_setaffinity(0, cores)
    for batch, other in zip(batches, expected, strict=True):
        assert torch.equal(batch.image, other.image)


def test_white_is_one_and_black_is_minus_one(dataset):
    image = next(SpriteBank(dataset, 96, 3).batches([np.arange(10)])).image
    assert image.max() == 1
    assert (image[:, :, 0, 0] == 1).all()  # transparent corners lie on white
    assert image.min() >= -1


@pytest.mark.parametrize("feed_class", [SpriteBank, SpriteLoader])
def test_a_schedule_may_have_no_end(dataset, feed_class):
    endless = feed_class(dataset, 16, 3).batches(
        np.array([step % 38]) for step in itertools.count()
    )
    first = [batch.image for batch in itertools.islice(endless, 5)]
    assert len(first) == 5


def test_workers_do_not_advance_the_random_state(dataset):
    before = torch.get_rng_state()
    list(SpriteLoader(dataset, 16, 3).batches(SCHEDULE))
    assert torch.equal(torch.get_rng_state(), before)


def test_what_fits_is_held_in_memory(dataset):
    assert isinstance(sprite_feed(dataset, 32, 4, max_bank_gib=1), SpriteBank)
    exact = len(dataset) * 4 * 32 * 32 / 2**30
    assert isinstance(sprite_feed(dataset, 32, 4, max_bank_gib=exact), SpriteBank)
    assert isinstance(sprite_feed(dataset, 32, 4, max_bank_gib=exact * 0.99), SpriteLoader)


def test_sprites_on_canvases_of_two_sizes_are_resized_alike(dataset):
    import datasets

    mixed = datasets.concatenate_datasets([dataset, synthetic_dataset(20, canvas=64)["train"]])
    image = next(SpriteBank(mixed, 32, 3).batches([np.array([0, 38])])).image
    assert image.shape == (2, 3, 32, 32)
    for place, index in enumerate((0, 38)):
        expected = torch.from_numpy(to_training_array(mixed[index]["image"], 32, 3).copy())
        assert torch.equal(image[place], expected.float() / 127.5 - 1)


def test_a_picture_that_is_not_square_is_named(dataset):
    def squeeze(row):
        return {"image": row["image"].crop((0, 0, 96, 50))}

    broken = dataset.select(range(3)).map(squeeze)
    with pytest.raises(PokeGANError, match="row 0: the image is 96x50 pixels"):
        SpriteBank(broken, 32, 3)


def test_workers_ignore_ctrl_c(dataset, monkeypatch):
    """They go on reading until the run has written its checkpoint; a worker draws its answer."""

    def ignores(image, where):
        ignored = signal.getsignal(signal.SIGINT) == signal.SIG_IGN
        return np.full((16, 16, 4), 255 if ignored else 0, np.uint8) | np.uint8([0, 0, 0, 255])

    monkeypatch.setattr(feed, "square_rgba", ignores)
    assert (next(SpriteLoader(dataset, 16, 3).batches(SCHEDULE)).image == 1).all()
