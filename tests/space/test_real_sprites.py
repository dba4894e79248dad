"""Real sprites as a row, from a small synthetic dataset that stands for them."""

import io
import json
import shutil
import zipfile

import numpy as np
import pytest
from gradio_client import Client
from space.space_server import copy_space, running_space, save_model
from sprite_shards import write_shards

from pokegan import PokeGANError
from pokegan.data.resolve import open_sprites
from pokegan.data.types import NO_TYPE, TYPES


@pytest.fixture(scope="session")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("real") / "creatures"
    return write_shards(folder, species=60, rows_per_shard=100, rows_per_group=50)


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory):
    return save_model(tmp_path_factory.mktemp("beside") / "alpha")


@pytest.fixture
def real(dataset, monkeypatch):
    import real_sprites

    monkeypatch.setenv("POKEGAN_REAL", str(dataset))
    return real_sprites.find_real_sprites(())


@pytest.fixture
def studio(real, model_folder):
    from drawing import Studio
    from models_index import ModelShelf, ModelSource

    return Studio({"alpha": ModelSource("alpha", model_folder)}, ModelShelf(2), real)


@pytest.fixture
def request_of():
    from drawing import Request, asked_types

    def make(count=8, seed=0, first=None, second=None, shiny=False):
        return Request(count, seed, asked_types(first, second), shiny)

    return make


@pytest.fixture(scope="session")
def rows(dataset):
    return [dict(row) for row in open_sprites(str(dataset), "train").dataset]


def types_of(row):
    return {TYPES[label] for label in (row["type1"], row["type2"]) if label != NO_TYPE}


# ---- where they are -----------------------------------------------------------------------------


def test_only_what_is_there_is_offered(monkeypatch, tmp_path, dataset):
    from real_sprites import find_real_sprites

    monkeypatch.setenv("POKEGAN_CACHE", str(tmp_path / "cache"))
    assert find_real_sprites(()) is None
    assert not (tmp_path / "cache").exists()  # nothing was fetched or built
    for setting, found in (
        ("0", False),
        (str(tmp_path), False),
        (str(tmp_path / "nowhere"), False),
        (str(dataset), True),
    ):
        monkeypatch.setenv("POKEGAN_REAL", setting)
        assert (find_real_sprites(()) is not None) == found, setting
    assert find_real_sprites(["real sprites"]) is None  # a model of that name goes first


def test_gen5_is_found_where_it_is_built(monkeypatch, tmp_path, dataset):
    import real_sprites

    monkeypatch.delenv("POKEGAN_REAL", raising=False)
    monkeypatch.setattr(real_sprites, "built_gen5", lambda: dataset)
    assert real_sprites.find_real_sprites(()).data == "gen5"
    monkeypatch.setenv("POKEGAN_REAL", "0")
    assert real_sprites.find_real_sprites(()) is None


def test_without_what_reads_datasets_there_are_none(monkeypatch, dataset):
    import real_sprites

    monkeypatch.setenv("POKEGAN_REAL", str(dataset))
    monkeypatch.setattr(real_sprites.importlib.util, "find_spec", lambda name: None)
    assert real_sprites.find_real_sprites(()) is None


# ---- what is drawn ------------------------------------------------------------------------------


def test_the_seed_draws_distinct_sprites_of_the_training_split(studio, rows, request_of):
    row = studio.draw("real sprites", request_of(16, 5))
    assert row.error == ""
    assert len(row.images) == len({*row.species}) == 16
    known = {each["species"]: each for each in rows if not each["shiny"]}
    for species, label in zip(row.species, row.labels, strict=True):
        assert {*label.split(" + ")} == types_of(known[species])
    assert all(image.mode == "RGBA" and image.size == (64, 64) for image in row.images)
    again, other = (studio.draw("real sprites", request_of(4, seed)) for seed in (5, 6))
    assert again.species == row.species[:4]
    assert again.species != other.species
    for one, two in zip(again.images, row.images, strict=False):
        np.testing.assert_array_equal(one, two)


def test_pictures_belong_to_their_names(studio, rows, request_of):
    from pokegan.data.images import to_training_batch

    row = studio.draw("real sprites", request_of(3, 1))
    known = {each["species"]: each for each in rows if not each["shiny"]}
    for image, species in zip(row.images, row.species, strict=True):
        stored = np.asarray(known[species]["image"].convert("RGBA"))[None]
        expected = to_training_batch(stored, 64, 4)[0].transpose(1, 2, 0)
        np.testing.assert_array_equal(image, expected)


def test_types_and_shiny_colours_are_kept_to(studio, rows, request_of):
    one = studio.draw("real sprites", request_of(64, 0, "fire"))
    expected = {r["species"] for r in rows if "fire" in types_of(r)}
    assert {*one.species} == expected
    both = next(types_of(r) for r in rows if len(types_of(r)) == 2)
    two = studio.draw("real sprites", request_of(64, 0, *both))
    assert {*two.species} == {r["species"] for r in rows if both <= types_of(r)}
    shiny = studio.draw("real sprites", request_of(64, 0, "fire", shiny=True))
    assert {*shiny.species} == {f"{name}, shiny" for name in expected}


def test_none_of_a_kind_is_one_line(studio, rows, request_of):
    pairs = {frozenset(types_of(r)) for r in rows}
    first, second = next(
        (a, b) for a in TYPES for b in TYPES if a < b and frozenset((a, b)) not in pairs
    )
    row = studio.draw("real sprites", request_of(4, 0, second, first))
    assert row.error == f"real sprites: none of the training split is {first} and {second}."
    assert not row.images


def test_a_damaged_dataset_is_one_line_without_a_path(dataset, tmp_path, monkeypatch, request_of):
    from real_sprites import find_real_sprites

    folder = shutil.copytree(dataset, tmp_path / "torn")
    for shard in folder.glob("data/train-*"):
        shard.write_bytes(b"no Parquet")
    monkeypatch.setenv("POKEGAN_REAL", str(folder))
    with pytest.raises(PokeGANError) as caught:
        find_real_sprites(()).row(request_of())
    assert str(caught.value) == "real sprites: the dataset torn cannot be read; build it again"


def test_memory_is_bounded(dataset, monkeypatch):
    import real_sprites

    monkeypatch.setattr(real_sprites, "MOST_SPRITES", 10)
    monkeypatch.setenv("POKEGAN_REAL", str(dataset))
    real = real_sprites.find_real_sprites(())
    assert len(real.sprites()) == 10
    assert real.picture_of(10, "anything") is None


# ---- on the page --------------------------------------------------------------------------------


def test_it_is_no_model(studio):
    assert [*studio.models] == ["alpha"]
    assert [*studio.sources] == ["alpha", "real sprites"]
    for method in ("encode", "mix", "recolor"):
        assert "real sprites" not in studio.able(method)
    with pytest.raises(PokeGANError, match="no such model"):
        studio.load("real sprites")


def test_a_sprite_is_drawn_again_from_its_reference(studio, request_of):
    from drawing import SpriteRef

    row = studio.draw("real sprites", request_of(8, 3))
    sent = json.loads(json.dumps(row.ref(2).to_dict()))
    ref = SpriteRef.from_dict(sent, studio.sources)
    np.testing.assert_array_equal(studio.sprite(ref)[0], row.images[2])
    assert studio.species(ref) == row.species[2]
    with pytest.raises(PokeGANError, match="no such model"):
        SpriteRef.from_dict(sent, studio.models)
    with pytest.raises(PokeGANError, match="palette"):
        studio.sprite(SpriteRef("alpha", request_of(1), 0, (1, 2)))


def test_a_sprite_beyond_the_last_is_refused(studio, request_of, rows):
    from drawing import SpriteRef

    few = len({r["species"] for r in rows if "fire" in types_of(r)})
    with pytest.raises(PokeGANError, match="no sprite of this page"):
        studio.sprite(SpriteRef("real sprites", request_of(1, 0, "fire"), few))


def test_a_saved_row_says_species_and_types(studio, request_of):
    from pictures import rows_zip

    drawn = studio.draw_all(["alpha", "real sprites"], request_of(2, 3))
    archive = zipfile.ZipFile(io.BytesIO(rows_zip(drawn)))
    model, real = (json.loads(archive.read("sprites.json"))[place] for place in (0, 2))
    assert "species" not in model
    assert real["file"] == "real-sprites/00.png"
    assert real["species"] == drawn[1].species[0]
    assert {*real["types"].split(" + ")} <= {*TYPES}


def test_the_api_and_the_guessing_game_take_them(dataset, tmp_path):
    folder = copy_space(tmp_path / "space")
    save_model(folder / "models" / "alpha")
    with running_space(folder, tmp_path / "log.txt", POKEGAN_REAL=str(dataset)) as server:
        client = Client(server.url, verbose=False)
        (row,) = client.predict(
            models=["real sprites"], count=3, seed=4, type="fire", api_name="/compare"
        )
        first = client.predict(count=1, api_name="/compare")
    assert row["model"] == "real sprites"
    assert len(row["sprites"]) == len({*row["labels"]}) == 3
    assert row["description"] == "From the training split of creatures: what models learned from"
    assert [each["model"] for each in first] == ["alpha"]  # not before they are asked for


def test_rows_name_them_and_offer_no_python(studio, request_of):
    import compare
    import gradio as gr
    from guess import Guess, guess_html, reveal_html
    from page import Page

    page = Page(studio, gr.Blocks())
    request = request_of(2, 3)
    drawn = studio.draw_all(["alpha", "real sprites"], request)
    html = compare.rows_html(drawn, page, request, ["alpha", "real sprites"])
    model, real = html.split('data-model="real sprites"')
    assert "Copy as Python" in model
    assert "Copy as Python" not in real
    assert drawn[1].species[0] in real
    assert "latent numbers" not in real
    assert drawn[1].species[0] not in guess_html(drawn, page)
    game = Guess(("real sprites", "alpha"), request)
    right, markup = reveal_html(game, {"guesses": ["real sprites", "alpha"]}, page, [0, 0])
    assert right == 2
    assert "<strong>real sprites</strong>" in markup
