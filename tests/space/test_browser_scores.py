"""Training and Scores in a real Chromium."""

import pytest
from playwright.sync_api import expect
from space.histories import write_log, write_metrics, write_timeline
from space.space_server import copy_space, running_space, save_model

expect.set_options(timeout=60_000)

FD, RECALL = "fd_efficientnet_lite0", "recall_efficientnet_lite0"


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """A Space with two measured models, one trained in two parts, and one that is only weights."""
    root = tmp_path_factory.mktemp("measured")
    models = copy_space(root / "space") / "models"
    for name in ("apt", "bold", "new"):
        save_model(models / name)
    for folder in (models / "apt", models / "apt" / "before", models / "bold"):
        write_log(folder, steps=40)
        write_timeline(folder)
    write_metrics(models / "apt", **{FD: 10.0, RECALL: 0.2})
    write_metrics(models / "bold", **{FD: 20.0, RECALL: 0.6})
    with running_space(root / "space", root / "log.txt") as server:
        yield server


def told(step, kimg, minutes):
    return f"step {step} · {kimg} kimg · {minutes} min"


def mark(page):
    return page.locator("[data-mark]").first


def shown_picture(page):
    return page.locator(".pg-stages img:visible")


def names(page):
    return page.locator(".pg-table").first.locator("[data-models] th").all_inner_texts()


def test_the_slider_changes_the_picture_and_the_marks(open_page, measured):
    page = open_page(measured)
    page.get_by_role("tab", name="Training").click()
    slider = page.get_by_role("slider", name="Point of the training of apt")
    expect(shown_picture(page)).to_have_attribute("alt", f"apt: sprites at {told(40, 0.64, 4)}")
    expect(mark(page)).to_have_attribute("d", "M1000.0 0V1000")
    slider.press("ArrowLeft")
    expect(shown_picture(page)).to_have_attribute("alt", f"apt: sprites at {told(20, 0.32, 2)}")
    expect(shown_picture(page)).to_have_count(1)
    expect(mark(page)).to_have_attribute("d", "M500.0 0V1000")
    expect(slider).to_have_attribute("aria-valuetext", told(20, 0.32, 2))
    expect(page.locator("[data-label]")).to_have_text(told(20, 0.32, 2))
    assert page.url.endswith("?tab=training&models=apt&parts=own&step=20")
    scale = shown_picture(page).evaluate("image => image.width / image.naturalWidth")
    assert scale == int(scale) > 1
    rendering = shown_picture(page).evaluate("image => getComputedStyle(image).imageRendering")
    assert rendering == "pixelated"


def test_play_goes_to_the_end_and_stops(open_page, measured):
    page = open_page(measured, query="?tab=training&models=apt&step=10")
    button = page.locator("[data-play]")
    expect(button).to_have_text("Play")
    button.click()
    expect(button).to_have_text("Stop")
    expect(page.locator("[data-label]")).to_have_text(told(40, 0.64, 4))
    expect(button).to_have_text("Play")


def test_those_who_want_no_motion_go_step_by_step(open_page, measured):
    page = open_page(measured)
    page.emulate_media(reduced_motion="reduce")
    page.get_by_role("tab", name="Training").click()
    button = page.locator("[data-play]")
    expect(button).to_have_text("Next")
    for step in (1, 10):  # from the last picture to the first
        button.click()
        expect(page.locator("[data-label]")).to_contain_text(f"step {step} ·")
        expect(button).to_have_text("Next")


def test_a_link_restores_two_trainings_that_move_together(open_page, measured):
    page = open_page(measured, query="?tab=training&models=apt,bold&parts=before,own&step=10")
    expect(page.locator(".pg-training")).to_have_count(2)
    expect(page.locator('.pg-training[data-model="apt"]')).to_have_attribute("data-part", "before")
    expect(page.locator("[data-label]")).to_have_text([told(10, 0.16, 1)] * 2)
    page.get_by_role("slider").first.press("ArrowRight")
    expect(page.locator("[data-label]")).to_have_text([told(20, 0.32, 2)] * 2)
    page.get_by_label("Move both").uncheck()
    page.get_by_role("slider").first.press("Home")
    expect(page.locator("[data-label]").nth(0)).to_contain_text("step 1 ·")
    expect(page.locator("[data-label]").nth(1)).to_contain_text("step 20 ·")
    page.get_by_role("button", name="Later training").click()
    expect(page.locator('.pg-training[data-model="apt"]')).to_have_attribute("data-part", "own")
    assert "parts=own,own" in page.url


def test_a_model_without_history_is_one_line(open_page, measured):
    page = open_page(measured, query="?tab=training&models=new")
    line = page.locator("#training .pg-problems li")
    expect(line).to_contain_text("new brings neither a log nor a timeline")


def test_heads_sort_and_a_link_keeps_the_order(open_page, measured):
    page = open_page(measured)
    page.get_by_role("tab", name="Scores").click()
    expect(page.locator(".pg-scored")).to_be_visible()
    assert names(page) == ["apt", "bold"]
    head = page.locator(f'.pg-table >> nth=0 >> th[data-key="{RECALL}"]')
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "descending")
    assert names(page) == ["bold", "apt"]
    head.get_by_role("button").press("Enter")
    expect(head).to_have_attribute("aria-sort", "ascending")
    assert names(page) == ["apt", "bold"]
    page.locator('.pg-table >> nth=0 >> th[data-key="model"] >> button').click()
    expect(head).to_have_attribute("aria-sort", "none")
    head.get_by_role("button").click()
    assert page.url.endswith(f"?tab=scores&sort={RECALL}")
    again = open_page(measured, query=page.url.removeprefix(measured.url))
    expect(again.locator(f'.pg-table >> nth=0 >> th[data-key="{RECALL}"]')).to_have_attribute(
        "aria-sort", "descending"
    )
    assert names(again) == ["bold", "apt"]
    expect(again.locator(".pg-missing")).to_contain_text("new: not measured yet.")


def test_the_address_is_that_of_the_tab_that_is_seen(open_page, measured):
    page = open_page(measured, query="?tab=scores")
    expect(page.locator(".pg-scored")).to_be_visible()
    expect(page.locator("#rows [data-query]")).to_be_attached()
    assert page.url.endswith("?tab=scores")
    page.get_by_role("tab", name="Compare").click()
    page.wait_for_url("**/?tab=compare**")
    page.get_by_role("tab", name="Scores").click()
    page.wait_for_url("**/?tab=scores")


@pytest.mark.parametrize("width", [390, 768, 1280])
@pytest.mark.parametrize("query", ["?tab=scores", "?tab=training&models=apt,bold"])
def test_every_width_fits(open_page, measured, width, query):
    page = open_page(measured, query=query, width=width)
    expect(page.locator(".pg-scored, .pg-training").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == width
    for box in page.locator(".pg-row:visible, .pg-stages img:visible, .pg-chart, .pg-bars").all():
        area = box.bounding_box()
        if area is not None:
            assert area["x"] >= 0
            assert area["x"] + area["width"] <= width
