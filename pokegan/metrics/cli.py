"""``pokegan evaluate`` on the command line."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from pokegan.errors import PokeGANError
from pokegan.hub.load import model_folder_of

if TYPE_CHECKING:
    from pokegan.metrics.evaluate import Evaluation, Judges, Protocol

SAMPLES, SEEDS, NETWORKS = 1500, 3, "efficientnet-lite0,sprite-net"


def add_evaluate_command(subparsers) -> None:
    """Add ``evaluate`` to an argparse ``subparsers`` object."""
    parser = subparsers.add_parser(
        "evaluate",
        help="measure a model, or a folder of images",
        description="Measure fidelity, diversity, types, novelty and craft, and write metrics.json"
        " and nearest.png (which shows sprites of the dataset: keep it to yourself).",
    )
    parser.add_argument(
        "source",
        metavar="MODEL|IMAGE_DIR",
        help="a model folder, a run folder (runs/NAME), a Hub id (user/name), or a folder of square"
        " images of one size, in subfolders by type if they have types",
    )
    add_protocol_options(parser)
    parser.add_argument(
        "--out", type=Path, help="folder of metrics.json (default: beside the model or the images)"
    )
    add_revision_option(parser)
    parser.set_defaults(run=run_evaluate)


def add_compare_command(subparsers) -> None:
    """Add ``compare`` to an argparse ``subparsers`` object."""
    parser = subparsers.add_parser(
        "compare",
        help="compare models: a report with tables, curves and sprites",
        description="Measure every model that has no metrics.json by this protocol yet, and write"
        " report.md, report.html (one file, to be shared), metrics.csv and pictures. None shows"
        " sprites of the dataset.",
    )
    parser.add_argument(
        "models",
        nargs="+",
        metavar="MODEL",
        help="model folders, run folders (runs/NAME) or Hub ids (user/name)",
    )
    add_protocol_options(parser)
    parser.add_argument(
        "--out", type=Path, help="folder of the report, and of the numbers of Hub models"
    )
    add_revision_option(parser)
    parser.add_argument(
        "--ratings",
        type=Path,
        default=Path("ratings.json"),
        help="what people said, by `pokegan rate` (default: ratings.json, where there is one)",
    )
    parser.add_argument(
        "--refresh", action="store_true", help="measure all models again, whatever was measured"
    )
    parser.add_argument(
        "--table",
        action="store_true",
        help="measure nothing; print the table in Markdown from the models' metrics.json, whatever"
        " their common protocol is",
    )
    parser.set_defaults(run=run_compare)


def add_protocol_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how models are judged."""
    parser.add_argument(
        "--data", default="gen5", help="the real sprites, as for train.py (default: gen5)"
    )
    parser.add_argument(
        "--split",
        choices=("train", "validation", "all"),
        default="train",
        help="the part that fidelity is measured against (default: train); novelty and types need"
        " both parts, whichever it is",
    )
    parser.add_argument(
        "--samples",
        type=int,
        default=SAMPLES,
        help=f"sprites drawn for each seed (default: {SAMPLES}); values of different numbers must"
        " not be compared",
    )
    parser.add_argument(
        "--features",
        default=NETWORKS,
        help="feature networks, separated by commas: efficientnet-lite0, sprite-net, inception,"
        f" inception-768 (default: {NETWORKS})",
    )
    parser.add_argument("--seed", type=int, default=0, help="the first seed (default: 0)")
    parser.add_argument(
        "--seeds",
        type=int,
        default=SEEDS,
        help=f"so many seeds, from --seed on (default: {SEEDS}); values are means over them",
    )


def add_revision_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--revision``, for models that are on the Hub."""
    parser.add_argument("--revision", help="branch, tag or commit on the Hub")


def protocol_of(arguments: argparse.Namespace) -> "Protocol":
    """The protocol that the options describe.

    Raises:
        PokeGANError: values out of range, or the packages for metrics are not installed.
    """
    try:
        from pokegan.metrics.evaluate import Protocol
    except ImportError as error:
        raise PokeGANError(
            f"{error.name} is not installed; run: pip install 'pokegan[metrics]'"
        ) from error
    first = arguments.seed
    return Protocol(
        data=arguments.data,
        split=arguments.split,
        samples=arguments.samples,
        seeds=tuple(range(first, first + arguments.seeds)),
        networks=tuple(name.strip() for name in arguments.features.split(",") if name.strip()),
    )


def run_evaluate(arguments: argparse.Namespace) -> None:
    """Measure, write and print."""
    protocol = protocol_of(arguments)
    from pokegan.metrics.collect import refresh_card
    from pokegan.metrics.evaluate import Judges

    folder = output_folder(arguments.source, arguments.out)
    evaluation = evaluate_source(arguments.source, Judges(protocol), arguments.revision)
    evaluation.write(folder)
    refresh_card(folder)
    print(metrics_table(evaluation.facts))
    print(f"\n{folder / 'metrics.json'}")


def run_compare(arguments: argparse.Namespace) -> None:
    """Measure what is not measured yet, and write the report; or print the table."""
    from pokegan.hub.load import load
    from pokegan.metrics.collect import collect, read_ratings, subjects
    from pokegan.metrics.compare import comparison_table, read_facts

    if arguments.table:
        if arguments.refresh:
            raise PokeGANError("--table and --refresh exclude each other: --table measures nothing")
        found = subjects(arguments.models, arguments.out, arguments.revision)
        print(comparison_table({one.name: read_facts(one.metrics) for one in found}))
        return
    if arguments.out is None:
        raise PokeGANError("say with --out where the report is to go, or print a --table")
    protocol = protocol_of(arguments)
    from pokegan.metrics.report import write_report

    found = subjects(arguments.models, arguments.out, arguments.revision)
    # Before what takes long: its errors are soon told.
    ratings = read_ratings(arguments.ratings, [one.name for one in found])
    models = {one.name: load(one.source, revision=arguments.revision) for one in found}
    facts = collect(found, models, protocol, arguments.refresh)
    folders = {one.name: one.folder for one in found if one.folder is not None}
    report = write_report(arguments.out, facts, models, folders, ratings, seed=arguments.seed)
    print(report)


def evaluate_source(source: str, judges: "Judges", revision: str | None = None) -> "Evaluation":
    """Measure whatever a source names.

    Raises:
        PokeGANError: it cannot be read or judged.
    """
    from pokegan.hub.load import load
    from pokegan.metrics.evaluate import evaluate_images, evaluate_model
    from pokegan.metrics.image_set import folder_set

    if Path(source).is_dir() and not is_model(Path(source)):
        return evaluate_images(folder_set(Path(source)), judges)
    return evaluate_model(load(source, revision=revision), judges)


def is_model(folder: Path) -> bool:
    """Whether a folder is a model folder, or a run folder with one."""
    return any((place / "config.json").is_file() for place in (folder, folder / "model"))


def output_folder(source: str, out: Path | None) -> Path:
    """Where ``metrics.json`` of a source belongs.

    Raises:
        PokeGANError: the source is on the Hub, and no place was named.
    """
    if out is not None:
        return out
    folder = Path(source)
    if not folder.is_dir():
        raise PokeGANError(
            f"{source} is no folder here; to measure a model of the Hub, say where metrics.json"
            f" is to go with --out"
        )
    return Path(model_folder_of(folder))


def metrics_table(facts: dict) -> str:
    """The content of ``metrics.json`` as text: value, deviation, real sprites, floors."""
    from pokegan.text import align, three_digits

    heads = ["metric", "value", "±", "real", *facts["floors"]]
    rows = []
    for name, value in facts["metrics"].items():
        base = name.split("@")[0]
        real = facts["real"].get(base)
        floors = [_floor(own, base) for own in facts["floors"].values()]
        known = [value["mean"], value["deviation"], real, *floors]
        rows.append([name, *("" if one is None else three_digits(one) for one in known)])
    return align([heads, *rows], to_the_right=range(1, len(heads)))


def _floor(values: dict[str, float], base: str) -> float | None:
    """Its value in a floor, whatever number of sprites that has."""
    return next((value for name, value in values.items() if name.split("@")[0] == base), None)
