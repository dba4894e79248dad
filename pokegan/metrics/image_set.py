"""What is judged: sprites of a model, of a folder, or of a dataset, all as on a page, on white."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from pokegan.data.batch import type_weights
from pokegan.data.feed import SpriteBank
from pokegan.data.resolve import Sprites
from pokegan.data.species import sprite_name
from pokegan.data.types import GROUP_OF_TYPE, TYPE_GROUPS, TYPES
from pokegan.errors import PokeGANError
from pokegan.metrics.craft import on_white
from pokegan.models.base import SpriteModel, to_pil
from pokegan.models.conditioning import labels_of
from pokegan.seeding import derive_seed

FEWEST = 100
"""Fewer samples than this say little about a distribution, and are refused."""

SUFFIXES = (".png", ".gif", ".webp", ".bmp", ".jpg", ".jpeg")
OURS = ("nearest.png",)
"""What ``pokegan evaluate`` itself leaves in a folder."""


@dataclass(frozen=True)
class ImageSet:
    """Sprites to be judged.

    Attributes:
        images: uint8 (n, 3, S, S), RGB on white; grey becomes RGB.
        labels: the labels they were drawn for, int64 (n,), or ``None``.
        conditioning: what the labels are ("group" or "type"), or ``None``.
    """

    images: Tensor
    labels: Tensor | None = None
    conditioning: str | None = None

    def __len__(self) -> int:
        return len(self.images)

    @property
    def size(self) -> int:
        """Height and width in pixels."""
        return self.images.shape[-1]


@dataclass(frozen=True)
class RealSet(ImageSet):
    """Sprites of a dataset.

    Attributes:
        types: int64 (n, 2); first type 0 to 17, second type 0 to 18 (18: none).
        shiny: bool (n,).
        species: int64 (n,), the National Dex number.
        names: how people call each, such as "Rotom (heat), shiny".
    """

    types: Tensor = None
    shiny: Tensor = None
    species: Tensor = None
    names: tuple[str, ...] = ()

    def labels_for(self, conditioning: str) -> Tensor:
        """What a network with this conditioning is told of the sprites: the labels of their first
        types, int64 (n,), or the weights of both types and shininess, float (n, 19)."""
        if conditioning == "types":
            return type_weights(self.types, self.shiny)
        return self.first_type if conditioning == "type" else group_of(self.first_type)

    @property
    def first_type(self) -> Tensor:
        """int64 (n,), 0 to 17."""
        return self.types[:, 0]

    def __getitem__(self, rows: Tensor) -> "RealSet":
        """Some of the sprites; ``rows`` is int64 (m,)."""
        return RealSet(
            self.images[rows],
            types=self.types[rows],
            shiny=self.shiny[rows],
            species=self.species[rows],
            names=tuple(self.names[row] for row in rows.tolist()),
        )


def group_of(first_type: Tensor) -> Tensor:
    """Type labels (n,) to group labels (n,)."""
    return torch.tensor(GROUP_OF_TYPE)[first_type]


def real_set(sprites: Sprites, size: int) -> RealSet:
    """The sprites of a dataset as recipes see them at this size, on white.

    Raises:
        PokeGANError: the dataset does not name species, by which splits are disjoint.
    """
    dataset = sprites.dataset
    if "species_id" not in dataset.column_names:
        raise PokeGANError(f"{sprites.spec}: the column 'species_id' is missing")
    batch = next(SpriteBank(dataset, size, 3).batches([np.arange(len(dataset))]))
    images = ((batch.image + 1) * 127.5).round().to(torch.uint8)
    names = [""] * len(dataset)
    if {"species", "form", "shiny"} <= set(dataset.column_names):
        columns = (dataset[column][:] for column in ("species", "form", "shiny"))
        names = [sprite_name(*values) for values in zip(*columns, strict=True)]
    return RealSet(
        images,
        types=batch.types,
        shiny=batch.shiny,
        species=torch.tensor(dataset["species_id"][:]).long(),
        names=tuple(names),
    )


def model_set(model: SpriteModel, n: int, seed: int, real: RealSet) -> ImageSet:
    """``n`` sprites of a model.

    A type-conditional model draws types as often as the real set holds them, as is usual where
    models are compared (Karras et al. 2020, arXiv 2006.06676): another mixture of types would be a
    distance of its own. The order is the seed's. Models that know mixtures of types are judged by
    the group of the first type, as those that know groups are.
    """
    latents, conditioning = model.latents(n, seed), model.conditioning
    if conditioning is None:
        return ImageSet(_stack(to_pil(model.draw(latents))))
    generator = torch.Generator().manual_seed(derive_seed(seed, "evaluate", "labels"))
    count = len(real)
    rounds = [torch.randperm(count, generator=generator) for _ in range(-(-n // count))]
    rows = torch.cat(rounds)[:n]
    images = _stack(to_pil(model.draw(latents, real.labels_for(conditioning)[rows])))
    judged = "group" if conditioning == "types" else conditioning
    return ImageSet(images, real.labels_for(judged)[rows], judged)


def folder_set(folder: Path) -> ImageSet:
    """All images of a folder, or of its subfolders, which then are named by types or type groups.

    Raises:
        PokeGANError: too few images, an unreadable one, one that is not square or of another size
            than the first, an unknown type, or images both beside and inside subfolders.
    """
    paths = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and path.name not in OURS and path.is_file()
    )
    if len(paths) < FEWEST:
        raise PokeGANError(
            f"{folder}: {len(paths)} images; a judgement needs at least {FEWEST} (PNG, GIF, WebP,"
            f" BMP or JPEG)"
        )
    images = [_read(path) for path in paths]
    for path, image in zip(paths, images, strict=True):
        if image.width != image.height:
            raise PokeGANError(f"{path}: {image.width}x{image.height} pixels; sprites are square")
        if image.size != images[0].size:
            raise PokeGANError(
                f"{path}: {image.width}x{image.height} pixels, but {paths[0].name} has"
                f" {images[0].width}x{images[0].height}; all must have one size"
            )
    labels, conditioning = _folder_labels(folder, paths)
    return ImageSet(_stack(images), labels, conditioning)


def _read(path: Path) -> Image.Image:
    """Paletted, grey and other modes become RGBA."""
    try:
        with Image.open(path) as image:
            return image.convert("RGBA")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise PokeGANError(f"{path}: cannot be read as an image ({error})") from error


def _folder_labels(folder: Path, paths: list[Path]) -> tuple[Tensor | None, str | None]:
    parents = [path.parent.relative_to(folder).as_posix() for path in paths]
    if set(parents) == {"."}:
        return None, None
    for path, name in zip(paths, parents, strict=True):
        if name not in TYPES and name not in TYPE_GROUPS:
            where = "beside the types' folders" if name == "." else f"in the folder {name!r}"
            raise PokeGANError(
                f"{path}: an image {where}; put all images into the folder itself, or into"
                f" subfolders named by types: {', '.join(TYPES)} (or groups, such as water-ice)"
            )
    conditioning = "type" if set(parents) <= set(TYPES) else "group"
    return labels_of(parents, len(parents), conditioning), conditioning


def _stack(images: list[Image.Image]) -> Tensor:
    """PIL images of one size to uint8 (n, 3, S, S), on white."""
    arrays = [np.asarray(image) for image in images]
    color = np.stack([on_white(a if a.ndim == 3 else a[..., None]) for a in arrays])
    return torch.from_numpy(color).permute(0, 3, 1, 2).contiguous()


def on_white_page(images: Tensor) -> Tensor:
    """A model's images (n, 1, 3 or 4, S, S) in [-1, 1] as float (n, 3, S, S) in [0, 255]."""
    pixels = (images + 1) / 2
    color, opaque = pixels[:, :3], pixels[:, 3:]
    if opaque.shape[1]:
        color = color * opaque + 1 - opaque
    return 255 * color.expand(-1, 3, -1, -1)
