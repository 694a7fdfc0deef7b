r"""Log densities at the samples themselves, by Gaussian kernels with the shape of the sample covariance.

.. math:: \log p(z_i) = \log \frac{1}{n} \sum_j N(z_i; z_j, h^2 S)

in the log domain, in blocks of rows, any leading replica axes, differentiable in the samples through kernels and S.
Blocks are computed again in the backward pass, so that no n x n matrix is kept.
"""

import math
from typing import Any, Literal, cast

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mibench_classical.samples import count_varying

Width = Literal["silverman", "scott"]
_BLOCK = 2**20
"""Pairs of samples at a time."""


def bandwidth(rule: Width, n: int, d: Int[Tensor, "*replicas"]) -> Float[Tensor, "*replicas"]:
    """h in standard deviations: (4 / (d + 2))^(1 / (d + 4)) n^(-1 / (d + 4)), or without the first factor by Scott."""
    d = d.double()
    factor = (4 / (d + 2)) ** (1 / (d + 4)) if rule == "silverman" else torch.ones_like(d)
    return factor * n ** (-1 / (d + 4))


def log_density(
    z: Float[Tensor, "*replicas n d"], width: Float[Tensor, "*replicas"], *, leave_out: bool
) -> Float[Tensor, "*replicas n"]:
    """log p at each sample; infinity where the covariance is singular beyond constant coordinates.

    Args:
        z: the samples, in double precision.
        width: h.
        leave_out: whether a sample is left out of the density at itself.
    """
    n = z.shape[-2]
    centred = z - z.mean(-2, keepdim=True)
    constant = torch.diag_embed((z.amax(-2) == z.amin(-2)).to(z.dtype))
    factor, failed = torch.linalg.cholesky_ex(centred.mT @ centred / n + constant)
    factor = torch.where((failed > 0)[..., None, None], torch.eye(z.shape[-1]).to(z), factor)
    white = torch.linalg.solve_triangular(factor, centred.mT, upper=False).mT / width[..., None, None]
    volume = factor.diagonal(dim1=-2, dim2=-1).log().sum(-1) + count_varying(z) * (width * math.sqrt(2 * math.pi)).log()
    others = n - 1 if leave_out else n
    sums = cast("Tensor", _LogSums.apply(white, leave_out)) - math.log(others) - volume[..., None]
    return torch.where((failed > 0)[..., None], torch.inf, sums)


class _LogSums(torch.autograd.Function):
    """log sum_j exp(-|z_i - z_j|^2 / 2), whose backward pass computes each block again and keeps none."""

    @staticmethod
    def forward(ctx: Any, white: Tensor, leave_out: bool) -> Tensor:
        """The sums, `(*replicas, n)`."""
        sums = torch.cat([_exponents(white, *span, leave_out).logsumexp(-1) for span in _spans(white)], -1)
        ctx.save_for_backward(white, sums)
        ctx.leave_out = leave_out
        return sums

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        """With w_ij the share of j in the sum of i, z_i gets w_ij (z_j - z_i) and z_j the opposite."""
        white, sums = ctx.saved_tensors
        gradient = torch.zeros_like(white)
        for start, stop in _spans(white):
            shares = (_exponents(white, start, stop, ctx.leave_out) - sums[..., start:stop, None]).exp()
            weighted = shares * grads[0][..., start:stop, None]
            rows = white[..., start:stop, :]
            gradient[..., start:stop, :] += weighted @ white - weighted.sum(-1, keepdim=True) * rows
            gradient += weighted.mT @ rows - weighted.sum(-2).unsqueeze(-1) * white
        return gradient, None


def _spans(white: Tensor) -> list[tuple[int, int]]:
    """The rows of one block after the other."""
    n = white.shape[-2]
    step = max(1, _BLOCK // (n * max(1, white.shape[:-2].numel())))
    return [(start, min(start + step, n)) for start in range(0, n, step)]


def _exponents(white: Tensor, start: int, stop: int, leave_out: bool) -> Tensor:
    """-|z_i - z_j|^2 / 2 for all j and the rows i of a block."""
    rows, squares = white[..., start:stop, :], white.square().sum(-1)
    exponents = rows @ white.mT - (squares[..., start:stop, None] + squares[..., None, :]) / 2
    if leave_out:
        own = torch.arange(start, stop, device=white.device)[:, None]
        exponents = exponents.masked_fill(own == torch.arange(white.shape[-2], device=white.device), -torch.inf)
    return exponents
