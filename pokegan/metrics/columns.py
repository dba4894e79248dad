"""The columns of comparison tables: what ``metrics.json`` holds, and which values are better."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

FLOORS = {
    "halves": "real halves",
    "augmented": "real, augmented",
    "blurred": "real, blurred",
    "noise": "noise",
}
"""The floors of ``metrics.json``, from the least to the most that is wrong, as tables call them."""

NETWORK_TITLES = {
    "efficientnet-lite0": "EfficientNet-Lite0",
    "sprite-net": "sprite-net",
    "inception": "Inception",
    "inception-768": "Inception-768",
}

LABELS = {"group": "13 groups", "type": "18 types"}
"""What a model's conditioning chooses among. Naming one of 13 is easier than one of 18."""

BETTER: dict[str, Callable[[float, float | None], float | None]] = {
    "lower": lambda value, real: -value,
    "higher": lambda value, real: value,
    "real": lambda value, real: None if real is None else -abs(value - real),
}
"""By direction, how good a value is, beside the real sprites' own; ``None`` where nobody knows."""

NOTHING = "–"
"""What stands in the place of a value that there is not."""

SIGNS = {"lower": "↓", "higher": "↑", "real": "≈ real"}

MEANINGS = {
    "FD": "How far the drawn sprites, taken together, are from the real ones, as a feature network"
    " sees them.",
    "KID": "The same question as FD with another statistic, which a small number of sprites does"
    " not bias.",
    "precision": "The share of drawn sprites that lie among the real ones: whether they look"
    " right.",
    "recall": "The share of real sprites that lie among the drawn ones: whether all kinds are"
    " drawn.",
    "density": "How many real sprites' neighbourhoods a drawn one lies in; a steadier relative of"
    " precision.",
    "coverage": "The share of real sprites that have a drawn one in their neighbourhood; a steadier"
    " relative of recall.",
    "novelty": "The share of drawn sprites that are no near-copies of a training sprite.",
    "novelty in pixels": "The share of drawn sprites that are no near-copies of a training sprite,"
    " compared pixel by pixel.",
    "type accuracy": "How often a classifier sees the type that a sprite was drawn for.",
    "in first 3": "How often the type that a sprite was drawn for is among a classifier's first"
    " three guesses.",
    "CAS": "How well a classifier that learned from drawn sprites alone names the types of real"
    " ones.",
    "diversity": "The mean distance between two drawn sprites, beside that between two real ones.",
    "diversity within types": "The same mean distance between sprites of one type group.",
    "collapse": "The share of pairs of drawn sprites that look alike.",
    "path length": "How far a small step of the latent moves the sprite.",
    "colours": "The fewest colours that make up 95 % of a figure; a sprite of the games has at most"
    " 15 before it is resized.",
    "isolated pixels": "The share of a figure's pixels that differ from all of their neighbours.",
    "sharpness": "The share of all change between neighbouring pixels that is made in clean steps,"
    " not in gradients.",
    "clean background": "The share of the background that is exactly white.",
    "figure": "The share of the picture that is figure, not background.",
    "error on training sprites": "How far sprites that the encoder learned from are from what is"
    " drawn again of them.",
    "error on held-out sprites": "How far sprites that the encoder never saw are from what is drawn"
    " again of them.",
    "error of latents": "How far the latents of drawn sprites are from what the encoder reads of"
    " them.",
}
"""What metrics measure, by the title of their column, in a sentence for people who are new to
them."""

DIRECTIONS = {
    "lower": "Lower is better.",
    "higher": "Higher is better.",
    "real": "Nearer to real sprites' own value is better.",
    None: "Neither direction is better by itself.",
}
"""Which way is better, by ``Column.better``."""

FURTHER = {
    "Fidelity": "What the headline leaves out.",
    "Diversity and novelty": "Diversity is the mean distance between two sprites as a share of real"
    " sprites' own. Path length is how far a small step of the latent moves the sprite: read it"
    " beside diversity, for a model that always draws one sprite has the shortest.",
    "Craft": "Whether sprites look drawn pixel by pixel; to be read beside the real sprites' in the"
    " same size.",
    "Types": "How often the type that a sprite was drawn for is among the first three guesses.",
    "Encoders": "How well models with an encoder draw real sprites again (mean difference of"
    " channels from 0 to 255), and read the latents of their own (unrelated ones would differ by"
    " 2).",
}
"""What each of the further tables says, by title."""


@dataclass(frozen=True)
class Column:
    """One metric in a table.

    Attributes:
        metric: its name in ``metrics.json``, less ``@N``.
        title: what it is called, without network and number.
        network: title of the feature network, or ``None`` for a metric without one, or with all.
        better: "lower", "higher", "real" (nearest to the real sprites' own value), or ``None``
            where no direction is better.
        decimals: digits after the point.
        share: whether values are told as a share of the real sprites' own.
        conditioning: for metrics of types, the models that it is about: values of models that know
            13 groups say nothing beside those of models that know 18 types.
    """

    metric: str
    title: str
    network: str | None
    better: str | None
    decimals: int
    share: bool = False
    conditioning: str | None = None

    @property
    def meaning(self) -> str:
        """What it measures and which way is better, in two short sentences."""
        return f"{MEANINGS[self.title]} {DIRECTIONS[self.better]}"

    def goodness(self, facts: dict) -> float | None:
        """The higher, the better, and equal where values print alike; ``None`` without a value."""
        value = self.value(facts)
        if value is None or self.better is None or not math.isfinite(value[0]):
            return None
        good = BETTER[self.better](value[0], self.real(facts))
        return None if good is None else round(good, self.decimals)

    def value(self, facts: dict) -> tuple[float, float | None] | None:
        """A model's mean and deviation over seeds (``None`` where there was one seed)."""
        name = self.full_name(facts)
        if name is None:
            return None
        found, unit = facts["metrics"][name], self._unit(facts)
        if not unit:
            return None
        deviation = found["deviation"]
        return found["mean"] / unit, None if deviation is None else deviation / unit

    def text(self, facts: dict) -> str:
        """A model's value as it is printed."""
        value = self.value(facts)
        if value is None:
            return NOTHING
        mean, deviation = value
        return self.number(mean) + ("" if deviation is None else f" ± {self.number(deviation)}")

    def number(self, value: float | None) -> str:
        """A number as it is printed."""
        return NOTHING if value is None else f"{value:.{self.decimals}f}"

    def full_name(self, facts: dict) -> str | None:
        """The name with ``@N``; ``None`` where the model has no such value."""
        if self.conditioning not in (None, conditioning_of(facts)):
            return None
        return next((name for name in facts["metrics"] if base(name) == self.metric), None)

    def real(self, facts: dict) -> float | None:
        """What real sprites get by the judge of this model."""
        unit, value = self._unit(facts), facts["real"].get(self.metric)
        if self.conditioning not in (None, conditioning_of(facts)) or value is None or not unit:
            return None
        return value / unit

    def floor(self, facts: dict, floor: str) -> float | None:
        """What a floor gets by the judge of this model."""
        values = facts["floors"].get(floor, {})
        return next((own for name, own in values.items() if base(name) == self.metric), None)

    def _unit(self, facts: dict) -> float | None:
        return facts["real"].get(self.metric) if self.share else 1.0

    def head(self, models: Mapping[str, dict]) -> list[str]:
        """Lines that say what the column holds: title and better direction, labels, network, N."""
        sign = " ≈ 1" if self.share else f" {SIGNS[self.better]}" if self.better else ""
        names = [name for facts in models.values() if (name := self.full_name(facts))]
        numbers = sorted({int(name.split("@")[1]) for name in names if "@" in name})
        number = f"N = {' or '.join(map(str, numbers))}" if numbers else None
        unit, labels = "share of real" if self.share else None, LABELS.get(self.conditioning)
        lines = [self.title + sign, unit, labels, self.network, number]
        return [line for line in lines if line]


def base(name: str) -> str:
    """A metric's name less ``@N``."""
    return name.split("@")[0]


def conditioning_of(facts: dict) -> str | None:
    """What the labels of a model are, or ``None`` for a model without."""
    return facts["types"]["conditioning"] if "types" in facts else None


def headline_columns(models: Mapping[str, dict]) -> list[Column]:
    """The columns of the first table, those only that a model has a value for."""
    first, *others = _networks(models)
    columns = [
        _in(first, "fd", "FD", "lower", 1),
        _in(first, "kid", "KID", "lower", 4),
        *(_in(first, name, name, "higher", 3) for name in ("precision", "recall", "coverage")),
        *(_in(second, "fd", "FD", "lower", 1) for second in others[:1]),
        Column("novelty", "novelty", None, "higher", 3),
        *_by_conditioning(_in(first, "type_accuracy", "type accuracy", "higher", 3)),
        *_by_conditioning(_in(first, "cas", "CAS", "higher", 3)),
        replace(_in(first, "diversity", "diversity", "real", 3), share=True),
        _in(first, "collapse", "collapse", "lower", 4),
    ]
    return _filled(columns, models)


def further_columns(models: Mapping[str, dict]) -> dict[str, list[Column]]:
    """The columns of further tables, by what those are about; tables without a value are left out.

    KID's own deviation over subsets is in no table.
    """
    first, *others = _networks(models)
    networks = (first, *others)
    fidelity = [_in(first, "density", "density", "higher", 3)]
    for number, network in enumerate(others):
        fidelity += [_in(network, "fd", "FD", "lower", 1)] if number else []
        fidelity += [_in(network, "kid", "KID", "lower", 4)]
        shares = ("precision", "recall", "density", "coverage")
        fidelity += [_in(network, name, name, "higher", 3) for name in shares]
    within = "diversity within types"
    diversity = [
        *(
            replace(_in(network, "diversity", "diversity", "real", 3), share=True)
            for network in others
        ),
        # Of real sprites, types are the groups: nothing to read those by that know 18 types.
        *(
            replace(
                _in(network, "diversity_within_types", within, "real", 3),
                share=True,
                conditioning="group",
            )
            for network in networks
        ),
        *(_in(network, "novelty", "novelty", "higher", 3) for network in networks),
        Column("novelty_pixels", "novelty in pixels", None, "higher", 3),
        _in(first, "path_length", "path length", None, 2),
    ]
    craft = [
        Column("colors", "colours", None, "real", 0),
        Column("isolated", "isolated pixels", None, "real", 3),
        Column("sharpness", "sharpness", None, "real", 3),
        Column("cleanliness", "clean background", None, "real", 3),
        Column("figure", "figure", None, "real", 3),
    ]
    types = list(_by_conditioning(_in(first, "type_accuracy_top3", "in first 3", "higher", 3)))
    encoders = [
        Column("reconstruction_error_train", "error on training sprites", None, "lower", 1),
        Column("reconstruction_error_held_out", "error on held-out sprites", None, "lower", 1),
        Column("latent_error", "error of latents", None, "lower", 2),
    ]
    tables = {
        "Fidelity": fidelity,
        "Diversity and novelty": diversity,
        "Craft": craft,
        "Types": types,
        "Encoders": encoders,
    }
    filled = {title: _filled(columns, models) for title, columns in tables.items()}
    return {title: columns for title, columns in filled.items() if columns}


def _networks(models: Mapping[str, dict]) -> list[str]:
    return list(next(iter(models.values()))["protocol"]["networks"])


def _in(network: str, metric: str, title: str, better: str | None, decimals: int) -> Column:
    name = f"{metric}_{network.replace('-', '_')}"
    return Column(name, title, NETWORK_TITLES.get(network, network), better, decimals)


def _by_conditioning(column: Column) -> Sequence[Column]:
    return [replace(column, conditioning=conditioning) for conditioning in LABELS]


def _filled(columns: Sequence[Column], models: Mapping[str, dict]) -> list[Column]:
    return [c for c in columns if any(c.value(facts) is not None for facts in models.values())]
