"""The model card: README.md of a model folder, made from what the folder's other files say."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from pokegan.errors import PokeGANError
from pokegan.files import write_atomically
from pokegan.hub.repository import HUB_ID
from pokegan.models import ARCHITECTURES
from pokegan.text import three_digits

if TYPE_CHECKING:
    from huggingface_hub import EvalResult, ModelCard, ModelCardData

TEMPLATE = Path(__file__).with_name("model_card.md")
SHOWN_METRICS = re.compile(
    r"((fd|kid|precision|recall|density|coverage|type_accuracy)_(efficientnet_lite0|sprite_net"
    r"|inception)|novelty|reconstruction_error_held_out)@\d+"
)
"""Names of the metrics that the Hub shows beside a model; the card has all."""

RUN_FILE = "run.json"
"""What a training ran on, and which of its weights a model folder holds."""

COLOURS = {1: "grey", 3: "RGB, on white", 4: "RGBA, with transparency"}


def model_card(folder: str | Path, repo_id: str | None = None) -> ModelCard:
    """Make the card of a model folder. Needs no network.

    Args:
        folder: holds config.json, recipe.yaml and data.json; training_log.jsonl, run.json,
            metrics.json and samples.png are used if present.
        repo_id: the Hub id that the card's example loads; without it, a placeholder path.

    Raises:
        PokeGANError: a file is missing, unreadable or lacks a field.
    """
    from huggingface_hub import ModelCard

    folder = Path(folder)
    recipe = read_mapping(folder / "recipe.yaml")
    data = read_mapping(folder / "data.json")
    conditional = _is_conditional(read_mapping(folder / "config.json"))
    metrics_path = folder / "metrics.json"
    metrics = read_mapping(metrics_path) if metrics_path.exists() else {}
    recipe_name = _text(_field(recipe, "name", folder / "recipe.yaml"))
    data_path = folder / "data.json"
    sprites, size, channels = (
        _field(data, name, data_path, int) for name in ("sprites", "size", "channels")
    )
    counts = {name: count for name, count in (data.get("types") or {}).items() if count}
    types = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    evaluation = _evaluation(metrics, metrics_path) if metrics else None
    front = _front_matter(recipe_name, data, conditional=conditional)
    front.base_model = _base_model(folder, recipe)
    if evaluation:
        front.model_name = _text(repo_id or recipe_name)
        front.eval_results = _eval_results(metrics, data)
    return ModelCard.from_template(
        front,
        template_path=str(TEMPLATE),
        title=_text(recipe.get("title") or recipe_name),
        recipe_name=recipe_name,
        work=_text(recipe.get("source") or ""),
        conditional=conditional,
        size=size,
        colours=COLOURS.get(channels, f"{channels} channels"),
        has_samples=(folder / "samples.png").exists(),
        has_curves=(folder / "curves.png").exists(),
        source=repo_id or "path/of/this/folder",
        sprites=f"{sprites:,}",
        data_name=_text(_field(data, "name", data_path)),
        split=_text(_field(data, "split", data_path)),
        fingerprint=_text(_field(data, "fingerprint", data_path)),
        types=", ".join(f"{name} {count:,}" for name, count in types),
        length=_training_length(folder),
        weights=_weights(folder),
        before=_before(folder, recipe),
        settings=list(_settings(recipe)),
        evaluation=evaluation,
        synthetic=bool(data.get("synthetic", False)),
    )


def write_card(folder: str | Path) -> Path:
    """Write ``folder/README.md`` and return its path.

    Raises:
        PokeGANError: as ``model_card``.
        OSError: the file cannot be written; an old one is intact.
    """
    path = Path(folder) / "README.md"
    write_atomically(path, str(model_card(folder)).encode())
    return path


def _front_matter(recipe_name: str, data: dict, conditional: bool) -> ModelCardData:
    from huggingface_hub import ModelCardData

    if data.get("synthetic", False):
        licence = {"license": "apache-2.0"}
    else:
        licence = {
            "license": "other",
            "license_name": "the-pokemon-company-sprites",
            "license_link": "https://github.com/PokeAPI/sprites/blob/master/LICENCE.txt",
        }
    dataset = data.get("hub")
    return ModelCardData(
        library_name="pokegan",
        **licence,
        pipeline_tag="unconditional-image-generation",
        tags=[
            "pokegan",
            "gan",
            "pixel-art",
            "sprites",
            *(["type-conditional"] if conditional else []),
            recipe_name,
        ],
        datasets=[str(dataset).split("@")[0]] if dataset else None,
    )


def _base_model(folder: Path, recipe: dict) -> str | None:
    """The Hub id of the model that the training began with.

    A folder that it began with has left its recipe in ``before``; a Hub model leaves its id only.
    """
    start = recipe.get("start")
    if not isinstance(start, str) or (folder / "before").exists():
        return None
    return start if HUB_ID.fullmatch(start) else None


def _eval_results(metrics: dict, data: dict) -> list[EvalResult]:
    """The mean values of :data:`SHOWN_METRICS`, as the Hub's page of a model shows them."""
    from huggingface_hub import EvalResult

    protocol = metrics["protocol"]
    dataset = data.get("hub")
    facts = {
        "task_type": "unconditional-image-generation",
        "dataset_name": protocol["data"],
        "dataset_type": str(dataset).split("@")[0] if dataset else "typed-sprites",
        "dataset_split": protocol["split"],
    }
    return [
        EvalResult(metric_type=name, metric_name=name, metric_value=value["mean"], **facts)
        for name, value in metrics["metrics"].items()
        if SHOWN_METRICS.fullmatch(name)
    ]


def _is_conditional(config: dict) -> bool:
    """Whether the model is told types: by its config, or always, by its architecture."""
    if "conditioning" in config:
        return config["conditioning"] is not None
    name = config.get("architecture")
    return name in ARCHITECTURES.names() and ARCHITECTURES.get(name).conditioning is not None


def _training_length(folder: Path) -> str:
    log = folder / "training_log.jsonl"
    last = last_log_entry(log)
    if last is None:
        return "No training step is recorded."
    step = _field(last, "step", log, int)
    kimg, seconds = (_field(last, name, log, int | float) for name in ("kimg", "seconds"))
    facts = _run_facts(folder)
    kind = "CPU time" if facts.get("clock") == "cpu" else "training"
    told = f"{step:,} steps ({kimg:,.1f} kimg) in {_duration(seconds)} of {kind}"
    if "machine" not in facts:
        return f"{told}."
    path = folder / RUN_FILE
    processes, machine = _field(facts, "processes", path, int), _field(facts, "machine", path)
    workers = [_count(processes, "process", "es")] if processes > 1 else []
    if "threads" in facts:
        each = " each" if workers else ""
        workers.append(_count(_field(facts, "threads", path, int), "thread", "s") + each)
    if not workers:
        return f"{told}, on {_text(machine)}."
    return f"{told}, on {' of '.join(workers)} ({_text(machine)})."


def _run_facts(folder: Path) -> dict:
    """``run.json``; nothing for models from before there was one."""
    path = folder / RUN_FILE
    return read_mapping(path) if path.exists() else {}


def _weights(folder: Path) -> str:
    """Which weights of the training these are, and how they are stored, where that is known."""
    path, facts, told = folder / RUN_FILE, _run_facts(folder), []
    if "chosen" in facts:
        chosen = _field(facts, "chosen", path, dict)
        step, evaluations = (_field(chosen, name, path, int) for name in ("step", "evaluations"))
        metric, value = _field(chosen, "metric", path), _field(chosen, "value", path, int | float)
        told.append(
            f"These weights are of step {step:,}, which had the lowest `{_text(metric)}`"
            f" ({three_digits(value)}) of {_count(evaluations, 'evaluation', 's')}."
        )
    if "half_precision" in facts:
        half = _field(facts, "half_precision", path, dict)
        sprites = _field(half, "sprites", path, int)
        mean, most = (_field(half, name, path, int | float) for name in ("mean", "most"))
        told.append(
            f"They are stored in half precision; {_count(sprites, 'sprite', 's')} drawn from them"
            f" differ from those of the full weights by {three_digits(mean)} of 255 levels on"
            f" average, and by {three_digits(most)} at most."
        )
    return " ".join(told)


def _count(number: int, word: str, plural: str) -> str:
    return f"one {word}" if number == 1 else f"{number:,} {word}{plural}"


def _before(folder: Path, recipe: dict) -> str:
    """What the training started from, in a few sentences; nothing where it was fresh weights."""
    if recipe.get("start") is None:
        return ""
    told = "It began with the weights of a model that was there already"
    path = folder / "before/recipe.yaml"
    if not path.exists():
        # A name, not where it lay on somebody's disk.
        return f"{told}, `{_text(Path(recipe['start']).name)}`."
    name = _text(_field(read_mapping(path), "name", path))
    length = _training_length(path.parent)
    if chosen := _weights(path.parent):
        length = f"{length} {chosen}"
    return f"{told}, of the recipe `{name}`: {length} Its recipe and log are in `before`."


def last_log_entry(log: Path) -> dict | None:
    """The last complete line of a JSON-lines file, or None if there is none.

    Reads the end of the file only: a log has millions of lines after a long run.
    """
    if not log.exists():
        return None
    with open(log, "rb") as file:
        file.seek(max(0, log.stat().st_size - 2**16))
        lines = file.read().splitlines()
    for line in reversed(lines):
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):  # cut off by a crash, or hostile
            continue
        if isinstance(entry, dict):
            return entry
    return None


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 120 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def _settings(recipe: dict) -> Iterator[tuple[str, str]]:
    """The recipe's settings, without what is told above and where data and models lay."""
    told = ("name", "title", "source", "data", "start")
    return _flatten({k: v for k, v in recipe.items() if k not in told})


def _flatten(tree: dict, prefix: str = "") -> Iterator[tuple[str, str]]:
    """(dotted name, value) of every leaf, as cells of a Markdown table."""
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{name}.")
        elif isinstance(value, list) and not any(isinstance(item, dict | list) for item in value):
            yield _text(f"{prefix}{name}"), _text(", ".join(_number(item) for item in value))
        else:
            yield _text(f"{prefix}{name}"), _text(_number(value))


def _number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _evaluation(facts: dict, path: Path) -> dict[str, Any]:
    """How a model was judged, in a sentence, and the rows of the table.

    Values that real sprites get, and what one half of them gets by the other, stand beside.
    """
    protocol, metrics = _field(facts, "protocol", path, dict), _field(facts, "metrics", path, dict)
    floors = _field(facts, "floors", path, dict).get("halves", {})
    samples, sprites, size = (
        _field(protocol, name, path, int) for name in ("samples", "real_sprites", "size")
    )
    seeds = len(protocol.get("seeds") or [0])
    real = {name: float(value) for name, value in _field(facts, "real", path, dict).items()}
    halves = {name.split("@")[0]: float(value) for name, value in floors.items()}
    rows = []
    for name, value in metrics.items():
        if not isinstance(value, dict):
            raise PokeGANError(f"{path}: field 'metrics.{name}' must be a mapping, not {value!r}")
        mean = _field(value, "mean", path, int | float)
        deviation = value.get("deviation")
        spread = "" if deviation is None else f" ± {three_digits(deviation)}"
        base = name.split("@")[0]
        beside = [three_digits(own[base]) if base in own else "" for own in (real, halves)]
        rows.append([_text(name), three_digits(mean) + spread, *beside])
    return {
        "samples": f"{samples:,}",
        "seeds": f"{seeds} seeds" if seeds > 1 else "one seed",
        "sprites": f"{sprites:,}",
        "split": _text(_field(protocol, "split", path)),
        "data": _text(_field(protocol, "data", path)),
        "size": size,
        "networks": ", ".join(_text(name) for name in _field(protocol, "networks", path, dict)),
        "rows": rows,
        "copies": list(_least_new(facts, path)),
    }


def _least_new(facts: dict, path: Path) -> Iterator[str]:
    """The sprites that look most like training sprites, and which those are."""
    for entry in facts.get("least_new") or []:
        sample, species = _field(entry, "sample", path, int), _field(entry, "training_sprite", path)
        yield f"{sample} ({_text(species)})"


def _text(value: Any) -> str:
    """One line that cannot break out of a heading, a table cell or inline code."""
    return " ".join(str(value).split()).replace("|", "\\|").replace("`", "'")


def _field(values: dict, name: str, path: Path, kind: Any = str) -> Any:
    if name not in values:
        raise PokeGANError(f"{path}: field {name!r} is missing")
    if not isinstance(values[name], kind):
        expected = {str: "text", dict: "a mapping"}.get(kind, "a number")
        raise PokeGANError(f"{path}: field {name!r} must be {expected}, not {values[name]!r}")
    return values[name]


def read_mapping(path: Path) -> dict:
    """What a JSON or YAML file of a model folder holds.

    Raises:
        PokeGANError: it is missing, unreadable, or holds no mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise PokeGANError(f"{path} is missing; is this a model folder?") from None
    except (OSError, UnicodeDecodeError) as error:
        raise PokeGANError(f"{path}: cannot be read ({error})") from error
    try:
        values = yaml.safe_load(text) if path.suffix == ".yaml" else json.loads(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # also nested too deep
        reason = " ".join(str(error).split())
        raise PokeGANError(f"{path}: not valid {path.suffix[1:].upper()} ({reason})") from error
    if not isinstance(values, dict):
        raise PokeGANError(f"{path}: must hold a mapping, not {type(values).__name__}")
    return values
