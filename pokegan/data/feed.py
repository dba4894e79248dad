"""From a typed dataset to batches of tensors: held in memory, or read by worker processes."""

import hashlib
import signal
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader

from pokegan.cores import usable_cores
from pokegan.data.batch import Batch
from pokegan.data.images import to_training_batch
from pokegan.data.order import Share, batch_indices
from pokegan.data.resolve import read_image
from pokegan.errors import PokeGANError

if TYPE_CHECKING:
    import datasets

GIB = 2**30
REFERENCE_SPRITES = 256
"""At most so many real sprites are the measure of diversity, or validate a model."""
_DECODED_AT_ONCE = 256


class _ByIndex:
    """What a bank and a loader have in common: any sprite is as near as any other."""

    order = "shuffled"
    """How the sprites are mixed, for checkpoints: another order would be another run."""

    def steps(self, share: Share, steps: Iterable[int]) -> Iterator[Batch]:
        """The batch of each of ``steps``, or this process's share of it, in order."""
        return self.batches(
            batch_indices(share.seed, step, share.batch_size, len(self._labels))[share.rows]
            for step in steps
        )

    def reference(self) -> Batch:
        """Evenly spaced sprites, at most ``REFERENCE_SPRITES``."""
        rows = np.linspace(0, len(self._labels) - 1, REFERENCE_SPRITES).astype(int)
        return next(self.batches([np.unique(rows)]))


class SpriteBank(_ByIndex):
    """All sprites of a dataset as one uint8 tensor: a batch is one indexing operation.

    Args:
        dataset: a typed dataset.
        size: height and width of the images.
        channels: 1, 3 or 4, as in ``pokegan.data.images.to_training_batch``.
    """

    def __init__(self, dataset: "datasets.Dataset", size: int, channels: int):
        self._labels = _Labels(dataset)
        images = dataset.select_columns("image")
        self._pixels = hashlib.sha256()
        self._images = torch.empty(len(dataset), channels, size, size, dtype=torch.uint8)
        for start in range(0, len(dataset), _DECODED_AT_ONCE):
            rows = range(start, min(start + _DECODED_AT_ONCE, len(dataset)))
            try:
                decoded = images[rows]["image"]
            except Exception:  # one by one, the broken one is named
                decoded = [read_image(dataset, row) for row in rows]
            arrays = [
                square_rgba(image, f"row {row}") for row, image in zip(rows, decoded, strict=True)
            ]
            for array in arrays:
                self._pixels.update(array)
            self._images[start : start + len(rows)] = training_images(arrays, size, channels)

    def content(self) -> dict[str, str]:
        """A digest of all labels, and one of the pixels of all sprites."""
        return {"labels": self._labels.digest(), "pixels": self._pixels.hexdigest()}

    def batches(self, schedule: Iterable[np.ndarray]) -> Iterator[Batch]:
        """One batch for each array of indices that ``schedule`` yields, in order."""
        for indices in schedule:
            yield self._labels.batch(self._images[torch.from_numpy(indices)], indices)


class SpriteLoader(_ByIndex):
    """The same batches as :class:`SpriteBank`, for datasets that do not fit into memory.

    Images are decoded by two worker processes that read ahead, or one where there is one core.
    Arguments as for ``SpriteBank``.
    """

    def __init__(self, dataset: "datasets.Dataset", size: int, channels: int):
        self._dataset = dataset
        self._labels = _Labels(dataset)
        self._images = _DecodedImages(dataset, size, channels)

    def content(self) -> dict[str, str]:
        """A digest of all labels, and one of all image files: decoding them takes too long."""
        digest = hashlib.sha256()
        images = self._dataset.select_columns("image").with_format("arrow")
        for table in images.iter(_DECODED_AT_ONCE):
            for image in table["image"].to_pylist():
                data = image["bytes"]
                digest.update(Path(image["path"]).read_bytes() if data is None else data)
        return {"labels": self._labels.digest(), "files": digest.hexdigest()}

    def batches(self, schedule: Iterable[np.ndarray]) -> Iterator[Batch]:
        """One batch for each array of indices that ``schedule`` yields, in order.

        Raises:
            PokeGANError: a sprite has become unreadable since the start.
        """
        loader = DataLoader(
            self._images,
            batch_sampler=_Schedule(schedule),
            num_workers=min(2, usable_cores()),
            collate_fn=_collate,
            worker_init_fn=_leave_signals_to_the_run,
            # Its own generator: seeding the workers must not advance the run's random state.
            generator=torch.Generator(),
        )
        for batch in loader:
            if isinstance(batch, PokeGANError):
                raise batch
            yield self._labels.batch(*batch)


def sprite_feed(
    dataset: "datasets.Dataset", size: int, channels: int, max_bank_gib: float
) -> SpriteBank | SpriteLoader:
    """A bank where it fits into ``max_bank_gib`` GiB, else a loader."""
    fits = len(dataset) * channels * size * size <= max_bank_gib * GIB
    return (SpriteBank if fits else SpriteLoader)(dataset, size, channels)


def training_images(arrays: Sequence[np.ndarray], size: int, channels: int) -> Tensor:
    """Square RGBA images, of whatever sizes, as uint8 (len(arrays), channels, size, size)."""
    images = torch.empty(len(arrays), channels, size, size, dtype=torch.uint8)
    for side in {len(array) for array in arrays}:  # one canvas, as a rule
        where = [place for place, array in enumerate(arrays) if len(array) == side]
        pixels = np.stack([arrays[place] for place in where])
        images[where] = torch.from_numpy(to_training_batch(pixels, size, channels))
    return images


def scaled(images: Tensor) -> Tensor:
    """uint8 images as floats in [-1, 1]."""
    return images.float().div_(127.5).sub_(1)


class _Labels:
    def __init__(self, dataset: "datasets.Dataset"):
        self._types = torch.tensor([dataset["type1"][:], dataset["type2"][:]]).T.contiguous()
        self._group = torch.tensor(dataset["type_group"][:])
        self._shiny = torch.tensor(dataset["shiny"][:])

    def __len__(self) -> int:
        return len(self._group)

    def digest(self) -> str:
        digest = hashlib.sha256()
        for column in (self._types, self._group, self._shiny):
            digest.update(column.numpy())
        return digest.hexdigest()

    def batch(self, images: Tensor, indices: np.ndarray) -> Batch:
        rows = torch.from_numpy(indices)
        return Batch(
            image=scaled(images),
            types=self._types[rows],
            group=self._group[rows],
            shiny=self._shiny[rows],
        )


class _DecodedImages(torch.utils.data.Dataset):
    def __init__(self, dataset: "datasets.Dataset", size: int, channels: int):
        self._dataset, self._size, self._channels = dataset, size, channels

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, index: int) -> tuple[Tensor, int] | PokeGANError:
        try:
            pixels = square_rgba(read_image(self._dataset, int(index)), f"row {index}")
        except PokeGANError as error:
            return error  # raised in a worker, it would come out wrapped in its traceback
        array = to_training_batch(pixels[None], self._size, self._channels)[0]
        return torch.from_numpy(array), int(index)


def square_rgba(image: Image.Image, where: str) -> np.ndarray:
    """The pixels of a sprite, uint8 (S, S, 4).

    Raises:
        PokeGANError: it is not square; the message says ``where`` it is.
    """
    if image.width != image.height:
        raise PokeGANError(
            f"{where}: the image is {image.width}x{image.height} pixels; a typed sprite dataset"
            f" has square ones (see `pokegan dataset build`)"
        )
    return np.asarray(image.convert("RGBA"))


class _Schedule:
    """Lets a DataLoader walk through a schedule that may have no end."""

    def __init__(self, schedule: Iterable[np.ndarray]):
        self._schedule = schedule

    def __iter__(self) -> Iterator[list[int]]:
        return (indices.tolist() for indices in self._schedule)


def _leave_signals_to_the_run(worker: int) -> None:
    """Ctrl-C reaches the workers too; they must live until the run has written its checkpoint."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _collate(
    samples: list[tuple[Tensor, int] | PokeGANError],
) -> tuple[Tensor, np.ndarray] | PokeGANError:
    errors = [sample for sample in samples if isinstance(sample, PokeGANError)]
    if errors:
        return errors[0]
    images, indices = zip(*samples, strict=True)
    return torch.stack(images), np.array(indices)
