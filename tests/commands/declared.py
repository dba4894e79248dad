"""What the tests of this folder say that they execute, and what they share.

Each test names what it executes, to the letter; what a page names and no test executes, or the
other way round, fails ``test_pages.py``. ``shell`` runs a command as it stands on the page. What
would take hours, or needs what is not here, gets options behind it or values in place of its own,
and these stand beside it.
"""

import functools
import re
import shlex
from importlib.metadata import requires, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from requirements import package_requirements
from small_recipes import small_options
from tiny import ROOT, TINY

README = ROOT / "README.md"
RECIPES = ROOT / "pokegan/recipes/README.md"
EXECUTED: dict[Path, list[str]] = {README: [], RECIPES: []}

SMALL = shlex.join(TINY[1:])
"""Behind ``train.py`` with the recipe dcgan, whatever the data."""
FEW = "--data=synthetic:20"
STEPS = "--kimg=0.016"
"""Two steps."""
QUICK = "--samples 100 --seeds 1 --features sprite-net"
"""Behind ``pokegan evaluate`` and ``compare``."""


def executes(*commands, page=README):
    """The test executes each of these commands, one at a time."""
    EXECUTED[page] += commands
    names = [command.splitlines()[0][:60] for command in commands]
    return pytest.mark.parametrize("command", commands, ids=names)


def executes_in_turn(*commands, page=README):
    """The test executes all of these commands, which need one another."""
    EXECUTED[page] += commands
    return pytest.mark.parametrize("commands", [commands], ids=[commands[0].splitlines()[0][:60]])


def covers(*phrases):
    """Among what the test executes, there are these options."""
    EXECUTED[README] += phrases

    def decorate(test):
        @functools.wraps(test)
        def run(*arguments, shell, **fixtures):
            test(*arguments, shell=shell, **fixtures)
            words = {word for text in shell.executed for word in re.split(r"[\s=]", text)}
            for phrase in phrases:
                assert phrase.split()[0] in words or phrase in "\n".join(shell.executed), phrase

        return run

    return decorate


def assert_installed(command):
    """Everything is here that ``pip install -e '.[EXTRA,...]'`` would bring."""
    extras = re.fullmatch(r"\S*pip install (?:-q )?-e '\.\[([\w,]+)\]'", command)
    assert extras, command
    waiting = [*package_requirements("dependencies").values()]
    waiting.append(Requirement(f"pokegan[{extras[1]}]"))
    while waiting:
        one = waiting.pop()
        if one.marker is not None and not one.marker.evaluate({"extra": ""}):
            continue
        if one.name == "pokegan":
            waiting += [r for extra in one.extras for r in package_requirements(extra).values()]
            continue
        assert one.specifier.contains(version(one.name), prereleases=True), one
        for extra in one.extras:
            for more in map(Requirement, requires(one.name) or []):
                if more.marker and more.marker.evaluate({"extra": extra}):
                    waiting.append(Requirement(str(more).partition(";")[0]))


def stored(hub, kind, repo_id):
    """{path: bytes} of a repository on the Hub."""
    files = hub.repos[kind, repo_id].resolve("main").files
    return {path: file.data for path, file in files.items()}


def side_of_sheet(sprites, side):
    """Its width or height, with gaps and without labels."""
    return sprites * side + (sprites + 1) * 2


def assert_trained(folder):
    assert (folder / "model/model.safetensors").is_file()
    assert (folder / "model/training_log.jsonl").read_text().strip()


def small_sprite(*left_out):
    """Options for the recipe sprite, without the named ones, which the command has itself."""
    options = ["--growth.sizes=[]", "--growth.until=[]", *small_options("sprite")[1:]]
    return shlex.join(one for one in options if one.split("=")[0] not in left_out)
