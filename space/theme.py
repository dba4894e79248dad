"""The page's theme, and the style sheets that give the rest of its look."""

from pathlib import Path

from pokegan.page_theme import page_theme

STYLES = sorted(Path(__file__).with_name("styles").glob("*.css"))
THEME = page_theme()
