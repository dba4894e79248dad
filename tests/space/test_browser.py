"""The page in a real Chromium."""

import io
import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

# The first draw of a server loads torch, which takes a while on a busy machine.
expect.set_options(timeout=60_000)

DRAWN_MODELS = ["alpha", "beta", "gamma"]
# Colours that a canvas sees in a picture, drawn at its own size.
COUNT_COLOURS = """async image => {
    await image.decode();
    const canvas = document.createElement("canvas");
    canvas.width = image.naturalWidth;
    canvas.height = image.naturalHeight;
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0);
    const data = context.getImageData(0, 0, canvas.width, canvas.height).data;
    return new Set(new Uint32Array(data.buffer)).size;
}"""


def rows(page):
    return page.locator(".pg-row")


def sprites(page, model):
    return page.locator(f'.pg-row[data-model="{model}"] .pg-sprites img')


def sources(page, model):
    return sprites(page, model).evaluate_all("images => images.map(image => image.src)")


def shown_seed(page, seed):
    expect(page.locator(f'.pg-rows[data-seed="{seed}"]')).to_be_visible()


def draw(page, seed):
    page.get_by_label("Seed", exact=True).fill(str(seed))
    page.get_by_label("Seed", exact=True).press("Enter")
    shown_seed(page, seed)


def address_has(page, **values):
    """The address of the page follows what is seen."""
    for name, value in values.items():
        expect(page).to_have_url(re.compile(rf"[?&]{name}={re.escape(value)}(&|$)"))


def test_a_visitor_sees_sprites_without_a_click(open_page, space):
    page = open_page(space)
    expect(page).to_have_title("PokeGAN")
    expect(rows(page)).to_have_count(len(DRAWN_MODELS))
    for model in DRAWN_MODELS:
        expect(sprites(page, model)).to_have_count(16)
        assert len(set(sources(page, model))) == 16
        for image in sprites(page, model).all()[:3]:
            assert image.evaluate(COUNT_COLOURS) > 10
    expect(sprites(page, "alpha").nth(4)).to_have_attribute("alt", "alpha, seed 0, sprite 5")


def test_sprites_are_crisp(open_page, space):
    page = open_page(space)
    for model, own_size in [("alpha", 64), ("gamma", 32)]:
        expect(sprites(page, model)).to_have_count(16)
        image = sprites(page, model).first
        assert image.evaluate("image => getComputedStyle(image).imageRendering") == "pixelated"
        assert image.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [
            own_size,
            own_size,
        ]
        box = image.bounding_box()
        assert (box["width"], box["height"]) == (128, 128)
    # On the screen, each sprite pixel is one block of equal pixels.
    sprite = sprites(page, "alpha").nth(1)
    sprite.evaluate("image => { image.parentElement.style.borderRadius = 0 }")
    # Chromium paints at whole pixels, wherever the layout puts a sprite.
    corner = {axis: round(sprite.bounding_box()[axis]) for axis in "xy"}
    shot = page.screenshot(clip={**corner, "width": 128, "height": 128})
    seen = np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"))
    assert len(np.unique(seen.reshape(-1, 3), axis=0)) > 10
    blocks = seen.reshape(64, 2, 64, 2, 3)
    assert (blocks == blocks[:, :1, :, :1]).all()


def test_a_seed_can_be_changed_and_comes_back(open_page, space):
    page = open_page(space)
    shown_seed(page, 0)
    first = sources(page, "alpha")
    draw(page, 41)
    second = sources(page, "alpha")
    assert set(first).isdisjoint(second)
    assert sprites(page, "alpha").first.evaluate(COUNT_COLOURS) > 10
    page.get_by_role("button", name="›").click()
    shown_seed(page, 42)
    draw(page, 0)
    assert sources(page, "alpha") == first
    page.get_by_role("button", name="‹").click()  # There is nothing below 0.
    shown_seed(page, 0)


def test_shuffle_draws_another_seed_and_shows_it(open_page, space):
    page = open_page(space)
    shown_seed(page, 0)
    first = sources(page, "beta")
    page.get_by_role("button", name="Draw new sprites").click()
    expect(page.locator('.pg-rows[data-seed="0"]')).to_have_count(0)
    seed = page.locator(".pg-rows").get_attribute("data-seed")
    expect(page.get_by_label("Seed", exact=True)).to_have_value(seed)
    assert sources(page, "beta") != first


def test_models_and_number_can_be_chosen(open_page, space):
    page = open_page(space)
    shown_seed(page, 0)
    page.get_by_role("checkbox", name="alpha").uncheck()
    page.get_by_role("checkbox", name="torn").uncheck()
    expect(rows(page)).to_have_count(2)
    page.get_by_role("button", name="More settings").click()
    count = page.get_by_label("number input for Sprites each")
    expect(count).to_be_visible()
    count.fill("3")
    count.press("Enter")
    expect(sprites(page, "beta")).to_have_count(3)
    draw(page, 5)
    expect(sprites(page, "beta")).to_have_count(3)
    expect(page.locator("#rows .pg-problems")).to_have_count(0)


def test_broken_models_are_reported_on_the_page(open_page, space):
    page = open_page(space)
    shown_seed(page, 0)
    lines = page.locator(".pg-problems li")
    expect(lines).to_have_count(2)
    expect(lines.nth(0)).to_contain_text("no-config: no config.json")
    expect(lines.nth(1)).to_contain_text("torn/model.safetensors: cannot be read as safetensors")


def test_a_models_text_is_shown_as_text(open_page, space):
    page = open_page(space)
    about = page.locator('.pg-row[data-model="alpha"] .pg-about')
    expect(about).to_have_text("The first <model>")


@pytest.mark.parametrize("seed", ["", "-3", "99999999999"])
def test_an_impossible_seed_is_one_line_and_the_rows_stay(open_page, space, seed):
    page = open_page(space)
    shown_seed(page, 0)
    page.get_by_label("Seed", exact=True).fill(seed)
    page.get_by_label("Seed", exact=True).press("Enter")
    toast = page.get_by_test_id("toast-body")
    expect(toast).to_contain_text("seed must be a whole number from 0 to 4294967295.")
    expect(rows(page)).to_have_count(len(DRAWN_MODELS))


def test_no_model_chosen_is_one_line(open_page, space):
    page = open_page(space)
    shown_seed(page, 0)
    for box in page.locator("#models").get_by_role("checkbox").all():
        box.uncheck()
    toast = page.get_by_test_id("toast-body").first
    expect(toast).to_contain_text("Choose at least one model.")


def test_a_sheet_can_be_saved(open_page, space, tmp_path):
    page = open_page(space)
    shown_seed(page, 0)
    link = page.get_by_role("button", name="Save the sheet of beta as PNG")
    with page.expect_download() as waiting:
        link.click()
    assert waiting.value.suggested_filename == "beta-seed-0-16.png"
    path = Path(tmp_path / "sheet.png")
    waiting.value.save_as(path)
    with Image.open(path) as sheet:
        assert (sheet.format, sheet.mode) == ("PNG", "RGB")
        assert sheet.size == (2 * (8 * 66 + 2), 2 * (2 * 66 + 2))


@pytest.mark.parametrize(("width", "columns"), [(390, 2), (768, 4), (1280, 8), (1920, 8)])
def test_every_width_fits(open_page, space, width, columns):
    page = open_page(space, width=width)
    shown_seed(page, 0)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    tops = [image.bounding_box()["y"] for image in sprites(page, "alpha").all()]
    assert tops.count(tops[0]) >= columns
    for selector in (
        ".pg-controls",
        ".pg-header",
        ".pg-row",
        ".pg-sprites img",
        "#shuffle",
        "[role=tab]",
    ):
        for box in page.locator(selector).all():
            area = box.bounding_box()
            assert area["x"] >= 0
            assert area["x"] + area["width"] <= width
    # Nothing is squeezed until it cannot be seen.
    for label in ("Lock the seed", "Seed", "Type", "Second type"):
        area = page.get_by_label(label, exact=True).bounding_box()
        assert area["width"] >= 12
        assert area["x"] + area["width"] <= width


def test_two_visitors_do_not_disturb_each_other(open_page, space):
    one, two = open_page(space), open_page(space)
    shown_seed(one, 0)
    shown_seed(two, 0)
    draw(one, 11)
    draw(two, 22)
    shown_seed(one, 11)
    assert sources(one, "alpha") != sources(two, "alpha")


def test_a_space_without_models_says_how_to_train_one(open_page, empty_space):
    page = open_page(empty_space, width=390)
    expect(page.get_by_role("heading", name="No models yet")).to_be_visible()
    expect(page.locator("pre")).to_contain_text("accelerate launch train.py --recipe dcgan")
    expect(page.get_by_role("button", name="Draw new sprites")).to_have_count(0)
    assert page.evaluate("document.documentElement.scrollWidth") == 390


# ---- links, types, guessing, keeping ------------------------------------------------------------


def test_a_link_restores_the_same_pixels(open_page, space):
    page = open_page(space)
    shown_seed(page, 0)
    page.get_by_role("checkbox", name="beta").uncheck()
    page.get_by_role("checkbox", name="torn").uncheck()
    page.get_by_label("Type", exact=True).click()
    page.get_by_role("option", name="Fire").click()
    draw(page, 77)
    address_has(page, seed="77", type="fire", models="alpha,gamma")
    page.get_by_role("button", name="Copy link to this view").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    link = page.evaluate("navigator.clipboard.readText()")
    assert link == page.url
    other = open_page(space, query=link.removeprefix(space.url))
    shown_seed(other, 77)
    expect(rows(other)).to_have_count(2)
    for model in ("alpha", "gamma"):
        assert sources(other, model) == sources(page, model)
    expect(other.get_by_label("Seed", exact=True)).to_have_value("77")
    expect(other.get_by_label("Type", exact=True)).to_have_value("Fire")
    expect(other.get_by_role("checkbox", name="beta")).not_to_be_checked()


def test_a_link_of_nonsense_opens_a_page_that_works(open_page, space):
    query = "?tab=compare&models=<b>,../x&seed=-5&n=9999&type=light&truncation=nan&shiny=x"
    page = open_page(space, query=query)
    shown_seed(page, 0)
    expect(rows(page)).to_have_count(len(DRAWN_MODELS))
    expect(sprites(page, "alpha")).to_have_count(64)


def test_a_locked_seed_stays(open_page, space):
    page = open_page(space)
    shown_seed(page, 0)
    page.get_by_label("Lock the seed").check()
    for locked in (
        page.get_by_role("button", name="Draw new sprites"),
        page.get_by_role("button", name="›"),
        page.get_by_label("Seed", exact=True),
    ):
        expect(locked).to_be_disabled()
    page.get_by_role("checkbox", name="beta").uncheck()
    expect(rows(page)).to_have_count(2)
    shown_seed(page, 0)
    page.get_by_label("Lock the seed").uncheck()
    expect(page.get_by_role("button", name="›")).to_be_enabled()


def test_a_sprite_can_be_looked_at_and_kept(open_page, space, tmp_path):
    page = open_page(space)
    shown_seed(page, 0)
    opener = page.locator('.pg-row[data-model="gamma"] .pg-sprite').nth(2)
    opener.focus()
    opener.press("Enter")  # by keyboard
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    expect(dialog).to_contain_text("gamma, number 3")
    enlarged = dialog.locator(".pg-enlarged")
    assert enlarged.bounding_box()["width"] == 384
    assert enlarged.get_attribute("src") == sources(page, "gamma")[2]
    for scale in (1, 4, 8):
        with page.expect_download() as waiting:
            dialog.get_by_role("link", name=f"Save as PNG of {32 * scale} pixels").click()
        path = tmp_path / waiting.value.suggested_filename
        waiting.value.save_as(path)
        with Image.open(path) as kept:
            assert (kept.format, kept.mode, kept.size) == ("PNG", "P", (32 * scale, 32 * scale))
            assert len(kept.getcolors()) <= 16
            assert kept.info["transparency"] == 0
            assert {0, 255} >= {*np.unique(np.asarray(kept.convert("RGBA"))[..., 3])}
    dialog.get_by_role("button", name="Copy as Python").click()
    expect(dialog.get_by_role("button", name="Copied")).to_be_visible()
    lines = page.evaluate("navigator.clipboard.readText()")
    assert "model.sample(3, seed=0)[2]" in lines
    page.keyboard.press("Escape")
    expect(dialog).not_to_be_visible()
    expect(opener).to_be_focused()


def test_everything_can_be_kept_in_one_file(open_page, space, tmp_path):
    page = open_page(space, query="?tab=compare&models=alpha,gamma&n=3&seed=8")
    shown_seed(page, 8)
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Save all as ZIP").click()
    waiting.value.save_as(tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert archive.testzip() is None
        facts = json.loads(archive.read("sprites.json"))
        assert [fact["file"] for fact in facts] == [
            f"{model}/{index:02d}.png" for model in ("alpha", "gamma") for index in range(3)
        ]
        assert {*archive.namelist()} == {"sprites.json", *(fact["file"] for fact in facts)}
        assert {fact["seed"] for fact in facts} == {8}
        with Image.open(io.BytesIO(archive.read("gamma/01.png"))) as kept:
            assert (kept.mode, kept.size) == ("P", (32, 32))


def test_the_models_can_be_guessed(open_page, space):
    page = open_page(space, query="?tab=compare&models=alpha,beta,gamma&n=4&seed=5")
    shown_seed(page, 5)
    drawn = {model: sources(page, model) for model in DRAWN_MODELS}
    page.get_by_role("button", name="Guess the model").click()
    game = page.locator("form.pg-guess")
    expect(game.locator(".pg-row")).to_have_count(3)
    # Whoever knows the sprites can tell: the first sprite of each row gives its model away.
    for row in game.locator(".pg-row").all():
        first = row.locator("img").first.get_attribute("src")
        model = next(name for name, seen in drawn.items() if seen[0] == first)
        row.get_by_role("combobox").select_option(model)
    game.get_by_role("button", name="Reveal").click()
    status = page.locator(".pg-guess .pg-lead")
    expect(status).to_contain_text("3 of 3 right. In all: 3 of 3.")
    page.get_by_role("button", name="Guess the model").click()
    expect(game.locator(".pg-row")).to_have_count(3)
    for row in game.locator(".pg-row").all():
        row.get_by_role("combobox").select_option("alpha")
    game.get_by_role("button", name="Reveal").click()
    expect(status).to_contain_text("1 of 3 right. In all: 4 of 6.")
    expect(page.locator(".pg-answer.pg-wrong")).to_have_count(2)
