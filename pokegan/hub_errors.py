"""The Hub client's many exceptions, told as one line each."""

from collections.abc import Iterator
from contextlib import contextmanager

from pokegan.errors import PokeGANError


@contextmanager
def hub_errors_in_one_line(repo_id: str, revision: str | None = None) -> Iterator[None]:
    """Turn what ``huggingface_hub`` raises inside the block into a ``PokeGANError``.

    Args:
        repo_id: the repository that the block works on, named in the message.
        revision: the revision, if one was asked for.

    Raises:
        PokeGANError: in place of any error of the Hub client or of its connection.
    """
    from huggingface_hub import errors

    where = repo_id if revision is None else f"{repo_id} at {revision}"
    try:
        yield
    except errors.HFValidationError as error:
        raise PokeGANError(
            f"{repo_id!r} is neither a folder on this machine nor a Hub id (user/name)"
        ) from error
    except errors.GatedRepoError as error:
        raise PokeGANError(f"{where}: access is gated; ask for it on the Hub's page") from error
    except errors.RepositoryNotFoundError as error:
        raise PokeGANError(
            f"{where}: no such folder on this machine, and no such repository on the Hub (or it"
            f" is private and the token, if any, may not read it)"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise PokeGANError(f"{repo_id}: the repository has no revision {revision!r}") from error
    except errors.LocalEntryNotFoundError as error:
        raise PokeGANError(
            f"{where}: no such folder on this machine, not in the Hub cache, and the Hub cannot be"
            f" reached"
        ) from error
    except errors.EntryNotFoundError as error:
        name = str(error).split("/")[-1].split("?")[0].rstrip(". ")
        raise PokeGANError(f"{where}: the repository has no file {name}") from error
    except errors.HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else "no"
        hint = "; the token is not valid, see `hf auth login`" if status == 401 else "; try again"
        raise PokeGANError(f"{where}: the Hub answered with status {status}{hint}") from error
    # The HTTP library's own errors; which library that is depends on the client's version.
    except (errors.HfHubHTTPError.__bases__[0], ConnectionError, TimeoutError) as error:
        reason = " ".join(str(error).split())
        raise PokeGANError(f"{where}: the connection to the Hub failed ({reason})") from error
