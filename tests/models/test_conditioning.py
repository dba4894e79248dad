import pytest
import torch

from pokegan import PokeGANError
from pokegan.data.batch import type_weights
from pokegan.data.types import GROUP_OF_TYPE, NO_TYPE, TYPE_GROUPS, TYPES
from pokegan.models.conditioning import labels_of, labels_of_classes, num_classes


def test_numbers_of_classes():
    assert num_classes("group") == 13
    assert num_classes("type") == 18
    with pytest.raises(PokeGANError, match="conditioning must be one of group, type"):
        num_classes("colour")
    with pytest.raises(PokeGANError, match="conditioning must be one of group, type"):
        num_classes("types")  # no single labels that could be embedded


@pytest.mark.parametrize("name", TYPES)
def test_every_type_is_known_everywhere(name):
    assert labels_of(name, 2, "type").tolist() == [TYPES.index(name)] * 2
    assert labels_of(name, 1, "group").tolist() == [GROUP_OF_TYPE[TYPES.index(name)]]


@pytest.mark.parametrize("name", TYPE_GROUPS)
def test_every_group_is_known_everywhere(name):
    assert labels_of(name, 3, "group").tolist() == [TYPE_GROUPS.index(name)] * 3
    labels = labels_of(name, 4, "type")
    assert labels.dtype == torch.int64
    assert {TYPES[label] for label in labels} == set(name.split("-"))


def test_one_name_for_each_sprite():
    assert labels_of(["fire", "water"], 2, "type").tolist() == [TYPES.index("fire"), 10]
    with pytest.raises(PokeGANError, match="2 names for 3 sprites"):
        labels_of(["fire", "water"], 3, "group")


def test_an_unknown_type_names_the_known_ones():
    with pytest.raises(PokeGANError, match=r"unknown type 'light'; known: normal, .*water-ice"):
        labels_of("light", 1, "group")


def shares(label):
    """The types of a mixture that have a weight."""
    return {TYPES[i]: label[i].item() for i in label[: len(TYPES)].nonzero().flatten()}


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("fire", {"fire": 1}),
        ("fire+ghost", {"fire": 0.5, "ghost": 0.5}),
        (" fire + ghost ", {"fire": 0.5, "ghost": 0.5}),
        ({"fire": 3, "ghost": 1}, {"fire": 0.75, "ghost": 0.25}),
        ({"fire": 0.6, "ghost": 0.4}, {"fire": 0.6, "ghost": 0.4}),
        ({"fire": 1, "ghost": 0}, {"fire": 1}),
    ],
)
def test_mixtures_of_types(asked, expected):
    label = labels_of(asked, 1, "types")[0]
    assert shares(label) == pytest.approx(expected)
    assert label[-1] == 0
    shiny = labels_of(asked, 2, "types", shiny=True)
    assert shiny.shape == (2, 19)
    assert shiny[:, -1].tolist() == [1, 1]
    torch.testing.assert_close(shiny[1, :-1], label[:-1])


def test_a_group_stands_for_its_types_in_turn_in_mixtures_too():
    labels = labels_of("water-ice", 3, "types")
    assert [shares(label) for label in labels] == [{"water": 1}, {"ice": 1}, {"water": 1}]


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ("fire+light", "unknown type 'light'"),
        ({"light": 1}, "unknown type 'light'"),
        ({"fire": -1}, "the weight of 'fire' must not be below 0, not -1"),
        ({"fire": float("nan")}, "the weight of 'fire'"),
        ({"fire": float("inf")}, "the weight of 'fire'"),
        ({"fire": "much"}, "the weight of 'fire'"),
        ({"fire": True}, "the weight of 'fire'"),
        ({"fire": 0, "ghost": 0}, "no type has a weight above 0"),
        ({}, "no type has a weight above 0"),
    ],
)
def test_mixtures_that_mean_nothing_are_refused(asked, named):
    with pytest.raises(PokeGANError, match=named):
        labels_of(asked, 1, "types")


@pytest.mark.parametrize("conditioning", ["group", "type"])
def test_single_labels_are_no_mixtures(conditioning):
    for asked in ("fire+ghost", {"fire": 1}):
        with pytest.raises(PokeGANError, match="knows no mixtures of types"):
            labels_of(asked, 1, conditioning)
    with pytest.raises(PokeGANError, match="not told which sprites are shiny"):
        labels_of("fire", 1, conditioning, shiny=True)


def test_real_sprites_have_equal_weights_of_one_or_two_types():
    labels = type_weights(torch.tensor([[9, NO_TYPE], [9, 7]]), torch.tensor([False, True]))
    assert [shares(label) for label in labels] == [{"fire": 1}, {"fire": 0.5, "ghost": 0.5}]
    assert labels[:, -1].tolist() == [0, 1]
    assert labels.dtype == torch.float32


def test_labels_of_classes():
    classes = torch.tensor([9, 0])
    assert torch.equal(labels_of_classes(classes, "type"), classes)
    assert torch.equal(
        labels_of_classes(classes, "types"), labels_of(["fire", "normal"], 2, "types")
    )
