"""One commit that makes a repository on the Hub hold a set of files: all of it or nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pokegan.errors import PokeGANError
from pokegan.hub.retry import PAUSES, with_retries
from pokegan.text import align

if TYPE_CHECKING:
    from huggingface_hub import (
        CommitOperationAdd,
        CommitOperationDelete,
        DatasetInfo,
        HfApi,
        ModelInfo,
        SpaceInfo,
    )


HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
"""What may be a "user/name" on the Hub, where a path on this machine was looked for in vain."""


@dataclass(frozen=True)
class Contents:
    """What a repository is to hold.

    Attributes:
        kind: "model", "dataset" or "space".
        files: path in the repository -> a file on this machine, or the bytes themselves.
        belongs: whether a path is one of those that such contents decide about. Files of the
            repository that are, and are not among ``files``, are removed; others stay.
        message: what the commit says.
    """

    kind: str
    files: Mapping[str, Path | bytes]
    belongs: Callable[[str], bool]
    message: str

    def size(self, name: str) -> int:
        """Size of one file in bytes."""
        content = self.files[name]
        return len(content) if isinstance(content, bytes) else content.stat().st_size

    def listing(self, repo_id: str) -> str:
        """What publishing would send, for ``--dry-run``: files with their sizes, and the sum."""
        sizes = {name: self.size(name) for name in sorted(self.files)}
        rows = [[f"{size:,}", name] for name, size in sizes.items()]
        total = f"{len(sizes)} files, {sum(sizes.values()):,} bytes, to the {self.kind} {repo_id}"
        return f"{align(rows, to_the_right=[0])}\n{total}; nothing was sent"


def publish(
    contents: Contents,
    repo_id: str,
    *,
    private: bool = False,
    revision: str | None = None,
    token: str | bool | None = None,
    endpoint: str | None = None,
    pauses: Sequence[float] = PAUSES,
) -> str:
    """Make a repository hold ``contents``, in one commit.

    Args:
        contents: files, and what they are.
        repo_id: "user/name", created if it does not exist.
        private: create the repository private, and refuse one that is public already.
        revision: the branch to commit to, created from the main one if it does not exist.
        token: as in ``huggingface_hub``; by default the stored token or HF_TOKEN.
        endpoint: the Hub's address, by default HF_ENDPOINT.
        pauses: seconds to wait before each new try after a failure that may pass.

    Returns:
        The address of the commit. Publishing the same contents again makes no new commit.

    Raises:
        PokeGANError: no Hub id, the Hub refuses, cannot be reached, or already has a public
            repository of that name although ``private`` is asked for.
    """
    from huggingface_hub import HfApi

    check_repo_id(repo_id)
    api = HfApi(endpoint=endpoint, token=token, library_name="pokegan")
    attempt = partial(with_retries, repo_id=repo_id, revision=revision, pauses=pauses)

    info = attempt(lambda: _open_repository(api, contents.kind, repo_id, private))
    if private and not info.private:
        raise PokeGANError(
            f"{repo_id} exists and is public; make it private on its page on the Hub, or choose"
            f" another name"
        )
    if revision is not None:
        attempt(
            lambda: api.create_branch(
                repo_id, branch=revision, repo_type=contents.kind, exist_ok=True
            )
        )
    return attempt(lambda: _commit(api, contents, repo_id, revision))


def check_repo_id(repo_id: str) -> None:
    """Refuse what is no "user/name".

    Raises:
        PokeGANError: it is not.
    """
    from huggingface_hub.utils import HFValidationError, validate_repo_id

    try:
        validate_repo_id(repo_id)
    except HFValidationError:
        valid = False
    else:
        valid = "/" in repo_id  # the Hub looks a bare name up elsewhere than it creates it
    if not valid:
        raise PokeGANError(f"{repo_id!r} is no Hub id; write it as user/name")


def _open_repository(
    api: HfApi, kind: str, repo_id: str, private: bool
) -> ModelInfo | DatasetInfo | SpaceInfo:
    """What the Hub knows of the repository, which is created if it does not exist.

    Asked first, because someone may be allowed to write to a repository and not to create one.
    """
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        return api.repo_info(repo_id, repo_type=kind)
    except RepositoryNotFoundError:
        api.create_repo(
            repo_id,
            repo_type=kind,
            space_sdk="gradio" if kind == "space" else None,
            private=private or None,
            exist_ok=True,
        )
        return api.repo_info(repo_id, repo_type=kind)


def _commit(api: HfApi, contents: Contents, repo_id: str, revision: str | None) -> str:
    """Send the files as one commit, unless the repository already holds exactly them.

    The operations are made anew at each call. That is what makes a retry safe after a commit whose
    answer was lost: the client asks again what is stored, and finds nothing left to change.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    stored = api.list_repo_files(repo_id, revision=revision, repo_type=contents.kind)
    operations: list[CommitOperationAdd | CommitOperationDelete] = [
        CommitOperationDelete(name, is_folder=False)
        for name in stored
        if contents.belongs(name) and name not in contents.files
    ]
    operations += [CommitOperationAdd(name, content) for name, content in contents.files.items()]
    commit = api.create_commit(
        repo_id,
        operations,
        commit_message=contents.message,
        repo_type=contents.kind,
        revision=revision,
    )
    return commit.commit_url
