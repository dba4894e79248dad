import math

import pytest
import torch

from pokegan import PokeGANError
from pokegan.metrics.fidelity import (
    density_coverage,
    frechet_distance,
    kernel_distance,
    precision_recall,
)


def gaussian(n, d, mean=0.0, deviation=1.0, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return mean + deviation * torch.randn(n, d, generator=generator, dtype=torch.float64)


def whitened(n, d, seed=0):
    """Features with mean 0 and covariance 1 exactly, so that closed forms hold to rounding."""
    x = gaussian(n, d, seed=seed)
    x = x - x.mean(0)
    cholesky = torch.linalg.cholesky(x.T @ x / (n - 1))
    return torch.linalg.solve_triangular(cholesky, x.T, upper=False).T


def independent_frechet(x, y):
    """tr (Σ₁Σ₂)^½ as the sum of the singular values of A'B, where Σ₁ = AA' and Σ₂ = BB'."""
    a, b = ((f - f.mean(0)).T / math.sqrt(len(f) - 1) for f in (x, y))
    cross = torch.linalg.svdvals(a.T @ b).sum()
    return (
        (x.mean(0) - y.mean(0)).square().sum() + a.square().sum() + b.square().sum()
    ) - 2 * cross


@pytest.mark.parametrize(("shift", "scale"), [(0.0, 1.0), (3.0, 1.0), (0.0, 2.5), (-1.0, 0.5)])
def test_frechet_distance_of_known_gaussians(shift, scale):
    d = 6
    distance = frechet_distance(whitened(50, d), shift + scale * whitened(80, d, seed=1))
    assert distance == pytest.approx(d * (shift**2 + (1 - scale) ** 2), abs=1e-6)


@pytest.mark.parametrize(("n", "m"), [(100, 60), (12, 9)])  # 9 < 12 < 16 dimensions
def test_frechet_distance_agrees_with_another_formula(n, m):
    x, y = gaussian(n, 16), gaussian(m, 16, mean=0.3, deviation=1.7, seed=1)
    assert frechet_distance(x, y) == pytest.approx(independent_frechet(x, y).item(), rel=1e-5)


def test_frechet_distance_is_symmetric_and_does_not_see_order_or_rotation():
    x, y = gaussian(60, 5), gaussian(70, 5, mean=1, seed=1)
    rotation = torch.linalg.qr(gaussian(5, 5, seed=2)).Q
    distance = frechet_distance(x, y)
    assert frechet_distance(y, x) == pytest.approx(distance)
    assert frechet_distance(x.flip(0), y) == pytest.approx(distance)
    assert frechet_distance(x @ rotation, y @ rotation) == pytest.approx(distance)
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-6)


def test_kernel_distance_by_its_definition():
    x, y = gaussian(30, 4), gaussian(30, 4, mean=0.5, seed=1)

    def kernel(a, b):
        return (a @ b.T / 4 + 1) ** 3

    def mean_of_others(k):
        return (k.sum() - k.diagonal().sum()) / (30 * 29)

    expected = mean_of_others(kernel(x, x)) + mean_of_others(kernel(y, y)) - 2 * kernel(x, y).mean()
    kid = kernel_distance(x, y)  # subsets of 30 are the whole sets
    assert kid.mean == pytest.approx(expected.item())
    assert kid.deviation == pytest.approx(0, abs=1e-12)


def test_kernel_distance_of_equal_distributions_is_about_0():
    same = kernel_distance(gaussian(800, 4), gaussian(800, 4, seed=1))
    other = kernel_distance(gaussian(800, 4), gaussian(800, 4, mean=0.5, seed=1))
    assert abs(same.mean) < 3 * same.deviation
    assert other.mean > 10 * abs(same.mean)
    assert kernel_distance(gaussian(800, 4), gaussian(800, 4, seed=1)) == same
    assert kernel_distance(gaussian(800, 4), gaussian(800, 4, seed=1), seed=1) != same


def test_precision_falls_with_bad_samples_and_recall_with_missing_ones():
    left, right = gaussian(100, 3, mean=-50), gaussian(100, 3, mean=50, seed=1)
    both = torch.cat([left, right])
    one_side = torch.cat([left, left])
    far = gaussian(100, 3, mean=500, seed=2)
    precision, recall = precision_recall(both, both)
    assert (precision, recall) == (1, 1)
    assert precision_recall(both, one_side) == (1, 0.5)
    precision, recall = precision_recall(both, torch.cat([both, far]))
    assert (precision, recall) == (pytest.approx(2 / 3), 1)


def test_density_and_coverage_of_points_on_a_line():
    real = torch.tensor([[0.0], [1.0], [2.0], [3.0], [10.0]])
    # Balls for k = 1: 0±1, 1±1, 2±1, 3±1, 10±7.
    density, coverage = density_coverage(real, torch.tensor([[0.5], [-4.0]]), neighbours=1)
    assert density == 2 / 2  # 0.5 lies in two balls, -4 in none
    assert coverage == 2 / 5
    density, coverage = density_coverage(real, torch.tensor([[3.0]]), neighbours=1)
    assert density == 3  # balls are closed: 2±1, 3±1 and 10±7
    assert coverage == 3 / 5


def test_density_of_equal_distributions_is_about_1():
    density, coverage = density_coverage(gaussian(1000, 3), gaussian(1000, 3, seed=1))
    assert density == pytest.approx(1, abs=0.1)
    assert coverage > 0.9  # 1 - 1/2^k, Naeem et al. 2020, section 4


def test_features_in_any_precision_are_compared_in_double():
    x, y = gaussian(40, 3).float(), gaussian(40, 3, mean=1000, seed=1).float()
    assert frechet_distance(x, y) == frechet_distance(x.double(), y.double())
    assert density_coverage(x, y) == density_coverage(x.double(), y.double())


@pytest.mark.parametrize(
    "measure", [frechet_distance, kernel_distance, precision_recall, density_coverage]
)
@pytest.mark.parametrize(
    ("real", "generated", "message"),
    [
        (gaussian(1, 3), gaussian(9, 3), "real features of shape (1, 3)"),
        (gaussian(9, 3), gaussian(0, 3), "generated features of shape (0, 3)"),
        (gaussian(9, 3), gaussian(9, 4), "real features have 3 dimensions, generated ones 4"),
        (gaussian(9, 3), gaussian(9, 3) / 0, "generated features hold NaN or infinite"),
        (gaussian(9, 3)[0], gaussian(9, 3), "real features of shape (3,)"),
    ],
)
def test_unfit_features_are_one_clear_line(measure, real, generated, message):
    with pytest.raises(PokeGANError) as caught:
        measure(real, generated)
    assert message in str(caught.value)
