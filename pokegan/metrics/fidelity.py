"""How like real sprites generated ones are, and how much of the real variety they have.

Everything here compares two sets of features, float tensors (n, d): what a feature network sees in
real sprites and in generated ones. The engine is torch-fidelity; density and coverage, which it
does not have, are ours. All is computed in double precision, and does not depend on the order of
the samples; but KID does, through its random subsets, where a subset does not hold all of them.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from pokegan.errors import PokeGANError

KID_SUBSETS, KID_SUBSET_SIZE = 100, 500
"""KID is a mean over so many random subsets of so many samples (fewer where there are fewer)."""

PRECISION_RECALL_NEIGHBOURS = 3
"""k of precision and recall, as Kynkäänniemi et al. 2019 chose it."""

DENSITY_COVERAGE_NEIGHBOURS = 5
"""k of density and coverage, as Naeem et al. 2020 chose it."""


@dataclass(frozen=True)
class Kid:
    """Kernel distance.

    Attributes:
        mean: over the subsets; near 0, and as often below as above it, for equal distributions.
        deviation: standard deviation over the subsets.
    """

    mean: float
    deviation: float


def frechet_distance(real: Tensor, generated: Tensor) -> float:
    """Fréchet distance between two sets of features taken as normal distributions.

    ``‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2 (Σ₁ Σ₂)^½)`` (Heusel et al. 2017, arXiv 1706.08500, equation 6).
    It is biased upwards, the more so the fewer samples there are: compare only distances of the
    same N and the same network. Fewer samples than dimensions give singular covariances, for which
    the formula still holds, and a large bias.

    Args:
        real: float tensor (n, d), n of at least 2.
        generated: float tensor (m, d), m of at least 2.

    Returns:
        The distance in the squared units of the features, at least 0.

    Raises:
        PokeGANError: fewer than 2 samples, different dimensions, NaN or infinite features.
    """
    from torch_fidelity.metric_fid import (
        KEY_METRIC_FID,
        fid_features_to_statistics,
        fid_statistics_to_metric,
    )

    statistics = [fid_features_to_statistics(f) for f in _checked(real, generated, least=2)]
    distance = fid_statistics_to_metric(*statistics, verbose=False)[KEY_METRIC_FID]
    return max(0.0, distance)  # equal sets may end a rounding error below


def kernel_distance(real: Tensor, generated: Tensor, seed: int = 0) -> Kid:
    """KID: the squared maximum mean discrepancy of two sets of features.

    With the kernel ``(x·y / d + 1)³`` and the unbiased estimator (Bińkowski et al. 2018, arXiv
    1801.01401, section 4), as mean and deviation over ``KID_SUBSETS`` random subsets.

    Args:
        real: float tensor (n, d), n of at least 2.
        generated: float tensor (m, d), m of at least 2.
        seed: of the subsets.

    Raises:
        PokeGANError: as for :func:`frechet_distance`.
    """
    from torch_fidelity.metric_kid import (
        KEY_METRIC_KID_MEAN,
        KEY_METRIC_KID_STD,
        kid_features_to_metric,
    )

    real, generated = _checked(real, generated, least=2)
    values = kid_features_to_metric(
        generated,
        real,
        kid_subsets=KID_SUBSETS,
        kid_subset_size=min(KID_SUBSET_SIZE, len(real), len(generated)),
        rng_seed=seed,
        verbose=False,
    )
    return Kid(values[KEY_METRIC_KID_MEAN], values[KEY_METRIC_KID_STD])


def precision_recall(
    real: Tensor, generated: Tensor, neighbours: int = PRECISION_RECALL_NEIGHBOURS
) -> tuple[float, float]:
    """Precision and recall (Kynkäänniemi et al. 2019, arXiv 1904.06991, equations 1 and 2).

    Precision is the share of generated samples that lie in the real ones' manifold, a union of
    balls around each that reach to its k-th neighbour; recall is the share of real samples in the
    generated ones' manifold.

    Args:
        real: float tensor (n, d), n above ``neighbours``.
        generated: float tensor (m, d), m above ``neighbours``.
        neighbours: k, at least 1.

    Raises:
        PokeGANError: as for :func:`frechet_distance`.
    """
    from torch_fidelity.metric_prc import (
        KEY_METRIC_PRECISION,
        KEY_METRIC_RECALL,
        prc_features_to_metric,
    )

    real, generated = _checked(real, generated, least=neighbours + 1)
    values = prc_features_to_metric(generated, real, prc_neighborhood=neighbours, verbose=False)
    return values[KEY_METRIC_PRECISION], values[KEY_METRIC_RECALL]


def density_coverage(
    real: Tensor, generated: Tensor, neighbours: int = DENSITY_COVERAGE_NEIGHBOURS
) -> tuple[float, float]:
    """Density and coverage (Naeem et al. 2020, arXiv 2002.09797, section 3).

    Every real sample has a ball that reaches to its k-th real neighbour. Density is how many balls
    a generated sample lies in, divided by k: 1 on average for equal distributions, more where
    samples crowd into the densest parts. Coverage is the share of balls that hold a generated
    sample at all. One outlier among the real samples hardly moves either, unlike precision.

    Args:
        real: float tensor (n, d), n above ``neighbours``.
        generated: float tensor (m, d), m of at least 1.
        neighbours: k, at least 1.

    Raises:
        PokeGANError: as for :func:`frechet_distance`.
    """
    real, generated = _checked(real, generated, least=neighbours + 1, least_generated=1)
    # The nearest of all is the sample itself.
    radius = _distances(real, real).kthvalue(neighbours + 1, dim=1).values  # (n,)
    inside = _distances(real, generated) <= radius[:, None]  # (n, m)
    density = inside.double().mean(dim=1).sum() / neighbours
    return density.item(), inside.any(dim=1).double().mean().item()


def _distances(a: Tensor, b: Tensor) -> Tensor:
    """Euclidean distances (n, m); not by the matrix product, in which equal points end apart."""
    return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")


def _checked(
    real: Tensor, generated: Tensor, least: int, least_generated: int | None = None
) -> tuple[Tensor, Tensor]:
    wanted = {"real": least, "generated": least if least_generated is None else least_generated}
    for (name, fewest), features in zip(wanted.items(), (real, generated), strict=True):
        if features.ndim != 2 or len(features) < fewest:
            raise PokeGANError(
                f"{name} features of shape {tuple(features.shape)}: needed are (n, d) with at"
                f" least {fewest} samples"
            )
        if not torch.isfinite(features).all():
            raise PokeGANError(f"{name} features hold NaN or infinite values")
    if real.shape[1] != generated.shape[1]:
        raise PokeGANError(
            f"real features have {real.shape[1]} dimensions, generated ones {generated.shape[1]}"
        )
    return real.double().cpu(), generated.double().cpu()
