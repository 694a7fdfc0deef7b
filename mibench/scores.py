"""Scores of densities that are known."""

import torch

from mibench.contracts import Conditional, PerReplica, SamplesX, SamplesY
from mibench.finite import nan_unless_finite


def conditional_scores(conditional: Conditional, x: SamplesX, y: SamplesY) -> tuple[SamplesX | None, SamplesY]:
    """The gradients of log p(y|x) in x and in y (Circumstance III of Wen et al. 2020).

    Nothing reaches the conditional's own parameters.

    Args:
        conditional: p(y|x), as a problem offers it.
        x: `(*replicas, n, dx)`.
        y: `(*replicas, n, dy)`.

    Returns:
        The gradient in x, `None` if x requires none, and that in y, each of its samples' shape.
    """
    wanted = x.requires_grad
    x, y = x.detach().requires_grad_(wanted), y.detach().requires_grad_()
    with torch.set_grad_enabled(wanted):
        distribution = conditional(x)
    with torch.enable_grad():
        total = distribution.log_prob(y).sum()
        in_y, *in_x = torch.autograd.grad(total, (y, x) if wanted else (y,), materialize_grads=True)
    return in_x[0] if wanted else None, in_y


def along(x: SamplesX, y: SamplesY, score_x: SamplesX | None, score_y: SamplesY) -> PerReplica:
    """A scalar whose gradient in the samples is the mean of these scores; NaN where samples are not finite.

    Args:
        x: `(*replicas, n, dx)`.
        y: `(*replicas, n, dy)`.
        score_x: of each x, without a graph; `None` for zero.
        score_y: of each y, without a graph.
    """
    total = (score_y * y).sum((-2, -1))
    if score_x is not None:
        total = total + (score_x * x).sum((-2, -1))
    return nan_unless_finite(total / x.shape[-2], x, y)
