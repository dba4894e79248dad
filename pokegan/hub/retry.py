"""Writing to the Hub: calls that outlast its hiccups and fail with one line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from pokegan.errors import PokeGANError
from pokegan.hub_errors import client_errors, may_pass, outlast, reason_of, status_of

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
    explain = partial(_explain, repo_id=repo_id, revision=revision)
    try:
        return outlast(action, pauses, explain)
    except client_errors() as error:
        raise PokeGANError(explain(error)) from error


def _explain(error: Exception, repo_id: str, revision: str | None) -> str:
    from huggingface_hub.errors import RevisionNotFoundError

    error = reason_of(error)
    status = status_of(error)
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
    if status is None and may_pass(error):
        return f"{repo_id}: the Hub cannot be reached ({said}); try again later"
    return f"{repo_id}: {said}"
