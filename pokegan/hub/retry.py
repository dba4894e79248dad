"""Calls to the Hub that outlast its hiccups and fail with one line."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from pokegan.errors import PokeGANError

logger = logging.getLogger(__name__)

PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds before each new try, half a minute in all."""

Result = TypeVar("Result")


def with_retries(
    action: Callable[[], Result],
    *,
    repo_id: str,
    revision: str | None = None,
    pauses: Sequence[float] = PAUSES,
) -> Result:
    """Return ``action()``, trying again after each pause while the failure is one that may pass.

    The client itself retries the transfer of files, but neither the creation of a repository nor
    a commit. ``action`` must be safe to repeat after its answer was lost.

    Args:
        action: calls the Hub client.
        repo_id: the repository it writes to, for the message.
        revision: the branch it writes to, for the message.
        pauses: seconds before the second, third, ... try.

    Raises:
        PokeGANError: the Hub refuses, or the last try failed.
    """
    from huggingface_hub.errors import HfHubHTTPError

    # The base class of the HTTP library's errors; which library that is depends on the version.
    http_error = HfHubHTTPError.__bases__[0]
    left = list(pauses)
    while True:
        try:
            return action()
        except (http_error, OSError, ValueError) as error:
            line = _explain(error, repo_id, revision)
            if not left or not _may_pass(error):
                raise PokeGANError(line) from error
        pause = left.pop(0)
        logger.warning("%s; trying again in %g s", line, pause)
        time.sleep(pause)


def _status(error: Exception) -> int | None:
    """The HTTP status that the Hub answered with, None if there was no answer."""
    return getattr(getattr(error, "response", None), "status_code", None)


def _may_pass(error: Exception) -> bool:
    status = _status(error)
    if status is not None:
        return status in (408, 429) or status >= 500
    if isinstance(error, json.JSONDecodeError):  # a proxy's page in place of an answer
        return True
    # What is left: the client's objections and local files (no), and broken connections (yes).
    return not isinstance(error, ValueError | OSError)


def _explain(error: Exception, repo_id: str, revision: str | None) -> str:
    from huggingface_hub.errors import RevisionNotFoundError

    status = _status(error)
    said = " ".join(str(getattr(error, "server_message", None) or error).split())
    if status == 401:
        return (
            f"{repo_id}: the Hub wants a valid token with write access; run `hf auth login` or set"
            f" HF_TOKEN"
        )
    if status == 403:
        return f"{repo_id}: the token may not write there ({said})"
    if isinstance(error, RevisionNotFoundError):
        return f"{repo_id}: the repository has no branch {revision or 'main'!r}"
    if status == 404:
        return f"{repo_id}: no such repository, or the token may not see it"
    if status == 429:
        return f"{repo_id}: too many requests to the Hub; try again later"
    if status is not None and status >= 500:
        return f"{repo_id}: the Hub failed with status {status}; try again later"
    if status is None and _may_pass(error):
        return f"{repo_id}: the Hub cannot be reached ({said}); try again later"
    return f"{repo_id}: {said}"
