"""Which models the Space offers, and a small cache of the loaded ones."""

import json
import math
import os
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

import pokegan
from pokegan import PokeGANError
from pokegan.models import ARCHITECTURES

MODEL_FILES = ("config.json", "model.safetensors")
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
HUB_RETRY_SECONDS = 300.0
MAX_TEXT_BYTES = 64 * 1024
MAX_DESCRIPTION = 160
HOME = Path(__file__).resolve().with_name("models")
KIN = {"acgan": "gan", "acaegan": "aegan", "inversion": "relativistic"}
"""Families that count as one with another when first rows are chosen."""
RANKED_BY = "fd_efficientnet_lite0@"


@dataclass(frozen=True)
class ModelSource:
    """A model that the page offers: its public name, and the folder or Hub id behind it."""

    name: str
    source: Path | str

    @property
    def folder(self) -> Path | None:
        """The model folder on this machine: the own one, or what the Hub cache holds of it."""
        if isinstance(self.source, Path):
            return _model_folder(self.source)
        if not HUB_ID.fullmatch(self.source):
            return None
        from huggingface_hub import try_to_load_from_cache

        config = try_to_load_from_cache(self.source, "config.json")
        return Path(config).parent if isinstance(config, str) else None

    @property
    def address(self) -> str:
        """What Python users give ``pokegan.load``: the Hub id, or a folder as they see it in a
        clone; no path of this machine."""
        if isinstance(self.source, str):
            return self.source
        home = "space/models" if self.is_released else "path/to"
        return f"{home}/{self.name}"

    @property
    def is_released(self) -> bool:
        """Whether its folder is one of those beside this page."""
        return isinstance(self.source, Path) and self.source.resolve().parent == HOME

    @property
    def config(self) -> dict[str, Any]:
        """``config.json``, as far as it is on this machine; empty where it is not."""
        return read_json(self.folder / "config.json") if self.folder else {}

    @property
    def conditioning(self) -> str | None:
        """What the model is conditioned on ("group", "type", "types"), found without loading it."""
        return self.config.get("conditioning") or getattr(self._model_class, "conditioning", None)

    @property
    def kind(self) -> str:
        """The family it was trained by, as far as its folder tells: kin are one, but conditional
        GANs and others are two."""
        recipe = _recipe(_read(self.folder / "recipe.yaml")) if self.folder else {}
        objective = recipe.get("objective")
        name = str(objective.get("family", "")) if isinstance(objective, dict) else ""
        name = KIN.get(name, name)
        return f"conditional {name}" if name == "gan" and self.conditioning else name

    def offers(self, method: str) -> bool:
        """Whether its models have a method ("encode", "mix", "recolor"), found without loading."""
        return hasattr(self._model_class, method)

    @property
    def is_slow(self) -> bool:
        """Whether it draws in many passes of its network, as diffusion models do."""
        return getattr(self._model_class, "many_steps", False)

    @property
    def _model_class(self) -> type | None:
        try:
            return ARCHITECTURES.get(self.config.get("architecture"))
        except PokeGANError:
            return None


def find_models(home: Path, extra: str = "") -> tuple[list[ModelSource], list[str]]:
    """List the models in ``home`` and in ``extra``; nothing is loaded.

    Args:
        home: a folder of model folders; it need not exist.
        extra: folders and Hub ids, separated by commas or ``os.pathsep``. A folder is a model
            folder, a run folder, or holds such folders.

    Returns:
        The models, with distinct names, and one line for each folder or id that is none. The
        lines name folders without their path: visitors read them.
    """
    found: list[tuple[str, Path | str]] = []
    problems: list[str] = []
    places: list[Path | str] = [home] if home.is_dir() else []
    for entry in filter(None, (part.strip() for part in re.split(_SEPARATORS, extra))):
        folder = Path(entry).expanduser()
        if folder.is_dir():
            places.append(folder)
        elif HUB_ID.fullmatch(entry):
            places.append(entry)
        else:
            problems.append(f"{folder.name}: no such folder, and no Hub id (user/name) either")
    for place in places:
        if isinstance(place, str):
            found.append((place, place))
        elif _looks_like_model(place):
            found.append((_public_name(place), place))
        else:
            children = [child for child in sorted(place.iterdir()) if _is_visible_folder(child)]
            found += [(_public_name(child), child) for child in children]
            if not children and place != home:
                problems.append(f"{_public_name(place)}: holds no model folder")
    models: list[ModelSource] = []
    seen: set[str] = set()
    for name, source in found:
        identity = source if isinstance(source, str) else str(source.resolve())
        if identity in seen:
            continue
        seen.add(identity)
        missing = [] if isinstance(source, str) else _missing_files(source)
        if missing:
            problems.append(f"{name}: no {' and no '.join(missing)}, so this is no model folder")
        else:
            models.append(ModelSource(_distinct(name, models), source))
    return models, problems


def best_first(models: Sequence[ModelSource]) -> list[ModelSource]:
    """The models by what their folders say of their quality: the least Fréchet distance first, and
    those without a figure last, in their order."""
    return sorted(models, key=_distance)


def one_of_each(models: Sequence[ModelSource], count: int) -> list[ModelSource]:
    """Which models to show first: the first of each kind, then further ones, in their order. Those
    that draw in many steps come last."""
    seen: set[str] = set()
    first, further, slow = [], [], []
    for model in models:
        group = slow if model.is_slow else further if model.kind in seen else first
        group.append(model)
        if group is first:
            seen.add(model.kind)
    chosen = [*first, *further, *slow][:count]
    return [model for model in models if model in chosen]


def _distance(model: ModelSource) -> float:
    try:
        metrics = json.loads(_read(model.folder / "metrics.json"))["metrics"]
        values = [value["mean"] for name, value in metrics.items() if name.startswith(RANKED_BY)]
        return min(float(value) for value in values)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return math.inf


def models_of_card(card: Path) -> list[str]:
    """The Hub ids under ``models`` in the front matter of the Space's card, where published Spaces
    name models of the Hub; none where there is no such card."""
    try:
        _, front, _ = card.read_text(encoding="utf-8").split("---\n", 2)
        models = (yaml.safe_load(front) or {}).get("models") or []
    except (OSError, ValueError, AttributeError, RecursionError, yaml.YAMLError):
        return []
    return [model for model in models if isinstance(model, str)]


def read_json(path: Path) -> dict[str, Any]:
    """The object that a JSON file holds; nothing where it cannot be read."""
    try:
        content = json.loads(_read(path))
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def recipe_title(folder: Path) -> str:
    """The title in a folder's ``recipe.yaml``; "" where there is none that can be read."""
    return _recipe_title(_read(folder / "recipe.yaml"))


@dataclass(frozen=True)
class LoadedModel:
    """A generator in memory, and one line about it (empty where its folder says nothing)."""

    generator: Any
    description: str


class ModelShelf:
    """Loads models on first use and keeps the last few used.

    A Hub id that cannot be fetched is not asked for again for five minutes: the client's own
    retries take some twenty seconds, which one visitor may wait for, but not all.

    Args:
        capacity: how many models stay in memory, at least 1.
        clock: seconds that only grow; tests pass their own.
    """

    def __init__(self, capacity: int, clock: Callable[[], float] = time.monotonic):
        self.capacity = capacity
        self._clock = clock
        self._loaded: OrderedDict[ModelSource, LoadedModel] = OrderedDict()
        self._failures: dict[ModelSource, tuple[float, str]] = {}
        self._lock = threading.Lock()
        self._loading: dict[ModelSource, threading.Lock] = {}

    def __len__(self) -> int:
        return len(self._loaded)

    def get(self, model: ModelSource) -> LoadedModel:
        """Return the loaded model; the least recently used one makes room for a new one.

        While one is loaded, which takes long where it is fetched, others are to be had.

        Raises:
            PokeGANError: it cannot be loaded; the message holds no path of this machine.
        """
        with self._lock:
            loading = self._loading.setdefault(model, threading.Lock())
        with loading:
            with self._lock:
                if model in self._loaded:
                    self._loaded.move_to_end(model)
                    return self._loaded[model]
                failed_at, message = self._failures.get(model, (-HUB_RETRY_SECONDS, ""))
            if self._clock() - failed_at < HUB_RETRY_SECONDS:
                raise PokeGANError(message)
            return self._load(model)

    def _load(self, model: ModelSource) -> LoadedModel:
        with self._lock:  # Before, so that no more than the capacity are in memory.
            while len(self._loaded) >= self.capacity:
                self._loaded.popitem(last=False)
        try:
            generator = pokegan.load(model.source)
        except PokeGANError as error:
            message = _without_path(str(error), model)
            if isinstance(model.source, str):
                self._failures[model] = (self._clock(), message)
            raise PokeGANError(message) from error
        loaded = LoadedModel(generator, _describe(model.source))
        with self._lock:
            self._failures.pop(model, None)
            while len(self._loaded) >= self.capacity:  # Another may have come in meanwhile.
                self._loaded.popitem(last=False)
            self._loaded[model] = loaded
        return loaded


_SEPARATORS = f"[,{re.escape(os.pathsep)}]"


def _model_folder(folder: Path) -> Path:
    """A run folder stands for the ``model`` folder inside it."""
    inner = folder / "model"
    return inner if inner.is_dir() else folder


def _looks_like_model(folder: Path) -> bool:
    # A run that has no checkpoint yet is a model to report as unfinished, not a folder of models.
    return (folder / "checkpoints").is_dir() or any(
        (_model_folder(folder) / name).exists() for name in (*MODEL_FILES, "recipe.yaml")
    )


def _missing_files(folder: Path) -> list[str]:
    return [name for name in MODEL_FILES if not (_model_folder(folder) / name).is_file()]


def _is_visible_folder(path: Path) -> bool:
    return path.is_dir() and not path.name.startswith((".", "__"))


def _public_name(folder: Path) -> str:
    folder = folder.resolve()
    return folder.parent.name if folder.name == "model" and folder.parent.name else folder.name


def _distinct(name: str, models: list[ModelSource]) -> str:
    taken = {model.name for model in models}
    candidates = [name, *(f"{name} ({number})" for number in range(2, len(taken) + 3))]
    return next(candidate for candidate in candidates if candidate not in taken)


def _without_path(message: str, model: ModelSource) -> str:
    if isinstance(model.source, Path):
        # Longest first: the folder is part of its model folder's path.
        for path in (_model_folder(model.source), model.source):
            message = message.replace(str(path), model.name)
    return message if message.startswith(model.name) else f"{model.name}: {message}"


def _describe(source: Path | str) -> str:
    """One line about a model: its recipe's title, else its card's first sentence, and its data."""
    try:
        folder = _model_folder(source) if isinstance(source, Path) else _fetch_texts(source)
    except Exception:  # A description is a courtesy: whatever the Hub answers, the model draws.
        return ""
    # Of a model that was trained on, the first training says what draws.
    titles = (recipe_title(own) for own in (folder / "before", folder))
    about = next(filter(None, titles), "") or _first_line(_read(folder / "README.md"))
    about = about if len(about) <= MAX_DESCRIPTION else about[: MAX_DESCRIPTION - 1] + "…"
    return " · ".join(filter(None, [about, _data_line(_read(folder / "data.json"))]))


def _fetch_texts(repo_id: str) -> Path:
    from huggingface_hub import snapshot_download

    return Path(
        snapshot_download(repo_id, allow_patterns=["recipe.yaml", "README.md", "data.json"])
    )


def _read(path: Path) -> str:
    """The start of a text file, or "" where there is none that can be read."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_TEXT_BYTES).decode("utf-8", errors="replace")
    except OSError:
        return ""


def _recipe(text: str) -> dict[str, Any]:
    """What a recipe holds; nothing where it cannot be read."""
    try:
        recipe = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    return recipe if isinstance(recipe, dict) else {}


def _recipe_title(text: str) -> str:
    title = _recipe(text).get("title")
    return " ".join(title.split()) if isinstance(title, str) else ""


def _first_line(card: str) -> str:
    """The first line of prose in a Markdown card: no front matter, heading, picture or list."""
    body = re.sub(r"\A---\n.*?\n---\n", "", card, flags=re.DOTALL)
    body = re.sub(r"\[([^\]\n]*)\]\([^)\n]*\)", r"\1", body)  # a link's text is enough here
    lines = (line.strip() for line in body.splitlines())
    return next((line for line in lines if line[:1].isalnum()), "")


def _data_line(text: str) -> str:
    try:
        data = json.loads(text)
        return f"trained on {data['sprites']:,d} sprites of {data['name']!s:.40}"
    except (ValueError, TypeError, KeyError, RecursionError):
        return ""
