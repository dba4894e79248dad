"""Which training sprite is a sprite near to, and which types does it look like?

What :mod:`pokegan.metrics.novelty` finds out for thousands of sprites with the dataset at hand, for
one sprite and without it: the features that :mod:`pokegan.metrics.sprite_net` sees in the training
sprites come with the package, for the datasets that ours are trained on. A feature is 192 numbers,
from which no sprite can be drawn again.

    python -m pokegan.metrics.neighbours [--data gen5]

writes that file.
"""

import argparse
import functools
import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from pokegan.data.species import sprite_name
from pokegan.data.types import TYPES
from pokegan.errors import PokeGANError
from pokegan.files import write_atomically
from pokegan.metrics.craft import on_white
from pokegan.metrics.sprite_net import DIMENSIONS, SIDE, SpriteNet, as_input, sprite_net

FOLDER = Path(__file__).parent
FINGERPRINT = re.compile(r"[0-9a-f]{16}")

CHUNK = 32
"""Images go through the network in chunks of this many."""


@dataclass(frozen=True)
class Neighbour:
    """The training sprite that is nearest to a sprite.

    Attributes:
        row: its place in the training split, from 0.
        species: its name, such as "Rotom".
        form: "heat"; empty for most.
        shiny: whether it is in shiny colours.
        distance: Euclidean, between the features of sprite-net; the nearer of the training sprite
            and its mirror image counts.
        nearer_than: share of the held-out species' sprites that are farther from their own nearest
            training sprite, in [0, 1]; from 0.95 on, novelty in this network counts a copy.
    """

    row: int
    species: str
    form: str
    shiny: bool
    distance: float
    nearer_than: float

    @property
    def name(self) -> str:
        """As people call it: "Rotom (heat), shiny"."""
        return sprite_name(self.species, self.form, self.shiny)


class Neighbours:
    """The features of a dataset's training sprites.

    Args:
        features: uint8 (2 n, 192), the sprites first, then their mirror images in the same order.
        scale: float (192,), what a step of each feature is worth.
        held_out: float (m,), distances of held-out species' sprites.
        names: species, form and shininess of each of the n.
    """

    def __init__(
        self, features: Tensor, scale: Tensor, held_out: Tensor, names: list[tuple[str, str, bool]]
    ):
        self._features = features.float() * scale
        self._held_out = held_out
        self._names = names

    def __len__(self) -> int:
        return len(self._names)

    @classmethod
    def of(cls, fingerprint: object) -> "Neighbours | None":
        """The neighbours in the dataset of a fingerprint, which the ``data.json`` of a model
        folder states; ``None`` where the package knows none.

        Raises:
            PokeGANError: the package's file is damaged.
        """
        if not isinstance(fingerprint, str) or not FINGERPRINT.fullmatch(fingerprint):
            return None
        path = FOLDER / f"neighbours-{fingerprint}.safetensors"
        return _read(path) if path.is_file() else None

    def look_up(self, image: Image.Image) -> Neighbour:
        """Find the training sprite that is nearest to a sprite, or to its mirror image.

        Distances are those of ``pokegan evaluate`` for sprites of 64 pixels, but for the rounding
        of the kept features, less than 1 % of a usual distance.

        Args:
            image: of any mode and size; what is transparent counts as white.
        """
        distances = torch.cdist(_features(_pixels(image)), self._features)[0]  # (2 n,)
        found = int(distances.argmin())
        row, distance = found % len(self), distances[found].item()
        farther = (self._held_out > distance).float().mean().item()
        return Neighbour(row, *self._names[row], distance, farther)


def types_seen(image: Image.Image) -> dict[str, float]:
    """Which types sprite-net sees in a sprite: their shares, together 1, the largest first.

    It names one of the types of a held-out species first about half of the time.

    Args:
        image: as for :meth:`Neighbours.look_up`.
    """
    with torch.inference_mode():
        shares = _network()(as_input(_pixels(image)))[0].softmax(0)
    order = shares.argsort(descending=True).tolist()
    return {TYPES[label]: shares[label].item() for label in order}


def write_neighbours(data: str, folder: Path = FOLDER) -> Path:
    """Look at the sprites of a dataset and write the file that :meth:`Neighbours.of` reads.

    Args:
        data: as ``--data`` takes it.
        folder: where to.

    Raises:
        PokeGANError: the dataset cannot be read, or lacks a column or a split.
    """
    from safetensors.torch import save

    from pokegan.data.resolve import open_sprites
    from pokegan.data.transforms import flip_left_right
    from pokegan.metrics.image_set import real_set

    sprites = open_sprites(data, "train")
    images = real_set(sprites, SIDE).images
    held_out = real_set(open_sprites(data, "validation"), SIDE).images
    seen = torch.cat([_features(images), _features(flip_left_right(images))])
    # A feature that is always 0 has a step of 1, so that nothing is divided by 0.
    scale = torch.where(seen.amax(0) > 0, seen.amax(0) / 255, 1.0)
    features = (seen / scale).round().to(torch.uint8)
    distances = torch.cdist(_features(held_out), features.float() * scale).amin(1)
    columns = [sprites.dataset[column][:] for column in ("species", "form", "shiny")]
    tensors = {"features": features, "scale": scale, "held_out": distances.sort().values}
    names = json.dumps([*zip(*columns, strict=True)], ensure_ascii=False, separators=(",", ":"))
    path = folder / f"neighbours-{sprites.fingerprint()}.safetensors"
    write_atomically(path, save(tensors, metadata={"names": names}))
    return path


@functools.lru_cache(maxsize=8)
def _read(path: Path) -> Neighbours:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            listed = json.loads(file.metadata()["names"])
            names = [(name, form, shiny) for name, form, shiny in listed]
            tensors = {key: file.get_tensor(key) for key in ("features", "scale", "held_out")}
        if tensors["features"].shape != (2 * len(names), DIMENSIONS) or not names:
            raise ValueError("its parts do not fit together")
        return Neighbours(**tensors, names=names)
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise PokeGANError(f"{path.name}: cannot be read ({reason}); reinstall pokegan") from error


@functools.cache
def _network() -> SpriteNet:
    return sprite_net().to(memory_format=torch.channels_last)


@torch.inference_mode()
def _features(images: Tensor) -> Tensor:
    """uint8 (n, 3, S, S), on white, to float (n, 192)."""
    chunks = (as_input(part) for part in images.split(CHUNK))
    return torch.cat(
        [
            _network().features(chunk.contiguous(memory_format=torch.channels_last))
            for chunk in chunks
        ]
    )


def _pixels(image: Image.Image) -> Tensor:
    """An image in the middle of a white square, uint8 (1, 3, S, S): nothing is stretched."""
    side = max(2, *image.size)
    square = Image.new("RGBA", (side, side), (255, 255, 255, 0))
    square.paste(image.convert("RGBA"), ((side - image.width) // 2, (side - image.height) // 2))
    color = on_white(np.asarray(square))
    return torch.from_numpy(color).permute(2, 0, 1)[None].contiguous()


def main() -> None:
    parser = argparse.ArgumentParser(description="Keep what sprite-net sees in training sprites.")
    parser.add_argument("--data", default="gen5", help="as for train.py (default: gen5)")
    path = write_neighbours(parser.parse_args().data)
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
