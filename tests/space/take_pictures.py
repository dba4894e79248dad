"""Take README's pictures of the page on the released models.

``PYTHONPATH=tests python tests/space/take_pictures.py`` writes
``space/pictures/``. Real sprites stay out of them.
"""

import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright
from space.browser import FLAGS, find_chromium
from space.space_server import SPACE, running_space

WIDTH = 1280
PICTURES = {
    "compare": ("?tab=compare&n=8&seed=3", ".pg-row", 1560),
    "fuse": ("?tab=fuse", "#fuse-result .pg-sprite", 880),
    "training": ("?tab=training", ".pg-chart", 880),
}
"""By name, the query of what is shown, what is there when it is complete, and the height."""

DECODED = "Promise.all([...document.images].map((image) => image.decode().catch(() => null)))"


def main() -> None:
    """Write the pictures."""
    folder = SPACE / "pictures"
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=find_chromium(playwright), args=FLAGS)
        with running_space(SPACE, Path(scratch) / "log.txt") as server:
            for name, (query, ready, height) in PICTURES.items():
                page = chromium.new_page(viewport={"width": WIDTH, "height": height})
                page.goto(server.url + query)
                page.locator(ready).first.wait_for()
                page.evaluate(DECODED)
                page.screenshot(path=folder / f"{name}.png")
                page.close()
        chromium.close()


if __name__ == "__main__":
    main()
