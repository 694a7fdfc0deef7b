r"""How much two blocks depend on each other along pairs of coordinates, smoothly in the coordinates.

.. math::
    H_{k l} = \left\| \mathrm{Cov}\big( \varphi(u_k), \varphi(v_l) \big) \right\|^2, \qquad J = \sum_{k l} H_{k l}^2,

with the sine, the cosine, and both of twice the argument in :math:`\varphi`: J is large where few pairs hold all of the
dependence. `mibench_ratio.directions` climbs it.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def waves(block: Float[Tensor, "*any n d"]) -> tuple[Tensor, Tensor]:
    """Centred phi and its derivative, `(*any, n, 4 * d)` each."""
    sine, cosine = block.sin(), block.cos()
    sine_of_two, cosine_of_two = 2 * sine * cosine, 2 * cosine.square() - 1
    values = torch.cat([sine, cosine, sine_of_two, cosine_of_two], -1)
    slopes = torch.cat([cosine, -sine, 2 * cosine_of_two, -2 * sine_of_two], -1)
    return values.sub_(values.mean(-2, keepdim=True)), slopes


def covariance(of_u: Tensor, of_v: Tensor) -> tuple[Tensor, Tensor]:
    """Covariances `(*replicas, 4, dx, 4, dy)` and their squared norms H `(*replicas, dx, dy)`."""
    flat = of_u.mT @ of_v / of_u.shape[-2]
    whole = flat.unflatten(-1, (4, -1)).unflatten(-3, (4, -1))
    return whole, whole.square().sum((-4, -2))


def contrast(u: Tensor, v: Tensor) -> Float[Tensor, "*replicas"]:
    """J."""
    return covariance(waves(u)[0], waves(v)[0])[1].square().sum((-2, -1))


def chance(u: Tensor, v: Tensor) -> Float[Tensor, "*replicas"]:
    """The mean of J over pairings of the samples, to first order in 1 / n."""

    def moments(block: Tensor) -> tuple[Tensor, Tensor]:
        by_coordinate = waves(block)[0].unflatten(-1, (4, -1)).movedim(-1, -3)
        covariance = by_coordinate.mT @ by_coordinate / block.shape[-2]
        return covariance.diagonal(dim1=-2, dim2=-1).sum(-1).square(), covariance.square().sum((-2, -1))

    (trace_x, norm_x), (trace_y, norm_y) = moments(u), moments(v)
    means = trace_x[..., :, None] * trace_y[..., None, :] + 2 * norm_x[..., :, None] * norm_y[..., None, :]
    return means.sum((-2, -1)) / u.shape[-2] ** 2
