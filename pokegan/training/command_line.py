"""The command line of ``train.py``: the fields of a recipe, and the options of a run."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from pokegan.errors import PokeGANError, near_matches, shown
from pokegan.models import ARCHITECTURES
from pokegan.objectives import OBJECTIVES
from pokegan.training.options import RunOptions
from pokegan.training.recipe import DURATIONS, SECTIONS, Recipe
from pokegan.training.recipe_files import read_recipe_file, recipe_names

FLAGS = {
    "streaming": "read the sprites of a folder or a Hub data set while training, for data larger"
    " than memory or disk",
    "dry_run": "print the resolved recipe, parameter counts and data summary, and stop",
    "data_may_change": "continue a run though its data has changed since the checkpoint",
    "stop_on_collapse": "end the run where it collapses, instead of only warning",
    "cpu": "train on the CPU even where there is a GPU; needed for several CPU processes",
    "push_private": "create the repository that is pushed to private, and refuse a public one",
}


def parse_command_line(argv: Sequence[str]) -> tuple[Recipe, RunOptions]:
    """Read ``--recipe NAME``, then let every other option override a field.

    Options may be written with dashes or underscores (``--checkpoint-kimg``); a length of the
    training given here (``--kimg``, ``--epochs`` or ``--minutes``) replaces the recipe's.

    Args:
        argv: the command line without the program's name.

    Raises:
        PokeGANError: an unknown field, recipe or value; the message names near matches.
        SystemExit: after ``--help``.
    """
    argv = [_underscores(argument) for argument in argv]
    # Network and objective classes bring their own fields, so their names are looked up first.
    path, content = read_recipe_file(_option(argv, "--recipe") or "dcgan")
    content["objective"]["family"] = _option(argv, "--objective.family") or content[
        "objective"
    ].get("family")
    for role, settings in content["networks"].items():
        if not isinstance(role, str) or not role.isidentifier():
            raise PokeGANError(f"{path}: networks: {shown(role)} is no name of a role")
        if not isinstance(settings, dict):
            raise PokeGANError(f"{path}: networks.{role} must be a mapping")
        settings["architecture"] = _option(argv, f"--networks.{role}.architecture") or settings.get(
            "architecture"
        )

    parser, roles = _parser(content)
    try:
        given = [f"--{name}={value}" for name, value in _flat(content)]
    except (TypeError, ValueError, RecursionError) as error:  # YAML has more than JSON
        raise PokeGANError(f"{path}: a field holds what no recipe has ({error})") from error
    if any(_option(argv, f"--{name}") is not None for name in DURATIONS):
        given = [option for option in given if option.split("=")[0][2:] not in DURATIONS]
    # Both through one door: a field of the file is checked exactly like an option.
    known = {action.dest for action in parser._actions if action.dest != "help"}
    for option in given:
        name = option[2:].split("=")[0]
        if name not in known:
            raise PokeGANError(f"{path}: unknown field {name!r}{near_matches(name, known)}")
    values = parser.parse_args([*given, *argv]).as_dict()

    recipe = Recipe(
        networks={role: values["networks"][role] for role in roles},
        **{section: kind(**values[section]) for section, kind in SECTIONS.items()},
        **{
            f.name: values[f.name]
            for f in fields(Recipe)
            if f.name != "networks" and f.name not in SECTIONS
        },
    )
    options = RunOptions(**{f.name: values[f.name] for f in fields(RunOptions)})
    return recipe, options


def _parser(content: Mapping[str, Any]):
    from jsonargparse import ArgumentParser

    class Parser(ArgumentParser):
        """Tells errors in one line, with near matches."""

        def error(self, message, ex=None):
            raise PokeGANError(_one_line(message, self))

    parser = Parser(
        prog="train.py",
        description="Train a recipe. Every field of the recipe is an option.",
    )
    parser.add_argument(
        "--recipe",
        default="dcgan",
        help=f"one of {', '.join(recipe_names())}, or the path of a .yaml file",
    )
    for name, text in FLAGS.items():
        parser.add_argument(f"--{name}", action="store_true", help=text)
    parser.add_class_arguments(RunOptions, None, skip=set(FLAGS))
    parser.add_class_arguments(Recipe, None, skip={"networks", "objective", *SECTIONS})
    for section, kind in SECTIONS.items():
        parser.add_class_arguments(kind, section)
    parser.add_argument("--objective.family", type=str, help="the objective family")
    parser.add_class_arguments(OBJECTIVES.get(content["objective"]["family"]), "objective")
    for role, settings in content["networks"].items():
        architecture = ARCHITECTURES.get(settings["architecture"])
        parser.add_argument(
            f"--networks.{role}.architecture", type=str, help="the architecture's name"
        )
        # Size and channels of the image come from the section "image".
        parser.add_class_arguments(architecture, f"networks.{role}", skip={"size", "channels"})
    return parser, list(content["networks"])


def _one_line(message: str, parser) -> str:
    message = " ".join(message.split())
    options = [option for action in parser._actions for option in action.option_strings]
    unknown = re.search(r"unrecognized arguments: (\S+)", message, re.IGNORECASE)
    if unknown:
        name = unknown.group(1).split("=")[0]
        return f"unknown option {name!r}{near_matches(name, options)}"
    choices = re.search(r'key "(\S+)": .*Literal\[(.*?)\]\.? Got value: (.*)', message)
    if choices:
        known = [choice.strip(" '\"") for choice in choices.group(2).split(",")]
        value = choices.group(3)
        return f"{choices.group(1)}: unknown value {value!r}{near_matches(value, known)}"
    wrong = re.fullmatch(r'Parser key "(\S+)": (.*)', message)
    return f"{wrong.group(1)}: {wrong.group(2)}" if wrong else message


def _underscores(argument: str) -> str:
    if not argument.startswith("--"):
        return argument
    name, equals, value = argument[2:].partition("=")
    return f"--{name.replace('-', '_')}{equals}{value}"


def _option(argv: Sequence[str], name: str) -> str | None:
    for index, argument in enumerate(argv):
        if argument.startswith(f"{name}="):
            return argument.partition("=")[2]
        if argument == name and index + 1 < len(argv):
            return argv[index + 1]
    return None


def _flat(content: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    flat = []
    for name, value in content.items():
        if isinstance(value, Mapping):
            flat += _flat(value, f"{prefix}{name}.")
        elif value is not None:
            flat.append((f"{prefix}{name}", value if isinstance(value, str) else json.dumps(value)))
    return flat
