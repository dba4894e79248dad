"""One sprite, enlarged: what it is, what it is near to, and how to keep it."""

import json
from collections.abc import Mapping
from html import escape

import gradio as gr
from drawing import SpriteRef
from markup import copy_button, display_size, download_link, picture, swatches
from models_index import ModelSource
from nearness import Fact
from page import QUICK, Page, told
from pictures import SCALES, file_name, kept_png
from PIL import Image
from png import data_uri, png_uri
from python_lines import python_of
from uploads import decode_uri

from pokegan import PokeGANError

ENLARGED = 384
"""CSS pixels of a side, at most."""

THUMBNAIL = 64
"""The same of a sprite beside a fact."""


def add_dialog(page: Page) -> None:
    """Put the dialog on the page, and let components of sprite buttons open it."""
    dialog = page.html("dialog", js="dialog", render=False)

    def look_closer(event: gr.EventData) -> str:
        return dialog_html(page, event._data)

    page.dialog = dialog
    page.opens_dialog = lambda component: component.select(
        told(look_closer), None, dialog, api_visibility="private", show_progress="hidden", **QUICK
    )


def dialog_html(page: Page, data: object) -> str:
    """The dialog of what a sprite button sent.

    Raises:
        PokeGANError: it is no sprite of this page.
    """
    sprite = sent_sprite(data, page.studio.sources)
    if isinstance(sprite, SpriteRef):
        image, label = page.studio.sprite(sprite)
        of = _of_model if sprite.model in page.studio.models else _of_real
        return of(page, sprite, image, label)
    name, image = sprite
    return _dialog(page, image, name, [], "sprite", "", {"name": name})


def sent_sprite(
    data: object, sources: Mapping[str, ModelSource]
) -> SpriteRef | tuple[str, Image.Image]:
    """What a sprite button, or a way out of the dialog, sent: which sprite of ``sources`` it is,
    or else the picture's name and itself.

    Raises:
        PokeGANError: it is no sprite of this page.
    """
    if not isinstance(data, dict) or not isinstance(data.get("sprite"), dict):
        raise PokeGANError("That is no sprite of this page.")
    sprite = data["sprite"]
    if "model" in sprite:
        return SpriteRef.from_dict(sprite, sources)
    image = decode_uri(data.get("image"))
    # As its model drew it: one without transparency has a white ground, which is no part of it.
    opaque = image.getchannel("A").getextrema()[0] == 255
    name = sprite.get("name")
    name = name[:200] if isinstance(name, str) else "sprite"
    return name, image.convert("RGB") if opaque else image


def _of_model(page: Page, ref: SpriteRef, image: Image.Image, label: str) -> str:
    request = ref.request
    facts = [
        ("Model", ref.model),
        ("Seed", f"{request.seed}, sprite {ref.index + 1}"),
        ("Asked for", ", ".join(filter(None, [label, "shiny" if request.shiny else ""]))),
        ("Truncation", f"{request.truncation:g}" if request.truncation != 1 else ""),
    ]
    stem = f"{file_name(ref.model)}-{request.seed}-{ref.index + 1}"
    if ref.recolor:
        facts.append(("Palette", f"{ref.recolor[1] + 1} of seed {ref.recolor[0]}"))
        stem += f"-palette-{ref.recolor[0]}-{ref.recolor[1] + 1}"
    title = f"{ref.model}, number {ref.index + 1}"
    python = python_of(ref, page.studio)
    return _dialog(page, image, title, facts, stem, python, ref.to_dict())


def _of_real(page: Page, ref: SpriteRef, image: Image.Image, label: str) -> str:
    title, real = page.studio.species(ref), page.studio.real
    facts = [("Types", label), ("From", f"the training split of {real.data}")]
    return _dialog(page, image, title, facts, file_name(f"real-{title}"), "", ref.to_dict())


def _dialog(page, image, title, facts, stem, python, sprite) -> str:
    """``sprite`` is what the ways out of the dialog send on."""
    model = page.studio.sources.get(sprite.get("model"))
    facts = [*(Fact(*fact) for fact in facts), *page.look_up(image, model)]
    lines = "".join(
        f"<dt>{escape(name)}</dt><dd>{value}</dd>"
        for name, value in [
            *((fact.name, _told(fact)) for fact in facts if fact.text),
            ("Colours", swatches(image)),
        ]
    )
    width, height = display_size(image, ENLARGED)
    saves = "".join(
        download_link(
            data_uri(kept_png(image, scale)),
            f"{stem}{'' if scale == 1 else f'-x{scale}'}.png",
            f"{image.width * scale} px",
            f"Save as PNG of {image.width * scale} pixels",
        )
        for scale in SCALES
    )
    copies = copy_button(python, "Copy as Python") if python else ""
    moves = "".join(
        f'<button type="button" class="pg-button" data-goto="{name}">{escape(text)}</button>'
        for name, text in page.moves(model)
    )
    return (
        '<dialog class="pg-dialog" aria-labelledby="pg-dialog-title"'
        f' data-sprite="{escape(json.dumps(sprite))}">'
        '<form method="dialog"><button class="pg-close" aria-label="Close">×</button></form>'
        f'<img class="pg-enlarged" src="{png_uri(image)}" alt="{escape(title)}, enlarged"'
        f' width="{width}" height="{height}">'
        f'<div class="pg-about-sprite"><h2 id="pg-dialog-title">{escape(title)}</h2>'
        f'<dl class="pg-facts-list">{lines}</dl>'
        f'<p class="pg-actions"><span>Save as PNG</span>{saves}</p>'
        f'<p class="pg-actions">{copies}{moves}</p></div></dialog>'
    )


def _told(fact: Fact) -> str:
    if fact.image is None:
        return escape(fact.text)
    return f"{picture(fact.image, fact.text, THUMBNAIL)}<span>{escape(fact.text)}</span>"
