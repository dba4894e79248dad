"""A diffusion model beside quick ones: its row comes later, and nobody waits for it."""

import re

import pytest
from playwright.sync_api import expect
from space.space_server import copy_space, running_space, save_model

import pokegan
from pokegan.models.ddpm import DDPM

expect.set_options(timeout=60_000)

# On one core, a browser beside a model that draws comes to show nothing on the way.
pytestmark = pytest.mark.whole_machine


@pytest.fixture(scope="module")
def slow_space(tmp_path_factory):
    """A running Space with a quick model and a diffusion model of many steps."""
    root = tmp_path_factory.mktemp("slow")
    folder = copy_space(root / "space")
    save_model(folder / "models" / "quick", seed=1)
    slow = DDPM(widths=[16, 16], size=32, sampling_steps=300)
    slow.save_pretrained(folder / "models" / "slow")
    with running_space(folder, root / "log.txt") as server:
        yield server


def test_the_slow_row_comes_after_the_quick_ones_with_progress(open_page, slow_space):
    page = open_page(slow_space, query="?tab=compare&n=17&seed=4")
    expect(page.locator('#rows .pg-row[data-model="quick"]')).to_be_visible()
    # It is announced where the quick rows are, and told of while it is drawn.
    expect(page.locator("#rows .pg-note").last).to_contain_text("slow: drawing in many small steps")
    expect(page.locator("#slow-rows")).to_contain_text(re.compile(r"slow is drawing: \d+ %"))
    row = page.locator('#slow-rows .pg-row[data-model="slow"]')
    expect(row.locator("img")).to_have_count(17)
    # It is a row like any other.
    row.locator(".pg-sprite").nth(1).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("slow, number 2")
    drawn = dialog.locator(".pg-enlarged").get_attribute("src")
    folder = slow_space.log.parent / "space" / "models" / "slow"
    from png import png_uri

    assert drawn == png_uri(pokegan.load(folder).sample(2, seed=4)[1])


def test_quick_rows_do_not_wait_for_a_slow_one(open_page, slow_space):
    page = open_page(slow_space, query="?tab=compare&models=slow&n=16&seed=5")
    other = open_page(slow_space, query="?tab=compare&models=quick&n=4&seed=6")
    expect(page.locator("#slow-rows")).to_contain_text(re.compile(r"slow is drawing: \d+ %"))
    expect(other.locator('#rows [data-model="quick"] img')).to_have_count(4)
    expect(page.locator('#slow-rows [data-model="slow"]')).to_have_count(0)
    expect(page.locator('#slow-rows [data-model="slow"] img')).to_have_count(16)
