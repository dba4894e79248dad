"""The 18 types and the 13 type groups: the label vocabulary of every dataset and model."""

TYPES = (
    "normal",
    "fighting",
    "flying",
    "poison",
    "ground",
    "rock",
    "bug",
    "ghost",
    "steel",
    "fire",
    "water",
    "grass",
    "electric",
    "psychic",
    "ice",
    "dragon",
    "dark",
    "fairy",
)
"""The types in the National Dex order of the games; the index is the class label."""

NO_TYPE = len(TYPES)
"""Class label of an absent second type (18)."""

SECOND_TYPES = (*TYPES, "none")
"""Class names of ``type2``: the 18 types, then ``none``."""

# Published (Abdool 2022): dark+ghost and water+ice. The paper does not name the other three merges
# that lead to 13; ground+rock, psychic+fairy and normal+flying are our choice: each pair shares
# palettes and mostly appears together as the two types of one species.
TYPE_GROUPS = (
    "normal-flying",
    "fighting",
    "poison",
    "ground-rock",
    "bug",
    "dark-ghost",
    "steel",
    "fire",
    "water-ice",
    "grass",
    "electric",
    "psychic-fairy",
    "dragon",
)
"""The 13 type groups; the index is the class label."""

_GROUP_OF_TYPE = {
    type_name: index for index, group in enumerate(TYPE_GROUPS) for type_name in group.split("-")
}

GROUP_OF_TYPE = tuple(_GROUP_OF_TYPE[name] for name in TYPES)
"""``GROUP_OF_TYPE[t]`` is the group label of type label ``t``; a sprite's follows ``type1``."""
