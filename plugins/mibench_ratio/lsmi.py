r"""Least-squares mutual information (Suzuki et al. 2008, 2009; uLSIF: Kanamori et al. 2009), in closed form.

.. math::
    w(x, y) = \frac{p(x, y)}{p(x) \, p(y)} \approx \sum_b a_b \varphi_b(x, y), \qquad
    \varphi_b(x, y) = k(x, u_b) \, k(y, v_b),

k Gaussian, with centres :math:`(u_b, v_b)` among the pairs. The squared error under the product of the margins is
minimised by

.. math::
    a = (H + \lambda I)^{-1} h, \qquad H = \frac{1}{n^2} \sum_{i j} \varphi(x_i, y_j) \, \varphi(x_i, y_j)^\top, \qquad
    h = \frac{1}{n} \sum_i \varphi(x_i, y_i),

and since k factorises H is the elementwise product of two matrices: O(n b^2) time and not O(n^2 b^2), and O(n b)
memory. Negative a are set to zero (Kanamori et al., section 2). The kernel width, in median distances, and lambda
minimise the leave-one-out error of the fit, for which each lambda takes one Cholesky factorisation: leaving pair i out
of h changes a by :math:`(H + \lambda I)^{-1} (h - \varphi_i) / (n - 1)`. Of more than 2,048 pairs the median distance
is that of 2,048, which are drawn as centres are.

The value is :math:`\mathbb{E}[\log w]`, the plug-in of Suzuki et al. (2008), and a closed form in the samples: the
surrogate is the value itself, differentiated through a, the centres and the units. The chosen width and lambda are held
fixed, and so is which pairs are centres: where there are more pairs than centres, they are a sample of the batch that
its values draw, whatever its order, so that rounding can exchange them and the value jumps. Equal pairs share their
gradient, whichever of them is a centre. Biased towards zero, the more the higher the dimension, since one product
kernel of all coordinates is far from the ratio; neither a lower nor an upper bound. Deviations: w is kept above 1e-6
before the logarithm; samples are standardised, and the value is 0 where a block is constant; leave-one-out leaves H as
it is, whose mean over all n^2 pairs one sample hardly moves.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, NamedTuple

import torch
from jaxtyping import Float
from mibench_baselines.redundant import varying
from torch import Tensor

from mibench.checks import pairs_only
from mibench.contracts import Estimator
from mibench.ranges import Above, AtLeast
from mibench.specs import CheckedParams
from mibench_ratio.kernels import median_distance, squared_distances, units
from mibench_ratio.options import SmallBatchError
from mibench_ratio.pairs import own_order_of_pairs
from mibench_ratio.usable import healthy

MEASURED = 2048
"""Of how many samples the median distance is taken at most."""
_FLOOR = 1e-6
_FEWEST = 3
_WIDTHS = (0.3, 0.5, 0.7, 1.0, 1.5)
_RIDGES = (1e-4, 1e-3, 1e-2, 1e-1)


@dataclass(frozen=True, kw_only=True)
class LSMIParams(CheckedParams):
    """Parameters of least-squares mutual information.

    Attributes:
        centres: how many kernels, at most; n if there are fewer samples.
        width: of the kernels in median distances; by cross-validation over .3 to 1.5 if `none`.
        regularisation: lambda; by cross-validation over 1e-4 to 1e-1 if `none`.
    """

    centres: Annotated[int, AtLeast(1)] = 200
    width: Annotated[float | None, Above(0)] = None
    regularisation: Annotated[float | None, Above(0)] = None


class Choice(NamedTuple):
    """What the leave-one-out error chooses, `(*replicas, 1, 1)` each."""

    width: Tensor
    regularisation: Tensor
    error: Tensor


def choose(
    x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"], params: LSMIParams | None = None
) -> Choice:
    """Width (in median distances) and lambda of standardised samples, replica by replica."""
    params = params or LSMIParams()
    widths = _WIDTHS if params.width is None else (params.width,)
    ridges = _RIDGES if params.regularisation is None else (params.regularisation,)
    distances = _distances(x, y, params.centres)
    candidates = [(width, ridge) for width in widths for ridge in ridges]
    errors = torch.cat([leave_one_out_errors(*_kernels(*distances, width), ridges) for width in widths], -1)
    error, best = errors.min(-1)
    chosen = torch.tensor(candidates, dtype=x.dtype, device=x.device)[best[..., None, None]]
    return Choice(chosen[..., 0], chosen[..., 1], error[..., None, None])


def leave_one_out_errors(
    in_x: Float[Tensor, "*replicas n b"], in_y: Float[Tensor, "*replicas n b"], ridges: Sequence[float]
) -> Float[Tensor, "*replicas k"]:
    """The mean squared error at pairs that were left out of h, up to a constant, for each lambda."""
    n = in_x.shape[-2]
    second, paired = _second_moment(in_x, in_y), in_x * in_y
    first = paired.mean(-2)[..., None]
    errors: list[Tensor] = []
    for ridge in ridges:
        factor = _factor(second, ridge)
        weights, change = torch.cholesky_solve(first, factor), torch.cholesky_solve(paired.mT - first, factor)
        without = (weights - change / (n - 1)).clamp_min(0)
        errors.append(((second @ without) * without).sum(-2).mean(-1) / 2 - (paired.mT * without).sum(-2).mean(-1))
    return torch.stack(errors, -1)


def fitted_ratio(
    in_x: Float[Tensor, "*replicas n b"],
    in_y: Float[Tensor, "*replicas n b"],
    ridge: float | Float[Tensor, "*replicas 1 1"],
) -> Float[Tensor, "*replicas n"]:
    """w at the pairs, from the kernels between samples and centres; differentiable in them."""
    paired = in_x * in_y
    factor = _factor(_second_moment(in_x, in_y), ridge)
    weights = torch.cholesky_solve(paired.mean(-2)[..., None], factor).clamp_min(0)
    return (paired @ weights)[..., 0]


@pairs_only
def least_squares_mi(
    x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"], params: LSMIParams | None = None
) -> Float[Tensor, "*replicas"]:
    """I(X;Y) in nats by least squares, differentiable in the samples; NaN where a replica is not finite.

    Raises:
        SmallBatchError: fewer than three samples.
        TypeError: samples that are not floating point numbers.

    Example:
        >>> x, noise = torch.randn(2, 256, 1, generator=torch.Generator().manual_seed(0))
        >>> bool(0.2 < least_squares_mi(x, x + noise) < 0.5)
        True
    """
    params = params or LSMIParams()
    if x.shape[-2] < _FEWEST:
        raise SmallBatchError(f"lsmi leaves one sample out and needs at least {_FEWEST}, got {x.shape[-2]}")
    if x.shape[-2] > params.centres:
        x, y = _sharing(x, y)
    _, finite = healthy(x, y)
    vary_x, vary_y = varying(x), varying(y)
    in_x = _standardised(torch.where(finite & vary_x, x.double(), 0.0))
    in_y = _standardised(torch.where(finite & vary_y, y.double(), 0.0))
    with torch.no_grad():
        choice = choose(in_x, in_y, params)
    ratio = fitted_ratio(*_kernels(*_distances(in_x, in_y, params.centres), choice.width), choice.regularisation)
    # Without negative a the fit does not see that a constant tells nothing.
    tells = (vary_x.any(-1) & vary_y.any(-1))[..., 0]
    value = torch.where(tells, ratio.clamp_min(_FLOOR).log().mean(-1), 0.0)
    unknown = torch.where(finite, 0.0, torch.nan)  # times the samples, so that the gradient is no number either
    return (value + (unknown * x).sum((-2, -1)) + (unknown * y).sum((-2, -1))).to(y.dtype)


def _sharing(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The same pairs, of which those that are equal get the mean of their gradients each."""
    both = torch.cat([x, y], -1).detach().double()
    directions = torch.arange(1.0, both.shape[-1] + 1, dtype=both.dtype, device=both.device).sin()
    order = (both * directions).sum(-1, keepdim=True).argsort(-2)  # in which equal pairs are neighbours
    differs = (both.take_along_dim(order, -2).diff(dim=-2) != 0).any(-1, keepdim=True)
    ordered = torch.cat([torch.zeros_like(order[..., :1, :]), differs.cumsum(-2)], -2)
    groups = ordered.take_along_dim(order.argsort(-2), -2)
    sizes = torch.zeros_like(groups).scatter_add(-2, groups, torch.ones_like(groups)).take_along_dim(groups, -2)

    def of(block: Tensor) -> Tensor:
        sums = torch.zeros_like(block).scatter_add(-2, groups.expand_as(block), block / sizes)
        means = sums.take_along_dim(groups, -2)
        return block.detach() + (means - means.detach())

    return of(x), of(y)


def _standardised(block: Tensor) -> Tensor:
    """In units that move with the samples; a constant coordinate, which is 0 here, keeps its scale."""
    fixed = units(block)
    centred = (block - block.mean(-2, keepdim=True)) / fixed.scale
    variance = torch.where(fixed.varies, centred.square().mean(-2, keepdim=True), 1.0)
    return centred / variance.sqrt()


def _distances(x: Tensor, y: Tensor, centres: int) -> tuple[Tensor, Tensor]:
    """Squared distances of samples to centres, in units of their median for each block."""
    order = own_order_of_pairs(x.detach(), y.detach())
    distances: list[Tensor] = []
    for block in (x, y):
        some = block if block.shape[-2] <= MEASURED else torch.take_along_dim(block, order[..., :MEASURED, :], -2)
        median = median_distance(squared_distances(some, some))
        at = torch.take_along_dim(block, order[..., :centres, :], -2)
        distances.append(squared_distances(block, at) / median)
    return distances[0], distances[1]


def _kernels(in_x: Tensor, in_y: Tensor, width: float | Tensor) -> tuple[Tensor, Tensor]:
    return (-in_x / (2 * width**2)).exp(), (-in_y / (2 * width**2)).exp()


def _second_moment(in_x: Tensor, in_y: Tensor) -> Tensor:
    n = in_x.shape[-2]
    return (in_x.mT @ in_x / n) * (in_y.mT @ in_y / n)


def _factor(second: Tensor, ridge: float | Tensor) -> Tensor:
    identity = torch.eye(second.shape[-1], dtype=second.dtype, device=second.device)
    return torch.linalg.cholesky_ex(second + ridge * identity).L


class LSMI(Estimator):
    """Least-squares mutual information."""

    Params = LSMIParams

    def mi(self, x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"]) -> Float[Tensor, "*replicas"]:
        """I(X;Y) in nats."""
        with torch.no_grad():
            return least_squares_mi(x, y, self.params)

    def surrogate(
        self, x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"]
    ) -> Float[Tensor, "*replicas"]:
        """The value, differentiable in the samples."""
        return least_squares_mi(x, y, self.params)

    @property
    def surrogate_in_nats(self) -> bool:
        """It is the value."""
        return True
