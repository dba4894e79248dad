"""``pokegan rate`` on the command line."""

import argparse
from pathlib import Path

from pokegan.errors import PokeGANError

PER_TYPE = 10
"""Sprites on a sheet, as in Abdool 2022."""


def add_rate_command(subparsers) -> None:
    """Add ``rate`` to an argparse ``subparsers`` object."""
    parser = subparsers.add_parser(
        "rate",
        help="rate models by eye, without knowing which is which",
        description="Open a page on this machine, where you mark sheets of sprites for colour,"
        " shape, detail and diversity. Models are hidden and shuffled, and real sprites are among"
        " them. Every mark is saved at once; the same command goes on where you stopped.",
    )
    parser.add_argument(
        "models",
        nargs="+",
        metavar="MODEL",
        help="a model folder, a run folder (runs/NAME) or a Hub id (user/name); type-conditional"
        " ones get a sheet for each type or type group, others three sheets",
    )
    parser.add_argument(
        "--data", default="gen5", help="the real sprites, as for train.py (default: gen5)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("ratings.json"),
        help="the file of marks and means (default: ratings.json)",
    )
    parser.add_argument(
        "--per-type",
        type=int,
        default=PER_TYPE,
        help=f"sprites on a sheet (default: {PER_TYPE}); fewer where the data has fewer",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="of sprites and order of the sheets (default: 0)"
    )
    parser.add_argument("--port", type=int, help="default: the first free one from 7860")
    parser.add_argument(
        "--no-browser",
        dest="browser",
        action="store_false",
        help="print the page's address, but do not open it",
    )
    parser.set_defaults(run=run_rate)


def run_rate(arguments: argparse.Namespace) -> None:
    """Draw all sheets, then serve the page until Ctrl-C.

    Raises:
        PokeGANError: gradio is not installed; values out of range; models or data that cannot be
            read; a file of marks that belongs to others.
    """
    from pokegan.hub.load import load, model_names

    names = model_names(arguments.models)
    if not 1 <= arguments.per_type <= 50:
        raise PokeGANError(f"--per-type must be from 1 to 50, not {arguments.per_type}")
    if arguments.port is not None and not 1 <= arguments.port <= 65535:
        raise PokeGANError(f"--port must be from 1 to 65535, not {arguments.port}")
    try:
        from pokegan.metrics.rate_page import serve
    except ImportError as error:
        raise PokeGANError(
            f"{error.name} is not installed; run: pip install 'pokegan[space]'"
        ) from error
    from pokegan.data.resolve import open_sprites
    from pokegan.metrics.rate_sheets import (
        Controls,
        common_side,
        draw_sheets,
        labels_of_model,
        weights_of,
    )
    from pokegan.metrics.rating import REAL, Ratings, Setup, plan_sheets

    if REAL in names:
        raise PokeGANError(f"no model can be called {REAL!r} here; rename its folder")
    seed, per_sheet = arguments.seed, arguments.per_type
    sprites = open_sprites(arguments.data, "all")
    loaded = [load(source) for source in arguments.models]
    models = dict(zip(names, loaded, strict=True))
    controls = Controls(sprites, max(model.size for model in loaded), seed)
    labels = {name: labels_of_model(model) for name, model in models.items()}
    available = {label: len(controls.rows(label)) for own in labels.values() for label in own}
    sheets = plan_sheets(labels, available, per_sheet, seed)
    setup = Setup(
        seed=seed,
        data=sprites.summary()["name"],
        fingerprint=sprites.fingerprint(),
        per_sheet=per_sheet,
        weights={name: weights_of(model) for name, model in models.items()},
    )
    ratings = Ratings(arguments.out, sheets, setup)
    print(f"Drawing {len(sheets)} sheets ...", flush=True)
    side = common_side([model.size for model in loaded])
    pictures = draw_sheets(sheets, models, controls, side, per_sheet, seed)
    serve(ratings, pictures, side, arguments.port, arguments.browser)
