"""The numbers of several models: from their ``metrics.json`` where it fits, or else measured."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from pokegan.errors import PokeGANError
from pokegan.files import write_atomically
from pokegan.hub.load import model_folder_of, model_names
from pokegan.metrics.compare import difference, read_facts

if TYPE_CHECKING:
    from pokegan.metrics.evaluate import Protocol
    from pokegan.models.base import SpriteModel


@dataclass(frozen=True)
class Subject:
    """One model to compare.

    Attributes:
        name: as tables call it.
        source: as it was named on the command line.
        folder: its model folder, or ``None`` for a model of the Hub.
        metrics: the place of its ``metrics.json``.
    """

    name: str
    source: str
    folder: Path | None
    metrics: Path


def subjects(
    sources: Sequence[str], out: Path | None, revision: str | None = None
) -> list[Subject]:
    """What command-line arguments name.

    Args:
        sources: model folders, run folders or Hub ids.
        out: the report's folder, where numbers of Hub models are kept, by revision.
        revision: of the models that are on the Hub (default: the main branch).

    Raises:
        PokeGANError: equal names, or a Hub id without ``out``.
    """
    found = []
    for name, source in zip(model_names(sources), sources, strict=True):
        folder = Path(source)
        if folder.is_dir():
            folder = Path(model_folder_of(folder))
            found.append(Subject(name, source, folder, folder / "metrics.json"))
        elif out is not None:
            # A branch may have slashes.
            own = name if revision is None else f"{name}@{quote(revision, safe='')}"
            found.append(Subject(name, source, None, out / "metrics" / own / "metrics.json"))
        else:
            raise PokeGANError(
                f"{source} is no folder here; for a model of the Hub, say with --out which report"
                f" holds its metrics.json"
            )
    return found


def collect(
    found: Sequence[Subject],
    models: dict[str, "SpriteModel"],
    protocol: "Protocol",
    refresh: bool = False,
) -> dict[str, dict]:
    """Content of ``metrics.json`` of each model, measured and written where there was none that
    fits the protocol. What happens is told on stderr.

    Every file is written as soon as its model is measured: a comparison that is stopped goes on
    where it was. ``nearest.png``, which shows sprites of the dataset, is left to
    ``pokegan evaluate``.

    Args:
        found: the models' places.
        models: the same models, by name.
        protocol: how they are judged.
        refresh: measure all of them again.

    Raises:
        PokeGANError: a model cannot be judged, or its file not be written.
    """
    from pokegan.metrics.evaluate import Judges, evaluate_model

    judges, facts = Judges(protocol), {}
    expected = expected_protocol(protocol)
    for subject in found:
        model = models[subject.name]
        reason = "asked for" if refresh else unfit(subject.metrics, expected, model)
        if reason is None:
            print(f"{subject.name}: reusing {subject.metrics}", file=sys.stderr)
            facts[subject.name] = read_facts(subject.metrics)
            continue
        print(f"{subject.name}: evaluating ({reason})", file=sys.stderr, flush=True)
        facts[subject.name] = evaluate_model(model, judges).facts
        write_text(subject.metrics, json.dumps(facts[subject.name], indent=1) + "\n")
        if subject.folder is not None:
            refresh_card(subject.folder)
    return facts


def expected_protocol(protocol: "Protocol") -> dict:
    """What ``metrics.json`` must say of its protocol, less the size, which is each model's own.

    Raises:
        PokeGANError: the data or a network cannot be had.
    """
    from pokegan.data.resolve import open_sprites
    from pokegan.metrics.evaluate import VERSION
    from pokegan.metrics.features import feature_network

    networks = [feature_network(name) for name in protocol.networks]
    return {
        "version": VERSION,
        "fingerprint": open_sprites(protocol.data, protocol.split).fingerprint(),
        "split": protocol.split,
        "samples": protocol.samples,
        "seeds": list(protocol.seeds),
        "networks": {network.name: network.key for network in networks},
    }


def unfit(path: Path, expected: dict, model: "SpriteModel") -> str | None:
    """Why a ``metrics.json`` cannot stand for an evaluation; ``None`` where it can."""
    from pokegan.metrics.evaluate import weights_key

    if not path.exists():
        return "no metrics.json"
    try:
        facts = read_facts(path)
    except PokeGANError:
        return "its metrics.json is damaged"
    protocol = facts["protocol"]
    field = difference(protocol, expected)
    if field is None and protocol["size"] != model.size:
        field = "size"
    # A branch of the Hub moves, while its numbers lie here; older files do not say.
    if field is None and facts.get("weights") not in (None, weights_key(model)):
        return "its metrics.json is of other weights"
    return None if field is None else f"its metrics.json is of another protocol: {field}"


def refresh_card(folder: Path) -> None:
    """Let the card of a complete model folder tell the new numbers.

    Raises:
        PokeGANError: the card cannot be made or written.
    """
    if (folder / "data.json").is_file() and (folder / "recipe.yaml").is_file():
        from pokegan.hub.card import model_card

        write_text(folder / "README.md", str(model_card(folder)))


def read_ratings(path: Path, names: Sequence[str]) -> dict[str, dict]:
    """What people said of the models and of real sprites, by name and question.

    Args:
        path: a file that ``pokegan rate`` writes. Where there is none, nobody said anything.
        names: the models that are compared.

    Raises:
        PokeGANError: a file that is not as ratings are written.
    """
    from pokegan.metrics.rating import REAL

    if not path.exists():
        return {}
    ratings = {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        for name in (REAL, *names):
            own = content["models"].get(name, {})
            marks = {
                question: {"mean": float(own[question]["mean"]), "n": int(own[question]["n"])}
                for question in content["questions"]
                if question in own and own[question]["n"] > 0  # a rating may be half done
            }
            if marks:
                ratings[name] = marks
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise PokeGANError(
            f"{path}: must hold questions, and for each model and question mean and n ({error})"
        ) from error
    return ratings


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all.

    Raises:
        PokeGANError: it cannot be written.
    """
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """As :func:`write_text`."""
    try:
        write_atomically(path, content)
    except OSError as error:
        raise PokeGANError(f"{path}: cannot be written ({error.strerror or error})") from error
