"""One sprite in a link: which of a model's sprites it is, as query parameters, and back."""

from collections.abc import Collection

from drawing import MAX_COUNT, MAX_SEED, MAX_TRUNCATION, Request, SpriteRef
from links import Params, flag_in, number_in, whole_in

from pokegan.data.types import TYPES


def ref_query(ref: SpriteRef, prefix: str = "") -> dict[str, object]:
    """Query parameters, for ``links.query_of``, from which :func:`ref_in` reads the sprite.

    Args:
        ref: the sprite.
        prefix: of all parameters' names, where a link has several sprites.
    """
    request = ref.request
    weights = {weight for _, weight in request.types}
    values = {
        "model": ref.model,
        "seed": str(request.seed),
        "sprite": ref.index + 1 if ref.index else "",
        "types": [
            name if len(weights) == 1 else f"{name}_{weight!r}" for name, weight in request.types
        ],
        "shiny": request.shiny,
        "truncation": "" if request.truncation == 1 else repr(request.truncation),
        "palette": [str(number) for number in ref.recolor or ()],
    }
    return {prefix + name: value for name, value in values.items()}


def ref_in(
    params: Params, models: Collection[str], default: SpriteRef, prefix: str = ""
) -> SpriteRef:
    """The sprite that a link asks for. Numbers are brought into their ranges, what is unknown is
    left out, and without a known model it is the default."""
    model = params.get(prefix + "model")
    if model not in models:
        return default
    request = Request(
        count=1,
        seed=whole_in(params, prefix + "seed", 0, MAX_SEED, 0),
        types=_types(params.get(prefix + "types", "")),
        shiny=flag_in(params, prefix + "shiny"),
        truncation=number_in(params, prefix + "truncation", 0, MAX_TRUNCATION, 1),
    )
    index = whole_in(params, prefix + "sprite", 1, MAX_COUNT, 1) - 1
    return SpriteRef(model, request, index, _palette(params.get(prefix + "palette", "")))


def _types(text: str) -> tuple[tuple[str, float], ...]:
    weights: dict[str, float] = {}
    for part in text.split(","):
        name, _, weight = part.partition("_")
        try:
            share = float(weight or 1)
        except ValueError:
            continue
        if name in TYPES and 0 < share <= 1:
            weights[name] = share
    if len({*weights.values()}) == 1:
        weights = dict.fromkeys(weights, 1 / len(weights))
    return tuple(weights.items())


def _palette(text: str) -> tuple[int, int] | None:
    seed, _, number = text.partition(",")
    if not (seed.isascii() and seed.isdigit() and number.isascii() and number.isdigit()):
        return None
    if len(text) > 14 or int(seed) > MAX_SEED or int(number) >= MAX_COUNT:
        return None
    return int(seed), int(number)
