r"""Random projection to k dimensions that keeps Euclidean distances (Wen et al. 2020, Eq. 8; Bingham & Mannila 2001).

.. math:: |x_1 - x_2| \approx \sqrt{d / k} \, |R x_1 - R x_2|, \qquad R \text{ of shape } k \times d.

The entries of R are Gaussian and its *rows* have unit length, so that :math:`\mathbb{E} |R v|^2 = (k / d) |v|^2` as Eq.
8 needs; with the unit-length columns that the paper's text names, :math:`\mathbb{E} |R v|^2 = |v|^2` and the factor
would be wrong. The relative error of a distance is about :math:`1 / \sqrt{2 k}`.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from mibench.checks import floats_only


def projection_matrix(d: int, k: int, generator: torch.Generator) -> Float[Tensor, "k d"]:
    """R: k random directions in d dimensions."""
    rows = torch.randn(k, d, generator=generator, device=generator.device, dtype=torch.float32)
    return torch.nn.functional.normalize(rows, dim=-1)


@floats_only
def project(
    samples: Float[Tensor, "*replicas n d"], matrix: Float[Tensor, "*replicas k d"]
) -> Float[Tensor, "*replicas n k"]:
    """`sqrt(d / k) R x`: samples whose distances are near those of x."""
    k, d = matrix.shape[-2:]
    return math.sqrt(d / k) * samples @ matrix.mT
