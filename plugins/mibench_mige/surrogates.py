"""Scalars whose autograd gradients are made of scores: those of entropy and of mutual information (Wen et al. 2020)."""

from jaxtyping import Float
from torch import Tensor

from mibench.checks import floats_only
from mibench_mige.kernels import require_shape
from mibench_mige.score import ssge_score


@floats_only
def entropy_surrogate(
    samples: Float[Tensor, "*replicas n d"], score: Float[Tensor, "*replicas n d"] | None = None
) -> Float[Tensor, "*replicas"]:
    """A scalar whose gradient estimates that of the entropy of the samples' density (Eq. 9, 21).

    Args:
        samples: a batch that carries a graph.
        score: of their density at the samples; by SSGE if not given.
    """
    score = ssge_score(samples) if score is None else score
    require_shape("score", score, samples.shape, samples)
    return -(score.detach() * samples).sum(-1).mean(-1)


@floats_only
def mi_surrogate(
    samples: Float[Tensor, "*replicas n d"],
    joint: Float[Tensor, "*replicas n d"],
    marginal: Float[Tensor, "*replicas n d"],
) -> Float[Tensor, "*replicas"]:
    """A scalar whose gradient is what one block of samples adds to the gradient of I (Eq. 11, 13, 16).

    Args:
        samples: the block, x or z.
        joint: grad log p(x, z) in this block; for z the same as grad log p(z|x).
        marginal: grad log p of the block by itself.
    """
    return entropy_surrogate(samples, marginal) - entropy_surrogate(samples, joint)
