"""The tab of types: one latent drawn as each of the 18, and as a blend of two."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import gradio as gr
from drawing import (
    MAX_COUNT,
    MAX_SEED,
    Request,
    SpriteRef,
    Studio,
    check_names,
    check_whole,
    random_seed,
)
from links import names_in, one_of, query_of, whole_in
from markup import display_size, problems_html, sprite_button
from page import QUICK, Page, told, type_choices
from PIL import Image
from png import png_uri

from pokegan import PokeGANError
from pokegan.data.types import TYPES
from pokegan.models.base import to_pil
from pokegan.models.conditioning import CLASSES

TAB = "types"
FIRST_MODELS = 6
FIRST_TYPES = ("fire", "water")
BLENDED = 8
STRIP_SHARES = tuple(100 * step / 8 for step in range(9))
CELL_SIDE = 64
BLEND_SIDE = 96
KNOWN = {"group": "knows 13 groups", "type": "knows 18 types", "types": "knows blends"}
BLEND_HEAD = (
    '<h2 class="pg-blend-title">Between two types</h2><p class="pg-note">Move the share, and the'
    " monsters turn from one into the other.</p>"
)

NO_TYPES = """<section class="pg-empty"><h2>No model here knows types</h2>
<p>Train one that does, and start this page on its run folder:</p>
<pre><code>accelerate launch train.py --recipe sprite --out runs/sprite
POKEGAN_MODELS=runs/sprite python space/app.py</code></pre></section>"""


def add_types(page: Page) -> None:
    """Lay out the tab, inside the open ``gr.Tab``, and add its API."""
    studio = page.studio
    # A table of one that draws in many steps would keep all other visitors waiting.
    knowing = [n for n, model in studio.models.items() if model.conditioning and not model.is_slow]
    if not knowing:
        page.html("types-grid", value=NO_TYPES)
        return
    blending = [name for name in knowing if studio.models[name].conditioning == "types"]
    first_models = knowing[:FIRST_MODELS]

    with gr.Column(elem_classes="pg-controls"):
        chosen = gr.CheckboxGroup(
            knowing, value=first_models, label="Models that know types", elem_id="types-models",
            visible=len(knowing) > 1,
        )  # fmt: skip
        with gr.Row(elem_classes="pg-strip"):
            shuffle = gr.Button("Another monster", variant="primary", elem_id="types-shuffle")
            with gr.Row(elem_classes="pg-seed"):
                back = gr.Button("‹", elem_id="types-back", min_width=40, scale=0)
                seed = gr.Number(
                    0, precision=0, label="Sprite's seed", min_width=110, elem_id="types-seed"
                )
                forth = gr.Button("›", elem_id="types-forth", min_width=40, scale=0)
            number = gr.Number(
                1, precision=0, label="Sprite number", min_width=110, elem_id="types-number"
            )
    with gr.Row(elem_classes="pg-types"):
        with gr.Column(elem_classes="pg-types-grid", min_width=280):
            grid = page.html("types-grid", js="sprites", min_height=240)
        with gr.Column(elem_classes="pg-types-blend", min_width=280, visible=bool(blending)):
            page.html("blend-head", value=BLEND_HEAD)
            blender = gr.Dropdown(
                blending, value=blending[0] if blending else None, label="Model", min_width=120,
                visible=len(blending) > 1, elem_id="blend-model",
            )  # fmt: skip
            with gr.Row(elem_classes="pg-strip"):
                first, second = (
                    gr.Dropdown(
                        type_choices(), value=value, label=label,
                        min_width=110, elem_id=id_,
                    )
                    for value, label, id_ in zip(
                        FIRST_TYPES, ("From", "To"), ("blend-from", "blend-to"), strict=True
                    )
                )  # fmt: skip
            share = gr.Slider(
                0, 100, 50, step=1, precision=0, label="Share of the second type, in %",
                buttons=[], elem_id="blend-share",
            )  # fmt: skip
            blend = page.html("blend", js="sprites", min_height=240)
    link = page.html("types-link", js="address")
    page.opens_dialog(grid)
    page.opens_dialog(blend)
    controls = [chosen, seed, number, blender, first, second, share]
    shown = [grid, blend, link]

    def view_grid(chosen, seed, number) -> str:
        names = check_names(chosen, knowing)
        columns = [types_column(studio, name, seed, number) for name in knowing if name in names]
        return _grid_html(columns, seed, number)

    def view_blend(seed, number, *asked) -> str:
        if not blending:
            return ""
        return _blend_html(blend_of(studio, *asked, seed, number))

    def view(chosen, seed, number, *asked):
        """For ``shown``."""
        made = view_grid(chosen, seed, number), view_blend(seed, number, *asked)
        return *made, _link_html(chosen, seed, number, *asked)

    def reblend(chosen, *rest):
        return view_blend(*rest), _link_html(chosen, *rest)

    def move(by):
        def moved(chosen, seed, *rest):
            seed = min(max((seed if isinstance(seed, int) else 0) + by, 0), MAX_SEED)
            return seed, *view(chosen, seed, *rest)

        return moved

    def shuffled(chosen, seed, *rest):
        seed = random_seed()
        return seed, *view(chosen, seed, *rest)

    @functools.cache
    def first_view():
        asked = (first_models, 0, 1, blending[0] if blending else None, *FIRST_TYPES, 50)
        return *asked, *view(*asked)

    def opened(request: gr.Request):
        """What the link asks for; other links open the tab as it is at first."""
        params = request.query_params
        try:
            if params.get("tab") != TAB:
                return first_view()
            asked = (
                names_in(params, "models", knowing, first_models),
                whole_in(params, "seed", 0, MAX_SEED, 0),
                whole_in(params, "sprite", 1, MAX_COUNT, 1),
                one_of(params, "blend", blending, blending[0] if blending else None),
                one_of(params, "from", list(TYPES), FIRST_TYPES[0]),
                one_of(params, "to", list(TYPES), FIRST_TYPES[1]),
                whole_in(params, "share", 0, 100, 50),
            )
            return *asked, *view(*asked)
        except PokeGANError as error:
            return (*[gr.skip()] * 7, problems_html([str(error)]), gr.skip(), gr.skip())

    quick = {"api_visibility": "private", **QUICK}
    on_grid = {"show_progress": "minimal", "show_progress_on": grid, **quick}
    gr.on(
        [chosen.input, seed.submit, number.submit], told(view), controls, shown,
        trigger_mode="always_last", **on_grid,
    )  # fmt: skip
    for button, by in ((back, -1), (forth, 1)):
        button.click(told(move(by)), controls, [seed, *shown], show_progress="hidden", **quick)
    shuffle.click(told(shuffled), controls, [seed, *shown], **on_grid)
    # The slider's sprites follow while it is moved: the last place counts.
    gr.on(
        [component.input for component in (blender, first, second, share)], told(reblend),
        controls, [blend, link], trigger_mode="always_last", show_progress="hidden", **quick,
    )  # fmt: skip
    page.demo.load(opened, None, [*controls, *shown], show_progress="hidden", **quick)

    def types(models: list[str] | None = None, seed: int = 0, sprite: int = 1) -> list[dict]:
        names = check_names(first_models if models is None else models, knowing)
        columns = [types_column(studio, name, seed, sprite) for name in knowing if name in names]
        return [
            {"model": column.model, "error": column.error}
            if column.error
            else {
                "model": column.model,
                "knows": column.knows,
                "types": list(TYPES),
                "labels": list(column.labels),
                "sprites": [png_uri(image) for image in column.images],
            }
            for column in columns
        ]

    gr.api(
        told(types),
        api_name="types",
        api_description=(
            "Draw one sprite as each of the 18 types. Returns one object for each model: model,"
            " knows (group, type or types), types, labels (what the model was asked for: a type or"
            " its group) and sprites (PNG data URIs), or model and error. models: any of"
            f" {', '.join(knowing)} (default: the first {len(first_models)}); seed: 0 to"
            f" {MAX_SEED}; sprite: which of the seed's sprites, 1 to {MAX_COUNT}."
        ),
        **QUICK,
    )
    if not blending:
        return

    def blend_api(
        model: str = blending[0], first: str = FIRST_TYPES[0], second: str = FIRST_TYPES[1],
        share: int = 50, seed: int = 0, sprite: int = 1,
    ) -> dict:  # fmt: skip
        made = blend_of(studio, model, first, second, share, seed, sprite)
        return {
            "model": made.model,
            "sprites": [png_uri(image) for image in made.row],
            "shares": list(STRIP_SHARES),
            "strip": [png_uri(image) for image in made.strip],
        }

    gr.api(
        told(blend_api),
        api_name="blend",
        api_description=(
            f"Draw sprites between two types. Returns model, sprites ({BLENDED} of the seed at the"
            f" share), and strip (one of them at each of shares), as PNG data URIs. model: any of"
            f" {', '.join(blending)}; first, second: any of {', '.join(TYPES)}; share: of the"
            f" second type, 0 to 100 %; seed: 0 to {MAX_SEED}; sprite: of the strip, 1 to"
            f" {MAX_COUNT}."
        ),
        **QUICK,
    )


@dataclass(frozen=True)
class TypesColumn:
    """One model's sprite as each of the types, or the one line that says why there is none.

    Attributes:
        model: its public name.
        knows: its conditioning.
        refs: the sprites, in the order of ``TYPES``.
        images: they themselves.
        labels: what the model was asked for: a type, or its group.
        error: one line.
    """

    model: str
    knows: str = ""
    refs: tuple[SpriteRef, ...] = ()
    images: tuple[Image.Image, ...] = ()
    labels: tuple[str, ...] = ()
    error: str = ""


@dataclass(frozen=True)
class Blend:
    """Sprites between two types.

    Attributes:
        model: the public name of what drew them.
        types: the two.
        share: of the second, in %.
        row: sprites of the seed at that share.
        row_refs: which they are.
        strip: one sprite at each of ``STRIP_SHARES``.
        strip_refs: which they are.
    """

    model: str
    types: tuple[str, str]
    share: int
    row: tuple[Image.Image, ...]
    row_refs: tuple[SpriteRef, ...]
    strip: tuple[Image.Image, ...]
    strip_refs: tuple[SpriteRef, ...]


def types_column(studio: Studio, name: str, seed: object, number: object) -> TypesColumn:
    """Draw one sprite of a model as each type.

    Args:
        studio: loads the model.
        name: of one that knows types.
        seed: 0 to ``MAX_SEED``.
        number: which of the seed's sprites, 1 to ``MAX_COUNT``.

    Raises:
        PokeGANError: a number out of range. A model that cannot be loaded says so in its column.
    """
    check_whole("sprite number", number, 1, MAX_COUNT)
    requests = [Request(1, seed, ((type_, 1.0),)) for type_ in TYPES]
    refs = tuple(SpriteRef(name, request, number - 1) for request in requests)
    try:
        generator = studio.load(name).generator
    except PokeGANError as error:
        return TypesColumn(name, error=str(error))
    knows = generator.conditioning
    labels = generator.labels_of(list(TYPES), len(TYPES))
    classes = labels[:, : len(TYPES)].argmax(1) if labels.ndim == 2 else labels
    names = tuple(CLASSES[knows][int(label)] for label in classes)
    return TypesColumn(name, knows, refs, of_one_latent(studio, refs), names)


def blend_of(
    studio: Studio, name: object, first: object, second: object, share: object, seed: object,
    number: object,
) -> Blend:  # fmt: skip
    """Draw sprites between two types.

    Args:
        studio: loads the model.
        name: of one that knows mixtures of types.
        first: a type.
        second: another, or the same.
        share: of the second, in %, 0 to 100.
        seed: 0 to ``MAX_SEED``.
        number: which of the seed's sprites the strip shows, 1 to ``MAX_COUNT``.

    Raises:
        PokeGANError: an argument out of range, or a model that cannot be loaded.
    """
    blending = [name for name, model in studio.models.items() if model.conditioning == "types"]
    if name not in blending:
        raise PokeGANError(f"model: choose among {', '.join(blending)}.")
    if first not in TYPES or second not in TYPES:
        raise PokeGANError(f"types: choose two of {', '.join(TYPES)}.")
    check_whole("share", share, 0, 100)
    check_whole("sprite number", number, 1, MAX_COUNT)
    row = studio.draw(name, Request(BLENDED, seed, mixture(first, second, share)))
    if row.error:
        raise PokeGANError(row.error)
    refs = tuple(
        SpriteRef(name, Request(1, seed, mixture(first, second, step)), number - 1)
        for step in STRIP_SHARES
    )
    row_refs = tuple(row.ref(index) for index in range(BLENDED))
    strip = of_one_latent(studio, refs)
    return Blend(name, (first, second), share, row.images, row_refs, strip, refs)


def of_one_latent(studio: Studio, refs: Sequence[SpriteRef]) -> tuple[Image.Image, ...]:
    """Sprites of one latent that differ in their types alone, in a pass or two of the network."""
    generator = studio.load(refs[0].model).generator
    types = [ref.request.types_for(generator.conditioning) for ref in refs]
    latent = generator.latents(refs[0].index + 1, refs[0].request.seed)[-1:]
    labels = generator.labels_of(types, len(refs))
    return tuple(to_pil(generator.draw(latent.expand(len(refs), -1), labels)))


def mixture(first: str, second: str, share: float) -> tuple[tuple[str, float], ...]:
    """A request's types: ``share`` % of the second, the others of the first."""
    if first == second:
        return ((first, 1.0),)
    weights = ((first, 1 - share / 100), (second, share / 100))
    return tuple(sorted((pair for pair in weights if pair[1]), key=lambda pair: -pair[1]))


def _link_html(chosen, seed, number, blender, first, second, share) -> str:
    query = query_of(
        TAB,
        models=list(chosen),
        seed=str(seed),
        sprite="" if number == 1 else number,
        blend=blender or "",
        **({"from": first, "to": second, "share": str(share)} if blender else {}),
    )
    return f'<span data-query="{escape(query)}"></span>'


def _grid_html(columns: Sequence[TypesColumn], seed: int, number: int) -> str:
    errors = problems_html([column.error for column in columns if column.error])
    columns = [column for column in columns if not column.error]
    heads = "".join(
        f'<th scope="col">{escape(column.model)}<small>{KNOWN[column.knows]}</small></th>'
        for column in columns
    )
    rows = "".join(
        f'<tr><th scope="row">{name}</th>'
        + "".join(f"<td>{_cell_html(column, place, seed, number)}</td>" for column in columns)
        + "</tr>"
        for place, name in enumerate(TYPES)
    )
    table = (
        '<div class="pg-type-table" tabindex="0" role="region"'
        ' aria-label="One sprite as each type">'
        f'<table><thead><tr><th scope="col">Type</th>{heads}</tr></thead><tbody>{rows}</tbody>'
        "</table></div>"
    )
    return errors + (table if columns else "")


def _cell_html(column: TypesColumn, place: int, seed: int, number: int) -> str:
    name, label = TYPES[place], column.labels[place]
    group = f", drawn as the group {label}" if label != name else ""
    spoken = f"{column.model}, seed {seed}, sprite {number}, {name}{group}"
    return sprite_button(column.images[place], spoken, column.refs[place], side=CELL_SIDE)


def _blend_html(blend: Blend) -> str:
    first, second = blend.types
    shown = " + ".join(name for name, _ in mixture(first, second, blend.share))
    side = display_size(blend.row[0], BLEND_SIDE)[0]
    row = "".join(
        sprite_button(
            image, f"{blend.model}, seed {ref.request.seed}, sprite {ref.index + 1}, {shown}", ref,
            f"{ref.index + 1}", BLEND_SIDE,
        )
        for image, ref in zip(blend.row, blend.row_refs, strict=True)
    )  # fmt: skip
    strip = "".join(
        sprite_button(
            image, f"{blend.model}, sprite {ref.index + 1}, {share:g} % {second}", ref,
            f"{share:g} %", BLEND_SIDE,
        )
        for image, ref, share in zip(blend.strip, blend.strip_refs, STRIP_SHARES, strict=True)
    )  # fmt: skip
    number = blend.strip_refs[0].index + 1
    return (
        f"<h3>{BLENDED} sprites, {100 - blend.share} % {first} and {blend.share} % {second}</h3>"
        f'<div class="pg-sprites" style="--side:{side}px">{row}</div>'
        f"<h3>Sprite {number}, from {first} to {second}</h3>"
        f'<div class="pg-sprites" style="--side:{side}px">{strip}</div>'
    )
