r"""Correlated Gaussians (Wen et al., ICLR 2020, section 4; after Belghazi et al., ICML 2018).

x, eps ~ N(0, I_d) and y = rho x + sqrt(1 - rho^2) eps, so that corr(x_i, y_j) = rho delta_ij and

    I(X;Y) = -d/2 log(1 - rho^2),    dI/drho = rho d / (1 - rho^2).

Samples are differentiable in rho: an estimator's gradient is that of its surrogate, through y. Protocol: `steps`
updates, each on n fresh pairs, then value and gradient once on n pairs that no update has seen. The authors' code reads
both off the last training batch; fresh pairs leave no room for a critic that has learned its batch by heart.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

from mibench.contracts import Context, Estimator, Measurement, Task


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One cell: dimension, correlation, samples a batch, and training steps for estimators that train."""

    d: int = 20
    rho: float = 0.5
    n: int = 256
    steps: int = 200

    def __post_init__(self) -> None:
        if self.d < 1 or self.n < 2 or self.steps < 0:
            raise ValueError(
                f"d >= 1, n >= 2 and steps >= 0 are needed, not d={self.d}, n={self.n}, steps={self.steps}"
            )
        if not -1 < self.rho < 1:
            raise ValueError(f"rho lies between -1 and 1, not {self.rho}")


def mutual_information(d: int, rho: Float[Tensor, "*replicas"]) -> Float[Tensor, "*replicas"]:
    """I(X;Y) in nats: -d/2 log(1 - rho^2)."""
    return -d / 2 * torch.log1p(-(rho**2))


def mutual_information_gradient(d: int, rho: Float[Tensor, "*replicas"]) -> Float[Tensor, "*replicas"]:
    """dI/drho in nats: rho d / (1 - rho^2)."""
    return rho * d / (1 - rho**2)


def correlate(
    rho: Float[Tensor, "*replicas"], x: Float[Tensor, "*replicas n d"], noise: Float[Tensor, "*replicas n d"]
) -> Float[Tensor, "*replicas n d"]:
    """y = rho x + sqrt(1 - rho^2) eps, differentiable in rho."""
    rho = rho[..., None, None]
    return rho * x + (1 - rho**2).sqrt() * noise


def conditional(rho: Float[Tensor, "*replicas"], x: Float[Tensor, "*replicas n d"]) -> Distribution:
    """p(y|x) = N(rho x, (1 - rho^2) I)."""
    rho = rho[..., None, None]
    return Independent(Normal(rho * x, (1 - rho**2).sqrt().expand_as(x)), 1)


class CorrelatedGaussians(Task):
    """Measures `mi` and `mi_gradient` against the truth."""

    Params = Cell

    def run(self, cells: Sequence[Cell], context: Context) -> list[list[Measurement]]:
        """Trains the estimator if it trains, then measures on fresh pairs; one replica a trial."""
        cell = cells[0]
        rho = torch.tensor([one.rho for one in cells], dtype=context.dtype, device=context.device).requires_grad_()
        estimator = context.estimator(cell.d, cell.d, lambda x: conditional(rho, x))
        for _ in range(cell.steps if "training" in context.spec.needs else 0):
            x, noise = _draw(cell, context)
            estimator.update(x, correlate(rho.detach(), x, noise))
        x, noise = _draw(cell, context)
        found = [_value, _gradient]
        return _by_trial([measure(estimator, context, cell.d, rho, x, noise) for measure in found])


def _draw(cell: Cell, context: Context) -> tuple[Tensor, Tensor]:
    """x and eps, `(replicas, n, d)` each, every replica from its own stream."""
    drawn = [torch.randn(2, cell.n, cell.d, generator=generator) for generator in context.data]
    x, noise = torch.stack(drawn, dim=1).to(context.device, context.dtype)
    return x, noise


def _value(estimator: Estimator, context: Context, d: int, rho: Tensor, x: Tensor, noise: Tensor) -> list[Measurement]:
    if "value" not in context.spec.estimates:
        return []
    with torch.no_grad():
        values = estimator.mi(x, correlate(rho, x, noise))
    return _measurements("mi", values, mutual_information(d, rho.detach().double()), "nats")


def _gradient(
    estimator: Estimator, context: Context, d: int, rho: Tensor, x: Tensor, noise: Tensor
) -> list[Measurement]:
    if "gradient" not in context.spec.estimates:
        return []
    surrogate = estimator.surrogate(x, correlate(rho, x, noise))
    (gradient,) = torch.autograd.grad(surrogate.sum(), rho)
    return _measurements("mi_gradient", gradient, mutual_information_gradient(d, rho.detach().double()), "nats")


def _measurements(name: str, values: Tensor, truths: Tensor, unit: str) -> list[Measurement]:
    return [
        Measurement(name, value, truth, unit) for value, truth in zip(values.tolist(), truths.tolist(), strict=True)
    ]


def _by_trial(columns: list[list[Measurement]]) -> list[list[Measurement]]:
    return [list(row) for row in zip(*(column for column in columns if column), strict=True)]
