import pytest
import torch
from copies import COPIES, away_from_the_border, novelty_index, seen
from torch import Tensor

from pokegan import PokeGANError
from pokegan.data.resolve import open_sprites
from pokegan.metrics.image_set import RealSet, real_set
from pokegan.metrics.novelty import (
    PIXEL_SIDE,
    NoveltyIndex,
    moved_pixels,
    pixel_values,
)

SYNTHETIC = "synthetic:240"


@pytest.fixture(scope="module")
def training() -> RealSet:
    return real_set(open_sprites(SYNTHETIC, "train"), 64)


@pytest.fixture(scope="module")
def held_out() -> RealSet:
    return real_set(open_sprites(SYNTHETIC, "validation"), 64)


@pytest.fixture(scope="module")
def index(training, held_out) -> NoveltyIndex:
    return novelty_index(training.images, held_out.images)


@pytest.mark.parametrize("change", COPIES)
def test_copies_are_caught(index, training, change):
    rows = away_from_the_border(training.images)
    assert len(rows) > 40
    found = index.look_up(seen(change(training.images[rows])))
    assert not found.novel.any()
    # And the sprite that was copied is named, or another colour of it.
    assert torch.equal(training.species[found.index], training.species[rows])


def test_held_out_species_pass(index, held_out):
    found = index.look_up(seen(held_out.images))
    assert 0.93 <= found.novel.double().mean() <= 0.97


def test_in_each_space_the_5th_percentile_of_held_out_species_is_the_measure(index, held_out):
    found = index.look_up(seen(held_out.images))
    for space, distances in found.distances.items():
        assert index.is_novel_in(space, distances).double().mean() == pytest.approx(0.95, abs=0.02)


def points(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float32)[:, None]


def test_scores_are_ranks_among_held_out_distances():
    # Training at 0 and its mirror image at 100; held-out species at 1, 2, ..., 20.
    held_out = points(*range(1, 21))[:, None]
    index = NoveltyIndex({"line": points(0.0, 100.0)}, {"line": held_out})
    found = index.look_up({"line": points(0.5, 1.0, 3.5, 60.0, 95.5)[:, None]})
    assert found.distances["line"].tolist() == [0.5, 1.0, 3.5, 40.0, 4.5]
    assert found.score.tolist() == pytest.approx([0, 1 / 20, 3 / 20, 1, 4 / 20])
    assert found.novel.tolist() == [False, False, True, True, True]
    assert found.index.tolist() == [0] * 5  # a mirror image counts for its sprite


def test_a_copy_in_one_space_is_a_copy():
    held_out = points(*range(1, 21))[:, None]
    index = NoveltyIndex(
        {"a": points(0.0, 50.0, 0.0, 50.0), "b": points(0.0, 50.0, 0.0, 50.0)},
        {"a": held_out, "b": held_out},
    )
    found = index.look_up({"a": points(10.0)[:, None], "b": points(50.1)[:, None]})
    assert found.score.tolist() == [0.0]
    assert not found.novel.any()
    assert found.index.tolist() == [1]  # as the space says that took it for a copy


def test_the_nearest_version_of_a_sample_counts():
    held_out = points(*range(1, 21))[:, None]
    index = NoveltyIndex({"line": points(0.0, 100.0)}, {"line": held_out})
    versions = torch.tensor([[[30.0], [0.25], [-7.0]]])
    assert index.look_up({"line": versions}).distances["line"].tolist() == [0.25]


def test_too_few_held_out_sprites_are_refused():
    with pytest.raises(PokeGANError, match="the validation split has 19 sprites, and 20 are"):
        NoveltyIndex({"line": points(0.0, 1.0)}, {"line": torch.ones(19, 1, 1)})


def test_pixels_are_hsv_values_of_squares():
    images = torch.zeros(1, 3, 64, 64, dtype=torch.uint8)  # black up to the border: not moved
    images[0, 1, :2, :2] = 255
    images[0, 2, 2:4, :2] = 51
    values = pixel_values(images).view(PIXEL_SIDE, PIXEL_SIDE)
    assert values[0, 0] == 1
    assert values[1, 0] == pytest.approx(0.2)
    assert values.sum() == pytest.approx(1.2)


def test_pixels_are_compared_centred():
    images = torch.full((2, 3, 64, 64), 255, dtype=torch.uint8)
    images[0, :, 30:34, 28:36] = 0
    images[1, :, 3:7, 51:59] = 0
    one, other = pixel_values(images)
    assert torch.equal(one, other)
    assert pixel_values(images.flip(3)).equal(pixel_values(images))


def test_pixels_of_an_empty_image_are_white():
    assert (pixel_values(torch.full((1, 3, 64, 64), 255, dtype=torch.uint8)) == 1).all()


def test_moved_pixels_hold_the_image_in_every_place():
    images = torch.full((1, 3, 64, 64), 255, dtype=torch.uint8)
    images[..., 30:34, 30:34] = 0
    versions = moved_pixels(images)
    assert versions.shape == (1, 9, PIXEL_SIDE**2)
    assert torch.equal(versions[:, 4], pixel_values(images))  # the middle one is not moved
    assert len({tuple(version.nonzero().flatten().tolist()) for version in 1 - versions[0]}) == 9
