"""The tab that draws a sprite in other colours: its shape stays, its palette is drawn anew."""

import functools
import json
from dataclasses import replace
from html import escape

import gradio as gr
from dialog import sent_sprite
from drawing import MAX_COUNT, MAX_SEED, Request, SpriteRef, check_whole, random_seed
from links import query_of, whole_in
from markup import display_size, problems_html, sprite_button, swatches
from page import QUICK, Page, told
from PIL import Image
from png import png_uri
from slots import slot_of_ref
from sprite_links import ref_in, ref_query

from pokegan import PokeGANError

TAB = "recolour"
PALETTES = 12
FIRST_SEED = 8
ENLARGED = 256

NO_PALETTES = """<section class="pg-empty"><h2>No model here can recolour sprites</h2>
<p>That takes a model that paints with a palette of its own. Train one, and start this page on its
run folder:</p>
<pre><code>accelerate launch train.py --recipe sprite --out runs/sprite
POKEGAN_MODELS=runs/sprite python space/app.py</code></pre></section>"""


def add_recolour(page: Page) -> None:
    """Lay out the tab, inside the open ``gr.Tab``, and add its API."""
    studio = page.studio
    painters = studio.able("recolor")
    if not painters:
        page.html("recolour-result", value=NO_PALETTES)
        return
    default = SpriteRef(painters[0], Request(1, FIRST_SEED))

    with gr.Column(elem_classes="pg-controls"), gr.Row(elem_classes="pg-strip"):
        model = gr.Dropdown(
            painters, value=painters[0], label="Model", min_width=140, visible=len(painters) > 1,
            elem_id="recolour-model",
        )  # fmt: skip
        shuffle = gr.Button("New palettes", variant="primary", elem_id="recolour-shuffle")
        other = gr.Button("Another sprite", elem_id="recolour-other")
        seed = gr.Number(
            default.request.seed,
            precision=0,
            label="Sprite's seed",
            min_width=110,
            elem_id="recolour-seed",
        )
        number = gr.Number(
            1, precision=0, label="Sprite number", min_width=110, elem_id="recolour-number"
        )
        palettes = gr.Number(
            0, precision=0, label="Palette seed", min_width=110, elem_id="recolour-palettes"
        )
    # Which sprite it is, with what the controls do not show: its types, say.
    box = gr.Textbox(visible="hidden", show_label=False)
    result = page.html("recolour-result", js="sprites address", min_height=240)
    page.opens_dialog(result)
    page.add_move("recolour", "Recolour", lambda model: model and model.offers("recolor"))

    def view(ref: SpriteRef, palette_seed: object) -> str:
        check_whole("palette seed", palette_seed, 0, MAX_SEED)
        images = studio.recolored(ref, palette_seed, PALETTES)
        return _result_html(page, ref, palette_seed, images)

    def all_of(ref: SpriteRef, palette_seed: int):
        """What every control and the result show; for ``everything``."""
        return (
            ref.model, ref.request.seed, ref.index + 1, palette_seed, json.dumps(ref.to_dict()),
            view(ref, palette_seed),
        )  # fmt: skip

    def chosen(model, seed, number, palette_seed):
        """A sprite as the controls name it, of whatever types the seed chooses."""
        if model not in painters:
            raise PokeGANError(f"model: choose among {', '.join(painters)}.")
        check_whole("sprite number", number, 1, MAX_COUNT)
        ref = SpriteRef(model, Request(1, seed), number - 1)
        return json.dumps(ref.to_dict()), view(ref, palette_seed)

    def another(model, palette_seed):
        ref = SpriteRef(model, Request(1, random_seed()))
        return all_of(SpriteRef.from_dict(ref.to_dict(), studio.models), palette_seed)

    def repainted(text, palette_seed):
        return view(SpriteRef.from_dict(_read(text), studio.models), palette_seed)

    def shuffled(text):
        palette_seed = random_seed()
        return palette_seed, repainted(text, palette_seed)

    def moved(palette_seed, event: gr.EventData):
        ref = sent_sprite(event._data, studio.sources)
        if not isinstance(ref, SpriteRef) or ref.model not in painters:
            raise PokeGANError("That sprite has no palette to draw anew.")
        palette_seed = ref.recolor[0] if ref.recolor else palette_seed
        return (gr.Tabs(selected=TAB), *all_of(replace(ref, recolor=None), palette_seed))

    @functools.cache
    def first_view():
        return all_of(default, 0)

    def opened(request: gr.Request):
        """What the link asks for; other links open the tab as it is at first."""
        params = request.query_params
        try:
            if params.get("tab") != TAB:
                return first_view()
            ref = replace(ref_in(params, painters, default), recolor=None)
            return all_of(ref, whole_in(params, "palettes", 0, MAX_SEED, 0))
        except PokeGANError as error:
            return (*[gr.skip()] * 5, problems_html([str(error)]))

    everything = [model, seed, number, palettes, box, result]
    quick = {"api_visibility": "private", "show_progress_on": result, **QUICK}
    gr.on(
        [model.input, seed.submit, number.submit], told(chosen),
        [model, seed, number, palettes], [box, result], **quick,
    )  # fmt: skip
    palettes.submit(told(repainted), [box, palettes], result, **quick)
    shuffle.click(told(shuffled), box, [palettes, result], show_progress="minimal", **quick)
    other.click(told(another), [model, palettes], everything, show_progress="minimal", **quick)
    page.dialog.recolour(told(moved), palettes, [page.tabs, *everything], **quick)
    page.demo.load(opened, None, everything, show_progress="hidden", **quick)

    def recolour(
        model: str = painters[0], seed: int = 0, sprite: int = 1, palette_seed: int = 0,
        count: int = PALETTES, type: str = "", shiny: bool = False,
    ) -> dict:  # fmt: skip
        if model not in painters:
            raise PokeGANError(f"model: choose among {', '.join(painters)}.")
        check_whole("sprite", sprite, 1, MAX_COUNT)
        check_whole("count", count, 1, MAX_COUNT)
        check_whole("palette_seed", palette_seed, 0, MAX_SEED)
        types = ((type, 1.0),) if type else ()
        ref = SpriteRef(model, Request(1, seed, types, shiny), sprite - 1)
        image, label = studio.sprite(ref)
        return {
            "model": model,
            "label": label,
            "original": png_uri(image),
            "sprites": [png_uri(image) for image in studio.recolored(ref, palette_seed, count)],
        }

    gr.api(
        told(recolour),
        api_name="recolour",
        api_description=(
            "Draw a sprite in other palettes; its shape stays. model: any of"
            f" {', '.join(painters)}; seed: 0 to {MAX_SEED}; sprite: which of the seed's sprites, 1"
            f" to {MAX_COUNT}; palette_seed: 0 to {MAX_SEED}; count: 1 to {MAX_COUNT} palettes;"
            " type: of the sprite, or empty for what the seed chooses; shiny. Returns model, label,"
            " original and sprites, as PNG data URIs."
        ),
        **QUICK,
    )


def _read(text: object) -> object:
    try:
        return json.loads(text)
    except (TypeError, ValueError, RecursionError):
        raise PokeGANError("Choose a sprite first.") from None


def _result_html(page: Page, ref: SpriteRef, palette_seed: int, images: list[Image.Image]) -> str:
    slot = slot_of_ref(ref, page.studio)
    query = query_of(TAB, **ref_query(ref), palettes=str(palette_seed))
    sprites = "".join(
        "<div>"
        + sprite_button(
            image,
            f"{slot.name}, palette {number}",
            replace(ref, recolor=(palette_seed, number - 1)),
            f"palette {number}",
        )
        + f'<p class="pg-swatches" aria-hidden="true">{swatches(image)}</p></div>'
        for number, image in enumerate(images, start=1)
    )
    side = display_size(images[0])[0]
    shiny = ", shiny" if ref.request.shiny else ""
    return (
        f'<div class="pg-recolour pg-panel" data-query="{escape(query)}">'
        '<section class="pg-original"><h2>As it was drawn</h2>'
        f"{sprite_button(slot.image, slot.name, ref, slot.name + shiny, side=ENLARGED)}"
        f'<p class="pg-swatches">{swatches(slot.image)}</p></section>'
        f"<section><h2>In {len(images)} other palettes</h2>"
        f'<div class="pg-sprites" style="--side:{side}px">{sprites}</div></section></div>'
    )
