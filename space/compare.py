"""The first tab: what each model makes of the same random numbers, row by row."""

import json
import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from html import escape
from queue import SimpleQueue

import gradio as gr
from drawing import (
    MAX_COUNT,
    MAX_SEED,
    MAX_TRUNCATION,
    Request,
    Row,
    asked_types,
    check_names,
    random_seed,
)
from guess import Guess, guess_html, reveal_html
from links import flag_in, names_in, number_in, one_of, query_of, whole_in
from markup import copy_button, display_size, duration, problems_html, sprite_button
from models_index import one_of_each
from page import QUICK, SLOW, Page, told, type_choices
from pictures import file_name, rows_zip, sheet_png
from png import data_uri
from python_lines import python_of_row

from pokegan import PokeGANError
from pokegan.data.types import TYPES

TAB = "compare"
FIRST_MODELS = 5
FIRST_COUNT = 16
TOLD_EVERY_SECONDS = 0.3
STEPS_SHOWN = "drawing in many small steps"


def add_compare(page: Page) -> None:
    """Lay out the tab, inside the open ``gr.Tab``, and add its API."""
    studio = page.studio
    first_names = [m.name for m in one_of_each([*studio.models.values()], FIRST_MODELS)]

    with gr.Column(elem_classes="pg-controls"):
        chosen = gr.CheckboxGroup(
            page.row_names, value=first_names, label="Models", elem_id="models"
        )
        with gr.Row(elem_classes="pg-strip"):
            shuffle_button = gr.Button(
                "Draw new sprites", variant="primary", elem_id="shuffle", min_width=160
            )
            with gr.Row(elem_classes="pg-seed"):
                back = gr.Button("‹", elem_id="seed-back", min_width=40, scale=0)
                seed = gr.Number(0, precision=0, label="Seed", elem_id="seed", min_width=110)
                forth = gr.Button("›", elem_id="seed-forth", min_width=40, scale=0)
            lock = gr.Checkbox(label="Lock the seed", min_width=120, elem_classes="pg-flag")
            first = gr.Dropdown(type_choices("Any type"), value="", label="Type", min_width=130)
            second = gr.Dropdown(
                type_choices("No second type"), value="", label="Second type", min_width=150
            )  # fmt: skip
            guess_button = gr.Button("Guess the model", elem_id="guess", min_width=150)
        with gr.Accordion("More settings", open=False), gr.Row(elem_classes="pg-strip"):
            count = gr.Slider(
                1, MAX_COUNT, FIRST_COUNT, step=1, precision=0, label="Sprites each",
                min_width=220, buttons=[],
            )  # fmt: skip
            truncation = gr.Slider(
                0, MAX_TRUNCATION, 1, step=0.05, label="Truncation: 0 typical, 2 wild",
                min_width=220, buttons=[],
            )  # fmt: skip
            shiny = gr.Checkbox(
                label="Shiny colours, of models that know them",
                min_width=220,
                elem_classes="pg-flag",
            )
    rows = page.html("rows", js="sprites rows address", min_height=240)
    slow_rows = page.html("slow-rows", js="sprites")
    page.opens_dialog(rows)
    page.opens_dialog(slow_rows)
    key = gr.State(None)  # of the guessing game: which row is whose
    score = gr.BrowserState([0, 0], storage_key="pokegan-guesses")
    controls = [chosen, first, second, count, seed, shiny, truncation]

    def draw(chosen, first, second, count, seed, shiny, truncation) -> list[Row]:
        names = check_names(chosen, page.row_names)
        return studio.draw_all(names, _request(first, second, count, seed, shiny, truncation))

    def show(*asked) -> str:
        names = check_names(asked[0], page.row_names)
        request = _request(*asked[1:])
        slow = [name for name in names if studio.sources[name].is_slow]
        drawn = studio.draw_all([name for name in names if name not in slow], request)
        return rows_html(drawn, page, request, names, waiting=slow)

    def show_slow(*asked) -> Iterator[str]:
        names = [n for n in check_names(asked[0], page.row_names) if studio.sources[n].is_slow]
        request, rows = _request(*asked[1:]), []
        for name in names:
            above = _rows_markup(rows, page)

            def work(tell, name=name):
                rows.append(studio.draw(name, request, tell))

            for percent in _percents(work):
                yield above + _progress_html(name, percent)
        yield _rows_markup(rows, page)

    def move(by):
        def moved(*asked):
            seed = asked[4] if isinstance(asked[4], int) else 0
            seed = min(max(seed + by, 0), MAX_SEED)
            return seed, show(*asked[:4], seed, *asked[5:])

        return moved

    def shuffle(*asked):
        seed = random_seed()
        return seed, show(*asked[:4], seed, *asked[5:])

    def locked(lock):
        return [gr.update(interactive=not lock)] * 4

    def ask(*asked):
        names = [n for n in check_names(asked[0], page.row_names) if not studio.sources[n].is_slow]
        drawn = [row for row in studio.draw_all(names, _request(*asked[1:])) if not row.error]
        if len(drawn) < 2:
            raise PokeGANError("Choose two models or more: there is nothing to guess.")
        random.shuffle(drawn)
        game = Guess(tuple(row.name for row in drawn), drawn[0].request)
        return guess_html(drawn, page), game

    def reveal(event: gr.EventData, game, score):
        if not isinstance(game, Guess):
            raise PokeGANError("That round is over; start another.")
        right, markup = reveal_html(game, event._data, page, score)
        return markup, None, [score[0] + right, score[1] + len(game.names)]

    def save(event: gr.EventData):
        """Pack what a button of the rows stands for."""
        data = event._data if isinstance(event._data, dict) else {}
        names = check_names(data.get("models"), page.row_names)
        request = Request.from_dict(data.get("request"))
        drawn = [row for row in studio.draw_all(names, request) if not row.error]
        if not drawn:
            raise PokeGANError("There is nothing to save.")
        if data.get("as") == "sheet":
            row = drawn[0]
            name = f"{file_name(row.name)}-seed-{request.seed}-{request.count}.png"
            return _saved(data_uri(sheet_png(row.images)), name)
        name = f"pokegan-seed-{request.seed}.zip"
        return _saved(data_uri(rows_zip(drawn), "application/zip"), name)

    def opened(request: gr.Request):
        """What the link asks for; other links open the tab as it is at first."""
        params = request.query_params if request.query_params.get("tab") == TAB else {}
        return (
            names_in(params, "models", page.row_names, first_names),
            one_of(params, "type", list(TYPES), ""),
            one_of(params, "type2", list(TYPES), ""),
            whole_in(params, "n", 1, MAX_COUNT, FIRST_COUNT),
            whole_in(params, "seed", 0, MAX_SEED, 0),
            flag_in(params, "shiny"),
            number_in(params, "truncation", 0, MAX_TRUNCATION, 1),
        )

    quick = {"api_visibility": "private", "show_progress_on": rows, **QUICK}
    slowly = {"api_visibility": "private", "trigger_mode": "always_last", **SLOW}
    # A change while the last one is being drawn counts: it is drawn next.
    # The controls come first, so that a visitor's first change is not undone.
    page.first_rows = page.demo.load(
        opened, None, controls, queue=False, api_visibility="private", show_progress="hidden"
    ).then(told(show), controls, rows, show_progress="hidden", **quick)
    drawn = [
        gr.on(
            [c.input for c in (chosen, first, second, count, shiny, truncation)] + [seed.submit],
            told(show), controls, rows, trigger_mode="always_last", show_progress="minimal",
            **quick,
        ),
        shuffle_button.click(
            told(shuffle), controls, [seed, rows], show_progress="minimal", **quick
        ),
        back.click(told(move(-1)), controls, [seed, rows], show_progress="hidden", **quick),
        forth.click(told(move(1)), controls, [seed, rows], show_progress="hidden", **quick),
        page.first_rows,
    ]  # fmt: skip
    if any(model.is_slow for model in studio.models.values()):
        for event in drawn:
            event.success(told(show_slow), controls, slow_rows, show_progress="hidden", **slowly)
    lock.input(
        locked, lock, [seed, shuffle_button, back, forth],
        api_visibility="private", queue=False, show_progress="hidden",
    )  # fmt: skip
    guess_button.click(told(ask), controls, [rows, key], show_progress="minimal", **quick)
    rows.submit(told(reveal), [key, score], [rows, key, score], show_progress="hidden", **quick)
    rows.download(told(save), None, page.saver, show_progress="minimal", **quick)

    def compare(
        models: list[str] | None = None,
        count: int = FIRST_COUNT,
        seed: int = 0,
        type: str = "",
        second_type: str = "",
        shiny: bool = False,
        truncation: float = 1.0,
    ) -> list[dict]:
        names = first_names if models is None else models
        return rows_json(draw(names, type, second_type, count, seed, shiny, truncation))

    gr.api(
        told(compare),
        api_name="compare",
        api_description=(
            "Draw the sprites of one seed with several models. Returns one object for each"
            " model: model, description, latent_dim, seconds, labels and sprites (PNG data URIs),"
            f" or model and error. models: any of {', '.join(page.row_names)} (default: the first"
            f" {len(first_names)}); count: 1 to {MAX_COUNT}; seed: 0 to {MAX_SEED}; type,"
            f" second_type: any of {', '.join(TYPES)}, or empty; shiny: for models that know shiny"
            f" colours; truncation: 0 to {MAX_TRUNCATION:g}."
        ),
        **QUICK,
    )


def rows_json(rows: Sequence[Row]) -> list[dict]:
    """The rows for programs: sprites as PNG ``data:`` URIs at their own size."""
    return [
        {"model": row.name, "error": row.error}
        if row.error
        else {
            "model": row.name,
            "description": row.description,
            "latent_dim": row.latent_dim,
            "seconds": round(row.seconds, 4),
            "labels": list(row.captions),
            "sprites": list(row.uris),
        }
        for row in rows
    ]


def rows_html(
    rows: Sequence[Row],
    page: Page,
    request: Request,
    names: Sequence[str],
    waiting: Sequence[str] = (),
) -> str:
    """The rows for the page, with what keeps them above and the link that restores them."""
    query = link_of(names, request)
    told_waiting = (
        f'<p class="pg-note">{escape(", ".join(waiting))}: {STEPS_SHOWN}, below.</p>'
        if waiting
        else ""
    )
    return (
        f'<div class="pg-rows" data-seed="{request.seed}" data-query="{escape(query)}">'
        f"{_keep_bar(names, request)}{_rows_markup(rows, page)}{told_waiting}</div>"
    )


def link_of(names: Sequence[str], request: Request) -> str:
    """The query that restores this view."""
    types = [name for name, _ in request.types]
    return query_of(
        TAB,
        models=list(names),
        type=types[0] if types else "",
        type2=types[1] if len(types) > 1 else "",
        n=request.count,
        seed=str(request.seed),
        shiny=request.shiny,
        truncation="" if request.truncation == 1 else float(request.truncation),
    )


def _request(first, second, count, seed, shiny, truncation) -> Request:
    return Request(count, seed, asked_types(first, second), shiny, truncation)


def _saved(uri: str, name: str) -> str:
    return f'<a href="{uri}" download="{escape(name)}" tabindex="-1" aria-hidden="true"></a>'


def _keep_bar(names: Sequence[str], request: Request) -> str:
    return (
        '<p class="pg-actions pg-keep">'
        f"{_save_button('zip', names, request, 'Save all as ZIP', '')}"
        '<button type="button" class="pg-button" data-copy-link>Copy link to this view</button>'
        "</p>"
    )


def _save_button(kind, names, request, caption, label) -> str:
    data = escape(json.dumps({"as": kind, "models": list(names), "request": asdict(request)}))
    spoken = f' aria-label="{escape(label)}"' if label else ""
    return (
        f'<button type="button" class="pg-button" data-save="{data}"{spoken}>'
        f"{escape(caption)}</button>"
    )


def _rows_markup(rows: Sequence[Row], page: Page) -> str:
    drawn = [row for row in rows if not row.error]
    parts = [problems_html([row.error for row in rows if row.error])]
    parts += [_row_html(row, page) for row in drawn]
    if len(drawn) > 1 and len({row.latent_dim for row in drawn}) < len(drawn):
        parts.append(
            '<p class="pg-note">Models with latents of the same length start from the same random'
            " numbers: compare number 1 with number 1, number 2 with number 2.</p>"
        )
    return "".join(parts)


def _percents(work: Callable[[Callable[[float], None]], object]) -> Iterator[int]:
    """Run ``work`` and yield now and then how much of it is done, in percent.

    Args:
        work: is given a function that it tells the share that is done.
    """
    shares: SimpleQueue[float | None] = SimpleQueue()
    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(work, shares.put)
        job.add_done_callback(lambda _: shares.put(None))
        told = -math.inf
        while (share := shares.get()) is not None:
            if time.monotonic() - told > TOLD_EVERY_SECONDS:
                yield int(100 * share)
                told = time.monotonic()
    job.result()


def _progress_html(name: str, percent: int) -> str:
    label = escape(f"{name} is drawing: {percent} %")
    return (
        f'<section class="pg-row pg-waiting" aria-label="{label}"><label>{label}'
        f'<progress max="100" value="{percent}"></progress></label></section>'
    )


def _row_html(row: Row, page: Page) -> str:
    seed = row.request.seed
    figures = "".join(
        sprite_button(
            image,
            ", ".join(
                [f"{row.name}, seed {seed}, sprite {number}", *row.species[number - 1 : number]]
            ),
            row.ref(number - 1),
            " ".join([str(number), *row.captions[number - 1 : number]]),
            uri=uri,
        )
        for number, (image, uri) in enumerate(zip(row.images, row.uris, strict=True), start=1)
    )
    name = escape(row.name)
    side = display_size(row.images[0])[0]
    if row.species:
        facts = f"{len(row.images)} sprites, chosen by the seed"
    else:
        facts = f"{row.latent_dim} latent numbers · drawn in {duration(row.seconds)}"
    if row.request.types and not row.labels:
        facts += " · knows no types"
    sheet = _save_button(
        "sheet", [row.name], row.request, "Save sheet", f"Save the sheet of {row.name} as PNG"
    )
    lines = python_of_row(row.name, row.request, page.studio)
    python = copy_button(lines, "Copy as Python") if lines else ""
    return (
        f'<section class="pg-row" data-model="{name}"><header><div><h2>{name}</h2>'
        f'<p class="pg-about">{escape(row.description)}</p>'
        f'<p class="pg-facts">{facts}</p></div>'
        f'<div class="pg-actions">{sheet}{python}</div></header>'
        f'<div class="pg-sprites" style="--side:{side}px">{figures}</div></section>'
    )
