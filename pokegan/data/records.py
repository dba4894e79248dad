"""What the readers of a source say about its files."""

from dataclasses import dataclass

from pokegan.data.species import Species


@dataclass(frozen=True)
class SpriteFile:
    """The labels of one image file, known before it is read.

    ``source`` is the file's name inside the source; ``view`` is front or back, ``gender`` "" or
    female; ``animated`` tells the animated copy of a sprite from the static one.
    """

    source: str
    species: Species
    game: str = ""
    view: str = "front"
    shiny: bool = False
    gender: str = ""
    animated: bool = False

    @property
    def variant(self) -> tuple[str, str]:
        """(form, gender); the default variant ("", "") sorts first."""
        return self.species.form, self.gender

    @property
    def key(self) -> tuple:
        """Equal for two files that show the same sprite."""
        return self.species.number, self.variant, self.game, self.view, self.shiny


class Ignored(Exception):
    """The file is not meant to be a sprite of the dataset; the message says what it is."""


class Rejected(Exception):
    """The file should be a sprite and is of no known species; ``reason`` says so in one line.

    The other labels are kept, so that filters can tell whether anybody asked for the file.
    """

    def __init__(self, reason: str, game: str, view: str, shiny: bool):
        super().__init__(reason)
        self.game, self.view, self.shiny = game, view, shiny
