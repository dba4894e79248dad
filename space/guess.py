"""Guess the model: rows without names, in a random order."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from drawing import Request, Row
from markup import display_size, picture
from page import Page

from pokegan import PokeGANError

SHOWN = 8
"""Sprites of each row, so that all rows fit on a screen or two."""


@dataclass(frozen=True)
class Guess:
    """A round: whose row is first, second, ..., and what was drawn. It stays on the server."""

    names: tuple[str, ...]
    request: Request


def guess_html(rows: Sequence[Row], page: Page) -> str:
    """The rows without anything that tells their models, and a choice beside each."""
    options = "".join(
        f'<option value="{escape(name)}">{escape(name)}</option>'
        for name in sorted(row.name for row in rows)
    )
    sections = "".join(
        _section(
            letter,
            row,
            f'<label>Row {letter} is by <select data-guess required><option value="">…</option>'
            f"{options}</select></label>",
        )
        for letter, row in _lettered(rows)
    )
    return (
        '<form class="pg-rows pg-guess"><p class="pg-lead">Each row is by another model. Which is'
        f" whose?</p>{sections}"
        '<p class="pg-actions"><button class="pg-button pg-primary">Reveal</button></p></form>'
    )


def reveal_html(game: Guess, data: object, page: Page, score: Sequence[int]) -> tuple[int, str]:
    """Mark the guesses.

    Args:
        game: the round.
        data: what the browser sent: ``guesses``, a name for each row.
        page: the page.
        score: right guesses and all guesses of this visitor so far.

    Returns:
        How many are right, and the rows with their names.

    Raises:
        PokeGANError: not one guess for each row.
    """
    guesses = data.get("guesses") if isinstance(data, dict) else None
    if not isinstance(guesses, list) or len(guesses) != len(game.names):
        raise PokeGANError("Choose a model for each row.")
    rows = [page.studio.draw(name, game.request) for name in game.names]
    right = sum(guess == name for guess, name in zip(guesses, game.names, strict=True))
    total = (score[0] + right, score[1] + len(game.names))
    sections = "".join(
        _section(
            letter,
            row,
            f'<p class="pg-answer {"pg-right" if guess == row.name else "pg-wrong"}">'
            f"{'✓' if guess == row.name else '✗'} Row {letter} is by"
            f" <strong>{escape(row.name)}</strong>"
            f"{'' if guess == row.name else f', not {escape(_known(guess, game))}'}.</p>",
        )
        for (letter, row), guess in zip(_lettered(rows), guesses, strict=True)
    )
    return right, (
        f'<div class="pg-rows pg-guess"><p class="pg-lead" role="status">{right} of'
        f" {len(game.names)} right. In all: {total[0]} of {total[1]}."
        f" Press “Guess the model” for another round.</p>{sections}</div>"
    )


def _section(letter: str, row: Row, below: str) -> str:
    side = display_size(row.images[0])[0]
    figures = "".join(
        f"<figure>{picture(image, f'row {letter}, sprite {number}')}</figure>"
        for number, image in enumerate(row.images[:SHOWN], start=1)
    )
    return (
        f'<section class="pg-row"><h2>Row {letter}</h2>'
        f'<div class="pg-sprites" style="--side:{side}px">{figures}</div>{below}</section>'
    )


def _lettered(rows: Sequence[Row]):
    return [(chr(ord("A") + place), row) for place, row in enumerate(rows)]


def _known(guess: object, game: Guess) -> str:
    return guess if guess in game.names else "what you chose"
