"""The textbook's SSGE, correlated Gaussians bent by bijections, and gradients of mutual information along rho."""

from collections.abc import Callable
from typing import Any

import torch
from mibench_mige import MIGE
from mibench_mige.mige import MIGEParams
from torch import Tensor
from torch.distributions import Independent, Normal

from mibench.contracts import Problem

RHOS = torch.linspace(-0.8, 0.8, 16, dtype=torch.float64)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, generator=generator(seed), dtype=dtype)


def textbook_ssge(x: Tensor, threshold: float = 0.99, points: Tensor | None = None) -> Tensor:
    """Equations 4 to 7 as they are written, with the n x n x d tensor of kernel gradients; x: (n, d)."""
    n = len(x)
    difference = x[:, None, :] - x[None, :, :]
    distance = difference.norm(dim=-1)
    width = distance.flatten().sort(descending=True).values[n * n // 2 - 1]
    gram = torch.exp(-(distance**2) / (2 * width**2))
    gradients = -difference / width**2 * gram[..., None]
    ascending, columns = torch.linalg.eigh(gram)
    values, vectors = ascending.flip(0), columns.flip(1)
    shares = values.cumsum(0) / values.sum()
    rank = max(1, int((shares < threshold).sum()))
    values, vectors = values[:rank], vectors[:, :rank]
    at_points = gram if points is None else torch.exp(-(torch.cdist(points, x) ** 2) / (2 * width**2))
    psi = n**0.5 / values * (at_points @ vectors)
    psi_at_samples = n**0.5 / values * (gram @ vectors)
    psi_gradients = torch.einsum("lmd,mj->ljd", gradients, psi_at_samples) / values[:, None]
    beta = -psi_gradients.mean(0)
    return psi @ beta


def correlated(rho: Tensor, n: int, d: int, seed: int, bend: Callable[[Tensor], Tensor] = lambda v: v) -> Any:
    """Pairs of d-dimensional Gaussians `(*rho.shape, n, d)`, each coordinate correlated by rho, both bent."""
    x, noise = normal(2, *rho.shape, n, d, seed=seed)
    rho = rho[..., None, None]
    return bend(x), bend(rho * x + (1 - rho**2).sqrt() * noise)


def gaussian_conditional(rho: Tensor) -> Callable[[Tensor], Independent]:
    scale = (1 - rho**2).sqrt()[..., None, None]
    return lambda x: Independent(Normal(rho[..., None, None] * x, scale.expand_as(x)), 1)


def estimator(d: int, replicas: tuple[int, ...] = (), known: Any = None, seed: int = 0, **params: Any) -> MIGE:
    """MIGE with these parameters, on a problem whose p(y|x) is `known`."""
    return MIGE(MIGEParams(**params), problem(d, d, replicas, known, seed))


def problem(dx: int, dy: int, replicas: tuple[int, ...] = (), conditional: Any = None, seed: int = 0) -> Problem:
    generators = tuple(generator(seed + i) for i in range(torch.Size(replicas).numel()))
    return Problem(dx=dx, dy=dy, generators=generators, replicas=replicas, dtype=torch.float64, conditional=conditional)


def rho_gradients(
    rhos: Tensor, n: int, d: int, seeds: int, *, bend: Callable[[Tensor], Tensor] = lambda v: v, **params: Any
) -> Tensor:
    """Estimates of dI/drho, `(seeds, *rhos.shape)`."""
    rho = rhos.expand(seeds, *rhos.shape).clone().requires_grad_()
    x, y = correlated(rho, n, d, 1, bend)
    estimator(d, tuple(rho.shape), **params).surrogate(x, y).sum().backward()
    assert rho.grad is not None
    return rho.grad


def true_rho_gradient(rhos: Tensor, d: int) -> Tensor:
    return rhos * d / (1 - rhos**2)


def relative_rmse(estimates: Tensor, truth: Tensor) -> float:
    """One curve's `sqrt(mean error^2) / sqrt(mean truth^2)`, averaged over the curves."""
    curves = (estimates - truth).square().mean(-1).sqrt() / truth.square().mean().sqrt()
    return curves.mean().item()
