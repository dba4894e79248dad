"""The ``pokegan`` command."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pokegan._version import __version__
from pokegan.allocator import keep_freed_memory
from pokegan.data.cli import add_dataset_commands
from pokegan.errors import PokeGANError
from pokegan.metrics.cli import add_compare_command, add_evaluate_command, add_revision_option
from pokegan.metrics.rate_cli import add_rate_command
from pokegan.release import add_release_command
from pokegan.training.listing import add_recipes_command
from pokegan.training.runs import add_runs_command

if TYPE_CHECKING:
    from pokegan.models.base import SpriteModel

SPRITES = 64
"""How many sprites ``pokegan sample`` draws where nothing else is said."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; see ``pokegan --help``.

    Args:
        argv: the command line without the program's name (default: ``sys.argv``).

    Returns:
        The exit status: 0, 1 where nobody reads the output any more, 2 for an error that was told
        in one line, 130 after Ctrl-C.
    """
    parser = argparse.ArgumentParser(
        prog="pokegan",
        description="Build typed sprite datasets, draw sprites with trained GANs, measure them.",
        epilog="Training is `accelerate launch train.py`, publishing is `push_to_hub.py`.",
    )
    parser.add_argument("--version", action="version", version=f"pokegan {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    add_dataset_commands(commands)
    add_recipes_command(commands)
    add_runs_command(commands)
    _add_sample_command(commands)
    add_evaluate_command(commands)
    add_rate_command(commands)
    add_compare_command(commands)
    add_release_command(commands)
    try:
        arguments = parser.parse_args(argv)
        keep_freed_memory()
        arguments.run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # `| head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except PokeGANError as error:
        print(f"pokegan: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("pokegan: stopped", file=sys.stderr)
        return 130
    return 0


def _add_sample_command(commands) -> None:
    parser = commands.add_parser(
        "sample",
        help="draw sprites with a trained model",
        description="Draw a sheet of sprites. The same seed always draws the same sprites.",
    )
    parser.add_argument(
        "models",
        nargs="+",
        metavar="MODEL",
        help="a model folder, a run folder (runs/NAME) or a Hub id (user/name); of several, each"
        " gets a row",
    )
    parser.add_argument("--n", type=int, help=f"how many sprites (default: {SPRITES})")
    parser.add_argument(
        "--types",
        help="instead of --n, for type-conditional models: types or type groups, such as"
        " fire,water-ice, or all that the model knows; one row for each, and the same latents in"
        " every row; some know mixtures, such as fire+ghost",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the latents (default: 0)")
    parser.add_argument(
        "--shiny", action="store_true", help="shiny colours, of models that know them"
    )
    parser.add_argument(
        "--truncation",
        type=float,
        default=1.0,
        help="factor on the latents, 0 to 2: below 1, sprites are more typical and less diverse"
        " (default: 1)",
    )
    parser.add_argument("--columns", type=int, default=8, help="sprites a row (default: 8)")
    parser.add_argument(
        "--scale", type=int, default=1, help="whole factor to enlarge pixels by (default: 1)"
    )
    add_revision_option(parser)
    parser.add_argument(
        "--out", type=Path, default=Path("sheet.png"), help="the PNG to write (default: sheet.png)"
    )
    parser.set_defaults(run=_sample)


def _sample(arguments: argparse.Namespace) -> None:
    from pokegan.hub.load import load, model_names
    from pokegan.sheet import model_sheet, sprite_sheet, type_sheet

    if len(arguments.models) > 1 and (arguments.n, arguments.types) != (None, None):
        raise PokeGANError(
            "--n and --types are for one model: several get a row of --columns sprites each"
        )
    if arguments.types is not None and arguments.n is not None:
        raise PokeGANError(
            "--n and --types exclude each other: with --types, each type gets a row of --columns"
            " sprites"
        )
    n = SPRITES if arguments.n is None else arguments.n
    for name, value, most in (
        ("n", n, 10_000),
        ("columns", arguments.columns, 1_000),
        ("scale", arguments.scale, 16),
    ):
        if not 1 <= value <= most:
            raise PokeGANError(f"--{name} must be from 1 to {most}")
    if arguments.out.suffix.lower() != ".png":
        raise PokeGANError(f"--out {arguments.out}: sprites are kept as .png, without loss")
    names = model_names(arguments.models)
    loaded = [load(source, revision=arguments.revision) for source in arguments.models]
    models = dict(zip(names, loaded, strict=True))
    model = loaded[0]
    seed, columns, look = arguments.seed, arguments.columns, (arguments.scale, (255, 255, 255))
    ask = {"shiny": arguments.shiny, "truncation": arguments.truncation}
    if len(models) > 1:
        sheet, n = model_sheet(models, columns, seed, *look, **ask), len(models) * columns
    elif arguments.types is not None:
        types = _type_names(arguments.types, model)
        sheet, n = type_sheet(model, types, columns, seed, *look, **ask), len(types) * columns
    else:
        sheet = sprite_sheet(model.sample(n, seed, **ask), columns, *look)
    try:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        sheet.save(arguments.out)
    except OSError as error:
        raise PokeGANError(
            f"{arguments.out}: cannot be written ({error.strerror or error})"
        ) from error
    print(f"{arguments.out}: {n} sprites, {sheet.width}x{sheet.height} pixels")


def _type_names(text: str, model: "SpriteModel") -> list[str]:
    from pokegan.models.conditioning import CLASSES

    if text == "all" and model.conditioning is not None:
        return list(CLASSES[model.conditioning])
    return [name.strip() for name in text.split(",")]


if __name__ == "__main__":
    sys.exit(main())
