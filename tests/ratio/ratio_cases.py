"""Pairs with a known gradient of mutual information, and what estimates are held against."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from mibench_ratio import RSM, ratio_gradient
from mibench_ratio.options import FitOptions
from mibench_ratio.rsm import RSMParams
from torch import Tensor

from mibench.contracts import Problem

SPECIFICATION = FitOptions(
    ridge=1e-5,
    iterations=1,
    alignment=0.0,
    score_alignment=0.0,
    score_radius_weight=0.0,
    ellipse_weight=0.0,
    null_weight=3.0,
    score_weight=0.01,
    score_block_weight=0.01,
    normality=False,
    clusters="none",
    tails="none",
    margins="none",
    means="none",
    atoms="none",
    directions="none",
)
"""Ratio score matching without what adapts: one kernel weight and one ridge for all data."""


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=generator(seed), dtype=torch.float64)


class Pairs(NamedTuple):
    """Samples, the velocity of y along the parameter, the exact gradient of the log ratio in y, and dI/dtheta."""

    x: Tensor
    y: Tensor
    velocity: Tensor
    exact: Tensor
    truth: float

    def slope(self, gradient: Tensor) -> float:
        return (gradient * self.velocity).sum(-1).mean().item()


def slope_behind(shape: Callable[[Tensor], Tensor], d: int, seed: int, options: FitOptions | None = None) -> float:
    """The estimate of dI/ds for y = shape(x + s e) at s = 0.7, in d coordinates, from 256 samples."""
    x, noise = normal(256, d, seed=2 * seed), normal(256, d, seed=2 * seed + 1)
    s = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    y = shape(x + s * noise)
    return torch.autograd.grad((ratio_gradient(x, y.detach(), options) * y).sum() / 256, s)[0].item()


def crossed(n: int, d: int, seed: int, r: float = 0.9) -> Pairs:
    """Each pair of coordinates an equal mixture of Gaussians correlated by r and -r: no correlation at all."""
    x, noise, sign = normal(3, n, d, seed=seed)
    sign, q = sign.sign(), 1 - r**2
    y = sign * r * x + math.sqrt(q) * noise
    exact = -y / q + y + r * x / q * torch.tanh(r * x * y / q)
    return Pairs(x, y, sign * x - r / math.sqrt(q) * noise, exact, d * 3.40591)


def sparse(n: int, d: int, seed: int) -> Pairs:
    """Normal coordinates, one of y the absolute value of one of x in noise of deviation s = 0.5, the others alone.

    The exact gradient is left out; the truth is by quadrature.
    """
    x, y = normal(2, n, d, seed=seed)
    y, velocity = y.clone(), torch.zeros_like(y)
    velocity[:, 0] = y[:, 0]
    y[:, 0] = x[:, 0].abs() + 0.5 * y[:, 0]
    return Pairs(x, y, velocity, torch.full_like(y, math.nan), -1.096)


def bpsk(n: int, d: int, seed: int, snr: float = 4.0) -> Pairs:
    """Bits in Gaussian noise; dI/dsnr is half the minimum mean square error, here by quadrature."""
    x, noise = normal(2, n, d, seed=seed)
    x, a = x.sign(), math.sqrt(snr)
    y = a * x + noise
    z = torch.linspace(-10, 10, 20001, dtype=torch.float64)
    density = torch.exp(-z.square() / 2) / math.sqrt(2 * math.pi)
    error = ((1 - torch.tanh(snr + a * z)) * density).sum().item() * 1e-3
    return Pairs(x, y, x / (2 * a), a * x - a * torch.tanh(a * y), d * error / 2)


def correlated(n: int, d: int, seed: int, rho: float = 0.6) -> Pairs:
    x, noise = normal(2, n, d, seed=seed)
    q = 1 - rho**2
    y = rho * x + math.sqrt(q) * noise
    return Pairs(x, y, x - rho / math.sqrt(q) * noise, y - (y - rho * x) / q, d * rho / q)


def outliers(n: int, d: int, seed: int, share: float = 0.2, rho: float = 0.8) -> Pairs:
    """Correlated Gaussians of which some samples are independent pairs; truth by 10^6 draws of the exact critic."""
    x, noise, other = normal(3, n, d, seed=seed)
    outside = torch.rand(n, 1, generator=generator(seed + 1), dtype=torch.float64) < share
    q = 1 - rho**2
    y = torch.where(outside, other, rho * x + math.sqrt(q) * noise)
    log_ratio = -0.5 * (math.log(q) + (y - rho * x).square() / q - y.square()).sum(-1, keepdim=True)
    inside = (1 - share) * log_ratio.exp()
    exact = inside / (inside + share) * (y - (y - rho * x) / q)
    velocity = torch.where(outside, 0.0, x - rho / math.sqrt(q) * noise)
    return Pairs(x, y, velocity, exact, {2: 2.819, 5: 7.961}[d])


def relative_rmse(family: Callable[..., Pairs], estimate: Callable[[Tensor, Tensor], Tensor], **how: Any) -> float:
    """The relative RMSE of slopes over seeds 0 to 5, n = 256."""
    cases = [family(256, seed=seed, **how) for seed in range(6)]
    errors = torch.tensor([case.slope(estimate(case.x, case.y)) / case.truth - 1 for case in cases])
    return errors.square().mean().sqrt().item()


def problem(dx: int, dy: int, replicas: tuple[int, ...] = (), conditional: Any = None, seed: int = 0) -> Problem:
    generators = tuple(generator(seed + i) for i in range(torch.Size(replicas).numel()))
    return Problem(dx=dx, dy=dy, generators=generators, replicas=replicas, dtype=torch.float64, conditional=conditional)


def estimator(dx: int, dy: int, replicas: tuple[int, ...] = (), known: Any = None, seed: int = 0, **params: Any) -> RSM:
    return RSM(RSMParams(**params), problem(dx, dy, replicas, known, seed))
