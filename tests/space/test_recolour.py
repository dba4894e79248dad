"""A sprite in other palettes, over the API."""

import base64
import io

import numpy as np
import pytest
from drawing import Request, SpriteRef
from gradio_client import Client
from gradio_client.exceptions import AppError
from PIL import Image
from python_lines import python_of

import pokegan


@pytest.fixture(scope="module")
def client(fuse_space):
    return Client(fuse_space.url, verbose=False)


def pixels(uris):
    return np.stack(
        [np.asarray(Image.open(io.BytesIO(base64.b64decode(u.split(",")[1])))) for u in uris]
    )


def test_the_api_draws_other_palettes_of_one_shape(client, studio):
    made = client.predict(seed=6, sprite=3, palette_seed=4, api_name="/recolour")
    ref = SpriteRef("paints", Request(1, 6), 2)
    image, label = studio.sprite(ref)
    assert (made["model"], made["label"]) == ("paints", label)
    np.testing.assert_array_equal(pixels([made["original"]])[0], np.asarray(image))
    shown = pixels(made["sprites"])
    assert len(shown) == 12
    np.testing.assert_array_equal(shown[..., 3], np.broadcast_to(shown[0, ..., 3], shown.shape[:3]))
    assert len({one.tobytes() for one in shown}) == 12
    for number in (0, 11):
        again, _ = studio.sprite(SpriteRef("paints", Request(1, 6), 2, recolor=(4, number)))
        np.testing.assert_array_equal(shown[number], np.asarray(again))


def test_a_type_is_asked_for(client):
    made = client.predict(seed=6, type="ghost", shiny=True, count=2, api_name="/recolour")
    assert made["label"] == "ghost"
    assert len(made["sprites"]) == 2
    assert made["original"] != client.predict(seed=6, count=1, api_name="/recolour")["original"]


@pytest.mark.parametrize(
    "ref",
    [
        SpriteRef("paints", Request(1, 6), 2, recolor=(4, 11)),
        SpriteRef(
            "paints", Request(1, 6, (("fire", 0.75), ("ice", 0.25)), True, 0.5), 0, recolor=(1, 0)
        ),
    ],
)
def test_its_python_draws_the_same(studio, small_models, monkeypatch, ref):
    lines, load = python_of(ref, studio), pokegan.load
    monkeypatch.setattr(pokegan, "load", lambda name: load(small_models / name.split("/")[-1]))
    names = {}
    exec(lines, names)
    np.testing.assert_array_equal(np.asarray(names["sprite"]), np.asarray(studio.sprite(ref)[0]))


@pytest.mark.parametrize(
    ("request_", "line"),
    [
        ({"model": "plain"}, r"model: choose among paints\."),
        ({"sprite": 0}, r"sprite must be a whole number from 1 to 64\."),
        ({"count": 65}, r"count must be a whole number from 1 to 64\."),
        ({"palette_seed": -1}, r"palette_seed must be a whole number from 0 to 4294967295\."),
        ({"seed": "x"}, r"seed must be a whole number from 0 to 4294967295\."),
        ({"type": "lava"}, r"types: choose among normal, [^\n]*"),
    ],
)
def test_hostile_requests_get_one_clear_line(client, request_, line):
    with pytest.raises(AppError, match=f"^{line}$"):
        client.predict(**request_, api_name="/recolour")
