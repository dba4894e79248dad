import pytest
import torch

from pokegan import PokeGANError
from pokegan.data.types import GROUP_OF_TYPE, TYPE_GROUPS, TYPES
from pokegan.models.conditioning import labels_of, num_classes


def test_numbers_of_classes():
    assert num_classes("group") == 13
    assert num_classes("type") == 18
    with pytest.raises(PokeGANError, match="conditioning must be one of group, type"):
        num_classes("colour")


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
