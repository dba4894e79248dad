"""Publishing a model folder on the Hub."""

import logging
import re
from collections.abc import Sequence
from pathlib import Path

from pokegan.errors import PokeGANError
from pokegan.hub.card import model_card
from pokegan.hub.repository import Contents, check_repo_id, publish
from pokegan.hub.retry import PAUSES

logger = logging.getLogger(__name__)

REQUIRED_FILES = (
    "config.json",
    "model.safetensors",
    "README.md",
    "recipe.yaml",
    "data.json",
    "training_log.jsonl",
    "samples.png",
)
OPTIONAL_FILES = (
    "run.json",
    "metrics.json",
    "curves.png",
    "before/recipe.yaml",
    "before/training_log.jsonl",
    "before/run.json",
)
TIMELINE = re.compile(r"(before/)?timeline/[^/]+\.png")


def publish_model(
    folder: str | Path,
    repo_id: str,
    *,
    private: bool = False,
    revision: str | None = None,
    token: str | bool | None = None,
    endpoint: str | None = None,
    pauses: Sequence[float] = PAUSES,
) -> str:
    """Publish a model folder as a model repository, in one commit.

    Args:
        folder: as for :func:`model_contents`.
        repo_id, private, revision, token, endpoint, pauses: as for
            :func:`pokegan.hub.repository.publish`.

    Returns:
        The address of the commit. Publishing an unchanged folder again makes no new commit.

    Raises:
        PokeGANError: the folder is incomplete or damaged, or as ``publish``.
    """
    check_repo_id(repo_id)
    return publish(
        model_contents(folder, repo_id),
        repo_id,
        private=private,
        revision=revision,
        token=token,
        endpoint=endpoint,
        pauses=pauses,
    )


def model_contents(folder: str | Path, repo_id: str) -> Contents:
    """The files of a model folder, for its repository.

    The repository becomes equal to the folder: files of a model folder that only the repository has
    (an older model's metrics, say) go. Nothing but the files of a model folder is ever sent, so no
    pickle is.

    Args:
        folder: a model folder, or a run folder that holds one in ``model/``. It is not changed: the
            published card, which names ``repo_id``, is made anew.
        repo_id: "user/name".

    Raises:
        PokeGANError: the folder is incomplete or damaged.
    """
    files = model_files(folder)
    card = str(model_card(files["config.json"].parent, repo_id)).encode()
    contents = files | {"README.md": card}
    return Contents("model", contents, is_model_file, "Publish a PokeGAN model")


def model_files(folder: str | Path) -> dict[str, Path]:
    """What of a model folder (or run folder) is published: {path in the repository: file}.

    Raises:
        PokeGANError: no such folder, a file is missing, or the weights are damaged.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise PokeGANError(f"{folder}: no such folder")
    if (folder / "model").is_dir():  # a run folder
        folder = folder / "model"
    missing = [name for name in REQUIRED_FILES if not (folder / name).is_file()]
    if missing:
        raise PokeGANError(
            f"{folder} is no complete model folder: {', '.join(missing)} missing; publish the"
            f" folder that training wrote"
        )
    _check_weights(folder / "model.safetensors")
    found = {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    strangers = [name for name in found if not is_model_file(name)]
    if strangers:
        logger.warning("%s: not published, no part of a model: %s", folder, ", ".join(strangers))
    return {name: path for name, path in found.items() if is_model_file(name)}


def is_model_file(name: str) -> bool:
    """Whether a path inside a model folder is one of those that make a model."""
    return name in REQUIRED_FILES + OPTIONAL_FILES or TIMELINE.fullmatch(name) is not None


def _check_weights(path: Path) -> None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:  # reads and checks the header only
            file.keys()
    except (SafetensorError, OSError) as error:
        raise PokeGANError(f"{path}: not readable as safetensors ({error})") from error
