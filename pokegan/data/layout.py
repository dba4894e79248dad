"""Read labels off the paths of the PokeAPI ``sprites`` repository.

``[…/]sprites/pokemon/versions/generation-N/GAME/[animated|back|shiny|female|transparent/…]STEM.EXT``
"""

import re
from pathlib import PurePosixPath

from pokegan.data.records import Ignored, Rejected, SpriteFile
from pokegan.data.species import by_stem

GENERATION = re.compile(r"generation-(i|ii|iii|iv|v|vi|vii|viii|ix)")
FLAGS = {"animated", "back", "shiny", "female", "transparent"}
SUFFIXES = {".png", ".gif"}


def is_layout(name: str) -> bool:
    """Whether the path has a ``generation-N`` folder with a folder (the game) inside it."""
    return _generation_index(PurePosixPath(name).parts[:-2]) is not None


def parse_path(name: str, prefix: str = "") -> SpriteFile:
    """The labels of the sprite at ``prefix/name``; ``name`` becomes its ``source``.

    Raises:
        Ignored: the path is no sprite of a game, or one that has no transparent background
            (generations 1 and 2 outside ``transparent`` folders).
        Rejected: the species number is unknown.
    """
    path = PurePosixPath(prefix, name)
    start = _generation_index(path.parts[:-2])
    if start is None or path.suffix.lower() not in SUFFIXES or _is_hidden(path):
        raise Ignored("outside the sprites/pokemon/versions layout")
    generation, game, *folders = path.parts[start:-1]
    if game == "icons":
        raise Ignored("icon")
    flags = set(folders)
    if flags - FLAGS:
        raise Ignored("unused variant folder: " + ", ".join(sorted(flags - FLAGS)))
    if generation in ("generation-i", "generation-ii") and "transparent" not in flags:
        raise Ignored("opaque background (generations 1 and 2)")
    try:
        species = by_stem(path.stem)
    except ValueError:
        raise Ignored("no species") from None
    view, shiny = "back" if "back" in flags else "front", "shiny" in flags
    if species is None:
        raise Rejected(f"unknown species number {path.stem}", game, view, shiny)
    return SpriteFile(
        source=name,
        species=species,
        game=game,
        view=view,
        shiny=shiny,
        gender="female" if "female" in flags else "",
        animated="animated" in flags,
    )


def layout_prefix(folder: str) -> str:
    """What to put before the names in a folder that points inside the layout.

    ``/x/versions/generation-v/black-white`` -> ``generation-v/black-white``; "" elsewhere.
    """
    parts = PurePosixPath(folder).parts
    start = _generation_index(parts)
    return "" if start is None else "/".join(parts[start:])


def _generation_index(parts) -> int | None:
    found = [index for index, part in enumerate(parts) if GENERATION.fullmatch(part)]
    return found[-1] if found else None


def _is_hidden(path: PurePosixPath) -> bool:
    return path.name.startswith(".") or "__MACOSX" in path.parts
