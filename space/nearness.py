"""What a sprite is near to, what it looks like, and how good its model is."""

import json
from typing import NamedTuple

from models_index import ModelSource
from PIL import Image
from real_sprites import RealSprites

from pokegan import PokeGANError
from pokegan.metrics.columns import headline_columns
from pokegan.metrics.compare import read_facts
from pokegan.metrics.neighbours import Neighbours, types_seen

LEAST_SHARE = 0.1
"""Types that sprite-net sees less of are not named, but for the first."""

MOST_TYPES = 3
COPY = 0.95
"""Nearer than so many sprites of unseen species: what novelty counts as a copy."""


class Fact(NamedTuple):
    """A line about a sprite.

    Attributes:
        name: what it is about.
        text: what there is to say.
        image: a sprite that is shown beside it, whose name is the text.
    """

    name: str
    text: str
    image: Image.Image | None = None


def facts_about(
    image: Image.Image, model: ModelSource | RealSprites | None, real: RealSprites | None
) -> list[Fact]:
    """Lines for the dialog; never an error, as they are an extra.

    Args:
        image: the sprite.
        model: whose it is; ``None`` where nobody knows.
        real: the real sprites that this machine has, if any.
    """
    try:
        facts = _nearest(image, model, real) if isinstance(model, ModelSource) else []
        facts.append(Fact("Looks like", _types(types_seen(image))))
    except (
        PokeGANError
    ):  # The package's own files are damaged: the sprite can be kept all the same.
        facts = []
    if isinstance(model, ModelSource):
        facts.append(Fact("Model's scores", scores_of(model)))
    return facts


def _nearest(image: Image.Image, model: ModelSource, real: RealSprites | None) -> list[Fact]:
    known = Neighbours.of(_fingerprint(model))
    if known is None:
        return [Fact("Nearest training sprite", "not known for this data")]
    found = known.look_up(image)
    try:
        picture = real and real.picture_of(found.row, found.name)
    except PokeGANError:
        picture = None
    copy = ": close to a copy" if found.nearer_than >= COPY else ""
    return [
        Fact("Nearest training sprite", found.name, picture),
        Fact(
            "Distance to it",
            f"{found.distance:.2f}, nearer than {_percent(found.nearer_than)} of sprites of unseen"
            f" species{copy}",
        ),
    ]


def _types(shares: dict[str, float]) -> str:
    """ "fire 62 %, dragon 11 %"."""
    seen = list(shares.items())[:MOST_TYPES]
    named = [seen[0], *((name, share) for name, share in seen[1:] if share >= LEAST_SHARE)]
    return ", ".join(f"{name} {_percent(share)}" for name, share in named)


def _percent(share: float) -> str:
    return f"{100 * share:.0f}\N{NO-BREAK SPACE}%"


def scores_of(model: ModelSource) -> str:
    """A model's headline metrics, or nothing where it was not evaluated."""
    if model.folder is None:
        return ""
    try:
        facts = read_facts(model.folder / "metrics.json")
        columns = headline_columns({model.name: facts})
        shown = {}
        for column in columns:
            value = column.value(facts)
            if column.title in ("FD", "novelty", "type accuracy") and value is not None:
                network = f" in {column.network}" if column.title == "FD" else ""
                # FD in the first network, which is the one that tables begin with.
                shown.setdefault(column.title, f"{column.title} {column.number(value[0])}{network}")
    except (PokeGANError, KeyError, TypeError, ValueError, AttributeError):
        return ""  # a file that somebody else wrote
    return ", ".join(shown.values())


def _fingerprint(model: ModelSource) -> object:
    """Which data the model folder says the model learned from."""
    try:
        text = (model.folder / "data.json").read_text(encoding="utf-8") if model.folder else "{}"
        data = json.loads(text)
    except (OSError, ValueError, RecursionError):
        return None
    return data.get("fingerprint") if isinstance(data, dict) else None
