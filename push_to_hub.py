"""Publish on the Hub: ``python push_to_hub.py model RUN REPO_ID``."""

import argparse
import sys

from pokegan.errors import PokeGANError
from pokegan.hub.publish import publish_model


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="WHAT")
    model = commands.add_parser("model", help="publish the model of a training run")
    model.add_argument("run", metavar="RUN", help="a run folder or a model folder")
    model.add_argument("repo_id", metavar="REPO_ID", help="user/name on the Hub")
    model.add_argument("--private", action="store_true", help="create the repository private")
    model.add_argument("--revision", help="branch to publish to (default: the main branch)")
    model.set_defaults(publish=push_model)
    return parser.parse_args(arguments)


def push_model(options: argparse.Namespace) -> str:
    return publish_model(
        options.run, options.repo_id, private=options.private, revision=options.revision
    )


def main() -> int:
    options = parse_arguments()
    try:
        print(options.publish(options))
    except PokeGANError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
