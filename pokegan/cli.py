"""The ``pokegan`` command."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from pokegan._version import __version__
from pokegan.data.cli import add_dataset_commands
from pokegan.errors import PokeGANError


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
        description="Build typed sprite datasets and draw sprites with trained GANs.",
        epilog="Training is `accelerate launch train.py`, publishing is `push_to_hub.py`.",
    )
    parser.add_argument("--version", action="version", version=f"pokegan {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    add_dataset_commands(commands)
    _add_sample_command(commands)
    try:
        arguments = parser.parse_args(argv)
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
        "model", help="a model folder, a run folder (runs/NAME) or a Hub id (user/name)"
    )
    parser.add_argument("--n", type=int, default=64, help="how many sprites (default: 64)")
    parser.add_argument("--seed", type=int, default=0, help="of the latents (default: 0)")
    parser.add_argument("--columns", type=int, default=8, help="sprites a row (default: 8)")
    parser.add_argument(
        "--scale", type=int, default=1, help="whole factor to enlarge pixels by (default: 1)"
    )
    parser.add_argument("--revision", help="branch, tag or commit on the Hub")
    parser.add_argument(
        "--out", type=Path, default=Path("sheet.png"), help="the PNG to write (default: sheet.png)"
    )
    parser.set_defaults(run=_sample)


def _sample(arguments: argparse.Namespace) -> None:
    from pokegan.hub.load import load
    from pokegan.sheet import sprite_sheet

    for name, least, most in (("n", 1, 10_000), ("columns", 1, 1_000), ("scale", 1, 16)):
        if not least <= getattr(arguments, name) <= most:
            raise PokeGANError(f"--{name} must be from {least} to {most}")
    if arguments.out.suffix.lower() != ".png":
        raise PokeGANError(f"--out {arguments.out}: sprites are kept as .png, without loss")
    model = load(arguments.model, revision=arguments.revision)
    images = model.sample(arguments.n, arguments.seed)
    sheet = sprite_sheet(images, arguments.columns, arguments.scale, background=(255, 255, 255))
    try:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        sheet.save(arguments.out)
    except OSError as error:
        raise PokeGANError(
            f"{arguments.out}: cannot be written ({error.strerror or error})"
        ) from error
    print(f"{arguments.out}: {arguments.n} sprites, {sheet.width}x{sheet.height} pixels")


if __name__ == "__main__":
    sys.exit(main())
