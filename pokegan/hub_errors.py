"""The Hub client's many exceptions: those that may pass are outlasted, all are told in one line."""

import json
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from pokegan.errors import PokeGANError

logger = logging.getLogger(__name__)

Result = TypeVar("Result")


def client_errors() -> tuple[type[Exception], ...]:
    """What the Hub client raises, and lets through."""
    from huggingface_hub.errors import HfHubHTTPError

    # The base class of the HTTP library's errors; which library that is depends on the version.
    # Transfers of large files raise RuntimeError.
    return (HfHubHTTPError.__bases__[0], OSError, ValueError, RuntimeError)


def outlast(
    action: Callable[[], Result], pauses: Sequence[float], explain: Callable[[Exception], str]
) -> Result:
    """Return ``action()``, trying again after each pause while the failure is one that may pass.

    Args:
        action: calls the Hub client; safe to repeat after its answer was lost.
        pauses: seconds before the second, third, ... try.
        explain: says what went wrong, for the log.

    Raises:
        Exception: the last try's, one of ``client_errors()``.
    """
    left = list(pauses)
    while True:
        try:
            return action()
        except client_errors() as error:
            if not left or not may_pass(error):
                raise
            line = explain(error)
        pause = left.pop(0)
        logger.warning("%s; trying again in %g s", line, pause)
        time.sleep(pause)


def status_of(error: BaseException) -> int | None:
    """The HTTP status that the Hub answered with, None if there was no answer."""
    return getattr(getattr(error, "response", None), "status_code", None)


def may_pass(error: BaseException) -> bool:
    """Whether the same call may succeed a little later."""
    error = reason_of(error)
    status = status_of(error)
    if status is not None:
        return status in (408, 429) or status >= 500
    if isinstance(error, json.JSONDecodeError):  # a proxy's page in place of an answer
        return True
    if type(error) is OSError and error.errno is None:  # a body shorter than was announced
        return True
    # What is left: the client's objections and local files (no), and broken connections (yes).
    return not isinstance(error, ValueError | OSError)


def reason_of(error: BaseException) -> BaseException:
    """What happened on the network, where the client only says what it was about to do."""
    from huggingface_hub.errors import FileMetadataError, HfHubHTTPError

    cause = error.__cause__
    network = (HfHubHTTPError.__bases__[0], FileMetadataError)
    return cause if status_of(error) is None and isinstance(cause, network) else error


@contextmanager
def hub_errors_in_one_line(repo_id: str, revision: str | None = None) -> Iterator[None]:
    """Turn what ``huggingface_hub`` raises inside the block into a ``PokeGANError``.

    Args:
        repo_id: the repository that the block reads from, named in the message.
        revision: the revision, if one was asked for.

    Raises:
        PokeGANError: in place of any error of the Hub client or of its connection.
    """
    try:
        yield
    except client_errors() as error:
        raise PokeGANError(reading_failed(error, repo_id, revision)) from error


def reading_failed(error: BaseException, repo_id: str, revision: str | None = None) -> str:
    """One line about an error of the Hub client while it read from a repository."""
    from huggingface_hub import errors

    error = reason_of(error)
    where = repo_id if revision is None else f"{repo_id} at {revision}"
    status = status_of(error)
    said = " ".join(str(getattr(error, "server_message", None) or error).split())
    if isinstance(error, errors.HFValidationError):
        return f"{repo_id!r} is neither a folder on this machine nor a Hub id (user/name)"
    if isinstance(error, errors.GatedRepoError):
        return f"{where}: access is gated; ask for it on the Hub's page"
    if isinstance(error, errors.RepositoryNotFoundError):
        return (
            f"{where}: no such folder on this machine, and no such repository on the Hub (or it"
            f" is private and the token, if any, may not read it)"
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return f"{repo_id}: the repository has no revision {revision!r}"
    if isinstance(error, errors.LocalEntryNotFoundError | errors.OfflineModeIsEnabled):
        return (
            f"{where}: no such folder on this machine, not (or not whole) in the Hub cache, and the"
            f" Hub is not asked in offline mode"
        )
    if isinstance(error, errors.EntryNotFoundError):
        name = str(error).split("/")[-1].split("?")[0].rstrip(". ")
        return f"{where}: the repository has no file {name}"
    if status == 401:
        return f"{where}: the Hub does not accept the token; see `hf auth login` and HF_TOKEN"
    if status == 403:
        return f"{where}: the token may not read there ({said})"
    if status == 404:
        return f"{where}: the Hub has no such repository or file"
    if status == 429:
        return f"{where}: too many requests to the Hub; try again later"
    if status is not None:
        return f"{where}: the Hub failed with status {status}; try again later"
    if may_pass(error):
        return f"{where}: the connection to the Hub failed ({said}); try again later"
    return f"{where}: {said}"
