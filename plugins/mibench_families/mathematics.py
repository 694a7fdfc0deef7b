"""Functions and quadrature rules that several families share; everything in float64 where it is an integral."""

import math
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor


def log_cosh(z: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """log cosh z without overflow, differentiable everywhere."""
    return torch.logaddexp(z, -z) - math.log(2)


def above_zero(z: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """z, moved from 0 by less than rounding: torch differentiates |z|, and what is made of it, to 0 there."""
    return z + torch.finfo(z.dtype).tiny


def normal_rule(nodes: int, reach: float = 9.0) -> tuple[Float[Tensor, " nodes"], Float[Tensor, " nodes"]]:
    """The trapezoidal rule for an expectation over N(0, 1), which converges geometrically.

    Returns:
        Nodes from `-reach` to `reach` and their weights, which sum to 1.
    """
    z = torch.linspace(-reach, reach, nodes, dtype=torch.float64)
    weights = (-z.square() / 2).exp()
    return z, weights / weights.sum()


def legendre_rule(low: float, high: float, nodes: int) -> tuple[Float[Tensor, " nodes"], Float[Tensor, " nodes"]]:
    """Gauss-Legendre nodes and weights for an integral from `low` to `high`."""
    points, weights = (torch.from_numpy(part) for part in _legendre(nodes))
    return (low + high) / 2 + (high - low) / 2 * points, (high - low) / 2 * weights


def log_chi_square_rule(df: int, nodes: int) -> tuple[Float[Tensor, " nodes"], Float[Tensor, " nodes"]]:
    """The trapezoidal rule for an expectation over a chi-square variable, in its logarithm.

    It begins where the density is below e^-39 of its largest, whose decay is exponential with few degrees of freedom
    and normal with many.

    Returns:
        Nodes of the chi-square variable with `df` degrees of freedom and their weights, which sum to 1.
    """
    low, high = -max(80.0 / df, 16.0 / math.sqrt(df)) + math.log(df), 2 * math.log(math.sqrt(df) + 9.5)
    s = torch.linspace(low, high, nodes, dtype=torch.float64)
    log_density = df / 2 * s - s.exp() / 2
    weights = (log_density - log_density.max()).exp()
    return s.exp(), weights / weights.sum()


def sobol_normal(count: int, d: int, seed: int) -> Float[Tensor, "count d"]:
    """`count` scrambled Sobol points, mapped to N(0, I_d)."""
    points = torch.quasirandom.SobolEngine(d, scramble=True, seed=seed).draw(count, dtype=torch.float64)
    return torch.special.ndtri(points.clamp(1e-15, 1 - 1e-15))


@lru_cache(maxsize=100)
def _legendre(nodes: int) -> Any:
    return np.polynomial.legendre.leggauss(nodes)


def entropic_difference(a: Float[Tensor, "*shape"], p: float, q: float) -> Float[Tensor, "*shape"]:
    r"""F(a) + F(a + p + q) - F(a + p) - F(a + q), where F(t) = log Gamma(t) - t psi(t).

    From a = 200 by Stirling's series, :math:`F(t) = c - t - \frac{1}{2} \log t + \frac{1}{6 t} - \frac{1}{90 t^3}`,
    whose terms do not cancel; F itself is large, and of the difference no digit is left at 1e6.
    """
    ends, middle = (a, a + p + q), (a + p, a + q)
    direct = sum(map(_entropic, ends)) - sum(map(_entropic, middle))
    logarithms = torch.log1p(-p * q / (middle[0] * middle[1]))
    reciprocals = p * q * (2 * a + p + q) / (ends[0] * ends[1] * middle[0] * middle[1])
    cubes = sum(t**-3 for t in ends) - sum(t**-3 for t in middle)
    return torch.where(a < 200, direct, -logarithms / 2 + reciprocals / 6 - cubes / 90)


def _entropic(t: Tensor) -> Tensor:
    return torch.lgamma(t) - t * torch.digamma(t)
