"""Ten seconds against closed forms: is the arithmetic of this machine, and of what is installed, to be trusted?"""

import math
import time
from collections.abc import Iterator

import torch
from torch import Tensor

from mibench import gaussians
from mibench.discovery.registry import Registry
from mibench.specs import EstimatorSpec
from mibench.testing import check_estimator
from mibench.testing.declarations import capabilities
from mibench.testing.subject import standard_error
from mibench.testing.truth import bound, direction, value
from mibench.text import number, with_deviation

BUDGET = 10.0
"""Seconds after which no further estimator is begun."""
_D, _RHO, _N = 3, 0.6, 20_000
_ERRORS = 5.0


def self_test(registry: Registry, budget: float = BUDGET) -> Iterator[tuple[str, str]]:
    """Tries the exact critic on every device, then every estimator that trains nothing.

    Args:
        registry: what the plugins brought.
        budget: seconds after which no further estimator is begun.

    Yields:
        What was tried, and what is wrong with it; empty if nothing is.
    """
    end = time.monotonic() + budget
    for device in ("cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))):
        yield f"exact critic on {device}", exact_critic(torch.device(device))
    for entry in registry.entries(EstimatorSpec):
        if not entry.spec.trains and time.monotonic() < end:
            runs, *exact = check_estimator(entry.spec, properties=[capabilities, value, direction, bound])
            failed = [verdict.message for verdict in (runs, *exact) if verdict.status == "failed"]
            if failed or any(verdict.status == "passed" for verdict in exact):
                yield entry.name, "; ".join(failed)


def exact_critic(device: torch.device) -> str:
    """What is wrong with I and dI/drho of correlated Gaussians, by the exact log ratio and by the log determinant."""
    rho = torch.tensor(_RHO, dtype=torch.float64, device=device, requires_grad=True)
    x, noise = torch.randn(2, _N, _D, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(device)
    y = gaussians.correlate(rho, x, noise)
    value, slope = (exact(rho.detach(), _D, _D).item() for exact in (gaussians.mutual_information, gaussians.slope))
    ratios = gaussians.conditional(rho.detach(), x, _D).log_prob(y.detach()) - _standard_normal(y.detach())
    moved = (gaussians.log_ratio_gradient(rho.detach(), x, y.detach()) * y).sum(-1)
    (gradient,) = torch.autograd.grad(moved.mean(), rho)
    determinant = -torch.logdet(torch.corrcoef(torch.cat([x, y.detach()], -1).mT)).item() / 2
    error = standard_error(ratios)
    findings = {
        "I by the log ratio": (ratios.mean().item(), value, _ERRORS * error),
        "I by the determinant": (determinant, value, _ERRORS * error + _D**2 / _N),
        "dI/drho": (gradient.item(), slope, _ERRORS * slope / math.sqrt(_N)),
    }
    return "; ".join(
        f"{name} is {number(got)}, not {with_deviation(truth, tolerance)}"
        for name, (got, truth, tolerance) in findings.items()
        if not abs(got - truth) <= tolerance
    )


def _standard_normal(y: Tensor) -> Tensor:
    """The log density of N(0, I) at y `(n, d)`."""
    return -(y.square() + math.log(2 * math.pi)).sum(-1) / 2
