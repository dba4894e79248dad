"""Labels: what conditional networks know, and how people name it."""

from collections.abc import Sequence

import torch
from torch import Tensor

from pokegan.data.types import GROUP_OF_TYPE, TYPE_GROUPS, TYPES
from pokegan.errors import PokeGANError
from pokegan.models.checks import check_choice

CLASSES = {"group": TYPE_GROUPS, "type": TYPES}
"""What a network can be conditioned on, and the names of its labels in order."""


def num_classes(conditioning: str) -> int:
    """How many labels a conditioning has: 13 for "group", 18 for "type".

    Raises:
        PokeGANError: another conditioning.
    """
    check_choice("conditioning", conditioning, tuple(CLASSES))
    return len(CLASSES[conditioning])


def labels_of(types: str | Sequence[str], n: int, conditioning: str) -> Tensor:
    """Turn names of types or type groups into the labels of ``n`` sprites.

    A type is mapped to its group where the network knows groups. Where it knows types, a group
    stands for its types in turn: sprite 0 gets the first, sprite 1 the next, and so on.

    Args:
        types: one name for all sprites, or one for each.
        n: how many sprites.
        conditioning: "group" or "type".

    Returns:
        int64 tensor (n,).

    Raises:
        PokeGANError: an unknown name (the message names the known ones), or a list whose length
            is not ``n``.
    """
    names = [types] * n if isinstance(types, str) else list(types)
    if len(names) != n:
        raise PokeGANError(f"types: {len(names)} names for {n} sprites; give one, or one for each")
    return torch.tensor([_label(name, i, conditioning) for i, name in enumerate(names)])


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
