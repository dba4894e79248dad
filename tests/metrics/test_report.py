import base64
import csv
import io
import json
import re
from html.parser import HTMLParser
from urllib.parse import unquote

import numpy as np
import pytest
import torch
from metric_facts import NET, facts
from PIL import Image

from pokegan import PokeGANError
from pokegan.metrics.collect import read_ratings
from pokegan.metrics.compare import comparison_table
from pokegan.metrics.figures import (
    POINTS,
    comparison_figure,
    evenly,
    loss_curves,
    loss_figure,
    timeline_sheet,
    types_sheet,
)
from pokegan.metrics.rating import Ratings, Setup, Sheet
from pokegan.metrics.report import write_report
from pokegan.models.cdcgan import CDCGANGenerator
from pokegan.models.dcgan import DCGANGenerator
from pokegan.sheet import sprite_sheet

STEPS = (1, 2, 4, 8, 16, 32, 64, 100)


def shade(step, column):
    return (step, column, 0)


def write_timeline(folder, size=16, columns=3):
    """A sheet of two rows for each step; the first row's colours tell step and column."""
    (folder / "timeline").mkdir(parents=True)
    for step in STEPS:
        sprites = [Image.new("RGB", (size, size), shade(step, c)) for c in range(2 * columns)]
        sheet = sprite_sheet(sprites, columns, background=(255, 255, 255))
        sheet.save(folder / "timeline" / f"step-{step:08d}.png")


def write_log(folder, count=30):
    lines = [
        {"step": i, "kimg": i / 10, "seconds": i, "loss/generator": 1 / i, "D(x)": 0.5}
        for i in range(1, count + 1)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "training_log.jsonl").write_text(text)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A report on three models: one without a folder, one with everything, one of another size."""
    place = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    models = {
        "plain": DCGANGenerator(latent_dim=4, base_width=2, size=16),
        "typed <b>": CDCGANGenerator(latent_dim=4, base_width=4, size=16),
        "large": DCGANGenerator(latent_dim=4, base_width=2, size=32),
    }
    numbers = {
        "plain": facts(size=16, **{f"fd_{NET}": (90, 1.5)}),
        "typed <b>": facts(size=16, conditioning="group"),
        "large": facts(size=32),
    }
    folders = {"typed <b>": place / "typed", "large": place / "large"}
    write_timeline(folders["typed <b>"])
    write_log(folders["typed <b>"])
    folders["large"].mkdir()
    ratings = {"plain": {"colour": {"mean": 3.2, "n": 10}}}
    out = place / "out"
    page = write_report(out, numbers, models, folders, ratings, seed=0)
    assert page == out / "report.html"
    return out, numbers, (models, folders, ratings)


class Page(HTMLParser):
    """What a page refers to, and its text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.references, self.ids, self.words = [], [], [], []
        self.best = []
        self._in_best = False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        of = dict(attributes)
        for name in ("src", "href", "srcset", "data", "action", "poster", "xlink:href"):
            if name in of:
                self.references.append(of[name])
        self.ids.append(of.get("id"))
        self._in_best = tag == "strong" or (self._in_best and tag != "td")
        assert not any(name.startswith("on") for name in of), of

    def handle_data(self, text):
        self.words.append(text.strip())
        if self._in_best and text.strip():
            self.best.append(text.strip())
            self._in_best = False


BACKGROUND = "part => getComputedStyle(part).backgroundColor"
ON_TOP = """part => {
  part.scrollIntoView({block: "center"});
  const box = part.getBoundingClientRect();
  return document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2) === part;
}"""


@pytest.fixture(scope="module")
def page(written):
    return Page((written[0] / "report.html").read_text())


def test_the_page_refers_to_nothing_outside_itself(written, page):
    assert page.references
    for reference in page.references:
        if reference.startswith("#"):
            assert reference[1:] in page.ids
        else:
            assert reference.startswith("data:image/png;base64,")
    assert not {"script", "link", "iframe", "object", "embed", "base"} & set(page.tags)
    assert not re.search(r"url\(|@import|https?://", (written[0] / "report.html").read_text())


def test_the_page_holds_the_pictures_of_the_folder(written, page):
    out, _, _ = written
    uris = [reference for reference in page.references if reference.startswith("data:")]
    held = {base64.b64decode(uri.split(",")[1]) for uri in uris}
    files = {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*.png")}
    assert set(files) == {
        "comparison.png",
        "samples.png",
        "types.png",
        "losses.png",
        "timelines/typed <b>.png",
    }
    assert held == set(files.values())


def test_a_name_is_text_and_no_markup(page):
    assert "typed <b>" in page.words
    assert "b" not in page.tags


def test_best_values_are_marked_on_the_page(page):
    assert "90.0 ± 1.5" in page.best
    assert "100.0 ± 0.0" not in page.best


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_names_stay_where_a_table_scrolls_sideways(written, chromium, scheme):
    with chromium.new_context(
        viewport={"width": 390, "height": 844}, color_scheme=scheme
    ) as context:
        screen = context.new_page()
        screen.goto((written[0] / "report.html").as_uri())
        assert screen.evaluate("document.documentElement.scrollWidth") == 390
        table = screen.locator(".scroll").first
        table.scroll_into_view_if_needed()
        assert table.evaluate("table => (table.scrollLeft = 500, table.scrollLeft)") == 500
        left = table.bounding_box()["x"]
        for name in table.locator("tr > :first-child").all():
            assert name.bounding_box()["x"] == left
            # Values pass behind it and do not shine through.
            assert name.evaluate(ON_TOP)
            page = screen.locator("body").evaluate(BACKGROUND)
            assert name.evaluate(BACKGROUND) == page
            assert page.startswith("rgb(")


def test_real_sprites_and_floors_come_first_on_the_page(page):
    order = [page.words.index(name) for name in ("real sprites", "noise, N = 1500", "plain")]
    assert order == sorted(order)


def test_the_markdown_shows_the_table_and_files_that_exist(written):
    out, numbers, _ = written
    text = (out / "report.md").read_text()
    assert comparison_table(numbers) in text
    linked = re.findall(r"\]\(([^)\s]+)\)", text)
    assert set(map(unquote, linked)) == {
        path.relative_to(out).as_posix() for path in out.rglob("*.*") if path.name != "report.md"
    }
    assert not re.search(r"\n{3,}", text)


def test_the_csv_holds_all_models(written):
    out, numbers, _ = written
    rows = list(csv.DictReader(io.StringIO((out / "metrics.csv").read_text())))
    found = {row["model"]: float(row[f"fd_{NET}@1500 mean"]) for row in rows}
    assert found == {
        name: own["metrics"][f"fd_{NET}@1500"]["mean"] for name, own in numbers.items()
    }


def test_the_same_comparison_writes_the_same_files(written, tmp_path):
    out, numbers, rest = written
    write_report(tmp_path, numbers, *rest, seed=0)
    for path in out.rglob("*.*"):
        assert (tmp_path / path.relative_to(out)).read_bytes() == path.read_bytes(), path.name


def test_no_place_of_this_machine_is_told(written):
    out, _, _ = written
    for path in (out / "report.md", out / "report.html", out / "metrics.csv"):
        assert str(out.parent) not in path.read_text()


def test_parts_without_content_are_left_out(written, tmp_path):
    _, numbers, (models, _, _) = written
    write_report(tmp_path, {"plain": numbers["plain"]}, models, {}, {}, seed=0)
    heads = re.findall(r"^## (.*)$", (tmp_path / "report.md").read_text(), re.MULTILINE)
    assert heads == ["Metrics", "Fidelity", "Diversity and novelty", "Craft", "Sprites"]
    assert not (tmp_path / "types.png").exists()


def test_all_parts_are_there_where_they_have_content(written):
    heads = re.findall(r"^## (.*)$", (written[0] / "report.md").read_text(), re.MULTILINE)
    assert {"Ratings", "Type by type", "Timelines", "Losses"} < set(heads)


def test_different_protocols_write_nothing(written, tmp_path):
    _, numbers, rest = written
    other = {**numbers, "large": facts(size=32, samples=200)}
    with pytest.raises(PokeGANError, match="different samples"):
        write_report(tmp_path, other, *rest, seed=0)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_one_line(written, tmp_path):
    _, numbers, rest = written
    (tmp_path / "file").write_text("")
    with pytest.raises(PokeGANError, match="cannot be written"):
        write_report(tmp_path / "file", numbers, *rest, seed=0)


# ---- the figure of metrics -----------------------------------------------------------------------


def panel(figure, title):
    return next(axes for axes in figure.axes if axes.get_title().startswith(title))


def names_down(axes):
    labels = {tick.get_position()[1]: tick.get_text() for tick in axes.get_yticklabels()}
    top_is_small = axes.get_ylim()[0] > axes.get_ylim()[1]
    return [labels[y] for y in sorted(labels, reverse=not top_is_small)]


def test_bars_are_sorted_with_the_best_on_top():
    models = {
        "a": facts(**{f"fd_{NET}": 90, f"recall_{NET}": 0.9}),
        "b": facts(**{f"fd_{NET}": 80, f"recall_{NET}": 0.1}),
        "c": facts(**{f"fd_{NET}": 85, f"recall_{NET}": 0.95}),
    }
    figure = comparison_figure(models)
    assert names_down(panel(figure, "FD")) == ["b", "c", "a"]
    assert names_down(panel(figure, "recall")) == ["c", "a", "b"]
    assert [bar.get_width() for bar in panel(figure, "FD").patches] == [80, 85, 90]


def test_floors_are_lines_through_the_models_of_their_size():
    axes = panel(comparison_figure({"a": facts(), "b": facts(size=128)}), "FD")
    segments = [segment for lines in axes.collections for segment in lines.get_segments()]
    places = {(round(x, 2), (y + other) / 2) for (x, y), (_, other) in segments}
    assert {(33.64, 0), (34.28, 1)} < places  # real halves of 64 and of 128 px
    assert {(97, 0), (97, 1)} < places


def test_a_floor_that_is_far_away_is_told_and_squeezes_no_bar():
    axes = panel(comparison_figure({"a": facts(), "b": facts()}), "FD")
    assert axes.get_xlim()[1] < 150
    assert axes.get_xlabel() == "further right: noise 337.0"


def test_eighteen_models_do_not_overlap():
    models = {
        f"model-{i:02d}": facts(conditioning="group", **{f"fd_{NET}": 90 + i}) for i in range(18)
    }
    figure = comparison_figure(models)
    figure.canvas.draw()
    for axes in figure.axes:
        if axes.axison:
            tops = sorted(label.get_window_extent().y0 for label in axes.get_yticklabels())
            height = axes.get_yticklabels()[0].get_window_extent().height
            assert min(np.diff(tops)) >= height


# ---- losses --------------------------------------------------------------------------------------


def test_curves_are_the_logs_losses():
    lines = [{"kimg": i, "loss/critic": -i, "D(x)": 1, "step": i} for i in range(5)]
    curves = loss_curves([*lines, {"kimg": 9, "step": 9}])
    assert set(curves) == {"critic"}
    kimg, values = curves["critic"]
    assert kimg.tolist() == [0, 1, 2, 3, 4]
    assert values.tolist() == [0, -1, -2, -3, -4]


def test_a_long_log_is_averaged():
    lines = [{"kimg": i, "loss/critic": i % 2} for i in range(10 * POINTS)]
    kimg, values = loss_curves(lines)["critic"]
    assert len(kimg) == POINTS
    assert (values == 0.5).all()


def test_what_is_no_number_is_left_out():
    curves = loss_curves([{"kimg": 1, "loss/a": float("nan")}, {"kimg": 2, "loss/a": 3.0}])
    assert curves["a"][1].tolist() == [3.0]
    assert loss_curves([{"kimg": 1, "loss/a": float("inf")}]) == {}


def test_models_without_a_log_have_no_panel(tmp_path):
    write_log(tmp_path / "a")
    figure = loss_figure({"none": tmp_path, "a": tmp_path / "a"})
    assert [axes.get_title() for axes in figure.axes if axes.lines] == ["a"]
    assert loss_figure({"none": tmp_path}) is None


# ---- sprites -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "chosen"), [(1, [0]), (6, [0, 1, 2, 3, 4, 5]), (12, [0, 2, 4, 7, 9, 11])]
)
def test_stages_are_evenly_spaced_from_first_to_last(count, chosen):
    assert evenly(range(count), 6) == chosen


def test_a_timeline_shows_the_first_latents_at_six_steps(tmp_path):
    write_timeline(tmp_path)
    sheet = np.asarray(timeline_sheet(tmp_path, 16))
    left = sheet.shape[1] - 3 * 18  # beside the labels
    assert sheet.shape[0] == 6 * 18 + 2
    for row, step in enumerate((1, 2, 8, 16, 64, 100)):
        for column in range(3):
            place = sheet[2 + 18 * row :, left + 18 * column :][:16, :16]
            assert (place == shade(step, column)).all()
    assert (sheet[:, : left - 2] != 255).any()


def test_no_timeline_is_no_picture(tmp_path):
    assert timeline_sheet(tmp_path, 16) is None


@pytest.mark.parametrize("content", ["other size", "no image"])
def test_a_timeline_that_does_not_fit_is_one_line(tmp_path, content):
    write_timeline(tmp_path)
    path = tmp_path / "timeline" / "step-00000001.png"
    if content == "no image":
        path.write_bytes(b"GIF")
    else:
        Image.new("RGB", (25, 40)).save(path)
    with pytest.raises(PokeGANError, match=r"step-00000001\.png"):
        timeline_sheet(tmp_path, 16)


def test_types_stand_beside_each_other_for_every_model_that_knows_them():
    torch.manual_seed(0)
    one = CDCGANGenerator(latent_dim=4, base_width=4, size=16)
    other = CDCGANGenerator(latent_dim=4, base_width=4, size=16, conditioning="type")
    plain = DCGANGenerator(latent_dim=4, base_width=2, size=16)
    assert types_sheet({"plain": plain}, 0) is None
    mixed = types_sheet({"plain": plain, "one": one, "other": other}, 0)
    assert mixed.height - types_sheet({"one": one}, 0).height == 4 * 2 * 18  # two latents
    # Sprites of 16 px are enlarged by 4. Without models of groups, there is a column for each type.
    assert types_sheet({"other": other}, 0).width - mixed.width == 4 * (18 - 13) * 18


# ---- ratings -------------------------------------------------------------------------------------


def test_ratings_are_of_the_models_and_of_real_sprites(tmp_path):
    content = {
        "questions": ["colour", "shape"],
        "models": {
            "a": {"colour": {"mean": 3.2, "n": 10}, "shape": {"mean": None, "n": 0}},
            "stranger": {"colour": {"mean": 4.0, "n": 2}},
            "real": {"colour": {"mean": 5, "n": 3}},
        },
    }
    path = tmp_path / "ratings.json"
    path.write_text(json.dumps(content))
    assert read_ratings(path, ["a", "b"]) == {
        "real": {"colour": {"mean": 5.0, "n": 3}},
        "a": {"colour": {"mean": 3.2, "n": 10}},
    }


def test_without_a_file_nobody_said_anything(tmp_path):
    assert read_ratings(tmp_path / "ratings.json", ["a"]) == {}


def test_what_a_rating_writes_is_read(tmp_path):
    sheets = [Sheet("a", None, 0, 10), Sheet("real", None, 0, 10)]
    ratings = Ratings(
        tmp_path / "ratings.json", sheets, Setup(0, "synthetic", "abc", 10, {"a": "x"})
    )
    ratings.mark(1, {"colour": 2})
    assert read_ratings(tmp_path / "ratings.json", ["a"]) == {"a": {"colour": {"mean": 2, "n": 1}}}


@pytest.mark.parametrize(
    "content", [[], {"models": {"a": {}}}, {"questions": ["x"], "models": {"a": {"x": 3}}}]
)
def test_ratings_of_another_form_are_one_line(tmp_path, content):
    path = tmp_path / "ratings.json"
    path.write_text(json.dumps(content))
    with pytest.raises(PokeGANError, match=r"ratings\.json: must hold questions"):
        read_ratings(path, ["a"])
