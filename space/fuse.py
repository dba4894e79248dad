"""The tab that fuses two sprites: what a model sees in them, and what lies between."""

import functools
import json
from collections.abc import Callable, Sequence
from html import escape

import gradio as gr
from dialog import sent_sprite
from drawing import Request, SpriteRef, random_seed
from fusing import MAX_STEPS, MIN_STEPS, Fusion, fuse, is_own, needs_type
from links import one_of, query_of, whole_in
from markup import display_size, download_link, problems_html, sprite_button
from page import QUICK, Page, told, type_choices
from pictures import file_name, path_gif
from PIL import Image
from png import data_uri, png_uri
from slots import Slot, read_slot, slot_of_picture, slot_of_ref
from sprite_links import ref_in, ref_query
from uploads import MAX_BYTES, decode_uri

from pokegan import PokeGANError
from pokegan.data.types import TYPES

TAB = "fuse"
PLACES = ("first", "second")
FIRST_SEEDS = (93, 36)
FIRST_STEPS = 12
FILM_SIDE = 256
ACCEPTED = "image/png,image/gif,image/jpeg,image/webp"

NO_ENCODER = """<section class="pg-empty"><h2>No model here can fuse sprites</h2>
<p>That takes a model with an encoder, which turns a picture into the numbers a generator draws
from. Train one, and start this page on its run folder:</p>
<pre><code>accelerate launch train.py --recipe aegan --out runs/aegan
POKEGAN_MODELS=runs/aegan python space/app.py</code></pre></section>"""

UPLOAD_TEXT = (
    "PNG, GIF, JPEG or WebP, up to 5 MB. It is read by this page's server and kept only in your"
    " browser."
)


def add_fuse(page: Page) -> None:
    """Lay out the tab, inside the open ``gr.Tab``, and add its API."""
    studio = page.studio
    encoders = studio.able("encode")
    if not encoders:
        page.html("fuse-result", value=NO_ENCODER)
        return
    # Real sprites can be fused, too, where there are some.
    drawers = [name for name, source in studio.sources.items() if not source.is_slow]
    drawer = next((name for name in encoders if name in drawers), drawers[0])

    cards, draws, draw_models, boxes = [], [], [], []
    with gr.Row(elem_classes="pg-slots", equal_height=True):
        for place in PLACES:
            with gr.Column(elem_classes="pg-slot", min_width=280):
                cards.append(
                    page.html(
                        f"fuse-{place}", js="sprites slot", value=_card_html(place, None, None, "")
                    )
                )
                with gr.Row(elem_classes="pg-strip"):
                    draws.append(
                        gr.Button(f"Draw the {place}", elem_id=f"fuse-draw-{place}", min_width=120)
                    )
                    draw_models.append(
                        gr.Dropdown(
                            drawers,
                            value=drawer,
                            label="Drawn by",
                            min_width=120,
                            visible=len(drawers) > 1,
                        )
                    )
                # What is in this place; see slots.py.
                boxes.append(gr.Textbox(visible="hidden", show_label=False))
    with gr.Row(elem_classes="pg-strip pg-controls"):
        model = gr.Dropdown(
            encoders, value=encoders[0], label="Fused by", min_width=160,
            visible=len(encoders) > 1, elem_id="fuse-model",
        )  # fmt: skip
        type_ = gr.Dropdown(
            type_choices(), value=TYPES[0], visible=False,
            label="Type that the model is told", min_width=160, elem_id="fuse-type",
        )  # fmt: skip
        steps = gr.Slider(
            MIN_STEPS, MAX_STEPS, FIRST_STEPS, step=1, precision=0, label="Sprites on the path",
            min_width=200, buttons=[], elem_id="fuse-steps",
        )  # fmt: skip
        swap = gr.Button("Swap the two", min_width=120, elem_id="fuse-swap")
        draw_both = gr.Button(
            "Draw two new sprites", variant="primary", min_width=160, elem_id="fuse-draw-both"
        )
    result = page.html("fuse-result", js="sprites address", min_height=240)
    for component in (*cards, result):
        page.opens_dialog(component)
    for place in PLACES:
        page.add_move(f"fuse_{place}", f"Fuse as {place}", lambda model: True)

    controls = [*boxes, model, steps, type_]
    shown = [*cards, result, type_]

    def view(first, second, model, steps, type):
        """What both places, the model and the path's length make; for ``shown``."""
        slots = [read_slot(text, studio) for text in (first, second)]
        fusion = fuse(studio, model, *slots, steps, type)
        made = zip(PLACES, slots, fusion.reconstructions, strict=True)
        return (
            *[_card_html(place, slot, again, model) for place, slot, again in made],
            _result_html(fusion, slots, _link(slots, model, steps, type, encoders[0])),
            gr.update(visible=needs_type(studio, model)),
        )

    def put(place: int, slot: Slot, asked: Sequence):
        """The sprite into its place; for both boxes and ``shown``."""
        asked = list(asked)
        asked[place] = slot.to_text()
        return (*asked[:2], *view(*asked))

    def random_slot(name) -> Slot:
        if name not in drawers:
            raise PokeGANError(f"model: choose among {', '.join(drawers)}.")
        seed = random_seed()
        return slot_of_ref(SpriteRef(name, Request(1, seed)), studio)

    def draw_one(place):
        return lambda name, *asked: put(place, random_slot(name), asked)

    def draw_new(first_model, second_model, *asked):
        texts = [random_slot(name).to_text() for name in (first_model, second_model)]
        return (*texts, *view(*texts, *asked[2:]))

    def uploaded(place):
        def take(first, second, model, steps, type, event: gr.EventData):
            asked = (first, second, model, steps, type)
            data = event._data if isinstance(event._data, dict) else {}
            image = decode_uri(data.get("uri"))
            return put(place, slot_of_picture(image, f"Your {PLACES[place]} picture"), asked)

        return take

    def moved(place):
        def take(first, second, model, steps, type, event: gr.EventData):
            asked = (first, second, model, steps, type)
            sprite = sent_sprite(event._data, studio.sources)
            if isinstance(sprite, SpriteRef):
                slot = slot_of_ref(sprite, studio)
            else:
                name, image = sprite
                slot = slot_of_picture(image, name)
            return (gr.Tabs(selected=TAB), *put(place, slot, asked))

        return take

    def swapped(first, second, *rest):
        return (second, first, *view(second, first, *rest))

    def default(place: int) -> SpriteRef:
        return SpriteRef(drawer, Request(1, FIRST_SEEDS[place]))

    @functools.cache
    def first_view():
        texts = [json.dumps(default(place).to_dict()) for place in (0, 1)]
        asked = (*texts, encoders[0], FIRST_STEPS, TYPES[0])
        return asked, view(*asked)

    def linked_view(params):
        refs = [
            ref_in(params, drawers, default(number), f"{place}-")
            for number, place in enumerate(PLACES)
        ]
        asked = (
            *[json.dumps(ref.to_dict()) for ref in refs],
            one_of(params, "model", encoders, encoders[0]),
            whole_in(params, "steps", MIN_STEPS, MAX_STEPS, FIRST_STEPS),
            one_of(params, "type", list(TYPES), TYPES[0]),
        )
        return asked, view(*asked)

    everything = [*controls, *shown[:-1], type_]
    nothing = (gr.skip(),) * len(everything)

    def filled_with(make: Callable[[], tuple]):
        try:
            asked, made = make()
        except PokeGANError as error:
            # Nobody has asked for anything yet: a line in the tab, and no message over the page.
            return (*nothing[:-2], problems_html([str(error)]), nothing[-1])
        return (*asked[:4], gr.skip(), *made[:3], {**made[3], "value": asked[4]})

    def linked(request: gr.Request):
        """What the link asks for, if it is to this tab."""
        params = request.query_params
        return filled_with(lambda: linked_view(params)) if params.get("tab") == TAB else nothing

    def at_first(request: gr.Request):
        """For other links, the tab as it is at first."""
        return nothing if request.query_params.get("tab") == TAB else filled_with(first_view)

    quick = {"api_visibility": "private", "show_progress_on": result, **QUICK}
    latest = {"trigger_mode": "always_last", "show_progress": "hidden", **quick}
    gr.on([model.input, steps.input, type_.input], told(view), controls, shown, **latest)
    for place in (0, 1):
        filled = [*boxes, *shown]
        draws[place].click(told(draw_one(place)), [draw_models[place], *controls], filled, **quick)
        cards[place].upload(told(uploaded(place)), controls, filled, **quick)
        getattr(page.dialog, f"fuse_{PLACES[place]}")(
            told(moved(place)), controls, [page.tabs, *filled], **quick
        )
    draw_both.click(told(draw_new), [*draw_models, *controls], filled, **quick)
    swap.click(told(swapped), controls, filled, **quick)
    page.demo.load(linked, None, everything, **{**quick, "show_progress": "hidden"})
    # To read sprites takes seconds, so the rows that visitors see first are drawn before.
    page.first_rows.then(at_first, None, everything, **{**quick, "show_progress": "hidden"})

    def fuse_api(
        first: str | dict, second: str | dict, model: str = "", steps: int = FIRST_STEPS,
        type: str = "",
    ) -> dict:  # fmt: skip
        slots = [
            slot_of_picture(decode_uri(sprite), "picture")
            if isinstance(sprite, str)
            else slot_of_ref(SpriteRef.from_dict(sprite, studio.sources), studio)
            for sprite in (first, second)
        ]
        fusion = fuse(studio, model or encoders[0], *slots, steps, type)
        return {
            "model": fusion.model,
            "reconstructions": [png_uri(image) for image in fusion.reconstructions],
            "path": [png_uri(image) for image in fusion.path],
            "mixed": [png_uri(image) for image in fusion.mixed],
        }

    gr.api(
        told(fuse_api),
        api_name="fuse",
        api_description=(
            "Fuse two sprites. first, second: an image (a data: URI of a PNG, GIF, JPEG or WebP of"
            " at most 5 MB), or which sprite of a model it is: an object of model, request (count,"
            " seed, types as pairs of a type and a weight, shiny, truncation), index (from 0) and"
            f" recolor. model: any of {', '.join(encoders)} (default: {encoders[0]}); steps:"
            f" {MIN_STEPS} to {MAX_STEPS} sprites on the path; type: for models whose encoder needs"
            " one. Returns model, reconstructions, path and mixed (from the first's own style to"
            " the second's; empty where the model cannot mix), as PNG data URIs."
        ),
        **QUICK,
    )


def _link(slots: Sequence[Slot], model: str, steps: int, type: str, first_model: str) -> str:
    """The query that restores this view, but for pictures: no link holds them."""
    values: dict[str, object] = {}
    for place, slot in zip(PLACES, slots, strict=True):
        if slot.ref is not None:
            values |= ref_query(slot.ref, f"{place}-")
    return query_of(
        TAB,
        **values,
        model="" if model == first_model else model,
        steps="" if steps == FIRST_STEPS else steps,
        type="" if type == TYPES[0] else type,
    )


def _card_html(place: str, slot: Slot | None, again: Image.Image | None, model: str) -> str:
    """One of the two places: its sprite, what the model makes of it, and where a picture goes."""
    figures = ""
    if slot is not None:
        side = display_size(slot.image)[0]
        seen = f"{model} draws it again after encoding it"
        figures = (
            f'<div class="pg-pair" style="--side:{side}px">'
            f"{sprite_button(slot.image, slot.name, slot.ref, slot.name)}"
            '<span class="pg-arrow" aria-hidden="true">→</span>'
            f"{sprite_button(again, f'{slot.name}, reconstructed', None, seen)}</div>"
        )
    return (
        f'<h2 class="pg-slot-title">The {place} sprite</h2>{figures}'
        f'<label class="pg-drop"><input type="file" accept="{ACCEPTED}" data-limit="{MAX_BYTES}"'
        f' data-too-large="That file is larger than {MAX_BYTES // 1024**2} MB."'
        f' aria-label="Your own picture as the {place} sprite">'
        "<span><b>Choose a picture</b> or drop one here</span>"
        f"<small>{UPLOAD_TEXT}</small></label>"
        '<p class="pg-drop-note" role="alert"></p>'
    )


def _result_html(fusion: Fusion, slots: Sequence[Slot], query: str) -> str:
    mixed = _mixed_html(fusion) if fusion.mixed else ""
    return (
        f'<div class="pg-panels" data-query="{escape(query)}">{_path_html(fusion, slots)}{mixed}'
        "</div>"
    )


def _path_html(fusion: Fusion, slots: Sequence[Slot]) -> str:
    gif = data_uri(path_gif(fusion.path), "image/gif")
    width, height = display_size(fusion.path[0], FILM_SIDE)
    last = len(fusion.path) - 1
    name = escape(fusion.model)
    sprites = "".join(
        sprite_button(image, f"{100 * step / last:.0f} % of the way, drawn by {fusion.model}", None,
                      f"{100 * step / last:.0f} %")
        for step, image in enumerate(fusion.path)
    )  # fmt: skip
    ends = (
        f"Both were drawn by {name}, so it starts and ends at the sprites themselves."
        if all(is_own(fusion.model, slot) for slot in slots)
        else f"It starts and ends at what {name} draws: of its own sprites they themselves, of"
        " others what it draws again after encoding them."
    )
    side = display_size(fusion.path[0])[0]
    save = download_link(gif, f"{file_name(fusion.model)}-path.gif", "Save as GIF")
    still = png_uri(fusion.path[last // 2])
    return (
        '<section class="pg-panel"><header><div><h2>The path between them</h2>'
        f'<p class="pg-facts">{ends}</p></div><div class="pg-actions">{save}</div></header>'
        '<div class="pg-path"><picture class="pg-film">'
        f'<source srcset="{still}" media="(prefers-reduced-motion: reduce)">'
        f'<img src="{gif}" alt="From the first sprite to the second and back" width="{width}"'
        f' height="{height}"></picture>'
        f'<div class="pg-sprites pg-reel" style="--side:{side}px">{sprites}</div></div></section>'
    )


def _mixed_html(fusion: Fusion) -> str:
    last = len(fusion.mixed) - 1
    side = display_size(fusion.mixed[0])[0]
    sprites = "".join(
        sprite_button(
            image, f"first sprite in {last - step} of {last} layers, drawn by {fusion.model}", None,
            f"{last - step} of {last}",
        )
        for step, image in enumerate(fusion.mixed)
    )  # fmt: skip
    return (
        '<section class="pg-panel"><header><div><h2>Shape of the first, details and colours of the'
        ' second</h2><p class="pg-facts">In how many of the generator\'s layers, from the coarsest'
        " on, the first sprite sets the style; the second sets it in the others.</p></div></header>"
        f'<div class="pg-sprites pg-reel" style="--side:{side}px">{sprites}</div></section>'
    )
