"""Real sprites: a row of the training split, drawn by the seed as a model's would be.

Only where the dataset lies on this machine already: nothing is fetched or built here.
"""

import functools
import importlib.util
import os
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from drawing import Request, Row
from PIL import Image
from png import png_uri

from pokegan import PokeGANError
from pokegan.data.images import to_training_batch
from pokegan.data.named import built_gen5
from pokegan.data.species import sprite_name
from pokegan.data.stored import stored_image, stored_rows
from pokegan.data.types import NO_TYPE, TYPES

NAME = "real sprites"
SETTING = "POKEGAN_REAL"

SIDE = 64
"""Pixels of a side: as models see them."""

MOST_SPRITES = 4096
"""Of a larger split, the first so many; they are kept as small files, 1 to 2 kB each."""


@dataclass(frozen=True)
class RealSprite:
    """A sprite of the training split.

    Attributes:
        name: such as "Rotom (heat), shiny".
        types: its one or two types.
        shiny: whether it is in shiny colours.
        stored: its file, as :func:`pokegan.data.stored.stored_image` reads it.
    """

    name: str
    types: tuple[str, ...]
    shiny: bool
    stored: Mapping[str, Any]


@dataclass(frozen=True)
class RealSprites:
    """Stands among the models where rows are compared. Its sprites can be fused; it fuses none.

    Attributes:
        folder: of the dataset, as ``pokegan dataset build`` makes it.
        data: what the dataset is called.
        name: what the row is called.
    """

    folder: Path
    data: str
    name: str = NAME
    config: Mapping[str, Any] = field(default_factory=dict, compare=False)
    conditioning: None = None
    is_slow: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock, compare=False, repr=False)

    def offers(self, method: str) -> bool:
        """It has no method of a model."""
        return False

    @functools.cached_property
    def _sprites(self) -> list[RealSprite]:
        rows = islice(stored_rows(self.folder, splits=["train"]), MOST_SPRITES)
        return [_real_sprite(row) for row in rows]

    def sprites(self) -> list[RealSprite]:
        """The sprites of the training split in order, read on first use.

        Raises:
            PokeGANError: they cannot be read; the message names no path.
        """
        with self._lock:
            try:
                return self._sprites
            except PokeGANError as error:
                raise PokeGANError(
                    f"{self.name}: the dataset {self.data} cannot be read; build it again"
                ) from error

    def row(self, request: Request) -> Row:
        """Distinct sprites of the types and colours that are asked for, in an order of the seed's;
        fewer than ``count`` where there are no more. Truncation means nothing to them.

        Raises:
            PokeGANError: there is none, or the dataset cannot be read.
        """
        asked = {name for name, weight in request.types if weight}
        fitting = [
            sprite
            for sprite in self.sprites()
            if sprite.shiny == request.shiny and asked <= {*sprite.types}
        ]
        if not fitting:
            kinds = " and ".join([*sorted(asked), *["shiny"] * request.shiny] or ["there"])
            raise PokeGANError(f"{self.name}: none of the training split is {kinds}.")
        order = np.random.default_rng(request.seed).permutation(len(fitting))
        chosen = [fitting[place] for place in order[: request.count]]
        images = _images([sprite.stored for sprite in chosen])
        return Row(
            self.name,
            request,
            images=tuple(images),
            uris=tuple(png_uri(image) for image in images),
            labels=tuple(" + ".join(sprite.types) for sprite in chosen),
            description=f"From the training split of {self.data}: what models learned from",
            species=tuple(sprite.name for sprite in chosen),
        )

    def picture_of(self, place: int, name: str) -> Image.Image | None:
        """The sprite at a place of the training split, if it is the one of this name."""
        sprites = self.sprites()
        if place >= len(sprites) or sprites[place].name != name:
            return None
        return _images([sprites[place].stored])[0]


def find_real_sprites(taken: Collection[str]) -> RealSprites | None:
    """The real sprites that this machine has.

    The variable ``POKEGAN_REAL`` chooses: "0" for none, a folder that ``pokegan dataset build``
    made, or by default the dataset gen5, if it is in the cache.

    Args:
        taken: names of models, one of which may be what the row would be called.
    """
    setting = os.environ.get(SETTING, "").strip()
    if setting == "0" or NAME in taken or not _readable():
        return None
    folder = Path(setting).expanduser() if setting else built_gen5()
    if folder is None or not any(folder.glob("data/train-*.parquet")):
        return None
    return RealSprites(folder, folder.resolve().name if setting else "gen5")


def _readable() -> bool:
    """Whether there is what reads datasets, which the page itself does not need."""
    return all(importlib.util.find_spec(name) for name in ("datasets", "pyarrow"))


def _real_sprite(row: Mapping[str, Any]) -> RealSprite:
    labels = [label for label in (row["type1"], row["type2"]) if label != NO_TYPE]
    return RealSprite(
        sprite_name(row["species"], row["form"], row["shiny"]),
        tuple(TYPES[label] for label in labels),
        row["shiny"],
        {"image": row["image"], "source": row["source"]},
    )


def _images(stored: list[Mapping[str, Any]]) -> list[Image.Image]:
    pixels = np.stack([np.asarray(stored_image(row)) for row in stored])  # (n, S, S, 4)
    batch = to_training_batch(pixels, SIDE, 4).transpose(0, 2, 3, 1)  # (n, 64, 64, 4)
    return [Image.fromarray(np.ascontiguousarray(image)) for image in batch]
