"""How models learned: the same latents drawn in the course of a training, beside its curves."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import gradio as gr
from charts import line_chart
from drawing import check_names
from history import (
    PARTS,
    History,
    Stage,
    is_history_file,
    parts_of,
    read_history,
    told_number,
)
from hub_parts import PartFetcher
from links import names_in, query_of, whole_in
from markup import problems_html
from page import Page, told

from pokegan import PokeGANError
from pokegan.training.logs import LOG_NAME

TAB = "training"
MODELS = 2
"""Models beside each other, at most."""

PICTURE_BYTES = 2 * 2**20
"""Of all pictures in an answer, before they become text, which is a third longer."""

MAX_STEP = 10**12

# Files, maybe of the Hub: nobody who draws waits for them.
READING = {"concurrency_id": "read", "concurrency_limit": 2}

PART_TITLES = {"before": "Earlier training", "own": "Later training"}

PROBABILITIES = (0.0, 1.0)


@dataclass(frozen=True)
class Shown:
    """What one model's section shows: the parts that there are, and one of them.

    Attributes:
        name: of the model.
        parts: as :func:`history.parts_of` finds them.
        part: the one that is shown.
        history: of that part.
    """

    name: str
    parts: Sequence[str]
    part: str
    history: History


def add_training(page: Page) -> None:
    """Lay out the tab, inside the open ``gr.Tab``, and add its API."""
    fetcher = PartFetcher()
    names = page.names

    with gr.Row(elem_classes="pg-controls pg-strip"):
        first = gr.Dropdown(names, value=names[0], label="Model", elem_id="training-model")
        second = gr.Dropdown(
            [("No other model", ""), *((name, name) for name in names)], value="",
            label="Beside it", elem_id="training-beside",
        )  # fmt: skip
    view = page.html("training", js="training lazy", min_height=320)

    def show(first, second, parts: Mapping[str, str] | None = None, step: int | None = None) -> str:
        pair = [first] if first == second else [first, second]
        chosen = check_names([name for name in pair if name], names)
        found = [_tell(page, fetcher, name, parts) for name in chosen]
        if sum(map(_picture_bytes, found)) > PICTURE_BYTES:
            share = PICTURE_BYTES // len(chosen)
            found = [_tell(page, fetcher, name, parts, share) for name in chosen]
        return training_html(found, step)

    def show_part(event: gr.EventData, first, second) -> str:
        data = event._data if isinstance(event._data, dict) else {}
        parts = data.get("parts")
        return show(first, second, parts if isinstance(parts, dict) else None)

    def opened(request: gr.Request):
        """What the link asks for; other links leave the tab empty until it is looked at."""
        params = request.query_params
        if params.get("tab") != TAB:
            return gr.skip(), gr.skip(), gr.skip()
        chosen = names_in(params, "models", names, names[:1])[:MODELS]
        parts = dict(zip(chosen, params.get("parts", "").split(","), strict=False))
        step = whole_in(params, "step", 0, MAX_STEP, -1)
        first, second = [*chosen, ""][:2]
        return first, second, show(first, second, parts, step if step >= 0 else None)

    quiet = {"api_visibility": "private", "show_progress": "minimal", "show_progress_on": view}
    gr.on(
        [first.input, second.input, view.focus], told(show), [first, second], view,
        trigger_mode="always_last", **quiet, **READING,
    )  # fmt: skip
    view.select(told(show_part), [first, second], view, **quiet, **READING)
    page.demo.load(
        told(opened), None, [first, second, view], api_visibility="private",
        show_progress="hidden", **READING,
    )  # fmt: skip

    def training(model: str = names[0], part: str = "") -> dict:
        chosen = check_names([model], names)
        if part not in ("", *PARTS):
            raise PokeGANError(f"part: {' or '.join(PARTS)}, or empty.")
        found = _tell(page, fetcher, chosen[0], {model: part})
        if isinstance(found, str):
            raise PokeGANError(found)
        if part and part != found.part:
            raise PokeGANError(f"{model} has no training of that part.")
        return training_json(found)

    gr.api(
        told(training),
        api_name="training",
        api_description=(
            "How a model learned. Returns model, parts, part, title, notes, curves (by name: kimg"
            " and value, at most 300 points) and timeline (step, kimg, minutes and picture, a WebP"
            " data URI; the same latents each time). model: one of"
            f" {', '.join(names)} (default: the first); part: own, or before for the training that"
            " it started from, or empty for the more telling one."
        ),
        **READING,
    )


def training_json(shown: Shown) -> dict:
    """One model's training for programs."""
    return {
        "model": shown.name,
        "parts": list(shown.parts),
        "part": shown.part,
        "title": shown.history.title,
        "chosen_step": shown.history.chosen,
        "notes": list(shown.history.notes),
        "curves": {
            name: {"kimg": curve.kimg.tolist(), "value": curve.values.tolist()}
            for name, curve in shown.history.curves.items()
        },
        "timeline": [
            {"step": stage.step, "kimg": stage.kimg, "minutes": stage.minutes, "picture": stage.uri}
            for stage in shown.history.stages
        ],
    }


def training_html(found: Sequence[Shown | str], step: int | None = None) -> str:
    """The models side by side, with the link that restores them.

    Args:
        found: what each model's section shows, or the line that says why there is none.
        step: of the picture that is shown first (default: the last one).
    """
    shown = [one for one in found if isinstance(one, Shown)]
    query = query_of(
        TAB, models=[one.name for one in shown], parts=[one.part for one in shown]
    )  # fmt: skip
    together = ""
    if sum(bool(one.history.stages) for one in shown) > 1:
        together = (
            '<label class="pg-together"><input type="checkbox" data-together checked> Move both to'
            " the same number of images seen</label>"
        )
    sections = "".join(
        problems_html([one]) if isinstance(one, str) else _section(one, step) for one in found
    )
    link = f' data-query="{escape(query)}"' if shown else ""
    keep = (
        '<p class="pg-actions pg-keep"><button type="button" class="pg-button" data-copy-link>Copy'
        " link to this view</button></p>"
        if shown
        else ""
    )
    layout = "pg-side-by-side" if len(found) > 1 else "pg-alone"
    return (
        f'<div class="pg-trainings"{link}>{together}<div class="{layout}">{sections}</div>'
        f"{keep}</div>"
    )


def charts_html(history: History, at: float | None) -> str:
    """The curves of a training in a few charts, what belongs together in one."""
    curves = dict(history.curves)
    charts = []
    for title, unit, belongs, bounds in GROUPS:
        own = {name: curves.pop(name) for name in list(curves) if belongs(name)}
        if own:
            own = {name.removeprefix("loss/").removeprefix("eval/"): c for name, c in own.items()}
            charts.append(line_chart(own, title, unit, history.kimg, at, bounds))
    return "".join(charts)


def _is_probability(name: str) -> bool:
    return name.startswith("D(")


GROUPS: Sequence[tuple] = (
    ("Losses", "what each network minimises", lambda name: name.startswith("loss/"), None),
    (
        "The discriminator's verdicts", "mean probability of being real", _is_probability,
        PROBABILITIES,
    ),
    ("The critic's estimate", "Wasserstein distance", lambda name: "wasserstein" in name, None),
    ("How far real and drawn are told apart", "margin of the discriminator",
     lambda name: name == "margin", None),
    ("Gradient penalty", "of the discriminator", lambda name: name == "penalty", None),
    ("Errors of the way back", "after encoding", lambda name: "E(" in name, None),
    ("Diversity", "share of real sprites' own", lambda name: name == "diversity", None),
    ("Fréchet distance", "to the training sprites", lambda name: name.startswith("eval/fd"), None),
    ("Kernel distance", "KID to the training sprites",
     lambda name: name.startswith("eval/kid"), None),
    ("Other values", "as logged", lambda name: True, None),
)  # fmt: skip
"""Charts in their order: title, unit, which of the logged values belong there, bounds. The first
that fits counts."""


def _tell(
    page: Page,
    fetcher: PartFetcher,
    name: str,
    parts: Mapping[str, str] | None,
    max_bytes: int = PICTURE_BYTES,
) -> Shown | str:
    """What a model's section shows, or the one line that says why there is nothing to show."""
    model = page.studio.models[name]
    try:
        folder = fetcher.folder(model, LOG_NAME, is_history_file)
    except PokeGANError as error:
        return str(error)
    found = parts_of(folder)
    if not found:
        return (
            f"{name} brings neither a log nor a timeline of its training: train.py writes both into"
            " the model folder."
        )
    asked = (parts or {}).get(name)
    part = asked if asked in found else found[0]
    return Shown(name, found, part, read_history(folder, part, max_bytes))


def _picture_bytes(found: Shown | str) -> int:
    return 0 if isinstance(found, str) else sum(len(s.content) for s in found.history.stages)


def _section(model: Shown, step: int | None) -> str:
    history, name = model.history, escape(model.name)
    shown = _nearest(history.stages, history.chosen if step is None else step)
    at = history.stages[shown].kimg if history.stages else None
    facts = ""
    if history.kimg:
        facts = f"{told_number(history.kimg)} thousand images seen"
        kind = " of CPU time" if history.by_cpu else ""
        facts += f" in {_time(history.minutes)}{kind}" if history.minutes else ""
    if history.chosen is not None:
        facts += f"{' · ' if facts else ''}the model has the weights of step {history.chosen:,d}"
    buttons = ""
    if len(model.parts) > 1:
        buttons = "".join(
            f'<button type="button" class="pg-button" data-part="{part}"'
            f' aria-pressed="{"true" if part == model.part else "false"}">{title}</button>'
            for part, title in PART_TITLES.items()
        )
        buttons = f'<div class="pg-actions pg-parts" role="group" aria-label="Part">{buttons}</div>'
    notes = "".join(f"<li>{escape(note)}</li>" for note in history.notes)
    notes = f'<ul class="pg-left-out">{notes}</ul>' if notes else ""
    charts = charts_html(history, at)
    empty = '<p class="pg-note">There is no log of this training, so there are no curves.</p>'
    return (
        f'<section class="pg-row pg-training" data-model="{name}" data-part="{model.part}">'
        f'<header><div><h2>{name}</h2><p class="pg-about">{escape(history.title)}</p>'
        f'<p class="pg-facts">{facts}</p></div>{buttons}</header>{notes}'
        f'<div class="pg-learning">{_timeline(model, shown)}'
        f'<div class="pg-charts">{charts or empty}</div></div></section>'
    )


def _timeline(model: Shown, shown: int) -> str:
    stages = model.history.stages
    if not stages:
        return '<p class="pg-note">There is no timeline of this training.</p>'
    labels = [_label(stage) for stage in stages]
    pictures = "".join(
        f'<img src="{stage.uri}" alt="{escape(model.name)}: sprites at {label}" decoding="sync"'
        f' width="{stage.size[0]}" height="{stage.size[1]}"'
        f' style="--width:{stage.size[0]};--factor:{_factor(stage)}"'
        f"{'' if place == shown else ' hidden'}>"
        for place, (stage, label) in enumerate(zip(stages, labels, strict=True))
    )
    data = escape(
        json.dumps(
            [
                {"step": stage.step, "kimg": stage.kimg, "label": label}
                for stage, label in zip(stages, labels, strict=True)
            ]
        )
    )
    return (
        f'<div class="pg-timeline" data-stages="{data}"><div class="pg-stages">{pictures}</div>'
        '<div class="pg-slide"><button type="button" class="pg-button" data-play>Play</button>'
        f'<input type="range" min="0" max="{len(stages) - 1}" step="1" value="{shown}"'
        f' aria-label="Point of the training of {escape(model.name)}"'
        f' aria-valuetext="{labels[shown]}"></div>'
        f'<p class="pg-at" data-label>{labels[shown]}</p>'
        '<p class="pg-note">The same random numbers each time.</p></div>'
    )


WIDE = 540
"""CSS pixels that a picture has on wide pages."""


def _factor(stage: Stage) -> int:
    return max(1, WIDE // stage.size[0])


def _label(stage: Stage) -> str:
    parts = [f"step {stage.step:,d}"]
    if stage.kimg is not None:
        parts.append(f"{told_number(stage.kimg)} kimg")
    if stage.minutes is not None:
        parts.append(_time(stage.minutes))
    return " · ".join(parts)


def _time(minutes: float) -> str:
    return f"{told_number(minutes)} min" if minutes >= 1 else f"{60 * minutes:.0f} s"


def _nearest(stages: Sequence[Stage], step: int | None) -> int:
    """The place of the stage next to a step; of the last one without a step."""
    if step is None:
        return len(stages) - 1
    distances = [abs(stage.step - step) for stage in stages]
    return distances.index(min(distances)) if distances else 0
