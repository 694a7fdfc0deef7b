r"""Scores in curl-free fields: the nu-method and Landweber's iteration with matrix-valued kernels (Zhou et al. 2020).

A score is a gradient, and the fields spanned by :math:`K(x, y) = -\sigma^2 \nabla \nabla^\top \psi(x - y)` are
gradients too (Fuselier 2007; Zhou et al., section 4.3). With r = x - y, :math:`u = r^\top r` and
:math:`\psi(r) = \varphi(u) = (1 + u / \sigma^2)^{-1/2}` (IMQ),

.. math::
    \begin{split}
    K(x, y) \, v &= -\sigma^2 \big( 2 \varphi' v + 4 \varphi'' r \, r^\top v \big), \\
    Z(x) &= \frac{1}{n} \sum_m \sigma^2 \, \nabla \Delta \psi(x - x_m)
    = \frac{1}{n} \sum_m \sigma^2 \big( 4 (d + 2) \varphi'' + 8 u \varphi''' \big) (x - x_m),
    \end{split}

and the score solves :math:`\frac{1}{n} \sum_m K(x, x_m) s(x_m) = -Z(x)` at the samples; the iteration starts at zero
and stops early, in place of a cut of eigenvalues. K(x, x) = I, so that steps of size one contract. A step takes O(n^2
d) time and O(n^2) memory: no n d x n d matrix is made. Unlike diagonal kernels, which fit each coordinate of the score
by itself, this fit takes all coordinates of (x, y) together. Everything is in double precision.

In d, the trace of the unit matrix in the Laplacian, directions in which the samples vary count alone. Z and each step
stay within their span by themselves. Distances count copies and linear functions of coordinates beside these.
"""

from jaxtyping import Float
from mibench_baselines.redundant import redundant
from torch import Tensor

from mibench.checks import floats_only
from mibench_mige.iterated import iterate
from mibench_mige.kernels import Width, squared_distances, widths


@floats_only
def curl_free_score(
    samples: Float[Tensor, "*replicas n d"], *, steps: int = 20, width: Width = None, accelerated: bool = True
) -> Float[Tensor, "*replicas n d"]:
    """The score at the samples, without a graph and in their dtype.

    Args:
        samples: of the density.
        steps: when to stop; more fit the samples more closely.
        width: a kernel width instead of the median distance, a number or one a replica.
        accelerated: the nu-method; Landweber's iteration if not.

    Example:
        >>> curl_free_score(torch.randn(256, 5, generator=torch.Generator().manual_seed(0))).shape
        torch.Size([256, 5])
    """
    x = samples.detach().double()
    x = x - x.mean(-2, keepdim=True)
    distances = squared_distances(x)
    variance = widths(distances, width).square()[..., None, None]
    inverse = 1 / (1 + distances / variance)
    dimension = (~redundant(samples)).sum(-1)[..., None, None]
    scalar, outer, wanted = _profiles(inverse, variance, x, dimension)
    score = iterate(wanted, lambda now: _product(scalar, outer, x, now), steps, accelerated=accelerated)
    return score.to(samples.dtype)


def _profiles(inverse: Tensor, variance: Tensor, x: Tensor, d: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """`-2 s^2 phi'` and `-4 s^2 phi''` of all pairs over n, and -Z, from w^-1 = 1 / (1 + u / s^2)."""
    n = x.shape[-2]
    scalar = inverse.pow(1.5)
    second = scalar * inverse / variance  # 4 s^2 phi'' / 3
    third = second * (inverse - 1)  # u w^-7/2 / s^4 with its sign
    slopes = 3 * (d + 2) * second + 15 * third
    gradient = slopes.sum(-1, keepdim=True) * x - slopes @ x
    return scalar / n, -3 * second / n, -gradient / n


def _product(scalar: Tensor, outer: Tensor, x: Tensor, field: Tensor) -> Float[Tensor, "*replicas n d"]:
    """`mean_m K(x_i, x_m) field_m`: r . v of all pairs is one product of matrices, and its sum with r two more."""
    along = x @ field.mT - (x * field).sum(-1)[..., None, :]
    weights = outer * along
    return scalar @ field + weights.sum(-1, keepdim=True) * x - weights @ x
