"""The recipes that come with the package, and others in YAML files."""

from pathlib import Path
from typing import Any

import yaml

from pokegan.errors import PokeGANError, near_matches

RECIPES = Path(__file__).parent.parent / "recipes"
"""The folder of the recipes that come with the package."""

ODD_YAML = (ValueError, AttributeError, RecursionError)
"""What PyYAML raises, beside its own errors, on a 13th month, a number that is none, or deep lists;
and Python on a path or a number that is none."""


def recipe_names() -> list[str]:
    """Names of the recipes that come with the package."""
    return sorted(path.stem for path in RECIPES.glob("*.yaml"))


def read_recipe_file(name_or_path: str) -> tuple[Path, dict[str, Any]]:
    """Find and read a recipe.

    Args:
        name_or_path: a recipe of the package, or the path of a ``.yaml`` file.

    Returns:
        The file's path and its content.

    Raises:
        PokeGANError: no such recipe, or a file that is no YAML mapping.
    """
    path = RECIPES / f"{name_or_path}.yaml"
    if name_or_path.endswith((".yaml", ".yml")):
        path = Path(name_or_path)
    elif name_or_path not in recipe_names():
        raise PokeGANError(
            f"unknown recipe {name_or_path!r}{near_matches(name_or_path, recipe_names())}"
        )
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, *ODD_YAML) as error:
        raise PokeGANError(f"{path}: cannot be read ({' '.join(str(error).split())})") from error
    if not isinstance(content, dict):
        raise PokeGANError(f"{path}: a recipe must be a YAML mapping")
    for section in ("networks", "objective"):
        if not isinstance(content.get(section), dict):
            raise PokeGANError(f"{path}: the section {section!r} is missing or no mapping")
    return path, content
