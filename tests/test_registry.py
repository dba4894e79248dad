import pytest

from pokegan.errors import PokeGANError, near_matches
from pokegan.models import ARCHITECTURES
from pokegan.objectives import OBJECTIVES
from pokegan.registry import Registry


def test_every_module_of_the_package_is_found():
    assert {"dcgan-generator", "dcgan-discriminator"} <= set(ARCHITECTURES.names())
    assert "gan" in OBJECTIVES.names()


def test_an_unknown_name_lists_near_matches():
    with pytest.raises(PokeGANError, match=r"unknown architecture 'dcgan-gen'.*dcgan-generator"):
        ARCHITECTURES.get("dcgan-gen")


def test_a_name_is_registered_once():
    registry = Registry("pokegan.objectives", "thing")
    registry.register("a")(int)
    with pytest.raises(ValueError, match="'a' is registered twice"):
        registry.register("a")(str)


def test_near_matches_fall_back_to_what_is_known():
    assert near_matches("wgan", ["wgna", "gan"]) == "; did you mean 'gan' or 'wgna'?"
    assert near_matches("xyz", ["b", "a"]) == "; known: a, b"


@pytest.mark.parametrize("name", [None, 7, [], {}, "a" * 10**6])
def test_a_name_that_is_none_is_refused_briefly(name):
    with pytest.raises(PokeGANError, match="unknown thing") as caught:
        Registry("pokegan.objectives", "thing").get(name)
    assert len(str(caught.value)) < 500
