"""Copy as Python: the lines that draw the same sprites."""

import os

from drawing import Request, SpriteRef, Studio

SPACE_ID = os.environ.get("SPACE_ID")
"""The Hub's name for this Space, where it runs there."""


def python_of_row(name: str, request: Request, studio: Studio) -> str:
    """The lines that draw a row, a list of PIL images; none for the real sprites."""
    if name not in studio.models:
        return ""
    return f"{_load(name, studio)}\nsprites = {_sample(name, request, studio)}\n"


def python_of(ref: SpriteRef, studio: Studio) -> str:
    """The lines that draw one sprite, a PIL image; none for a real sprite."""
    if ref.model not in studio.models:
        return ""
    if ref.recolor is None:
        sprite = f"{_sample(ref.model, ref.request, studio, ref.index + 1)}[{ref.index}]"
        return f"{_load(ref.model, studio)}\nsprite = {sprite}\n"
    seed, number = ref.recolor
    types = studio.types_of(ref)
    factor = "" if ref.request.truncation == 1 else f" * {ref.request.truncation!r}"
    shiny = ", shiny=True" if ref.request.shiny else ""
    return (
        f"{_load(ref.model, studio)}\n"
        f"latent = model.latents({ref.index + 1}, seed={ref.request.seed})[-1:]{factor}\n"
        f"sprite = model.recolor(latent.expand({number + 1}, -1), seed={seed}, types={types!r}"
        f"{shiny})[{number}]\n"
    )


def _load(name: str, studio: Studio) -> str:
    model = studio.models[name]
    if SPACE_ID and model.is_released:
        folder = f"models/{model.source.name}"
        return (
            "from huggingface_hub import snapshot_download\nimport pokegan\n"
            f"space = snapshot_download({SPACE_ID!r}, repo_type='space',"
            f" allow_patterns='{folder}/*')\n"
            f"model = pokegan.load(space + '/{folder}')"
        )
    return f"import pokegan\nmodel = pokegan.load({model.address!r})"


def _sample(name: str, request: Request, studio: Studio, count: int | None = None) -> str:
    """The call of ``sample`` with nothing in it that is default."""
    arguments = request.arguments_for(studio.models[name].conditioning)
    shown = "".join(f", {key}={value!r}" for key, value in arguments.items())
    return f"model.sample({count or request.count}{shown})"
