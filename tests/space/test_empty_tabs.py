"""Where no model can do what a tab is for, its line names a recipe whose models can."""

import re

import pytest

from pokegan.models import ARCHITECTURES
from pokegan.training.command_line import parse_command_line


@pytest.mark.parametrize(
    ("module", "line", "ability"),
    [
        ("fuse", "NO_ENCODER", "encode"),
        ("recolour", "NO_PALETTES", "recolor"),
        ("type_grid", "NO_TYPES", "conditioning"),
    ],
)
def test_the_named_recipe_gives_what_is_missing(module, line, ability):
    (recipe,) = re.findall(r"--recipe (\S+)", getattr(__import__(module), line))
    networks = parse_command_line(["--recipe", recipe])[0].networks.values()
    classes = [ARCHITECTURES.get(network["architecture"]) for network in networks]
    assert any(getattr(one, ability, None) for one in classes)
