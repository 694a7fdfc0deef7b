r"""Stein calibration: the linear correction that makes an estimated score keep Stein's identity on its own batch.

For any density with score s that vanishes at infinity (Eq. 3 with h = 1 and h = x - mean),

.. math:: \mathbb{E}[s] = 0, \qquad \mathbb{E}[s \, (x - \mu)^\top] = -I.

A truncated or ridge score breaks both by its shrinkage. With the centred samples c and means over the batch,
:math:`M = \overline{s c^\top}` and :math:`S = \overline{c c^\top}`, the smallest change linear in the samples that
restores them is

.. math::
    s' = s - \overline{s} + c B^\top, \qquad \overline{s' c^\top} = M + B S = -I
    \quad \Rightarrow \quad B = -(I + M) S^{-1},

since the mean of c is 0. An exact score has M near -I, hence B near 0: it is changed
by sampling error alone. In consequence a surrogate whose scores are all calibrated has no gradient along a translation
or a rescaling of its samples, as mutual information has none; with plain SSGE an encoder's scale runs away.

For the block z of a joint score of (x, z) the identity reads :math:`\mathbb{E}[s_z \, (z, x)^\top] = -[I, 0]`: pass x
as `others`. Modes: `none`; `diagonal` restores the diagonal of the identity coordinate by coordinate, for any n; `full`
restores all of it by a regression on all dimensions, whose noise explodes as n comes down to their number: below two
samples a dimension it is refused. Directions in which the samples do not vary are left alone. Not in the paper, where
calibration is `none`.
"""

from typing import Literal, cast, get_args

import torch
from jaxtyping import Float
from mibench_baselines.scale import power
from torch import Tensor

from mibench.checks import floats_only
from mibench.errors import SmallBatchError
from mibench.finite import finite_replicas
from mibench.text import either
from mibench_mige.kernels import centred, require_shape

Calibration = Literal["none", "diagonal", "full"]
SAMPLES_PER_DIMENSION = 2
"""The fewest that `full` accepts."""


@floats_only
def calibrate(
    score: Float[Tensor, "*replicas n d"],
    samples: Float[Tensor, "*replicas n d"],
    calibration: Calibration = "full",
    *,
    others: Float[Tensor, "*replicas n e"] | None = None,
) -> Float[Tensor, "*replicas n d"]:
    """Adds to a score what Stein's identity lacks on the batch.

    Args:
        score: an estimated score at the samples.
        samples: what it is the gradient in.
        calibration: how much of the identity to restore.
        others: the remaining coordinates of a joint score's density; read by `full`.

    Raises:
        SmallBatchError: as `require_samples`.
        ValueError: another calibration, or tensors of different samples.
    """
    if calibration not in get_args(Calibration):
        raise ValueError(f"calibration is {either(get_args(Calibration))}, not {calibration!r}")
    require_shape("score", score, samples.shape, samples)
    if others is not None:
        require_shape("others", others, (*samples.shape[:-1], *others.shape[-1:]), samples)
    if calibration == "none":
        return score
    s, x = centred(score), centred(samples)
    correction = _diagonal(s, x) if calibration == "diagonal" else _full(s, x, others)
    return (s + correction).to(score.dtype)


def _diagonal(s: Float[Tensor, "*replicas n d"], x: Float[Tensor, "*replicas n d"]) -> Float[Tensor, "*replicas n d"]:
    size = power(x)
    missing, x = 1 + (s * x).mean(-2, keepdim=True), x / size
    variance = x.square().mean(-2, keepdim=True)
    return -x * torch.where(variance > 0, missing / variance, 0.0) / size


def require_samples(n: int, dimension: int, how: Calibration) -> None:
    """Refuses a batch from which scores cannot be estimated and calibrated.

    Args:
        n: samples of the batch.
        dimension: of x and y together.
        how: the calibration.

    Raises:
        SmallBatchError: fewer than two samples; of `full`, fewer than two a dimension.
    """
    fewest = SAMPLES_PER_DIMENSION * dimension
    if how == "full" and n < fewest:
        raise SmallBatchError(
            f"calibration=full needs at least {fewest} samples, {SAMPLES_PER_DIMENSION} a dimension, not {n}: "
            "use calibration=diagonal, or larger batches"
        )
    if n < 2:
        raise SmallBatchError(f"scores are estimated from at least 2 samples, not {n}")


def _full(
    s: Float[Tensor, "*replicas n d"],
    x: Float[Tensor, "*replicas n d"],
    others: Float[Tensor, "*replicas n e"] | None,
) -> Float[Tensor, "*replicas n d"]:
    whole = x if others is None else torch.cat([x, centred(others)], -1)
    n, dimension = whole.shape[-2:]
    require_samples(n, dimension, "full")
    size = power(whole)
    whole = whole / size
    deviation = whole.square().mean(-2, keepdim=True).sqrt()
    deviation = torch.where(deviation > 0, deviation, 1.0)
    standard = whole / deviation  # lest a coordinate of another unit counts as one that does not vary
    identity = torch.eye(s.shape[-1], dimension, dtype=s.dtype, device=s.device)
    missing = (identity / size + s.mT @ whole / n) / deviation
    correlation = standard.mT @ standard / n
    finite = finite_replicas(correlation)[..., None, None]  # else NaN goes from the samples to the result
    solvable = torch.where(finite, correlation, torch.eye(dimension, dtype=s.dtype, device=s.device))
    inverse = cast("Tensor", torch.linalg.pinv(solvable, hermitian=True))
    return -standard @ inverse @ missing.mT
