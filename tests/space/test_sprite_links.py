"""One sprite in a link, there and back."""

from urllib.parse import parse_qs

import pytest
from drawing import MAX_SEED, Request, SpriteRef
from links import query_of
from sprite_links import ref_in, ref_query

MODELS = ["one", "user/two"]
DEFAULT = SpriteRef("one", Request(1, 3))


def params_of(query):
    return {name: values[0] for name, values in parse_qs(query.lstrip("?")).items()}


@pytest.mark.parametrize(
    "ref",
    [
        SpriteRef("one", Request(1, 0)),
        SpriteRef("user/two", Request(1, MAX_SEED), 63),
        SpriteRef("one", Request(1, 7, (("fire", 1.0),), shiny=True)),
        SpriteRef("one", Request(1, 7, (("fire", 0.5), ("ice", 0.5)), truncation=0.05)),
        SpriteRef("one", Request(1, 7, (("fire", 0.625), ("ice", 0.375)), truncation=1.7), 2),
        SpriteRef("one", Request(1, 7), 4, recolor=(123, 11)),
    ],
)
def test_a_sprite_comes_back_as_it_was(ref):
    query = query_of("fuse", **ref_query(ref, "first-"))
    assert ref_in(params_of(query), MODELS, DEFAULT, "first-") == ref


def test_two_sprites_of_one_link_do_not_meet():
    first, second = SpriteRef("one", Request(1, 1)), SpriteRef("user/two", Request(1, 2), 5)
    params = params_of(query_of("fuse", **ref_query(first, "a-"), **ref_query(second, "b-")))
    assert ref_in(params, MODELS, DEFAULT, "a-") == first
    assert ref_in(params, MODELS, DEFAULT, "b-") == second


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, DEFAULT),
        ({"model": "three", "seed": "9"}, DEFAULT),
        ({"model": "one", "seed": "-5"}, SpriteRef("one", Request(1, 0))),
        ({"model": "one", "seed": "99999999999"}, SpriteRef("one", Request(1, MAX_SEED))),
        ({"model": "one", "sprite": "1000"}, SpriteRef("one", Request(1, 0), 63)),
        ({"model": "one", "sprite": "<b>"}, SpriteRef("one", Request(1, 0))),
        (
            {"model": "one", "types": "fire_0.5,lava,ice_nan,bug_-1,dark_x,rock_9"},
            SpriteRef("one", Request(1, 0, (("fire", 1.0),))),
        ),
        ({"model": "one", "truncation": "inf"}, SpriteRef("one", Request(1, 0, truncation=2.0))),
        ({"model": "one", "truncation": "nan"}, SpriteRef("one", Request(1, 0))),
        ({"model": "one", "palette": "4"}, SpriteRef("one", Request(1, 0))),
        ({"model": "one", "palette": "4,64"}, SpriteRef("one", Request(1, 0))),
        ({"model": "one", "palette": f"{MAX_SEED + 1},1"}, SpriteRef("one", Request(1, 0))),
        ({"model": "one", "palette": "9" * 5000 + ",1"}, SpriteRef("one", Request(1, 0))),
        ({"model": "one", "palette": "²,1"}, SpriteRef("one", Request(1, 0))),
    ],
)
def test_what_a_link_cannot_ask_for_is_clamped_or_left_out(params, expected):
    assert ref_in(params, MODELS, DEFAULT) == expected
