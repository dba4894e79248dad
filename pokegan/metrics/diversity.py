"""How different a model's sprites are from each other: pairwise distances and near-duplicates."""

import torch
from torch import Tensor
from torch.nn.functional import pdist

from pokegan.errors import PokeGANError


def mean_pairwise_distance(features: Tensor) -> float:
    """Mean Euclidean distance over all pairs of samples.

    Args:
        features: float tensor (n, d), n of at least 2.

    Raises:
        PokeGANError: fewer than 2 samples, or another shape.
    """
    return _pairs(features).mean().item()


def mean_distance_within(features: Tensor, labels: Tensor) -> float:
    """Mean pairwise distance of samples with the same label, every label counting the same.

    Small beside :func:`mean_pairwise_distance` where a conditional model draws one sprite for each
    type. Labels of a single sample, which has no pair, are left out.

    Args:
        features: float tensor (n, d).
        labels: int64 tensor (n,).

    Raises:
        PokeGANError: no label has two samples, or shapes do not fit.
    """
    if labels.shape != features.shape[:1]:
        raise PokeGANError(f"{len(features)} samples have labels of shape {tuple(labels.shape)}")
    groups = [features[labels == label] for label in labels.unique()]
    means = [mean_pairwise_distance(group) for group in groups if len(group) > 1]
    if not means:
        raise PokeGANError("no label has two samples, so there are no distances within one")
    return sum(means) / len(means)


def collapse_ratio(features: Tensor, threshold: float) -> float:
    """Share of all pairs of samples that are near-duplicates: nearer than ``threshold``.

    Args:
        features: float tensor (n, d), n of at least 2.
        threshold: such as :func:`duplicate_threshold` of real sprites in the same features.

    Raises:
        PokeGANError: as for :func:`mean_pairwise_distance`.
    """
    return (_pairs(features) < threshold).double().mean().item()


def duplicate_threshold(features: Tensor, species: Tensor, percentile: float = 1.0) -> float:
    """How near two sprites must come to count as near-duplicates, by the measure of real ones.

    Args:
        features: of real sprites, float tensor (n, d).
        species: int64 tensor (n,).
        percentile: of the distances between sprites and their nearest sprite of another species;
            nearer than that, nearly no two real species are.

    Raises:
        PokeGANError: all sprites are of one species, or shapes do not fit.
    """
    if species.shape != features.shape[:1]:
        raise PokeGANError(f"{len(features)} sprites have species of shape {tuple(species.shape)}")
    if len(species.unique()) < 2:
        raise PokeGANError("near-duplicates are measured between species; there is only one")
    features = features.double()
    distances = torch.cdist(features, features, compute_mode="donot_use_mm_for_euclid_dist")
    distances[species[:, None] == species[None, :]] = torch.inf
    nearest = distances.min(dim=1).values  # (n,)
    return nearest.quantile(percentile / 100).item()


def _pairs(features: Tensor) -> Tensor:
    """Distances of all n (n - 1) / 2 pairs."""
    if features.ndim != 2 or len(features) < 2:
        raise PokeGANError(
            f"features of shape {tuple(features.shape)}: needed are (n, d) with at least 2 samples"
        )
    return pdist(features.double())
