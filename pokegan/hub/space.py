"""Publishing the Space on the Hub: the folder ``space/``, the package and the chosen models."""

from collections.abc import Sequence
from pathlib import Path

import pokegan
from pokegan.errors import PokeGANError, near_matches
from pokegan.hub.card import read_mapping
from pokegan.hub.publish import model_files
from pokegan.hub.repository import HUB_ID, Contents

PAGE_SUFFIXES = (".css", ".html", ".js", ".md", ".png", ".py", ".svg", ".txt")
PACKAGE_SUFFIXES = (".css", ".csv", ".j2", ".js", ".md", ".py", ".safetensors", ".yaml")
"""Kinds of files that the page and the package consist of; whatever else lies about stays here."""

PRELOADED = "config.json,model.safetensors"
"""What the Hub fetches of each model of its own while it builds the Space."""


def space_contents(folder: str | Path, models: Sequence[str] | None = None) -> Contents:
    """The files of the Space: exactly its folder, the package ``pokegan`` and the models.

    Args:
        folder: the page's folder, with ``app.py``, ``README.md`` and ``requirements.txt``.
        models: which models the page offers, each the name of a folder in ``models/``, the path of
            a run folder or model folder, or a Hub id; by default all folders in ``models/``. Models
            of the Hub are named in the card's front matter (``models``, ``preload_from_hub``),
            where the page reads them.

    Raises:
        PokeGANError: no such folder or model, one that is incomplete, or two of one name.
    """
    folder = Path(folder)
    missing = [n for n in ("app.py", "README.md", "requirements.txt") if not (folder / n).is_file()]
    if missing:
        raise PokeGANError(f"{folder} is no Space: {', '.join(missing)} missing")
    files: dict[str, Path | bytes] = _files_of(folder, PAGE_SUFFIXES, skip="models")
    package = Path(pokegan.__file__).parent
    files |= {f"pokegan/{n}": path for n, path in _files_of(package, PACKAGE_SUFFIXES).items()}
    folders, hub_ids = _choose(folder / "models", models)
    datasets = []
    for name, model in folders.items():
        parts = model_files(model)
        files |= {f"models/{name}/{part}": path for part, path in parts.items()}
        hub = read_mapping(parts["data.json"]).get("hub")
        datasets += [hub.split("@")[0]] if isinstance(hub, str) else []
    text = (folder / "README.md").read_text(encoding="utf-8")
    files["README.md"] = space_card(text, hub_ids, datasets).encode()
    return Contents("space", files, _belongs, "Publish the PokeGAN page")


def space_card(text: str, models: Sequence[str], datasets: Sequence[str]) -> str:
    """The Space's card with these models and datasets of the Hub in its front matter.

    Args:
        text: the card.
        models: Hub ids of models, which the Hub fetches before the Space starts.
        datasets: Hub ids of the datasets that the Space's models learned from.

    Returns:
        The card; without models and datasets, with no word about them.
    """
    from huggingface_hub import SpaceCard

    card = SpaceCard(text)
    card.data.models = list(models) or None
    card.data.datasets = sorted(set(datasets)) or None
    preload = [f"{model} {PRELOADED}" for model in models]
    if preload:
        card.data.preload_from_hub = preload
    return str(card)


def _belongs(name: str) -> bool:
    """The Space is exactly what we send; only the Hub's own file is not ours."""
    return name != ".gitattributes"


def _files_of(folder: Path, suffixes: Sequence[str], skip: str = "") -> dict[str, Path]:
    """{path inside the folder: file} of what is neither hidden nor of another kind."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        hidden = any(part.startswith((".", "__pycache__")) for part in name.parts)
        if path.is_file() and path.suffix in suffixes and not hidden and name.parts[0] != skip:
            found[name.as_posix()] = path
    return found


def _choose(home: Path, models: Sequence[str] | None) -> tuple[dict[str, Path], list[str]]:
    """({name: folder}, Hub ids) of the models that the page is to offer."""
    known = {path.name: path for path in sorted(home.glob("*")) if path.is_dir()}
    if models is None:
        return known, []
    folders: dict[str, Path] = {}
    hub_ids: list[str] = []
    for model in models:
        if model not in known and not Path(model).is_dir() and HUB_ID.fullmatch(model):
            hub_ids.append(model)
            continue
        path = known.get(model, Path(model))
        if not path.is_dir():
            raise PokeGANError(
                f"no model {model!r} in {home}, no such folder and no Hub id"
                f"{near_matches(model, known)}"
            )
        if path.name in folders:
            raise PokeGANError(f"two models are called {path.name!r}; rename one folder")
        folders[path.name] = path
    return folders, hub_ids
