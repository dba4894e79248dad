"""The way from one latent to another."""

import torch
from torch import Tensor

from pokegan.errors import PokeGANError


def slerp(a: Tensor, b: Tensor, steps: int) -> Tensor:
    """Spherical interpolation (Shoemake 1985; for latents, White 2016, arXiv 1609.04468).

    The direction turns evenly from that of ``a`` to that of ``b`` on a great circle while the
    norm changes linearly. Standard normal latents of many dimensions have a norm near √d; the
    straight line between two of them passes through shorter ones, which training hardly shows to
    a generator.

    Between parallel vectors the way is the straight line. A zero vector has no direction and
    takes the other end's. Between opposite vectors all great circles are equally short: the one
    through the coordinate axis nearest to a right angle is taken.

    Args:
        a: float tensor (d,), the first step.
        b: float tensor (d,), the last one.
        steps: how many latents, both ends included; at least 2.

    Returns:
        Float tensor (steps, d) of ``a``'s type and device; its ends are exactly ``a`` and ``b``.

    Raises:
        PokeGANError: fewer than 2 steps, or ends of different shapes.
    """
    check_steps(steps)
    if a.ndim != 1 or a.shape != b.shape:
        raise PokeGANError(
            f"latents to interpolate must be of one shape (d,), not {tuple(a.shape)} and"
            f" {tuple(b.shape)}"
        )
    start, end = a.double(), b.to(a.device).double()
    norms = start.norm(), end.norm()
    start = _unit(start if norms[0] > 0 else end)  # (d,)
    end = _unit(end) if norms[1] > 0 else start
    cosine, across = start @ end, end - (start @ end) * start
    if across.norm() < 1e-9 and cosine < 0:
        axis = torch.zeros_like(start)
        axis[start.abs().argmin()] = 1
        across = axis - (start @ axis) * start
        angle = torch.full_like(cosine, torch.pi)
    else:
        angle = torch.atan2(across.norm(), cosine)  # well conditioned at 0 and π, unlike acos
    t = torch.linspace(0, 1, steps, dtype=torch.float64, device=a.device)[:, None]  # (steps, 1)
    directions = (t * angle).cos() * start + (t * angle).sin() * _unit(across)  # (steps, d)
    latents = (torch.lerp(*norms, t) * directions).to(a.dtype)
    latents[0], latents[-1] = a, b
    return latents


def check_steps(steps: int) -> None:
    """Refuse fewer steps than an interpolation has ends.

    Raises:
        PokeGANError: ``steps`` is no integer, or below 2.
    """
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 2:
        raise PokeGANError(f"steps must be an integer of at least 2, not {steps!r}")


def _unit(vector: Tensor) -> Tensor:
    """The vector's direction; zero where it has none."""
    return vector / vector.norm().clamp_min(1e-300)
