"""Novelty: is a sprite new, or a copy of one that the model was trained on?

A sprite is compared with every training sprite and its mirror image in three spaces: two feature
networks, and pixels. A copy need not be exact: it may be mirrored, recoloured, or moved a little.
What counts as near is measured on held-out species, which are new by definition.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, pad

from pokegan.errors import PokeGANError
from pokegan.metrics.craft import WHITE

PERCENTILE = 5.0
"""Held-out species of which so many percent count as copies set the threshold."""

FEWEST_HELD_OUT = 20
"""A 5th percentile of fewer is none."""

PIXEL_SIDE, PIXEL_SHIFT = 32, 1
"""Pixels are compared at this size, moved by up to so many pixels of it, all ways."""


@dataclass(frozen=True)
class Nearest:
    """The training sprites nearest to some samples.

    Attributes:
        index: in the space where the sample looks most like a copy, the row of the nearest
            training sprite; int64 (n,).
        distances: by space, the distance to that space's nearest training sprite, float (n,).
        score: share of held-out sprites that are at least as near to the training set in the
            space where the sample is nearest, float (n,): 0 where no held-out sprite ever is so
            near, 1 where all are.
        closeness: the distance in that space, as a share of held-out sprites' median there, float
            (n,); it orders samples of equal scores.
        novel: whether the score is above the threshold, bool (n,).
    """

    index: Tensor
    distances: Mapping[str, Tensor]
    score: Tensor
    closeness: Tensor
    novel: Tensor


class NoveltyIndex:
    """Training sprites to compare with, and the measure of held-out ones.

    In each space a sample's distance is ranked among those of held-out sprites; its score is the
    lowest of the ranks, so a copy that one space misses is caught by another. The threshold is the
    5th percentile of the held-out sprites' own scores: 95 % of new species pass, by construction.

    Args:
        training: by space, what it sees in training sprites and in their mirror images, float
            tensors (2 n, d): the sprites first, then the mirror images in the same order.
        held_out: by space, what it sees in sprites of other species, float tensors (m, k, d):
            ``k`` versions of each, the nearest of which counts (one in feature spaces, the moved
            ones of :func:`moved_pixels`).

    Raises:
        PokeGANError: fewer than ``FEWEST_HELD_OUT`` held-out sprites.
    """

    def __init__(self, training: Mapping[str, Tensor], held_out: Mapping[str, Tensor]):
        count = len(next(iter(held_out.values())))
        if count < FEWEST_HELD_OUT:
            raise PokeGANError(
                f"novelty is measured by held-out species; the validation split has {count}"
                f" sprites, and {FEWEST_HELD_OUT} are the least"
            )
        self._training = training
        measured = {space: _nearest(seen, training[space])[0] for space, seen in held_out.items()}
        self._held_out = {space: own.sort().values for space, own in measured.items()}
        scores = torch.stack([_rank(own, self._held_out[space]) for space, own in measured.items()])
        self.threshold = scores.min(0).values.quantile(PERCENTILE / 100).item()

    def look_up(self, seen: Mapping[str, Tensor]) -> Nearest:
        """Find the nearest training sprites of samples; ``seen`` is as ``held_out``."""
        found = {space: _nearest(own, self._training[space]) for space, own in seen.items()}
        ranks = torch.stack([_rank(found[space][0], self._held_out[space]) for space in found])
        score = ranks.min(0).values  # (n,)
        # Of several spaces with the lowest rank, the one where it is relatively nearest tells.
        relative = torch.stack(
            [found[space][0] / self._held_out[space].median() for space in found]
        )
        chosen = torch.where(ranks == score, relative, torch.inf).argmin(0, keepdim=True)
        rows = torch.stack([rows for _, rows in found.values()])  # (spaces, n)
        return Nearest(
            index=rows.gather(0, chosen)[0],
            distances={space: distances for space, (distances, _) in found.items()},
            score=score,
            closeness=relative.gather(0, chosen)[0],
            novel=score > self.threshold,
        )

    def is_novel_in(self, space: str, distances: Tensor) -> Tensor:
        """Whether samples at these distances (n,) would pass by one space alone: farther from the
        training set than the 5th percentile of the held-out sprites; bool (n,)."""
        return distances > self._held_out[space].quantile(PERCENTILE / 100)


def pixel_values(images: Tensor) -> Tensor:
    """What the space "pixels" sees: HSV values, which new hues leave alone, of centred sprites.

    Args:
        images: uint8 (n, 3, S, S), on white.

    Returns:
        float (n, PIXEL_SIDE²) in [0, 1].
    """
    return _values(images).flatten(1)


def moved_pixels(images: Tensor) -> Tensor:
    """The same of each image moved by up to ``PIXEL_SHIFT`` pixels, on white.

    Returns:
        float (n, (2 PIXEL_SHIFT + 1)², PIXEL_SIDE²) in [0, 1].
    """
    reach = 2 * PIXEL_SHIFT + 1
    wide = pad(_values(images), [PIXEL_SHIFT] * 4, value=1.0)
    return torch.stack(
        [
            wide[:, down : down + PIXEL_SIDE, right : right + PIXEL_SIDE].flatten(1)
            for down in range(reach)
            for right in range(reach)
        ],
        dim=1,
    )


def _values(images: Tensor) -> Tensor:
    centred = torch.stack([_centred(image) for image in images])
    return adaptive_avg_pool2d(centred.amax(1).float() / 255, PIXEL_SIDE)  # (n, side, side)


def _centred(image: Tensor) -> Tensor:
    """An image (3, S, S) with the box around everything that is not white in the middle."""
    shown = image.amin(0) < WHITE
    for axis in (0, 1):
        used = shown.any(1 - axis).nonzero()
        if len(used):
            size = shown.shape[axis]
            move = (size - used[0] - used[-1] - 1) // 2  # what is moved across the border is white
            image = image.roll(move.item(), axis + 1)
    return image


def _nearest(versions: Tensor, training: Tensor) -> tuple[Tensor, Tensor]:
    """Distance (n,) to the nearest row of ``training`` (2 m, d) or its mirror image, and which
    (n,), over the versions (n, k, d) of each sample."""
    count = len(training) // 2
    best, rows = torch.full((len(versions),), torch.inf), torch.zeros(len(versions)).long()
    for version in versions.unbind(1):
        distances, found = torch.cdist(version, training).min(1)
        nearer = distances < best
        best, rows = torch.where(nearer, distances, best), torch.where(nearer, found, rows)
    return best, rows % count


def _rank(distances: Tensor, held_out: Tensor) -> Tensor:
    """Share of the sorted distances ``held_out`` (m,) that are at most as large, for each (n,)."""
    return torch.searchsorted(held_out, distances, right=True) / len(held_out)
