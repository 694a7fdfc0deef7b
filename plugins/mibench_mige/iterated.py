r"""Scores without eigenvalues: the nu-method of Zhou et al. (2020), and the kernel density estimate's score.

Both are operators A as in `mibench_mige.score`: the score of any block of the samples is A times that block. With the
Gram matrix K of a radial kernel of width sigma and :math:`W = -2 \sigma^2 \, dk / d|x - y|^2` (K itself for a
Gaussian), sums of kernel gradients are :math:`G = -(W - \mathrm{diag}(W 1)) \, x / \sigma^2`, and

- `nu`: Brakhage's nu-method (nu = 1) for :math:`K u / n = -G / n`, started at zero and stopped after a number of steps
  (Zhou et al., section 4.1, Example 3; diagonal kernels): regularises by :math:`1 / \mathrm{steps}^2`, as a ridge does
  by its size, and does not saturate as a ridge does. A step is one product of n x n matrices.
- `landweber`: plain gradient steps (Example 2): regularises by 1 / steps.
- `kde`: :math:`\nabla \log \sum_j k(x, x_j) = -\mathrm{diag}(1 / K 1) \, G`. The median width smooths the density so
  much that the slope of I is all but lost unless the scores are calibrated.

Kernels: `rbf`, or `imq`, :math:`(1 + |x - y|^2 / \sigma^2)^{-1/2}`, whose tails are heavy. Everything is in double
precision.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from mibench_mige.kernels import RadialKernel, Width, radial


def nu_operator(
    distances: Float[Tensor, "*replicas n n"],
    *,
    steps: int = 20,
    kernel: RadialKernel = "rbf",
    width: Width = None,
    accelerated: bool = True,
) -> Float[Tensor, "*replicas n n"]:
    """The operator of the nu-method, or of Landweber's iteration.

    Args:
        distances: squared distances that the kernel is evaluated on.
        steps: when to stop; more fit the samples more closely.
        kernel: `rbf` or `imq`.
        width: a kernel width instead of the median distance, a number or one a replica.
        accelerated: the nu-method; Landweber's iteration if not.
    """
    made = radial(distances, kernel, width)
    n = distances.shape[-1]
    system = made.gram / n
    return iterate(made.laplacian() / n, lambda now: system @ now, steps, accelerated=accelerated)


def kde_operator(
    distances: Float[Tensor, "*replicas n n"], *, kernel: RadialKernel = "rbf", width: Width = None
) -> Float[Tensor, "*replicas n n"]:
    """The operator of the score of a kernel density estimate."""
    made = radial(distances, kernel, width)
    return made.laplacian() / made.gram.sum(-1, keepdim=True)


def iterate(wanted: Tensor, apply: Callable[[Tensor], Tensor], steps: int, *, accelerated: bool = True) -> Tensor:
    """The solution of `apply(u) = wanted` after so many steps from zero.

    Args:
        wanted: the right-hand side.
        apply: a linear map of eigenvalues from 0 to 1.
        steps: when to stop.
        accelerated: the nu-method; Landweber's iteration if not.

    Raises:
        ValueError: no steps.
    """
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    last = now = torch.zeros_like(wanted)
    for step in range(1, steps + 1):
        momentum, rate = coefficients(step) if accelerated else (0.0, 1.0)
        now, last = now + momentum * (now - last) + rate * (wanted - apply(now)), now
    return now


def coefficients(t: int, nu: float = 1.0) -> tuple[float, float]:
    """Momentum and rate of step t (Engl, Hanke & Neubauer 1996, section 6.3)."""
    rate = 4 * (2 * t + 2 * nu - 1) * (t + nu - 1) / ((t + 2 * nu - 1) * (2 * t + 4 * nu - 1))
    if t == 1:
        return 0.0, (4 * nu + 2) / (4 * nu + 1)
    above = (t - 1) * (2 * t - 3) * (2 * t + 2 * nu - 1)
    return above / ((t + 2 * nu - 1) * (2 * t + 4 * nu - 1) * (2 * t + 2 * nu - 3)), rate
