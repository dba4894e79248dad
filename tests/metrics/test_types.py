import pytest
import torch
from torch import Tensor

from pokegan import PokeGANError
from pokegan.data.types import TYPES
from pokegan.metrics.types import TypeClassifier, color_histogram


def flat(red: int, green: int, blue: int) -> Tensor:
    """A square of one colour on white, uint8 (3, 8, 8)."""
    image = torch.full((3, 8, 8), 255, dtype=torch.uint8)
    image[:, 2:6, 2:6] = torch.tensor([red, green, blue], dtype=torch.uint8)[:, None, None]
    return image


RED, GREEN, BLUE = flat(200, 20, 20), flat(20, 200, 20), flat(20, 20, 200)


def test_the_histogram_counts_the_figures_pixels_only():
    histogram = color_histogram(torch.stack([RED, GREEN]))
    assert histogram.shape == (2, 108)
    assert torch.allclose(histogram.square().sum(1), torch.ones(2))
    assert (histogram > 0).sum(1).tolist() == [1, 1]
    assert histogram[0] @ histogram[1] == 0


def test_the_histogram_of_nothing_is_zero():
    assert color_histogram(torch.full((1, 3, 8, 8), 255, dtype=torch.uint8)).sum() == 0


def test_hues_of_the_rim_and_greys_have_their_bins():
    images = torch.stack([flat(255, 0, 1), flat(255, 1, 0), flat(0, 0, 0), flat(128, 128, 128)])
    bins = color_histogram(images).argmax(1).tolist()
    assert bins[0] // 9 == 11  # just before a whole turn
    assert bins[1] // 9 == 0
    assert bins[2] % 3 == 0  # black has the lowest value
    assert bins[3] % 3 == 1


def classifier(labels: Tensor, **changes) -> TypeClassifier:
    colors = torch.stack([RED, GREEN, BLUE])
    images = colors[labels % 3]
    features = torch.nn.functional.one_hot(labels, 18).float()
    return TypeClassifier(features, images, labels, "type")


def test_what_can_be_told_apart_is():
    labels = torch.arange(3).repeat(30)
    model = classifier(labels)
    features = torch.nn.functional.one_hot(labels, 18).float()
    scores = model.score(features, torch.stack([RED, GREEN, BLUE])[labels], labels)
    assert scores.top1 == scores.top3 == 1
    assert scores.per_label == {TYPES[0]: 1, TYPES[1]: 1, TYPES[2]: 1}
    assert [row[:3] for row in scores.confusion[:3]] == [[30, 0, 0], [0, 30, 0], [0, 0, 30]]


def test_the_confusion_matrix_has_true_labels_as_rows():
    labels = torch.arange(3).repeat(30)
    model = classifier(labels)
    features = torch.nn.functional.one_hot(labels, 18).float()
    images = torch.stack([RED, GREEN, BLUE])[labels]
    wrong = (labels + 1) % 3
    scores = model.score(features, images, wrong)
    assert scores.top1 == 0
    assert scores.top3 == 1  # it knows three types only
    assert scores.confusion[1][0] == 30
    assert scores.confusion[0][2] == 30
    assert scores.per_label == {TYPES[0]: 0, TYPES[1]: 0, TYPES[2]: 0}


def test_probabilities_cover_all_labels_and_give_unseen_ones_none():
    labels = torch.arange(3).repeat(30)
    features = torch.nn.functional.one_hot(labels, 18).float()
    images = torch.stack([RED, GREEN, BLUE])[labels]
    p = classifier(labels).probabilities(features, images)
    assert p.shape == (90, 18)
    assert torch.allclose(p.sum(1), torch.ones(90, dtype=torch.float64))
    assert (p[:, 3:] == 0).all()


def test_chance_is_what_labels_without_meaning_give():
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(2000, 20, generator=generator)
    labels = torch.randint(0, 4, (2000,), generator=generator)
    images = RED.expand(2000, 3, 8, 8)
    model = TypeClassifier(features[:1000], images[:1000], labels[:1000], "type")
    scores = model.score(features[1000:], images[1000:], labels[1000:])
    assert scores.top1 == pytest.approx(1 / 4, abs=0.05)
    assert scores.top3 == pytest.approx(3 / 4, abs=0.05)


def test_one_label_is_no_classification():
    with pytest.raises(PokeGANError, match="there is one only"):
        classifier(torch.zeros(10, dtype=torch.int64))
