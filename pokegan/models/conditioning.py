"""Labels: what conditional networks know, and how people name it."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from pokegan.data.types import GROUP_OF_TYPE, TYPE_GROUPS, TYPES
from pokegan.errors import PokeGANError
from pokegan.models.checks import check_choice

CLASSES = {"group": TYPE_GROUPS, "type": TYPES, "types": TYPES}
"""What a network can be conditioned on, and the names it knows in order.

The labels of "group" and "type" are int64 (n,). Those of "types" are float (n, 19): the weights of
the 18 types, which sum to 1, and whether the sprite has its shiny colours (1) or not (0).
"""

MIXTURE = len(TYPES) + 1
"""Length of a "types" label."""

Types = str | Mapping[str, float] | Sequence[str | Mapping[str, float]]
"""How people name types: see :func:`labels_of`."""


def num_classes(conditioning: str) -> int:
    """How many labels a network has to embed: 13 for "group", 18 for "type".

    Raises:
        PokeGANError: another conditioning ("types", which are no single labels, among them).
    """
    check_choice("conditioning", conditioning, ("group", "type"))
    return len(CLASSES[conditioning])


def labels_of(types: Types, n: int, conditioning: str, shiny: bool = False) -> Tensor:
    """Turn names of types or type groups into the labels of ``n`` sprites.

    A type is mapped to its group where the network knows groups. Where it knows types, a group
    stands for its types in turn: sprite 0 gets the first, sprite 1 the next, and so on. A network
    that knows mixtures ("types") also takes types joined by "+", of equal weight ("fire+ghost"),
    or weights by name, which are divided by their sum (``{"fire": 3, "ghost": 1}``).

    Args:
        types: one name (or mapping) for all sprites, or one for each.
        n: how many sprites.
        conditioning: a key of ``CLASSES``.
        shiny: ask for shiny colours, which only "types" knows.

    Returns:
        int64 tensor (n,), or float tensor (n, 19): see ``CLASSES``.

    Raises:
        PokeGANError: an unknown name (the message names the known ones); a mixture or shiny
            colours for a network that knows none; a list whose length is not ``n``; weights that
            are no shares of anything.
    """
    names = [types] * n if isinstance(types, str | Mapping) else list(types)
    if len(names) != n:
        raise PokeGANError(f"types: {len(names)} names for {n} sprites; give one, or one for each")
    if conditioning == "types":
        return torch.stack([_mixture(name, place, shiny) for place, name in enumerate(names)])
    check_knows_shiny(shiny, conditioning)
    for name in names:
        if not isinstance(name, str) or "+" in name:
            raise PokeGANError(f"types: this model knows no mixtures of types, such as {name!r}")
    return torch.tensor([_label(name, place, conditioning) for place, name in enumerate(names)])


def check_knows_shiny(shiny: bool, conditioning: str | None) -> None:
    """Refuse to ask for shiny colours where the conditioning has none.

    Raises:
        PokeGANError: ``shiny``, and another conditioning than "types".
    """
    if shiny and conditioning != "types":
        raise PokeGANError("shiny: this model was not told which sprites are shiny")


def labels_of_classes(classes: Tensor, conditioning: str, shiny: bool = False) -> Tensor:
    """The labels of single classes, int64 (n,): themselves, or mixtures of one type."""
    if conditioning != "types":
        return classes
    return F.pad(F.one_hot(classes, len(TYPES)).float(), (0, 1), value=float(shiny))


def _mixture(name: str | Mapping[str, float], place: int, shiny: bool) -> Tensor:
    shares = dict.fromkeys(name.split("+"), 1.0) if isinstance(name, str) else name
    weights = torch.zeros(MIXTURE)
    for part, share in shares.items():
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share < 1e9:
            raise PokeGANError(f"types: the weight of {part!r} must not be below 0, not {share!r}")
        weights[_label(part.strip(), place, "type")] += share
    if not weights.sum() > 0:
        raise PokeGANError(f"types: no type has a weight above 0 in {name!r}")
    weights /= weights.sum()
    weights[-1] = shiny
    return weights


def _label(name: str, place: int, conditioning: str) -> int:
    known = CLASSES[conditioning]
    if name in known:
        return known.index(name)
    if name in TYPES:
        return GROUP_OF_TYPE[TYPES.index(name)]
    if name in TYPE_GROUPS:
        members = name.split("-")
        return TYPES.index(members[place % len(members)])
    groups = [group for group in TYPE_GROUPS if group not in TYPES]
    raise PokeGANError(
        f"unknown type {name!r}; known: {', '.join(TYPES)}, and the groups {', '.join(groups)}"
    )
