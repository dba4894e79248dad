"""Loading published models."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pokegan.errors import PokeGANError

if TYPE_CHECKING:
    from pokegan.models.base import SpriteModel


def load(path_or_repo_id: str | Path, *, revision: str | None = None) -> "SpriteModel":
    """Load any model of ours from a folder or from the Hub.

    A run folder (``runs/NAME``) stands for the model folder inside it.

    Args:
        path_or_repo_id: a model folder, a run folder, or a Hub id ("user/name").
        revision: branch, tag or commit on the Hub (default: the main branch).

    Returns:
        The model in evaluation mode, an instance of the class that its ``config.json`` names.

    Raises:
        PokeGANError: as ``SpriteModel.from_pretrained``.
    """
    from pokegan.models.base import SpriteModel

    return SpriteModel.from_pretrained(model_folder_of(path_or_repo_id), revision=revision)


def model_folder_of(path_or_repo_id: str | Path) -> str | Path:
    """The model folder inside a run folder; anything else stays as it is."""
    inner = Path(path_or_repo_id) / "model"
    return inner if (inner / "config.json").is_file() else path_or_repo_id


def model_names(sources: Sequence[str]) -> list[str]:
    """What several models are called side by side: the last part of folders and Hub ids.

    Raises:
        PokeGANError: two have the same name.
    """
    names = [Path(source).name for source in sources]
    if len(set(names)) < len(names):
        raise PokeGANError("two models have the same name; give folders with different names")
    return names
