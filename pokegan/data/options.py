"""What a dataset build keeps: the options of ``pokegan dataset build``, validated."""

import difflib
from dataclasses import dataclass

from pokegan.errors import PokeGANError

VIEWS = ("front", "back")
SHINY = ("both", "normal", "only")
AUGMENT = ("none", "six")


@dataclass(frozen=True)
class BuildOptions:
    """Filters and shape of a typed sprite dataset.

    Attributes:
        views: which of ``front`` and ``back`` to keep.
        shiny: ``both``, ``normal`` (no shiny colours) or ``only`` (nothing but shiny colours).
        games: names of games to keep; empty keeps every game of the source.
        frames: distinct frames kept of an animated sprite, evenly spaced; None keeps all.
        max_forms: variants (form and gender) kept per species; None keeps all.
        canvas: side of the square canvas in pixels (8 to 1024).
        augment: ``six`` follows every sprite of the train split by its six augmentations.
        strict: make any rejected file an error.

    Raises:
        PokeGANError: a value is out of range.
    """

    views: tuple[str, ...] = ("front",)
    shiny: str = "both"
    games: tuple[str, ...] = ()
    frames: int | None = 1
    max_forms: int | None = 4
    canvas: int = 96
    augment: str = "none"
    strict: bool = False

    def __post_init__(self):
        if not self.views:
            raise PokeGANError("views: none given; use front, back or front,back")
        for view in self.views:
            check_choice("views", view, VIEWS)
        check_choice("shiny", self.shiny, SHINY)
        check_choice("augment", self.augment, AUGMENT)
        for field in ("frames", "max_forms"):
            value = getattr(self, field)
            if value is not None and value < 1:
                name = field.replace("_", "-")
                raise PokeGANError(f"{name}: {value} is too small; give 1 or more, or all")
        if not 8 <= self.canvas <= 1024:
            raise PokeGANError(f"canvas: {self.canvas} is out of range; give 8 to 1024 pixels")

    def keeps(self, view: str, shiny: bool, game: str) -> bool:
        """Whether a sprite with these labels passes the filters."""
        return (
            view in self.views
            and (self.shiny == "both" or shiny == (self.shiny == "only"))
            and (not self.games or game in self.games)
        )


def check_choice(field: str, value: str, choices) -> None:
    """Raise a `PokeGANError` that names near matches unless ``value`` is one of ``choices``."""
    if value not in choices:
        raise PokeGANError(f"{field}: unknown value {value!r}; {suggest(value, choices)}")


def suggest(value: str, choices) -> str:
    """``"did you mean fire?"``, or the whole list when nothing is spelt like ``value``."""
    near = difflib.get_close_matches(value, choices)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"use one of {', '.join(choices)}" if choices else "there is none to choose from"
