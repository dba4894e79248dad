import pytest
import torch

from pokegan import PokeGANError
from pokegan.metrics.diversity import (
    collapse_ratio,
    duplicate_threshold,
    mean_distance_within,
    mean_pairwise_distance,
)

LINE = torch.tensor([[0.0], [1.0], [3.0]])  # distances 1, 3, 2


def test_the_mean_is_over_pairs():
    assert mean_pairwise_distance(LINE) == 2
    assert mean_pairwise_distance(LINE * 5 + 7) == 10
    assert mean_pairwise_distance(torch.ones(4, 3)) == 0


def test_within_a_label_every_label_counts_the_same():
    features = torch.cat([LINE, torch.tensor([[100.0], [110.0], [500.0]])])
    labels = torch.tensor([0, 0, 0, 1, 1, 2])  # the last has no pair
    assert mean_distance_within(features, labels) == (2 + 10) / 2


def test_one_sprite_for_each_type_has_no_diversity_within():
    features = torch.tensor([[0.0], [0.0], [9.0], [9.0]])
    assert mean_distance_within(features, torch.tensor([0, 0, 1, 1])) == 0
    assert mean_pairwise_distance(features) == 6


def test_near_duplicates_are_counted_in_pairs():
    assert collapse_ratio(LINE, threshold=1.0) == 0  # nearer than, not as near as
    assert collapse_ratio(LINE, threshold=1.5) == pytest.approx(1 / 3)
    assert collapse_ratio(torch.ones(5, 2), threshold=1e-9) == 1


def test_the_threshold_is_a_distance_between_species():
    features = torch.tensor([[0.0], [0.1], [2.0], [5.0]])
    species = torch.tensor([1, 1, 2, 3])
    # Nearest of another species: 2, 1.9, 1.9, 3; the two forms of species 1 do not count.
    assert duplicate_threshold(features, species, percentile=0) == pytest.approx(1.9)
    assert duplicate_threshold(features, species, percentile=100) == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mean_pairwise_distance(LINE[:1]), "shape (1, 1)"),
        (lambda: collapse_ratio(torch.ones(3), 1.0), "shape (3,)"),
        (lambda: mean_distance_within(LINE, torch.arange(3)), "no label has two samples"),
        (lambda: mean_distance_within(LINE, torch.arange(2)), "3 samples have labels"),
        (lambda: duplicate_threshold(LINE, torch.zeros(3)), "only one"),
        (lambda: duplicate_threshold(LINE, torch.arange(2)), "3 sprites have species"),
    ],
)
def test_unfit_input_is_one_clear_line(call, message):
    with pytest.raises(PokeGANError) as caught:
        call()
    assert message in str(caught.value)
