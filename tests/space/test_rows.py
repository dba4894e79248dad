import base64
import io
import re

import numpy as np
import pytest
from PIL import Image
from space.space_server import save_model

import pokegan
from pokegan import PokeGANError


@pytest.fixture
def rows():
    import rows

    return rows


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    return [save_model(root / "a", seed=1), save_model(root / "b", seed=2, latent_dim=5)]


@pytest.fixture
def offered(rows, folders):
    """The models by name, and a shelf."""
    import models_index

    models = {path.name: models_index.ModelSource(path.name, path) for path in folders}
    return models, models_index.ModelShelf(capacity=4)


def pixels(images):
    return [np.asarray(image) for image in images]


def from_uri(uri):
    kind, data = uri.split(",")
    assert kind == "data:image/png;base64"
    return Image.open(io.BytesIO(base64.b64decode(data)))


def picture(size=64, mode="RGB", seed=0):
    shape = (size, size, len(mode))
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8))


def test_rows_are_the_models_own_samples(rows, offered, folders):
    drawn = rows.draw_rows(["b", "a"], 3, 7, *offered)
    assert [row.name for row in drawn] == ["a", "b"]
    for row, folder in zip(drawn, folders, strict=True):
        expected = pokegan.load(folder).sample(3, seed=7)
        np.testing.assert_array_equal(pixels(row.images), pixels(expected))
        assert row.seconds > 0
        assert row.latent_dim == pokegan.load(folder).latent_dim


def test_the_same_seed_gives_the_same_rows_for_any_count(rows, offered):
    few, again, many, other = (
        rows.draw_rows(["a"], count, seed, *offered)[0].images
        for count, seed in [(2, 5), (2, 5), (20, 5), (2, 6)]
    )
    np.testing.assert_array_equal(pixels(few), pixels(again))
    np.testing.assert_array_equal(pixels(few), pixels(many[:2]))
    assert not np.array_equal(pixels(few), pixels(other))


@pytest.mark.parametrize("error", [PokeGANError("a: weights lost"), RuntimeError("/secret/path")])
def test_one_failing_model_leaves_the_others(rows, offered, monkeypatch, error):
    models, shelf = offered
    get = shelf.get

    def fail_for_a(model):
        if model.name == "a":
            raise error
        return get(model)

    monkeypatch.setattr(shelf, "get", fail_for_a)
    failed, drawn = rows.draw_rows(["a", "b"], 2, 0, models, shelf)
    assert failed.error.startswith("a: ")
    assert "/secret" not in failed.error
    assert not failed.images
    assert len(drawn.images) == 2
    html = rows.rows_html([failed, drawn], 0)
    assert html.count("<li>") == 1
    assert html.count("<figure>") == 2
    assert rows.rows_json([failed, drawn])[0] == {"model": "a", "error": failed.error}


@pytest.mark.parametrize(
    ("models", "count", "seed"),
    [
        ([], 1, 0),
        (None, 1, 0),
        ("a", 1, 0),
        (["a", "a"], 1, 0),
        (["nobody<b>"], 1, 0),
        (["../a"], 1, 0),
        ([["a"]], 1, 0),
        (["a", "b", "a"], 1, 0),
        (["a"], 0, 0),
        (["a"], 65, 0),
        (["a"], True, 0),
        (["a"], 2.0, 0),
        (["a"], "3<b>", 0),
        (["a"], None, 0),
        (["a"], 1, -1),
        (["a"], 1, 2**32),
        (["a"], 1, float("nan")),
        (["a"], 1, None),
        (["a"], 1, 10**400),
    ],
)
def test_hostile_requests_are_one_line_that_repeats_nothing(rows, models, count, seed):
    with pytest.raises(PokeGANError) as caught:
        rows.check_request(models, count, seed, ["a", "b"])
    message = str(caught.value)
    assert len(message) < 120
    assert "\n" not in message
    assert "<b>" not in message


@pytest.mark.parametrize(("count", "seed"), [(1, 0), (64, 2**32 - 1)])
def test_the_bounds_themselves_are_allowed(rows, count, seed):
    rows.check_request(["b", "a"], count, seed, ["a", "b"])


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_pictures_are_lossless(rows, mode):
    image = picture(mode=mode)
    decoded = from_uri(rows.png_uri(image))
    assert decoded.mode == mode
    np.testing.assert_array_equal(decoded, image)


@pytest.mark.parametrize(
    ("size", "shown"), [(16, 128), (32, 128), (64, 128), (96, 96), (128, 128), (256, 256)]
)
def test_sprites_are_enlarged_by_whole_factors(rows, size, shown):
    html = rows.rows_html([rows.Row("m", [picture(size)] * 2)], 0)
    assert html.count(f'width="{shown}" height="{shown}"') == 2
    assert f"--side:{shown}px" in html


@pytest.mark.parametrize(("mode", "corner"), [("RGB", (255, 255, 255)), ("RGBA", (0, 0, 0, 0))])
def test_the_sheet_holds_every_sprite(rows, mode, corner):
    images = [picture(mode=mode, seed=seed) for seed in range(10)]
    for image in images:
        if mode == "RGBA":
            image.putalpha(255)
    html = rows.rows_html([rows.Row("ada/m", images)], 3)
    (uri, name) = re.search(r'href="([^"]+)" download="([^"]+)"', html).groups()
    assert name == "ada-m-seed-3-10.png"
    sheet = from_uri(uri)
    assert sheet.mode == mode
    # 8 columns and 2 rows of 64 px sprites, 2 px apart, enlarged twice.
    assert sheet.size == (2 * (8 * 66 + 2), 2 * (2 * 66 + 2))
    assert len(corner) == len(mode)
    if mode == "RGB":
        assert sheet.getpixel((0, 0)) == corner
    else:
        assert sheet.getpixel((0, 0))[3] == 0
    for index, image in enumerate(images):
        row, column = divmod(index, 8)
        left, top = 2 * (2 + 66 * column), 2 * (2 + 66 * row)
        cut = sheet.crop((left, top, left + 128, top + 128))
        np.testing.assert_array_equal(cut, image.resize((128, 128), Image.Resampling.NEAREST))


def test_texts_of_a_model_are_escaped(rows):
    evil = '<script>alert("1")</script>'
    row = rows.Row(evil, [picture()], description=evil)
    html = rows.rows_html([row, rows.Row("x", error=evil)], 0)
    assert "<script" not in html
    assert html.count("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;") >= 4


@pytest.mark.parametrize(("lengths", "noted"), [([8], 0), ([8, 5], 0), ([8, 5, 8], 1)])
def test_shared_latents_are_pointed_out(rows, lengths, noted):
    drawn = [rows.Row(f"m{i}", [picture()], latent_dim=n) for i, n in enumerate(lengths)]
    assert rows.rows_html(drawn, 0).count("pg-note") == noted


def test_times_read_well(rows):
    facts = [
        re.search(r"drawn in ([^<]+)<", rows.rows_html([rows.Row("m", [picture()], s)], 0))[1]
        for s in (0.0834, 12.34)
    ]
    assert facts == ["83 ms", "12.3 s"]
