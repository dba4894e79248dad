"""What pyproject.toml declares, and what installing that brings along."""

import ast
import re
from importlib.metadata import PackageNotFoundError, requires

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from tiny import ROOT


def package_requirements(name):
    """A list of requirements in pyproject.toml, by canonical name (tomllib came with 3.11)."""
    text = (ROOT / "pyproject.toml").read_text()
    lines = ast.literal_eval(re.search(rf"^{name} = (\[.*?\])$", text, re.M | re.S)[1])
    return {canonicalize_name(r.name): r for r in map(Requirement, lines)}


def closure(names):
    """The distributions that installing ``names`` brings along."""
    found, waiting = set(), [canonicalize_name(name) for name in names]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        try:
            needed = [Requirement(line) for line in requires(name) or []]
        except PackageNotFoundError:
            continue
        waiting += [
            canonicalize_name(r.name)
            for r in needed
            if r.marker is None or r.marker.evaluate({"extra": ""})
        ]
    return found
