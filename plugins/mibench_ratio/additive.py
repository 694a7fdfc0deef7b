r"""How well one block is predicted from another by a sum of functions of single coordinates.

Each coordinate has a linear part and waves of a Gaussian kernel of unit width (`mibench_ratio.pairs.Features`); their
coefficients are a ridge fit. The error is that of leaving one out, for linear smoothers H in closed form:

.. math:: \left( \frac{y_i - (H y)_i}{1 - H_{i i}} \right)^2.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from mibench_ratio.pairs import Features
from mibench_ratio.ridge import one_and

_RIDGES = 1e-2, 1e-3
_LINEAR = 3.0
"""The weight of linear parts, which are hardly shrunk."""
_LEAST = 1e-6
"""Of `1 - H_ii`."""


def additive_error(x: Float[Tensor, "*replicas n p"], y: Float[Tensor, "*replicas n q"]) -> Float[Tensor, "*replicas"]:
    """The share of the variance of standardised y that the better of two ridge fits on standardised x leaves."""
    n = x.shape[-2]
    columns = one_and(_LINEAR * x, Features.of(x).waves.flatten(-2))
    moments, errors = columns.mT @ columns / n, []
    for ridge in _RIDGES:
        system = moments + ridge * torch.eye(columns.shape[-1], dtype=x.dtype, device=x.device)
        half = torch.linalg.solve_triangular(torch.linalg.cholesky_ex(system).L, columns.mT, upper=False)
        left = y - half.mT @ (half @ y) / n
        leverages = half.square().sum(-2)[..., None] / n
        errors.append((left / (1 - leverages).clamp_min(_LEAST)).square().sum((-2, -1)))
    return torch.stack(errors).amin(0) / y.square().sum((-2, -1)).clamp_min(_LEAST)
