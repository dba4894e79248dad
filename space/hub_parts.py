"""Files beside the weights of models on the Hub, fetched when somebody wants to see them."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

from models_index import HUB_RETRY_SECONDS, ModelSource

from pokegan import PokeGANError
from pokegan.hub_errors import hub_errors_in_one_line
from pokegan.hub_files import fetch_files

MAX_FILES = 160
MAX_FILE_BYTES = 4 * 2**20
MAX_BYTES = 32 * 2**20
"""A repository may hold more than this page ever asks for: of its wanted files, no more."""

LISTING_SECONDS = 10.0


class PartFetcher:
    """Knows the folders of models, with such of their files as are asked for.

    What the Hub answered holds for five minutes, so that visitors do not wait for it again.

    Args:
        clock: seconds that only grow; tests pass their own.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._known: dict[tuple[str, str], tuple[float, Path | str]] = {}
        self._locks: dict[tuple[str, str], threading.Lock] = {}

    def folder(self, model: ModelSource, last: str, wanted: Callable[[str], bool]) -> Path:
        """The model folder; of a model on the Hub, with the files that are wanted.

        Args:
            model: one of the page's.
            last: a file at the top of the repository without which nothing is fetched.
            wanted: chooses others by their path.

        Raises:
            PokeGANError: the Hub has no such file, or cannot be asked, and neither has its cache.
        """
        if isinstance(model.source, Path):
            return model.folder
        key = (model.source, last)
        with self._locks.setdefault(key, threading.Lock()):
            asked_at, answer = self._known.get(key, (-HUB_RETRY_SECONDS, ""))
            if self._clock() - asked_at >= HUB_RETRY_SECONDS:
                answer = self._ask(model, last, wanted)
                self._known[key] = (self._clock(), answer)
        if isinstance(answer, str):
            raise PokeGANError(answer)
        return answer

    def _ask(self, model: ModelSource, last: str, wanted: Callable[[str], bool]) -> Path | str:
        try:
            return _fetched(model.source, last, wanted)
        except PokeGANError as error:
            cached = model.folder
            if cached is not None and (cached / last).is_file():
                return cached
            message = str(error)
            return message if message.startswith(model.name) else f"{model.name}: {message}"


def _fetched(repo_id: str, last: str, wanted: Callable[[str], bool]) -> Path:
    from huggingface_hub import HfApi

    # The sizes are asked for first: a repository may be anybody's.
    with hub_errors_in_one_line(repo_id, None):
        info = HfApi(library_name="pokegan").repo_info(
            repo_id, files_metadata=True, timeout=LISTING_SECONDS
        )
    sizes = {file.rfilename: file.size or 0 for file in info.siblings or []}
    if last not in sizes:
        raise PokeGANError(f"{repo_id}: the repository has no file {last}")
    if sizes[last] > MAX_BYTES:
        raise PokeGANError(f"{repo_id}: {last} is too large to be shown here")
    names, room = [], MAX_BYTES - sizes[last]
    for name in sorted(name for name in sizes if name != last and wanted(name)):
        if sizes[name] <= min(MAX_FILE_BYTES, room) and len(names) < MAX_FILES:
            names.append(name)
            room -= sizes[name]
    return fetch_files(repo_id, lambda ids: names, last, revision=info.sha)
