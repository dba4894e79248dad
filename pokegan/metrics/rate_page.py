"""The page on which a person rates sheets of sprites without knowing who drew them."""

import functools
import os
import sys
import threading
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import Any

# Read when gradio is imported: nothing about the rating leaves this machine.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

import gradio as gr

from pokegan.errors import PokeGANError
from pokegan.metrics.rating import (
    MARKS,
    NAMES,
    QUESTIONS,
    REAL,
    Ratings,
    overall,
    preferred_to_real,
)
from pokegan.page_theme import page_theme

HERE = Path(__file__).resolve().parent
HOST = "127.0.0.1"
"""The page is for the person at this machine: it shows sprites of the games."""

WIDE, NARROW = 192, 160
"""CSS pixels of a sprite's side at most, on wide windows and on narrow ones."""

THEME = page_theme().set(
    block_title_text_color="*neutral_800", block_title_text_color_dark="*neutral_100"
)

HEADER = """<header class="pg-header"><h1>Blind rating</h1>
<p>Mark each sheet by what you see. Several models drew them, some hold real sprites, and who is
who is told at the end. Every mark is saved at once: close the page whenever you like, and the same
command goes on from there.</p></header>"""

KEYS = """<p class="pg-keys">Keys: <kbd>1</kbd> to <kbd>5</kbd> answer the next question,
<kbd>Enter</kbd> goes on; <kbd>Tab</kbd> and the arrows correct a mark.</p>"""


def build(ratings: Ratings, pictures: Sequence[Sequence[str]], side: int) -> gr.Blocks:
    """Lay out the page.

    Args:
        ratings: where the marks go.
        pictures: of each sheet of ``ratings``, its sprites as ``data:`` URIs of PNGs.
        side: of all these pictures, in pixels.
    """
    total = len(ratings.sheets)

    def show(number: int | None) -> list[Any]:
        """The page with a sheet, or with the results where there is no sheet to show."""
        if number is None:
            left = ratings.first_open() is not None
            return [
                *[gr.skip()] * len(shown),
                results_html(ratings),
                gr.update(visible=False),
                gr.update(visible=True),
                gr.update(visible=left),
            ]
        marks = ratings.marks_of(number)
        return [
            number,
            progress_html(number, total, ratings.marked()),
            sheet_html(number, pictures[number - 1], side),
            "",
            *(marks.get(name) for name in NAMES),
            gr.update(interactive=number > 1),
            gr.update(
                value="Finish" if number == total else "Next",
                interactive=ratings.is_marked(number),
            ),
            "",
            gr.update(visible=True),
            gr.update(visible=False),
            gr.skip(),
        ]

    def start() -> list[Any]:
        return show(ratings.first_open())

    def mark(number: int, question: str, value: int | None) -> tuple[Any, str]:
        try:
            ratings.mark(number, {} if value is None else {question: value})
        except PokeGANError as error:
            return gr.skip(), problem_html(error)
        # Never back to False: answers may arrive in another order than marks were given.
        return gr.update(interactive=True) if ratings.is_marked(number) else gr.skip(), ""

    def move(to: Callable[[int], int | None], number: int, *values: int | None) -> list[Any]:
        given = {name: v for name, v in zip(NAMES, values, strict=True) if v is not None}
        try:
            ratings.mark(number, given)  # what is seen is kept, though a mark be on its way yet
            return show(to(number))
        except PokeGANError as error:
            unchanged = [gr.skip()] * len(page)
            unchanged[page.index(problem)] = problem_html(error)
            return unchanged

    def back(number: int) -> int:
        return max(1, number - 1)

    def forward(number: int) -> int | None:
        if not ratings.is_marked(number):
            return number
        return number + 1 if number < total else ratings.first_open()

    def reveal(number: int) -> None:
        """No sheet is next."""

    with gr.Blocks(title="PokeGAN: blind rating", analytics_enabled=False) as demo:
        gr.HTML(HEADER, js_on_load=None)
        with gr.Column(elem_id="rating") as rating:
            progress = gr.HTML(elem_id="progress", js_on_load=None)
            sheet = gr.HTML(elem_id="sheet", js_on_load=None)
            problem = gr.HTML(elem_id="problem", js_on_load=None)
            # Sent along with every mark: which sheet is on the screen is the screen's to say.
            number = gr.Number(1, precision=0, visible=False)
            with gr.Column(elem_id="questions"):
                radios = [
                    gr.Radio(
                        MARKS, label=question.name.capitalize(), interactive=True,
                        info=f"1: {question.low}\n5: {question.high}",
                        elem_id=f"question-{question.name}",
                    )
                    for question in QUESTIONS
                ]  # fmt: skip
            with gr.Row(elem_id="steps"):
                back_button = gr.Button("Back", interactive=False, elem_id="back", min_width=110)
                next_button = gr.Button(
                    "Next", variant="primary", interactive=False, elem_id="next", min_width=110
                )
                reveal_button = gr.Button("Stop and reveal", elem_id="reveal", min_width=150)
            gr.HTML(KEYS, js_on_load=None)
        with gr.Column(elem_id="results", visible=False) as results:
            table = gr.HTML(js_on_load=None)
            go_on = gr.Button("Go on marking", elem_id="go-on")

        shown = [number, progress, sheet, problem, *radios, back_button, next_button]
        page = [*shown, table, rating, results, go_on]
        # Not through gradio's queue: an answer gets lost there when its stream is just being closed
        # as the next mark comes (seen with gradio 6.31).
        quiet = {"queue": False, "api_visibility": "private", "show_progress": "hidden"}
        to_the_top = {"fn": None, "js": "() => window.scrollTo({top: 0})", **quiet}
        demo.load(start, None, page, **quiet)
        for radio, question in zip(radios, NAMES, strict=True):
            radio.input(
                lambda number, value, question=question: mark(number, question, value),
                [number, radio], [next_button, problem],
                # A second thought while the first is being saved counts.
                trigger_mode="always_last", **quiet,
            )  # fmt: skip
        for button, to in ((back_button, back), (next_button, forward), (reveal_button, reveal)):
            button.click(functools.partial(move, to), [number, *radios], page, **quiet).then(
                **to_the_top
            )
        go_on.click(start, None, page, **quiet).then(**to_the_top)
    return demo


def serve(
    ratings: Ratings,
    pictures: Sequence[Sequence[str]],
    side: int,
    port: int | None = None,
    browser: bool = True,
) -> None:
    """Serve the page on this machine until Ctrl-C.

    Args:
        ratings: as for :func:`build`.
        pictures: as for :func:`build`.
        side: as for :func:`build`.
        port: default: the first free one from 7860.
        browser: whether to open it in the user's browser.

    Raises:
        PokeGANError: the port is taken.
    """
    demo = build(ratings, pictures, side)
    try:
        _, url, _ = demo.launch(
            server_name=HOST,
            server_port=port,
            share=False,
            inbrowser=browser,
            theme=THEME,
            css_paths=HERE / "rate_page.css",
            js=(HERE / "rate_page.js").read_text(encoding="utf-8"),
            footer_links=[],
            # It would keep every sheet that was shown in the browser.
            run_history=False,
            ssr_mode=False,
            quiet=True,
            prevent_thread_lock=True,
        )
    except OSError as error:
        raise PokeGANError(" ".join(str(error).split())) from error
    print(f"Rate on {url} (Ctrl+C ends it); every mark is saved in {ratings.path}", flush=True)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        demo.close(verbose=False)
    marked, total = ratings.marked(), len(ratings.sheets)
    print(f"\n{ratings.path}: {marked} of {total} sheets marked", file=sys.stderr)


def progress_html(number: int, total: int, marked: int) -> str:
    """Which sheet is shown, and a bar of how many are marked."""
    return (
        f'<div class="pg-progress"><strong>Sheet {number} of {total}</strong>'
        f"<span>{marked} marked</span>"
        f'<progress value="{marked}" max="{total}" aria-label="Sheets marked"></progress></div>'
    )


def sheet_html(number: int, sprites: Sequence[str], side: int) -> str:
    """The sprites of a sheet, named by nothing but their place; enlarged by whole factors."""
    wide, narrow = (side * max(1, limit // side) for limit in (WIDE, NARROW))
    images = "".join(
        f'<img src="{uri}" alt="Sprite {place}">' for place, uri in enumerate(sprites, start=1)
    )
    return (
        f'<div class="pg-sheet" data-sheet="{number}"'
        f' style="--wide:{wide}px;--narrow:{narrow}px">{images}</div>'
    )


def problem_html(error: PokeGANError) -> str:
    """Why a mark is not saved; it stays on the page until one is."""
    return f'<p class="pg-warning" role="alert">Not saved: {escape(str(error))}</p>'


def results_html(ratings: Ratings) -> str:
    """The means by model, real sprites at the end; the only text that names models."""
    summary = ratings.summary()
    ranked = sorted(summary, key=lambda name: (name == REAL, -(overall(summary[name]) or 0), name))
    heads = "".join(f"<th>{name.capitalize()}</th>" for name in [*NAMES, "mean"])
    rows = "".join(_row_html(name, summary[name]) for name in ranked)
    marked, total = ratings.marked(), len(ratings.sheets)
    after = "You can close this page and end the command with Ctrl+C." if marked == total else ""
    return (
        '<section class="pg-results"><h2>Who drew what you marked</h2>'
        f"<p>{marked} of {total} sheets are marked. Means of marks from 1 to 5; n counts the sheets"
        f" with marks.</p>{_warning_html(preferred_to_real(summary))}"
        f'<div class="pg-table"><table><thead><tr><th>Model</th><th>n</th>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
        f"<p>All marks are in <code>{escape(ratings.path.name)}</code>. {after}</p></section>"
    )


def _row_html(name: str, results: dict[str, Any]) -> str:
    means = {question.capitalize(): results[question]["mean"] for question in NAMES}
    values = means | {"Mean": overall(results)}
    cells = {"n": str(max(results[question]["n"] for question in NAMES))}
    cells |= {head: "–" if value is None else f"{value:.2f}" for head, value in values.items()}
    # Phones show the heads before each value.
    data = "".join(f'<td data-name="{head}">{text}</td>' for head, text in cells.items())
    label = "real sprites" if name == REAL else escape(name)
    kind = ' class="pg-real"' if name == REAL else ""
    return f'<tr{kind}><th scope="row">{label}</th>{data}</tr>'


def _warning_html(names: Sequence[str]) -> str:
    if not names:
        return ""
    return (
        '<p class="pg-warning" role="alert">You marked the real sprites below those of'
        f" {escape(', '.join(names))}. Either these look better than the games', or the marks say"
        " little: mark more sheets, or let someone else mark them, before you compare models.</p>"
    )
