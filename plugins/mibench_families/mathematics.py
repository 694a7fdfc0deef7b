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

    Returns:
        Nodes of the chi-square variable with `df` degrees of freedom and their weights, which sum to 1.
    """
    low, high = -80.0 / df + math.log(df), 2 * math.log(math.sqrt(df) + 9.5)
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
