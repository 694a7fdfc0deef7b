r"""The span of a batch: the directions in which its samples vary.

Along the others no density has a score. Where a coordinate j is a linear function :math:`\sum_k b_k z_k` of those that
are not redundant (0 of a constant one), the vector :math:`e_j - b` is such a direction; with these as the columns of N,
the projection onto the span is :math:`P v = v - N (N^\top N)^{-1} N^\top v`, which is v itself, to the last bit, where
there are none. :math:`N^\top N` is at least the identity.
"""

import torch
from jaxtyping import Float
from mibench_baselines.redundant import redundant
from torch import Tensor

from mibench.devices import free_to_ask
from mibench_mige.kernels import centred


def within_span(
    vectors: Float[Tensor, "*replicas m d"], samples: Float[Tensor, "*replicas n d"]
) -> Float[Tensor, "*replicas m d"]:
    """The projections of vectors onto the directions in which the samples vary.

    Of no more samples than dimensions the directions are not known: along constant coordinates alone vectors are 0.
    """
    gone = redundant(samples)
    if free_to_ask(gone) and not gone.any():
        return vectors  # the usual case
    if samples.shape[-2] <= samples.shape[-1]:
        return vectors.where(~gone[..., None, :], 0)
    n, z = samples.shape[-2], centred(samples)
    kept, identity = z.where(~gone[..., None, :], 0), torch.eye(z.shape[-1], dtype=z.dtype, device=z.device)
    basis, root = torch.linalg.qr(torch.cat([kept, identity * gone[..., None]], -2))
    functions = torch.linalg.solve_triangular(root, basis[..., :n, :].mT @ z, upper=True)
    null = (identity - functions) * gone[..., None, :]
    factor = torch.linalg.cholesky_ex(null.mT @ null + identity * ~gone[..., None]).L
    outside = null @ torch.cholesky_solve(null.mT @ vectors.mT.double(), factor)
    return vectors - outside.mT.to(vectors.dtype)
