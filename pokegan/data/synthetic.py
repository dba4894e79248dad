"""Procedural typed creatures: a dataset drawn by code, for tests and machines with no sprites.

A creature is drawn on a 32x32 cell grid, right half only, and mirrored. Its first type gives the
palette, the body plan and the head's parts; its second type gives an accent colour, the back's
parts, the markings and the paws. Everything about species ``i`` is a function of ``i``: random
numbers come from ``random.Random(str)`` (stable across versions and platforms), shapes are filled
by exact arithmetic on quarter cells.
"""

from __future__ import annotations

import copy
import functools
import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from pokegan.data.creatures import GRID, draw, palette, types_of
from pokegan.data.types import GROUP_OF_TYPE, TYPES
from pokegan.data.writer import SPLITS, features, split_of
from pokegan.errors import PokeGANError

if TYPE_CHECKING:
    import datasets

GAME = "synthetic"
"""What stands for the game in the rows of drawn creatures."""

DEFAULT_SPECIES = 240
_LIMITS = (20, 100_000)

_STEMS = {
    "normal": "Tuft Fluff Bund Snug Mell Whisk",
    "fighting": "Brawn Knuck Spar Jabb Grapp Duell",
    "flying": "Plum Breez Aer Gust Wing Soar",
    "poison": "Tox Ooz Venn Murk Sludg Fung",
    "ground": "Dun Burr Terr Mudd Loam Gravv",
    "rock": "Pebb Crag Bould Quarr Cobb Flint",
    "bug": "Chit Buzz Skitt Larv Moth Weev",
    "ghost": "Spook Wisp Phant Haunt Shroud Gloam",
    "steel": "Riv Ferr Tinn Cogg Chrom Alloy",
    "fire": "Embr Flam Scorch Cind Kindl Blaz",
    "water": "Splash Brin Tid Ripp Aqu Drizz",
    "grass": "Leaf Sprout Moss Fern Clov Bramb",
    "electric": "Zapp Volt Spark Joul Amp Static",
    "psychic": "Mind Lumin Dream Myst Ment Aur",
    "ice": "Frost Glac Shiv Hail Snow Rim",
    "dragon": "Drak Wyv Scal Wyrm Tyrr Fang",
    "dark": "Umbr Shad Dusk Noct Grimm Sneer",
    "fairy": "Pix Charm Glim Twink Dains Bloss",
}
_LINKS = "a o i u e al ar or en in el il ur on an im om ul er is"
_ENDS = (
    "bit boo by cha dee dle doo fin gle gum kit la let lin lo ly ma mip min mo na nib no nyx pa "
    "pet pip po puff quin ra ri ro roo sel shi so ta tee ti to toad tot tu va vi wing wump zee zo"
)


def _name(number: int) -> str:
    """The invented name of species ``number``, unique among 1..100000."""
    place, kind = divmod(number - 1, len(TYPES))
    stems, links, ends = _STEMS[TYPES[kind]].split(), _LINKS.split(), _ENDS.split()
    # A step coprime to the number of names of a type visits all of them before any repeats.
    code = (place * 1777 + kind * 331) % (len(stems) * len(links) * len(ends))
    code, stem = divmod(code, len(stems))
    end, link = divmod(code, len(links))
    return stems[stem] + links[link] + ends[end]


def synthetic_rows(species: int = DEFAULT_SPECIES, canvas: int = 96) -> Iterator[dict]:
    """Yield the rows of the synthetic dataset, two a species: normal, then shiny colours.

    Args:
        species: how many species, 20 to 100000. The rows of a species do not depend on it.
        canvas: the side of the square images in pixels, at least 32. The creature is enlarged by
            the whole factor ``canvas // 32`` and centred.

    Yields:
        Rows with every feature of the typed dataset; ``image`` is an RGBA ``PIL.Image`` whose
        alpha is 0 or 255 (and RGB 0 where alpha is 0), the class labels are ints.

    Raises:
        PokeGANError: a value outside these ranges.
    """
    if not _LIMITS[0] <= species <= _LIMITS[1]:
        raise PokeGANError(
            f"synthetic data has {_LIMITS[0]} to {_LIMITS[1]} species, not {species}"
        )
    if canvas < GRID:
        raise PokeGANError(f"synthetic sprites need a canvas of at least {GRID} px, not {canvas}")
    scale = canvas // GRID
    margin = (canvas - GRID * scale) // 2
    for number in range(1, species + 1):
        half = draw(number)
        cells = np.concatenate([half[:, ::-1], half], 1).repeat(scale, 0).repeat(scale, 1)
        type1, type2 = types_of(number)
        for shiny in (False, True):
            pixels = np.zeros((canvas, canvas, 4), np.uint8)
            inside = pixels[margin : margin + len(cells), margin : margin + len(cells)]
            inside[..., :3] = palette(number, shiny)[cells]
            inside[..., 3] = np.where(cells > 0, 255, 0)
            yield {
                "image": Image.fromarray(pixels),
                "species_id": number,
                "species": _name(number),
                "form": "",
                "type1": type1,
                "type2": type2,
                "type_group": GROUP_OF_TYPE[type1],
                "generation": 0,
                "game": GAME,
                "view": 0,
                "shiny": shiny,
                "gender": "",
                "frame": 0,
                "source": f"synthetic/{number:04d}-{'shiny' if shiny else 'normal'}",
                "augmentation": "",
            }


def parse_synthetic(spec: str) -> int | None:
    """The number of species that a data spec asks for; None when it is not a synthetic one.

    ``synthetic`` is 240 species, ``synthetic:N`` is N (20 to 100000).

    Raises:
        PokeGANError: N is not a whole number in this range.
    """
    if spec == "synthetic":
        return DEFAULT_SPECIES
    if not spec.startswith("synthetic:"):
        return None
    count = spec.removeprefix("synthetic:")
    low, high = _LIMITS
    # Seven digits suffice, and int() refuses very long ones with another error.
    if not (count.isascii() and count.isdigit() and len(count) < 8 and low <= int(count) <= high):
        raise PokeGANError(
            f"data {spec[:60]!r}: the number of species must be {low} to {high}, "
            "as in synthetic:1000"
        )
    return int(count)


def synthetic_dataset(species: int = DEFAULT_SPECIES, canvas: int = 96) -> datasets.DatasetDict:
    """The rows of ``synthetic_rows`` as a typed dataset, held in memory as PNG.

    Returns:
        Splits ``train`` and ``validation``, disjoint by species by the rule of every dataset here.

    Raises:
        PokeGANError: see ``synthetic_rows``.
    """
    import datasets

    drawn = _drawn(species, canvas).items()
    return datasets.DatasetDict({name: copy.copy(dataset) for name, dataset in drawn})


@functools.lru_cache(maxsize=2)
def _drawn(species: int, canvas: int) -> datasets.DatasetDict:
    """Drawn once in a process, though training, evaluation and measures each open their split."""
    import datasets

    columns = features()
    splits = {name: [] for name in SPLITS}
    for row in synthetic_rows(species, canvas):
        buffer = io.BytesIO()
        row["image"].save(buffer, "PNG")
        png = {"bytes": buffer.getvalue(), "path": None}
        splits[split_of(row["species_id"])].append({**row, "image": png})
    return datasets.DatasetDict(
        {name: datasets.Dataset.from_list(rows, features=columns) for name, rows in splits.items()}
    )
