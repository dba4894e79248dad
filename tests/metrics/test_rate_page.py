"""``pokegan rate``: its page in a real Chromium, and its command line."""

import io
import itertools
import json
import shutil
import signal
import socket
import sys
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from gradio_client import Client
from PIL import Image
from playwright.sync_api import expect
from ports import free_port
from processes import ForkServer, Process
from space.space_server import START_SECONDS, space_env

from pokegan.cli import main
from pokegan.data.types import TYPE_GROUPS
from pokegan.metrics.rating import REAL, plan_sheets
from pokegan.models.cdcgan import CDCGANGenerator
from pokegan.models.dcgan import DCGANGenerator

expect.set_options(timeout=60_000)

DATA = "synthetic:20"
SHEETS = 9  # three of each model, three of real sprites
GIVEN = {"colour": 4, "shape": 3, "detail": 5, "diversity": 2}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Two plain models whose names appear nowhere by chance, and a typed one."""
    root = tmp_path_factory.mktemp("secret-folder")
    DCGANGenerator(latent_dim=4, base_width=4, size=16).save_pretrained(root / "quagga-one")
    DCGANGenerator(latent_dim=5, base_width=4, size=32).save_pretrained(root / "quagga-two")
    CDCGANGenerator(latent_dim=4, base_width=4, size=16).save_pretrained(root / "quagga-typed")
    return root


@dataclass(frozen=True)
class Rater:
    """A running ``pokegan rate``."""

    url: str
    out: Path
    process: Process
    log: Path

    def content(self) -> dict:
        return json.loads(self.out.read_text())

    def marks(self) -> dict[int, dict[str, int]]:
        return {entry["sheet"]: entry["marks"] for entry in self.content()["marks"]}


@pytest.fixture(scope="module")
def server():
    """Starts ``pokegan rate`` with its imports done."""
    server = ForkServer("pokegan.cli", "pokegan.metrics.rate_page", "pokegan.models.dcgan")
    yield server
    server.close()


@contextmanager
def rating(server, *models, out, log=None, sheets=SHEETS, data=DATA):
    """Start ``pokegan rate`` on a free port; its log must stay free of warnings and tracebacks."""
    port, log = free_port(), log or out.with_suffix(".log")
    command = ["rate", *map(str, models), "--no-browser"]
    command += [f"--data={data}", f"--out={out}", "--per-type=4", f"--port={port}"]
    surroundings = {"environment": (space_env(),), "errors_to": (str(log),)}
    process = server.start("pokegan.cli:main", command, faults=surroundings)
    limit = threading.Timer(START_SECONDS, process.kill)
    limit.start()
    try:
        lines = list(itertools.islice(process.lines(), 2))
        limit.cancel()
        assert lines[:1] == [f"Drawing {sheets} sheets ..."], log.read_text()
        assert lines[1].startswith(f"Rate on http://127.0.0.1:{port}/ "), log.read_text()
        yield Rater(f"http://127.0.0.1:{port}/", out, process, log)
    finally:
        limit.cancel()
        process.kill()
        process.finish()
    logged = log.read_text()
    assert "Warning" not in logged, logged
    assert "Traceback" not in logged, logged


@pytest.fixture
def start(server, tmp_path):
    """``rating`` until the end of the test."""
    with ExitStack() as stack:
        yield lambda *models, **options: stack.enter_context(
            rating(server, *models, **{"out": tmp_path / "r.json"} | options)
        )


@pytest.fixture
def open_page(start, open_page):
    """Pages are closed before the server they come from."""
    return open_page


@pytest.fixture
def rater(start, models):
    return start(models / "quagga-one", models / "quagga-two")


def shows(page, number):
    expect(page.locator(f'.pg-sheet[data-sheet="{number}"]')).to_be_visible()
    expect(page.locator(".pg-sheet img")).to_have_count(4)


def sprites(page):
    return page.locator(".pg-sheet img").evaluate_all("images => images.map(image => image.src)")


def checked(page):
    return page.locator("#questions input:checked")


def choose(page, question, mark):
    page.locator(f'#question-{question} input[value="{mark}"]').click()


def button(page, name):
    return page.get_by_role("button", name=name, exact=True)


def mark_sheet(page, number, keys="4352"):
    """By keys alone, as someone does who has many sheets to mark."""
    shows(page, number)
    expect(checked(page)).to_have_count(0)
    for place, key in enumerate(keys, start=1):
        page.keyboard.press(key)
        expect(checked(page)).to_have_count(place)
    expect(page.locator("#next")).to_be_enabled()
    page.keyboard.press("Enter")


def test_nothing_tells_who_drew_a_sheet_until_the_end(open_page, rater, models):
    page = open_page(rater)
    answers, seen, sheets = [], [], set()
    page.on("response", lambda response: answers.append(response))
    for number in range(1, SHEETS + 1):
        shows(page, number)
        seen += [page.content(), page.evaluate("JSON.stringify(window.gradio_config)")]
        sheets.add(tuple(sprites(page)))
        alts = page.locator(".pg-sheet img").evaluate_all("images => images.map(i => i.alt)")
        assert alts == [f"Sprite {place}" for place in (1, 2, 3, 4)]
        expect(page.locator("#progress")).to_contain_text(f"Sheet {number} of {SHEETS}")
        if number < SHEETS:
            mark_sheet(page, number)
    assert len(sheets) == SHEETS
    for path in ("", "config", "gradio_api/info", "gradio_api/openapi.json"):
        seen.append(page.request.get(rater.url + path).text())
    seen += [f"{answer.url} {answer.headers}" for answer in answers]
    seen += [answer.text() for answer in answers if "/run/" in answer.url]
    assert len(seen) > 5 * SHEETS
    assert any("data:image/png" in text for text in seen)
    secrets = ("quagga", models.name, "dcgan", '"real"', "grass", "psychic", "r.json")
    for text in seen:
        for secret in secrets:
            assert secret not in text.lower(), f"{secret} in {text[:300]}"

    mark_sheet(page, SHEETS)
    rows = page.locator(".pg-results tbody tr")
    expect(rows).to_have_count(3)
    expect(rows.nth(0)).to_contain_text("quagga-one")
    expect(rows.nth(2)).to_contain_text("real sprites")
    expect(page.locator(".pg-results")).to_contain_text(f"{SHEETS} of {SHEETS} sheets are marked")
    expect(button(page, "Go on marking")).to_have_count(0)


def test_nothing_is_public_in_the_api(rater):
    endpoints = Client(rater.url, verbose=False).view_api(return_format="dict", print_info=False)
    assert endpoints == {"named_endpoints": {}, "unnamed_endpoints": {}}


def test_a_killed_rating_goes_on_with_the_same_sheet_and_its_marks(
    server, start, open_page, models, tmp_path
):
    chosen = [models / "quagga-one", models / "quagga-two"]
    with rating(server, *chosen, out=tmp_path / "r.json") as rater:
        page = open_page(rater)
        mark_sheet(page, 1)
        shows(page, 2)
        choose(page, "shape", 1)
        expect(page.locator("#next")).to_be_disabled()
        button(page, "Back").click()  # answered only after the mark is saved
        shows(page, 1)
        button(page, "Next").click()
        shows(page, 2)
        before = sprites(page)
        page.context.close()
        rater.process.kill(signal.SIGKILL)
    assert rater.marks() == {1: GIVEN, 2: {"shape": 1}}
    page = open_page(start(*reversed(chosen)))
    shows(page, 2)
    assert sprites(page) == before
    expect(page.locator("#progress")).to_contain_text("1 marked")
    expect(checked(page)).to_have_count(1)
    expect(page.locator('#question-shape input[value="1"]')).to_be_checked()


def test_next_waits_for_all_marks_and_back_lets_correct_them(open_page, rater):
    page = open_page(rater)
    shows(page, 1)
    expect(button(page, "Back")).to_be_disabled()
    for question, mark in GIVEN.items():
        expect(button(page, "Next")).to_be_disabled()
        choose(page, question, mark)
    button(page, "Next").click()
    shows(page, 2)
    expect(checked(page)).to_have_count(0)
    expect(button(page, "Next")).to_be_disabled()
    button(page, "Back").click()
    shows(page, 1)
    for question, mark in GIVEN.items():
        expect(page.locator(f'#question-{question} input[value="{mark}"]')).to_be_checked()
    choose(page, "detail", 1)
    button(page, "Next").click()
    shows(page, 2)
    assert rater.marks() == {1: GIVEN | {"detail": 1}}


def test_every_single_mark_is_saved_at_once(open_page, rater):
    page = open_page(rater)
    shows(page, 1)
    given = {}
    for question, mark in GIVEN.items():
        with page.expect_response(lambda response: "/run/" in response.url):
            choose(page, question, mark)
        given[question] = mark
        assert rater.marks() == {1: given}
    page.reload()
    shows(page, 2)
    expect(page.locator("#progress")).to_contain_text("1 marked")


def test_tab_and_arrows_mark_too(open_page, rater):
    page = open_page(rater)
    shows(page, 1)
    first = page.locator("#question-colour input").first
    page.keyboard.press("Tab")
    expect(first).to_be_focused()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(page.locator('#question-colour input[value="3"]')).to_be_checked()
    page.keyboard.press("ArrowLeft")
    expect(page.locator('#question-colour input[value="2"]')).to_be_checked()
    page.keyboard.press("5")  # the question with the focus, not the next one
    expect(page.locator('#question-colour input[value="5"]')).to_be_checked()
    expect(checked(page)).to_have_count(1)


def test_stopping_early_reveals_means_and_lets_go_on(open_page, rater):
    page = open_page(rater)
    mark_sheet(page, 1, "1234")
    shows(page, 2)
    choose(page, "colour", 5)
    button(page, "Stop and reveal").click()
    results = page.locator(".pg-results")
    expect(results).to_contain_text(f"1 of {SHEETS} sheets are marked")
    expect(results.locator("tbody tr").last).to_contain_text("real sprites")
    maker = rater.content()["marks"][0]["model"]
    label = "real sprites" if maker == "real" else maker
    row = results.locator("tbody tr", has_text=label)
    expect(row.locator("td").nth(4)).to_have_text("4.00")
    button(page, "Go on marking").click()
    shows(page, 2)
    expect(results).to_have_count(0)
    expect(page.locator('#question-colour input[value="5"]')).to_be_checked()


def test_real_sprites_rated_below_generated_ones_are_a_warning(open_page, rater):
    page = open_page(rater)
    names = ("quagga-one", "quagga-two")
    sheets = plan_sheets(dict.fromkeys(names, (None,)), {None: 40}, per_sheet=4, seed=0)
    keys = {"quagga-one": "4455", "quagga-two": "1122", REAL: "3333"}
    for number, sheet in enumerate(sheets, start=1):
        mark_sheet(page, number, keys[sheet.model])
    warning = page.locator(".pg-warning")
    expect(warning).to_contain_text("You marked the real sprites below those of quagga-one.")
    made = [entry["model"] for entry in rater.content()["marks"]]
    assert made == [sheet.model for sheet in sheets]
    means = [row.inner_text().split()[-1] for row in page.locator(".pg-results tbody tr").all()]
    assert means == ["4.50", "1.50", "3.00"]


def test_sprites_are_crisp_and_all_sheets_alike(open_page, rater):
    page = open_page(rater)
    boxes = set()
    for number in range(1, SHEETS):
        shows(page, number)
        for image in page.locator(".pg-sheet img").all():
            assert image.evaluate("i => getComputedStyle(i).imageRendering") == "pixelated"
            assert image.evaluate("i => [i.naturalWidth, i.naturalHeight]") == [32, 32]
            box = image.bounding_box()
            boxes.add((round(box["width"]), round(box["height"])))
        mark_sheet(page, number)
    assert boxes == {(192, 192)}
    shows(page, SHEETS)
    box = page.locator(".pg-sheet img").first.bounding_box()
    corner = {axis: round(box[axis]) for axis in "xy"}
    shot = page.screenshot(clip={**corner, "width": 192, "height": 192})
    blocks = np.asarray(Image.open(io.BytesIO(shot)).convert("RGB")).reshape(32, 6, 32, 6, 3)
    assert len(np.unique(blocks.reshape(-1, 3), axis=0)) > 10
    assert (blocks == blocks[:, :1, :, :1]).all()


@pytest.mark.parametrize(("width", "columns"), [(390, 2), (800, 4), (1280, 4)])
def test_every_width_fits(open_page, rater, width, columns):
    page = open_page(rater, width=width)
    shows(page, 1)
    tops = [image.bounding_box()["y"] for image in page.locator(".pg-sheet img").all()]
    assert tops.count(tops[0]) == columns
    mark_sheet(page, 1)
    shows(page, 2)
    for selector in (".pg-sheet img", "#questions fieldset", "#questions label", "#steps button"):
        for part in page.locator(selector).all():
            area = part.bounding_box()
            assert area["x"] >= 0
            assert area["x"] + area["width"] <= width
    assert page.evaluate("document.documentElement.scrollWidth") == width
    button(page, "Stop and reveal").click()
    expect(page.locator(".pg-results tbody tr")).to_have_count(3)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    table = page.locator(".pg-table")
    assert table.evaluate("table => table.scrollWidth <= table.clientWidth")


def test_a_typed_model_gets_a_sheet_for_each_group(start, open_page, models):
    rater = start(models / "quagga-typed", sheets=2 * len(TYPE_GROUPS), data="synthetic:60")
    page = open_page(rater)
    mark_sheet(page, 1)
    shows(page, 2)
    (entry,) = rater.content()["marks"]
    assert entry["model"] in ("quagga-typed", REAL)
    assert entry["type"] in TYPE_GROUPS


def test_marks_that_cannot_be_saved_are_told_until_one_is(start, open_page, models, tmp_path):
    folder = tmp_path / "gone"
    folder.mkdir()
    log = tmp_path / "log.txt"
    rater = start(models / "quagga-one", out=folder / "r.json", log=log, sheets=6)
    page = open_page(rater)
    problem = page.get_by_role("alert")
    shows(page, 1)
    shutil.rmtree(folder)
    folder.write_text("a file is in the way")
    choose(page, "colour", 3)
    expect(problem).to_contain_text("r.json: cannot be written")
    button(page, "Stop and reveal").click()
    expect(problem).to_be_visible()
    expect(page.locator(".pg-results")).to_have_count(0)
    folder.unlink()
    choose(page, "shape", 2)
    expect(problem).to_have_count(0)
    button(page, "Stop and reveal").click()
    expect(page.locator(".pg-results")).to_be_visible()
    assert rater.marks() == {1: {"colour": 3, "shape": 2}}


def test_ctrl_c_says_how_far_it_went(open_page, rater):
    page = open_page(rater)
    mark_sheet(page, 1)
    shows(page, 2)
    page.context.close()
    rater.process.kill(signal.SIGINT)
    assert rater.process.finish()[0] == 0
    assert rater.log.read_text() == f"\n{rater.out}: 1 of {SHEETS} sheets marked\n"


# ---- the command line ---------------------------------------------------------------------------


def refused(capsys, *arguments):
    """The one line that a command ends with."""
    assert main(["rate", *map(str, arguments), "--no-browser"]) == 2
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    return printed.removeprefix("pokegan: error: ").rstrip("\n")


def test_bad_values_are_one_line(models, tmp_path, capsys):
    one, out = models / "quagga-one", f"--out={tmp_path / 'r.json'}"
    data = f"--data={DATA}"
    shutil.copytree(one, tmp_path / "quagga-one")
    shutil.copytree(one, tmp_path / "real")
    for arguments, message in (
        ([one, tmp_path / "quagga-one", data, out], "two models have the same name"),
        ([tmp_path / "real", data, out], "no model can be called 'real' here"),
        ([one, data, out, "--per-type=0"], "--per-type must be from 1 to 50, not 0"),
        ([one, data, out, "--port=70000"], "--port must be from 1 to 65535, not 70000"),
        ([one, "--data=nowhere", out], "no data 'nowhere'"),
        ([tmp_path / "none", data, out], f"{tmp_path / 'none'}"),
        ([one, data, f"--out={one / 'config.json' / 'r.json'}"], "cannot be written"),
    ):
        assert message in refused(capsys, *arguments)
    assert not (tmp_path / "r.json").exists()


def test_a_taken_port_is_one_line(models, tmp_path, capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        arguments = [models / "quagga-one", f"--data={DATA}", f"--port={port}"]
        assert str(port) in refused(capsys, *arguments, f"--out={tmp_path / 'r.json'}")


def test_without_gradio_it_says_what_to_install(models, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "gradio", None)
    monkeypatch.delitem(sys.modules, "pokegan.metrics.rate_page", raising=False)
    message = refused(capsys, models / "quagga-one")
    assert message == "gradio is not installed; run: pip install 'pokegan[space]'"


def test_ratings_of_another_seed_are_not_gone_on_with(server, models, tmp_path, capsys):
    out = tmp_path / "r.json"
    with rating(server, models / "quagga-one", out=out, sheets=6):
        before = out.read_bytes()
    arguments = [models / "quagga-one", f"--data={DATA}", f"--out={out}", "--per-type=4"]
    assert "was begun with --seed 0, not 1" in refused(capsys, *arguments, "--seed=1")
    assert "was begun with the models quagga-one, not quagga-two" in refused(
        capsys, models / "quagga-two", *arguments[1:]
    )
    assert out.read_bytes() == before
