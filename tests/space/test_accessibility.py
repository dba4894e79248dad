"""axe-core on every tab, light and dark, wide and narrow; and pictures for a person to look at."""

from importlib.resources import files
from pathlib import Path

import pytest
from playwright.sync_api import expect

expect.set_options(timeout=60_000)

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
SCREENSHOTS = Path(__file__).parents[2] / "runs" / "screenshots"
"""Not in git: written by each run of the tests."""

SERIOUS = {"serious", "critical"}
SHOWN = {
    "compare": ("space", ".pg-row"),
    "fuse": ("fuse_space", "#fuse-result .pg-sprite"),
    "types": ("fuse_space", "#types-grid .pg-sprite"),
    "recolour": ("fuse_space", "#recolour-result .pg-sprite"),
    "training": ("space", ".pg-training"),
    "scores": ("space", ".pg-scored"),
}
"""By tab, a server that fills it, and what is there when the tab is ready."""


def serious_findings(page):
    page.evaluate(AXE)
    found = page.evaluate("async () => (await axe.run()).violations")
    return [
        (finding["id"], [node["html"][:160] for node in finding["nodes"][:3]])
        for finding in found
        if finding["impact"] in SERIOUS
    ]


def keep_picture(page, name):
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


@pytest.mark.parametrize("tab", SHOWN)
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_axe_finds_nothing_serious(open_page, request, tab, scheme, width):
    server, ready = SHOWN[tab]
    server = request.getfixturevalue(server)
    page = open_page(server, width=width, query=f"?tab={tab}", scheme=scheme)
    expect(page.locator(ready).first).to_be_visible()
    keep_picture(page, f"{tab}-{scheme}-{width}")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert serious_findings(page) == []


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_axe_finds_nothing_serious_in_the_dialog(open_page, space, scheme, width):
    page = open_page(space, width=width, scheme=scheme)
    page.locator(".pg-sprite").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    keep_picture(page, f"dialog-{scheme}-{width}")
    assert serious_findings(page) == []


def test_every_tab_is_looked_at():
    import app

    assert {*SHOWN} == {*app.TABS}
