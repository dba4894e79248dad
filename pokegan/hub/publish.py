"""Publishing a model folder on the Hub: one commit that holds all of it or nothing."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pokegan.errors import PokeGANError
from pokegan.hub.card import model_card
from pokegan.hub.retry import PAUSES, with_retries

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, ModelInfo

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
OPTIONAL_FILES = ("metrics.json", "before/recipe.yaml", "before/training_log.jsonl")
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

    The commit makes the repository equal to the folder: files of a model folder that only the
    repository has (an older model's metrics, say) go. Nothing but the files of a model folder is
    ever sent, so no pickle is.

    Args:
        folder: a model folder, or a run folder that holds one in ``model/``. It is not changed: the
            published card, which names ``repo_id``, is made anew.
        repo_id: "user/name", created if it does not exist.
        private: create the repository private, and refuse one that is public already.
        revision: the branch to commit to, created from the main one if it does not exist.
        token: as in ``huggingface_hub``; by default the stored token or HF_TOKEN.
        endpoint: the Hub's address, by default HF_ENDPOINT.
        pauses: seconds to wait before each new try after a failure that may pass.

    Returns:
        The address of the commit. Publishing an unchanged folder again makes no new commit.

    Raises:
        PokeGANError: the folder is incomplete or damaged, the Hub refuses, cannot be reached, or
            already has a public repository of that name although ``private`` is asked for.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.utils import HFValidationError, validate_repo_id

    try:
        validate_repo_id(repo_id)
    except HFValidationError:
        valid = False
    else:
        valid = "/" in repo_id  # the Hub looks a bare name up elsewhere than it creates it
    if not valid:
        raise PokeGANError(f"{repo_id!r} is no Hub id; write it as user/name")
    files = model_files(folder)
    card = str(model_card(files["config.json"].parent, repo_id)).encode()
    contents = files | {"README.md": card}
    api = HfApi(endpoint=endpoint, token=token, library_name="pokegan")
    attempt = partial(with_retries, repo_id=repo_id, revision=revision, pauses=pauses)

    info = attempt(lambda: _open_repository(api, repo_id, private))
    if private and not info.private:
        raise PokeGANError(
            f"{repo_id} exists and is public; make it private on its page on the Hub, or choose"
            f" another name"
        )
    if revision is not None:
        attempt(lambda: api.create_branch(repo_id, branch=revision, exist_ok=True))
    return attempt(lambda: _commit(api, contents, repo_id, revision))


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
    strangers = [name for name in found if not _belongs(name)]
    if strangers:
        logger.warning("%s: not published, no part of a model: %s", folder, ", ".join(strangers))
    return {name: path for name, path in found.items() if _belongs(name)}


def _belongs(name: str) -> bool:
    return name in REQUIRED_FILES + OPTIONAL_FILES or TIMELINE.fullmatch(name) is not None


def _check_weights(path: Path) -> None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:  # reads and checks the header only
            file.keys()
    except (SafetensorError, OSError) as error:
        raise PokeGANError(f"{path}: not readable as safetensors ({error})") from error


def _open_repository(api: HfApi, repo_id: str, private: bool) -> ModelInfo:
    """What the Hub knows of the repository, which is created if it does not exist.

    Asked first, because someone may be allowed to write to a repository and not to create one.
    """
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        return api.model_info(repo_id)
    except RepositoryNotFoundError:
        api.create_repo(repo_id, private=private or None, exist_ok=True)
        return api.model_info(repo_id)


def _commit(
    api: HfApi, contents: dict[str, Path | bytes], repo_id: str, revision: str | None
) -> str:
    """Send the files as one commit, unless the repository already holds exactly them.

    The operations are made anew at each call. That is what makes a retry safe after a commit whose
    answer was lost: the client asks again what is stored, and finds nothing left to change.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    stored = api.list_repo_files(repo_id, revision=revision)
    operations: list[CommitOperationAdd | CommitOperationDelete] = [
        CommitOperationDelete(name, is_folder=False)
        for name in stored
        if _belongs(name) and name not in contents
    ]
    operations += [CommitOperationAdd(name, content) for name, content in contents.items()]
    commit = api.create_commit(
        repo_id,
        operations,
        commit_message="Publish a PokeGAN model",
        revision=revision,
    )
    return commit.commit_url
