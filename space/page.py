"""What the tabs of the page share."""

import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from drawing import WORKERS, Studio
from models_index import ModelSource
from nearness import Fact, facts_about
from PIL import Image

from pokegan import PokeGANError
from pokegan.data.types import TYPES

SCRIPTS = Path(__file__).with_name("scripts")

WAITING_VISITORS = 64

# All drawing shares the processor, so it shares one queue too.
QUICK = {"concurrency_id": "draw", "concurrency_limit": WORKERS}
"""Keyword arguments of every event that draws with one pass of a network for each sprite."""

SLOW = {"concurrency_id": "slow", "concurrency_limit": 1}
"""Of events that take seconds: they wait for each other, and nobody else for them."""


@dataclass(frozen=True)
class Move:
    """A way that leads from the dialog to another tab; see :meth:`Page.add_move`."""

    name: str
    text: str
    fits: Callable[[ModelSource | None], bool]


@dataclass
class Page:
    """The page while it is laid out.

    Attributes:
        studio: draws.
        demo: the page's blocks, whose ``load`` tabs hang on.
        problems: one line for each folder that is no model.
        dialog: the component that shows one sprite enlarged; see ``dialog.py``.
        opens_dialog: lets the sprite buttons of a component open the dialog.
        saver: the component whose link, once it is there, is saved as a file.
        tabs: the component that selects a tab.
        first_rows: the event that draws the rows of a visitor who has just come.
    """

    studio: Studio
    demo: gr.Blocks
    problems: Sequence[str] = ()
    dialog: Any = None
    opens_dialog: Callable[[gr.HTML], Any] = lambda component: None
    saver: Any = None
    tabs: Any = None
    first_rows: Any = None
    _moves: list[Move] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        """Public names of all models, in order."""
        return list(self.studio.models)

    @property
    def row_names(self) -> list[str]:
        """Names of all that rows can be drawn from: the models, then the real sprites."""
        return list(self.studio.sources)

    @staticmethod
    def html(elem_id: str, js: str | None = None, **options) -> gr.HTML:
        """An element for our own markup and our own look, run by ``scripts/JS.js`` (or several
        scripts, named with spaces between)."""
        code = None if js is None else "".join(script(name) for name in js.split())
        return gr.HTML(elem_id=elem_id, js_on_load=code, apply_default_css=False, **options)

    def look_up(self, image: Image.Image, model: ModelSource | None) -> list[Fact]:
        """Facts about a sprite: what it is near to, and what it looks like."""
        return facts_about(image, model, self.studio.real)

    def add_move(self, name: str, text: str, fits: Callable[[ModelSource | None], bool]) -> None:
        """Let the dialog offer to take a sprite on to another tab.

        Args:
            name: of the dialog's event, which the tab listens to (``page.dialog.NAME``) and
                ``scripts/dialog.js`` lists; what it sends, ``dialog.sent_sprite`` reads.
            text: what is written on the button.
            fits: whether it is offered for sprites of a model, or of none.
        """
        self._moves.append(Move(name, text, fits))

    def moves(self, model: ModelSource | None) -> list[tuple[str, str]]:
        """Which ways lead on from a sprite of this model, or of none: names and texts."""
        return [(move.name, move.text) for move in self._moves if move.fits(model)]


def told(function: Callable) -> Callable:
    """Show a ``PokeGANError`` as one line to the visitor, with no traceback in the log."""
    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def wrapped(*args, **kwargs):
            with _shown_to_visitors():
                yield from function(*args, **kwargs)

    else:

        @functools.wraps(function)
        def wrapped(*args, **kwargs):
            with _shown_to_visitors():
                return function(*args, **kwargs)

    return wrapped


@contextmanager
def _shown_to_visitors() -> Iterator[None]:
    try:
        yield
    except PokeGANError as error:
        # Gradio renders the message as HTML.
        message = escape(str(error), quote=False)
        raise gr.Error(message, print_exception=False) from None


def type_choices(none: str = "") -> list[tuple[str, str]]:
    """Choices of a list of types: what is read, and what is meant; ``none`` is read for no type."""
    return [*[(none, "")] * bool(none), *((name.capitalize(), name) for name in TYPES)]


def script(name: str) -> str:
    """The text of ``scripts/NAME.js``: what gradio runs when an element is there (``element``,
    ``trigger``, ``watch``, ``props``)."""
    return (SCRIPTS / f"{name}.js").read_text(encoding="utf-8")
