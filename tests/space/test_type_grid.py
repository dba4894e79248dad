"""One latent as each type, and between two."""

import base64
import io

import numpy as np
import pytest
from drawing import Request, SpriteRef
from gradio_client import Client
from gradio_client.exceptions import AppError
from PIL import Image
from type_grid import STRIP_SHARES, _cell_html, blend_of, mixture, types_column

import pokegan
from pokegan import PokeGANError
from pokegan.data.types import TYPES


@pytest.fixture(scope="module")
def client(fuse_space):
    return Client(fuse_space.url, verbose=False)


def equal(one, other):
    np.testing.assert_array_equal(
        np.stack([np.asarray(image) for image in one]),
        np.stack([np.asarray(image) for image in other]),
    )


def read(uri):
    return Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1])))


@pytest.mark.parametrize("model", ["paints", "groups"])
def test_a_column_is_one_latent_as_each_type(studio, small_models, model):
    column = types_column(studio, model, seed=3, number=20)
    generator = pokegan.load(small_models / model)
    assert len(column.images) == len(TYPES)
    for place in (0, 9, 17):
        (expected,) = generator.sample(20, 3, TYPES[place])[-1:]
        equal([column.images[place]], [expected])
        # What the dialog draws again is what the table shows.
        equal([studio.sprite(column.refs[place])[0]], [expected])
    assert len({image.tobytes() for image in column.images}) > 10


def test_a_model_of_groups_is_asked_for_groups_and_its_cells_say_so(studio):
    column = types_column(studio, "groups", 0, 1)
    assert column.knows == "group"
    assert column.labels[TYPES.index("dark")] == "dark-ghost"
    assert column.labels[TYPES.index("fire")] == "fire"
    equal([column.images[TYPES.index("dark")]], [column.images[TYPES.index("ghost")]])
    dark = _cell_html(column, TYPES.index("dark"), 0, 1)
    assert 'alt="groups, seed 0, sprite 1, dark, drawn as the group dark-ghost"' in dark
    fire = _cell_html(column, TYPES.index("fire"), 0, 1)
    assert 'alt="groups, seed 0, sprite 1, fire"' in fire


def test_a_model_that_cannot_be_loaded_says_so_in_its_column(studio, small_models, tmp_path):
    from models_index import ModelSource

    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "config.json").write_text('{"architecture": "sprite-generator"}')
    (broken / "model.safetensors").write_bytes(b"nothing")
    studio.models = {**studio.models, "broken": ModelSource("broken", broken)}
    column = types_column(studio, "broken", 0, 1)
    assert column.images == ()
    assert column.error.startswith("broken")
    assert str(tmp_path) not in column.error


@pytest.mark.parametrize(
    ("share", "types"),
    [
        (0, (("fire", 1.0),)),
        (100, (("ice", 1.0),)),
        (50, (("fire", 0.5), ("ice", 0.5))),
        (75, (("ice", 0.75), ("fire", 0.25))),
        (12.5, (("fire", 0.875), ("ice", 0.125))),
    ],
)
def test_a_mixture_names_the_heavier_first_and_nothing_of_no_weight(share, types):
    assert mixture("fire", "ice", share) == types
    assert mixture("fire", "fire", share) == (("fire", 1.0),)


def test_a_blend_is_what_the_model_draws_of_the_mixture(studio, small_models):
    blend = blend_of(studio, "paints", "fire", "ice", 30, seed=4, number=2)
    generator = pokegan.load(small_models / "paints")
    equal(blend.row, generator.sample(8, 4, {"fire": 0.7, "ice": 0.3}))
    assert STRIP_SHARES == (0, 12.5, 25, 37.5, 50, 62.5, 75, 87.5, 100)
    equal(blend.strip[:1], generator.sample(2, 4, "fire")[1:])
    equal(blend.strip[-1:], generator.sample(2, 4, "ice")[1:])
    equal(blend.strip[3:4], generator.sample(2, 4, {"fire": 0.625, "ice": 0.375})[1:])
    for image, ref in zip(
        [*blend.row, *blend.strip], [*blend.row_refs, *blend.strip_refs], strict=True
    ):
        sent = SpriteRef.from_dict(ref.to_dict(), studio.models)
        equal([studio.sprite(sent)[0]], [image])


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        (("groups", "fire", "ice", 50, 0, 1), "model: choose among paints."),
        (("paints", "lava", "ice", 50, 0, 1), "types: choose two of normal, "),
        (("paints", "fire", "ice", 101, 0, 1), "share must be a whole number from 0 to 100."),
        (("paints", "fire", "ice", 50, -1, 1), "seed must be a whole number from 0 to "),
        (("paints", "fire", "ice", 50, 0, 0), "sprite number must be a whole number from 1 to 64."),
    ],
)
def test_what_cannot_be_blended_is_one_line(studio, asked, line):
    with pytest.raises(PokeGANError) as refused:
        blend_of(studio, *asked)
    assert str(refused.value).startswith(line)


def test_the_api_draws_the_table(client, studio):
    groups, paints = client.predict(models=["paints", "groups"], seed=5, api_name="/types")
    assert (groups["model"], groups["knows"]) == ("groups", "group")
    assert (paints["model"], paints["knows"]) == ("paints", "types")
    assert paints["types"] == paints["labels"] == list(TYPES)
    assert groups["labels"] != list(TYPES)
    equal(map(read, paints["sprites"]), types_column(studio, "paints", 5, 1).images)


def test_the_api_draws_every_model_that_knows_types_by_default(client):
    columns = client.predict(api_name="/types")
    assert sorted(column["model"] for column in columns) == ["groups", "paints", "told"]


def test_the_api_blends(client, studio):
    made = client.predict(first="bug", second="rock", share=80, seed=2, api_name="/blend")
    expected = blend_of(studio, "paints", "bug", "rock", 80, 2, 1)
    assert made["shares"] == list(STRIP_SHARES)
    equal(map(read, made["sprites"]), expected.row)
    equal(map(read, made["strip"]), expected.strip)


@pytest.mark.parametrize(
    ("api", "request_", "line"),
    [
        ("/types", {"models": ["plain"]}, r"models: choose among [^\n]*"),
        ("/types", {"models": []}, r"Choose at least one model\."),
        ("/types", {"sprite": 65}, r"sprite number must be a whole number from 1 to 64\."),
        ("/types", {"seed": "<b>"}, r"seed must be a whole number from 0 to 4294967295\."),
        ("/blend", {"model": "groups"}, r"model: choose among paints\."),
        ("/blend", {"share": "x"}, r"share must be a whole number from 0 to 100\."),
    ],
)
def test_hostile_requests_get_one_clear_line(client, api, request_, line):
    with pytest.raises(AppError, match=f"^{line}$"):
        client.predict(**request_, api_name=api)


def test_a_latent_is_asked_for_with_its_number_alone():
    assert SpriteRef("m", Request(1, 3), 19).request.count == 1
