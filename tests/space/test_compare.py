"""The first tab's markup, its links, and the guessing game."""

import html
import json
import re
from types import SimpleNamespace
from urllib.parse import parse_qsl

import numpy as np
import pytest
from PIL import Image

from pokegan import PokeGANError


@pytest.fixture
def compare():
    import compare

    return compare


@pytest.fixture
def drawing():
    import drawing

    return drawing


@pytest.fixture
def page(drawing):
    """A page of models a and b, none of which can be loaded: rows are given."""
    import models_index

    models = {name: models_index.ModelSource(name, name) for name in ("ada/m", "b")}
    return SimpleNamespace(studio=drawing.Studio(models, models_index.ModelShelf(1)))


def picture(size=64, mode="RGB", seed=0):
    shape = (size, size, len(mode))
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8))


def row_of(drawing, name="b", images=None, **fields):
    images = (picture(),) * 2 if images is None else images
    request = drawing.Request(len(images) or 1, 3)
    return drawing.Row(name, request, tuple(images), ("data:,",) * len(images), **fields)


def rows_html(compare, page, *rows):
    request = next(row.request for row in rows)
    return compare.rows_html(rows, page, request, [row.name for row in rows])


def data_of(markup, name):
    return [json.loads(html.unescape(text)) for text in re.findall(rf'{name}="([^"]*)"', markup)]


@pytest.mark.parametrize(
    ("size", "shown"), [(16, 128), (32, 128), (64, 128), (96, 96), (128, 128), (256, 256)]
)
def test_sprites_are_enlarged_by_whole_factors(compare, drawing, page, size, shown):
    markup = rows_html(compare, page, row_of(drawing, images=[picture(size)] * 2))
    assert markup.count(f'width="{shown}" height="{shown}"') == 2
    assert f"--side:{shown}px" in markup


def test_every_sprite_stands_for_what_draws_it_again(compare, drawing, page):
    row = row_of(drawing, "ada/m", labels=("fire", "ice"))
    markup = rows_html(compare, page, row)
    assert data_of(markup, "data-sprite") == [
        json.loads(json.dumps(row.ref(index).to_dict())) for index in range(2)
    ]
    assert 'alt="ada/m, seed 3, sprite 2"' in markup
    assert "<figcaption>2 ice</figcaption>" in markup


def test_errors_stand_above_the_rows(compare, drawing, page):
    failed = drawing.Row("ada/m", drawing.Request(2, 3), error="ada/m: lost")
    markup = rows_html(compare, page, failed, row_of(drawing))
    assert markup.count("<li>") == 1
    assert markup.index("ada/m: lost") < markup.index("<figure>")
    assert markup.count("<figure>") == 2
    assert compare.rows_json([failed])[0] == {"model": "ada/m", "error": "ada/m: lost"}


def test_texts_of_a_model_are_escaped(compare, drawing, page):
    import models_index

    evil = '<script>alert("1")</script>'
    page.studio.models[evil] = models_index.ModelSource(evil, evil)
    row = row_of(drawing, evil, description=evil)
    markup = rows_html(compare, page, row, drawing.Row("b", row.request, error=evil))
    assert "<script" not in markup
    assert markup.count("&lt;script&gt;") >= 5


@pytest.mark.parametrize(("lengths", "noted"), [([8], 0), ([8, 5], 0), ([8, 8], 1)])
def test_shared_latents_are_pointed_out(compare, drawing, page, lengths, noted):
    names = ["ada/m", "b"]
    rows = [row_of(drawing, names[i], latent_dim=n) for i, n in enumerate(lengths)]
    assert rows_html(compare, page, *rows).count("pg-note") == noted


def test_times_read_well(compare, drawing, page):
    facts = [
        re.search(r"drawn in ([^<]+)<", rows_html(compare, page, row_of(drawing, seconds=seconds)))[
            1
        ]
        for seconds in (0.0834, 12.34)
    ]
    assert facts == ["83 ms", "12.3 s"]


def test_a_model_without_types_says_so_where_types_are_asked(compare, drawing, page):
    asked = drawing.Request(2, 3, (("fire", 1.0),))
    images = (picture(),) * 2
    uris = ("data:,",) * 2
    unaware = drawing.Row("b", asked, images, uris)
    aware = drawing.Row("ada/m", asked, images, uris, ("fire", "fire"))
    assert rows_html(compare, page, unaware, aware).count("knows no types") == 1
    assert "knows no types" not in rows_html(compare, page, row_of(drawing))


def test_the_link_restores_the_request(compare, drawing):
    request = drawing.Request(5, 2**32 - 1, (("fire", 0.5), ("ghost", 0.5)), True, 0.35)
    query = dict(parse_qsl(compare.link_of(["ada/m", "b"], request).removeprefix("?")))
    assert query == {
        "tab": "compare",
        "models": "ada/m,b",
        "type": "fire",
        "type2": "ghost",
        "n": "5",
        "seed": "4294967295",
        "shiny": "1",
        "truncation": "0.35",
    }
    plain = dict(parse_qsl(compare.link_of(["b"], drawing.Request(16, 0)).removeprefix("?")))
    assert plain == {"tab": "compare", "models": "b", "n": "16", "seed": "0"}


# ---- guessing -----------------------------------------------------------------------------------


@pytest.fixture
def game(drawing, page, monkeypatch):
    import guess

    rows = {name: row_of(drawing, name, [picture(seed=s)] * 9) for s, name in enumerate("bc")}
    monkeypatch.setattr(page.studio, "draw", lambda name, request: rows[name])
    return SimpleNamespace(
        module=guess,
        rows=[rows["c"], rows["b"]],
        round=guess.Guess(("c", "b"), rows["b"].request),
    )


def test_the_rows_of_the_game_tell_nothing(game, page):
    markup = game.module.guess_html(game.rows, page)
    outside = re.sub(r"<select.*?</select>", "", markup)
    assert not re.search(r">[bc]<|\"[bc]\"|[bc],", outside)
    assert markup.count("<select") == 2
    # The choices are in one order, whatever the order of the rows.
    assert re.findall(r'value="(\w)"', markup) == ["b", "c"] * 2
    assert markup.count("<img") == 2 * game.module.SHOWN


@pytest.mark.parametrize(
    ("guesses", "right"), [(["c", "b"], 2), (["b", "b"], 1), (["b", "c"], 0), ([3, None], 0)]
)
def test_guesses_are_counted_and_the_names_revealed(game, page, guesses, right):
    counted, markup = game.module.reveal_html(game.round, {"guesses": guesses}, page, [3, 4])
    assert counted == right
    assert f"{right} of 2 right. In all: {3 + right} of 6." in markup
    assert markup.count("✓") == right
    assert markup.index("<strong>c</strong>") < markup.index("<strong>b</strong>")


@pytest.mark.parametrize("data", [None, {}, {"guesses": ["b"]}, {"guesses": "bc"}, []])
def test_a_round_takes_one_guess_for_each_row(game, page, data):
    with pytest.raises(PokeGANError, match=r"^Choose a model for each row\.$"):
        game.module.reveal_html(game.round, data, page, [0, 0])


def test_a_wrong_guess_repeats_no_text_of_the_request(game, page):
    _, markup = game.module.reveal_html(game.round, {"guesses": ["<b>", "b"]}, page, [0, 0])
    assert "<b>" not in markup
    assert "&lt;b&gt;" not in markup


# ---- copy as Python -----------------------------------------------------------------------------


def test_the_python_lines_draw_the_same(drawing, monkeypatch, tmp_path):
    from dataclasses import replace

    import models_index
    import python_lines
    from space.test_drawing import save_sprite

    (tmp_path / "space/models").mkdir(parents=True)
    folder = save_sprite(tmp_path / "space/models/palette")
    monkeypatch.setattr(models_index, "HOME", (tmp_path / "space/models").resolve())
    monkeypatch.chdir(tmp_path)
    models = {"palette": models_index.ModelSource("palette", folder)}
    studio = drawing.Studio(models, models_index.ModelShelf(1))
    types = (("ghost", 0.5), ("fire", 0.5))
    for request in (
        drawing.Request(3, 7),
        drawing.Request(3, 7, types, True, 0.5),
        drawing.Request(3, 7, types[:1]),
    ):
        row = studio.draw("palette", request)
        found = _run(python_lines.python_of_row("palette", request, studio))["sprites"]
        assert [i.tobytes() for i in found] == [i.tobytes() for i in row.images]
        for ref in (row.ref(2), replace(row.ref(1), recolor=(11, 3))):
            sprite = _run(python_lines.python_of(ref, studio))["sprite"]
            assert sprite.tobytes() == studio.sprite(ref)[0].tobytes()


def test_on_the_hub_the_python_lines_fetch_the_spaces_models(drawing, monkeypatch, tmp_path):
    import models_index
    import python_lines

    monkeypatch.setattr(models_index, "HOME", tmp_path.resolve())
    monkeypatch.setattr(python_lines, "SPACE_ID", "ada/page")
    (tmp_path / "tiny").mkdir()
    models = {
        "tiny": models_index.ModelSource("tiny", tmp_path / "tiny"),
        "ada/far": models_index.ModelSource("ada/far", "ada/far"),
    }
    studio = drawing.Studio(models, models_index.ModelShelf(1))
    lines = python_lines.python_of_row("tiny", drawing.Request(1, 0), studio)
    compile(lines, "copied", "exec")
    assert (
        "snapshot_download('ada/page', repo_type='space', allow_patterns='models/tiny/*'" in lines
    )
    far = python_lines.python_of_row("ada/far", drawing.Request(1, 0), studio)
    assert "pokegan.load('ada/far')" in far


def _run(lines):
    names = {}
    exec(lines, names)
    return names


# ---- slow models --------------------------------------------------------------------------------


def test_progress_is_told_until_the_work_is_done(compare, monkeypatch):
    monkeypatch.setattr(compare, "TOLD_EVERY_SECONDS", -1.0)
    done = []

    def work(tell):
        for step in range(1, 5):
            tell(step / 4)
        done.append(True)

    assert list(compare._percents(work)) == [25, 50, 75, 100]
    assert done == [True]


def test_work_that_fails_ends_the_progress_with_its_error(compare, monkeypatch):
    monkeypatch.setattr(compare, "TOLD_EVERY_SECONDS", -1.0)

    def work(tell):
        tell(0.5)
        raise PokeGANError("slow: lost")

    told = compare._percents(work)
    assert next(told) == 50
    with pytest.raises(PokeGANError, match=r"^slow: lost$"):
        next(told)


def test_browsers_are_not_told_of_every_step(compare, monkeypatch):
    now = iter([0.0, 0.0, 0.1, 0.2, 0.5, 0.5, 0.6])
    monkeypatch.setattr(compare.time, "monotonic", lambda: next(now))
    assert list(compare._percents(lambda tell: [tell(step / 5) for step in range(5)])) == [0, 60]
