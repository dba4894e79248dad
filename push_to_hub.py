"""Publish on the Hub: ``python push_to_hub.py model RUN REPO_ID``, ``dataset DIR REPO_ID`` or
``space REPO_ID``. The token is the one that ``hf auth login`` stored, or HF_TOKEN."""

import argparse
import sys
from pathlib import Path

from pokegan.errors import PokeGANError
from pokegan.hub.dataset import dataset_contents, is_synthetic
from pokegan.hub.publish import model_contents
from pokegan.hub.repository import Contents, check_repo_id, publish
from pokegan.hub.space import space_contents

SPACE = Path(__file__).resolve().with_name("space")


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="WHAT")

    model = commands.add_parser("model", help="publish the model of a training run")
    model.add_argument("run", metavar="RUN", help="a run folder or a model folder")
    _add_common(model, private=False)
    model.set_defaults(contents=lambda options: model_contents(options.run, options.repo_id))

    dataset = commands.add_parser("dataset", help="publish a dataset, private unless told")
    dataset.add_argument("folder", metavar="DIR", help="made by `pokegan dataset build`")
    _add_common(dataset, private=True)
    dataset.add_argument(
        "--i-own-the-images",
        action="store_true",
        help="the right to publish them is mine (asked of --no-private where the sprites are not"
        " PokeGAN's own drawings)",
    )
    dataset.set_defaults(contents=_dataset)

    space = commands.add_parser("space", help="publish the page, with models")
    _add_common(space, private=False)
    space.add_argument(
        "--models",
        nargs="+",
        metavar="MODEL",
        help="names in space/models, run or model folders, or Hub ids (default: all of"
        " space/models)",
    )
    space.set_defaults(contents=lambda options: space_contents(SPACE, options.models))
    return parser.parse_args(arguments)


def _add_common(parser: argparse.ArgumentParser, private: bool) -> None:
    parser.add_argument("repo_id", metavar="REPO_ID", help="user/name on the Hub")
    parser.add_argument(
        "--private",
        action=argparse.BooleanOptionalAction,
        default=private,
        help="create the repository private, and refuse one that is public (default:"
        f" {'yes' if private else 'no'})",
    )
    parser.add_argument("--revision", help="branch to publish to (default: the main branch)")
    parser.add_argument("--dry-run", action="store_true", help="list what would be sent, only")
    parser.add_argument("--endpoint", help="the Hub's address (default: HF_ENDPOINT)")


def _dataset(options: argparse.Namespace) -> Contents:
    contents = dataset_contents(options.folder, options.repo_id)
    if not (options.private or options.i_own_the_images or is_synthetic(options.folder)):
        raise PokeGANError(
            f"{options.folder}: sprites of the games belong to The Pokémon Company and cannot be"
            f" published; leave the dataset private, or say --i-own-the-images if they are yours"
        )
    return contents


def main() -> int:
    options = parse_arguments()
    try:
        check_repo_id(options.repo_id)
        contents = options.contents(options)
        if options.dry_run:
            print(contents.listing(options.repo_id))
        else:
            url = publish(
                contents,
                options.repo_id,
                private=options.private,
                revision=options.revision,
                endpoint=options.endpoint,
            )
            print(url)
    except PokeGANError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
