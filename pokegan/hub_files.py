"""Files of one commit on the Hub: all of them, undamaged, or one clear line."""

import hashlib
import logging
import os
import re
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from typing import Any

from pokegan.errors import PokeGANError
from pokegan.hub_errors import (
    client_errors,
    hub_errors_in_one_line,
    may_pass,
    outlast,
    reading_failed,
)

logger = logging.getLogger(__name__)

PAUSES = (1.0, 2.0, 4.0)
"""Seconds before each new try. Some requests the client itself tries several times as well."""
LISTING_SECONDS = 10.0
"""How long the Hub may take to say what a repository holds; the client would wait for ever."""
COMMIT = re.compile("[0-9a-f]{40}")


def fetch_files(
    repo_id: str,
    wanted: Callable[[Collection[str]], list[str]],
    last: str,
    *,
    revision: str | None = None,
    repo_type: str = "model",
    token: str | bool | None = None,
    cache_dir: str | Path | None = None,
    force_download: bool = False,
    local_files_only: bool = False,
) -> Path:
    """Fetch files of one commit into the Hub cache.

    The client compares sizes only, so each file's hash is compared here with what the Hub lists
    (offline, with the name that the client gave the file in the cache). A damaged file is removed
    from the cache and fetched once more.

    The cache serves without a question where ``revision`` is a commit. Where it is not, and the Hub
    cannot be reached or fails, the cache serves what the revision meant when last asked, with a
    warning; in offline mode, which is the user's choice, without one. What the Hub refuses, or no
    longer has, is not served.

    Args:
        repo_id: "user/name".
        wanted: chooses from the paths of all files of the commit; names what is missing as well.
        last: a file at the top of the repository that is fetched last. Where it is in the cache,
            and what ``wanted`` chooses then, the cache holds all of the commit that is needed.
        revision: branch, tag or commit (default: the main branch).
        repo_type: "model" or "dataset".
        token, cache_dir, force_download, local_files_only: as for
            ``huggingface_hub.hf_hub_download``.

    Returns:
        The folder of the commit in the cache.

    Raises:
        PokeGANError: no such repository, revision or file, no leave to read it, a failure that
            stayed after several tries, or a file that arrived damaged twice.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import LocalEntryNotFoundError, OfflineModeIsEnabled

    where = repo_id if revision is None else f"{repo_id} at {revision}"
    download = partial(
        hf_hub_download, repo_id, repo_type=repo_type, token=token, cache_dir=cache_dir
    )
    insist = partial(
        outlast, pauses=PAUSES, explain=partial(reading_failed, repo_id=repo_id, revision=revision)
    )
    with hub_errors_in_one_line(repo_id, revision):
        cached = None if force_download else _cached(download, wanted, last, revision)
        if cached and (local_files_only or COMMIT.fullmatch(revision or "")):
            return cached
        if local_files_only:
            raise LocalEntryNotFoundError("not in the cache")
        ask = partial(_listing, repo_id, repo_type, revision, token)
        try:
            commit, ids = ask() if cached else insist(ask)
        except client_errors() as error:
            offline = isinstance(error, OfflineModeIsEnabled)
            if not cached or not (offline or may_pass(error)):
                raise
            if not offline:
                failure = reading_failed(error, repo_id, revision)
                logger.warning("%s; using commit %s from the cache", failure, cached.name)
            return cached
        if cached and cached.name == commit:
            return cached
        names = wanted(ids)
        for name in (*names, last):
            if name not in ids:
                raise PokeGANError(f"{where}: the repository has no file {name}")
        fetch = partial(_whole_file, insist, download, where, commit, force=force_download)
        for name in names:
            fetch(name, ids[name])
        if revision != commit:
            # Tells the cache what the branch means, now that the other files are there.
            insist(lambda: download(last, revision=revision))
        return fetch(last, ids[last]).parent


def _listing(
    repo_id: str, repo_type: str, revision: str | None, token: str | bool | None
) -> tuple[str, dict[str, str]]:
    """The commit that a revision means; the ids of its files: the sha256 of those that are stored
    apart (LFS), git's of the others."""
    from huggingface_hub import HfApi

    info = HfApi(token=token, library_name="pokegan").repo_info(
        repo_id,
        repo_type=repo_type,
        revision=revision,
        files_metadata=True,
        timeout=LISTING_SECONDS,
    )
    files = info.siblings or []
    return info.sha, {
        file.rfilename: file.lfs.sha256 if file.lfs else file.blob_id for file in files
    }


def _cached(
    download: Callable[..., str],
    wanted: Callable[[Collection[str]], list[str]],
    last: str,
    revision: str | None,
) -> Path | None:
    """The commit's folder in the cache, if all that is needed is there and undamaged."""
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = Path(download(last, revision=revision, local_files_only=True)).parent
    except LocalEntryNotFoundError:
        return None
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    names = {*wanted(present), last}
    damaged = [name for name in names & present if not _is_whole(folder / name)]
    for name in damaged:
        logger.warning("%s: damaged; removed from the cache", folder / name)
        _forget(folder / name)
    return folder if names <= present and not damaged else None


def _whole_file(
    insist: Callable[[Callable[[], Any]], Any],
    download: Callable[..., str],
    where: str,
    commit: str,
    name: str,
    file_id: str,
    force: bool,
) -> Path:
    """Fetch one file, again if it is damaged."""
    for more in ("fetching it again", "removed"):
        path = Path(insist(lambda: download(name, revision=commit, force_download=force)))
        if _is_whole(path, file_id):
            return path
        logger.warning("%s: %s arrived damaged; %s", where, name, more)
        _forget(path)
    raise PokeGANError(
        f"{where}: {name} arrived damaged twice (its hash is not the one that the Hub lists);"
        f" nothing of it was kept; try again later"
    )


def _is_whole(path: Path, file_id: str | None = None) -> bool:
    """Whether a file of the cache has the hash that ``file_id`` or else its name there says.

    The client keeps files under their ids, and links to them; where the system has no links, or
    the id is of no known kind, there is nothing to compare with.
    """
    if file_id is None:
        file_id = Path(os.readlink(path)).name if path.is_symlink() else ""
    if re.fullmatch("[0-9a-f]{64}", file_id):
        digest = hashlib.sha256()
    elif re.fullmatch("[0-9a-f]{40}", file_id):
        digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size)  # as git does
    else:
        return True
    with open(path, "rb") as file:
        while part := file.read(2**20):
            digest.update(part)
    return digest.hexdigest() == file_id


def _forget(path: Path) -> None:
    """Remove a file from the cache, so that it is fetched anew."""
    if path.is_symlink():
        (path.parent / os.readlink(path)).unlink(missing_ok=True)
    path.unlink()
