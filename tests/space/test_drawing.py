import base64
import io
import json

import numpy as np
import pytest
from PIL import Image
from space.space_server import save_model

import pokegan
from pokegan import PokeGANError
from pokegan.models.base import SpriteModel
from pokegan.models.cdcgan import CDCGANGenerator
from pokegan.models.sprite import SpriteGenerator


def save_sprite(folder):
    """A tiny palette generator, whose types and palettes show."""
    SpriteGenerator(
        latent_dim=6, palette_dim=2, style_dim=8, widths=[4, 4], colors=4, size=16
    ).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    groups = CDCGANGenerator(latent_dim=4, base_width=4, size=32)
    groups.save_pretrained(root / "groups")
    return {
        "a": save_model(root / "a", seed=1),
        "b": save_model(root / "b", seed=2, latent_dim=5),
        "groups": root / "groups",
        "palette": save_sprite(root / "palette"),
    }


@pytest.fixture
def studio(folders):
    import drawing
    import models_index

    models = {name: models_index.ModelSource(name, path) for name, path in folders.items()}
    return drawing.Studio(models, models_index.ModelShelf(capacity=4))


@pytest.fixture
def asked():
    """Makes requests."""
    import drawing

    def make(count=2, seed=0, *types, **options):
        return drawing.Request(count, seed, drawing.asked_types(*types), **options)

    return make


def opened(uri):
    kind, data = uri.split(",")
    assert kind == "data:image/png;base64"
    return Image.open(io.BytesIO(base64.b64decode(data))).tobytes()


def pixels(images):
    return [np.asarray(image) for image in images]


def test_rows_are_the_models_own_samples(studio, asked, folders):
    drawn = studio.draw_all(["b", "a"], asked(3, 7, truncation=0.5))
    assert [row.name for row in drawn] == ["a", "b"]
    for row in drawn:
        model = pokegan.load(folders[row.name])
        expected = model.sample(3, seed=7, truncation=0.5)
        np.testing.assert_array_equal(pixels(row.images), pixels(expected))
        assert row.seconds > 0
        assert [*map(opened, row.uris)] == [image.tobytes() for image in row.images]
        assert row.latent_dim == model.latent_dim


def test_the_same_seed_gives_the_same_rows_for_any_count(studio, asked):
    few, again, many, other = (
        studio.draw("a", asked(count, seed)).images
        for count, seed in [(2, 5), (2, 5), (20, 5), (2, 6)]
    )
    np.testing.assert_array_equal(pixels(few), pixels(again))
    np.testing.assert_array_equal(pixels(few), pixels(many[:2]))
    assert not np.array_equal(pixels(few), pixels(other))


def test_each_model_takes_of_the_types_what_it_knows(studio, asked, folders):
    rows = {row.name: row for row in studio.draw_all([*folders], asked(2, 3, "ghost", "fire"))}
    assert rows["a"].labels == ()
    assert rows["groups"].labels == ("dark-ghost",) * 2
    assert rows["palette"].labels == ("ghost + fire",) * 2
    palette, groups = (pokegan.load(folders[name]) for name in ("palette", "groups"))
    mixed = palette.sample(2, seed=3, types={"ghost": 0.5, "fire": 0.5})
    np.testing.assert_array_equal(pixels(rows["palette"].images), pixels(mixed))
    grouped = groups.sample(2, seed=3, types="ghost")
    np.testing.assert_array_equal(pixels(rows["groups"].images), pixels(grouped))
    for name in ("a", "b"):
        np.testing.assert_array_equal(
            pixels(rows[name].images), pixels(studio.draw(name, asked(2, 3)).images)
        )


def test_shiny_is_asked_of_those_that_know_it(studio, asked, folders):
    shiny = {row.name: row for row in studio.draw_all([*folders], asked(2, 3, shiny=True))}
    assert not any(row.error for row in shiny.values())
    expected = pokegan.load(folders["palette"]).sample(2, seed=3, shiny=True)
    np.testing.assert_array_equal(pixels(shiny["palette"].images), pixels(expected))


def test_labels_that_the_seed_chose_are_those_that_were_drawn(studio, asked):
    for name in ("palette", "groups"):
        row = studio.draw(name, asked(5, 9))
        generator = studio.load(name).generator
        for index, label in enumerate(row.labels):
            again = generator.sample(index + 1, seed=9, types=label)[-1]
            np.testing.assert_array_equal(np.asarray(again), np.asarray(row.images[index]))


def test_a_sprite_is_found_again_from_its_json(studio, asked):
    import drawing

    for name in ("a", "palette"):
        row = studio.draw(name, asked(3, 8, "fire", truncation=0.7))
        data = json.loads(json.dumps(row.ref(2).to_dict()))
        ref = drawing.SpriteRef.from_dict(data, studio.models)
        assert ref == row.ref(2)
        image, label = studio.sprite(ref)
        np.testing.assert_array_equal(np.asarray(image), np.asarray(row.images[2]))
        assert label == (row.labels[2] if row.labels else "")


@pytest.mark.parametrize("types", [(), ("fire",), ("fire", "ghost")])
def test_a_recoloured_sprite_keeps_its_shape_and_is_found_again(studio, asked, types):
    from dataclasses import replace

    ref = studio.draw("palette", asked(4, 8, *types, truncation=0.7)).ref(3)
    original = np.asarray(studio.sprite(ref)[0])
    recolored = studio.recolored(ref, seed=5, count=3)
    for image in recolored:
        np.testing.assert_array_equal(np.asarray(image)[..., 3], original[..., 3])
        assert not np.array_equal(np.asarray(image), original)
    again, _ = studio.sprite(replace(ref, recolor=(5, 1)))
    np.testing.assert_array_equal(np.asarray(again), np.asarray(recolored[1]))
    with pytest.raises(PokeGANError, match="no palette"):
        studio.recolored(studio.draw("a", asked()).ref(0), 5, 2)


REF = {
    "model": "a",
    "request": {"count": 2, "seed": 0, "types": [], "shiny": False, "truncation": 1.0},
    "index": 0,
    "recolor": None,
}


@pytest.mark.parametrize(
    "change",
    [
        {"model": "../a"},
        {"model": ["a"]},
        {"model": {}},
        {"index": -1},
        {"index": 64},
        {"index": "0"},
        {"recolor": [1]},
        {"recolor": [1, -1]},
        {"recolor": "ab"},
        {"request": None},
        {"request": REF["request"] | {"count": 10**9}},
        {"request": REF["request"] | {"seed": 2**32}},
        {"request": REF["request"] | {"types": [["fire", 2.0]]}},
        {"request": REF["request"] | {"types": [["<b>", 1.0]]}},
        {"request": REF["request"] | {"types": [["fire", 0.5], ["fire", 0.5]]}},
        {"request": REF["request"] | {"truncation": float("nan")}},
        {"request": REF["request"] | {"truncation": 99}},
        {"request": REF["request"] | {"shiny": 3}},
        {"request": REF["request"] | {"more": 3}},
        {"request": {"types": []} | {"count": "<b>"}},
    ],
)
def test_hostile_references_are_one_line_that_repeats_nothing(studio, change):
    import drawing

    assert drawing.SpriteRef.from_dict(REF, studio.models)
    with pytest.raises(PokeGANError) as caught:
        drawing.SpriteRef.from_dict(REF | change, studio.models)
    assert "<b>" not in str(caught.value)
    assert len(str(caught.value)) < 300
    for data in (None, [], "a", 3, {}):
        with pytest.raises(PokeGANError):
            drawing.SpriteRef.from_dict(data, studio.models)


@pytest.mark.parametrize("error", [PokeGANError("a: weights lost"), RuntimeError("/secret/path")])
def test_one_failing_model_leaves_the_others(studio, asked, monkeypatch, error):
    get = studio.shelf.get

    def fail_for_a(model):
        if model.name == "a":
            raise error
        return get(model)

    monkeypatch.setattr(studio.shelf, "get", fail_for_a)
    failed, drawn = studio.draw_all(["a", "b"], asked())
    assert failed.error.startswith("a: ")
    assert "/secret" not in failed.error
    assert not failed.images
    assert len(drawn.images) == 2
    # A failure is not remembered: what is mended is drawn.
    monkeypatch.setattr(studio.shelf, "get", get)
    assert len(studio.draw("a", asked()).images) == 2


def test_what_was_drawn_is_remembered_within_bounds(studio, asked, monkeypatch):
    import drawing

    monkeypatch.setattr(drawing, "KEPT_SPRITES", 6)
    first = studio.draw("a", asked(2, 0))
    assert studio.draw("a", asked(2, 0)) is first
    for seed in (1, 2):
        studio.draw("a", asked(2, seed))
    assert studio.draw("a", asked(2, 0)) is first
    studio.draw("a", asked(2, 3))  # seed 1 was asked for longest ago
    assert studio.draw("a", asked(2, 0)) is first
    studio.draw("a", asked(6, 4))
    assert studio.draw("a", asked(2, 0)) is not first
    studio.draw("a", asked(7, 5))  # more than may be kept is drawn all the same
    assert studio._kept <= 6


def test_no_model_beside_the_list_is_loaded(studio, tmp_path):
    save_model(tmp_path / "other")
    for name in (str(tmp_path / "other"), "../a", "user/name"):
        with pytest.raises(PokeGANError, match=r"^There is no such model here\.$"):
            studio.load(name)


def test_what_models_can_do_is_known_without_loading_them(studio, monkeypatch):
    monkeypatch.setattr(pokegan, "load", None)
    assert studio.able("recolor") == ["palette"]
    assert studio.able("encode") == []
    conditionings = {name: model.conditioning for name, model in studio.models.items()}
    assert conditionings == {"a": None, "b": None, "groups": "group", "palette": "types"}
    assert not any(model.is_slow for model in studio.models.values())


@pytest.mark.parametrize(
    ("names", "known"),
    [
        ([], "ab"),
        (None, "ab"),
        ("a", "ab"),
        (["a", "a"], "ab"),
        (["nobody<b>"], "ab"),
        (["../a"], "ab"),
        ([["a"]], "ab"),
        (["a", "b", "a"], "ab"),
    ],
)
def test_hostile_lists_are_one_line_that_repeats_nothing(names, known):
    import drawing

    assert drawing.check_names(["b", "a"], [*known]) == ["b", "a"]
    with pytest.raises(PokeGANError) as caught:
        drawing.check_names(names, [*known])
    message = str(caught.value)
    assert len(message) < 120
    assert "\n" not in message
    assert "<b>" not in message


def test_the_steps_of_a_slow_model_are_told(tmp_path, asked):
    import drawing
    import models_index

    from pokegan.models.ddpm import DDPM

    DDPM(widths=[8, 8], size=16, sampling_steps=3).save_pretrained(tmp_path / "slow")
    source = models_index.ModelSource("slow", tmp_path / "slow")
    studio = drawing.Studio({"slow": source}, models_index.ModelShelf(1))
    assert source.is_slow
    told = []
    row = studio.draw("slow", asked(17, 1), told.append)  # two chunks of three steps
    assert not row.error
    np.testing.assert_allclose(told, [k / 6 for k in range(1, 7)])
    assert SpriteModel.on_step is None
    assert studio.load("slow").generator.on_step is None
