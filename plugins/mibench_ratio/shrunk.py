r"""The plug-in Gaussian of few samples: covariances shrunk towards a multiple of the identity (Ledoit & Wolf 2004).

With C the covariance of standardised (x, y) and :math:`\mu` the mean of its diagonal,

.. math::
    C^* = (1 - \delta) C + \delta \mu I, \qquad
    \delta = \frac{\mathrm{mean}_i |z_i|^4 - \|C\|^2}{n \, (\|C\|^2 - D \mu^2)} \in [0, 1],

whose mean squared error is the least of all such to first order. The score of the joint density and that of y alone
take the same :math:`\delta`, so that their difference is 0 where x and y are uncorrelated. Each coordinate of a score
is then scaled until the mean of :math:`s_l y_l` is -1, as Stein's identity has it: the difference has no component
along the scale of a coordinate, a direction in which information does not change.
"""

import torch
from jaxtyping import Float
from torch import Tensor

FEW = 2
"""Samples for each dimension below which an inverse covariance is mostly noise, as is all that is fitted beyond it."""
_TINY = 1e-12


def few(*blocks: Float[Tensor, "*replicas n _"]) -> bool:
    """Whether there are few samples for as many dimensions as all blocks have together."""
    return blocks[0].shape[-2] < FEW * sum(block.shape[-1] for block in blocks)


def shrunk_plug_in(
    x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"]
) -> Float[Tensor, "*replicas p dy"]:
    """The gradient of the log ratio in y, as coefficients of 1, x, y; of standardised samples."""
    dx, both = x.shape[-1], torch.cat([x, y], -1)
    covariance = _covariance(both)
    shrunk = _shrunk(both, covariance)
    joint = _score(covariance, shrunk)[..., dx:]
    margin = _score(covariance[..., dx:, dx:], shrunk[..., dx:, dx:])
    return torch.cat([torch.zeros_like(margin[..., :1, :]), joint[..., :dx, :], joint[..., dx:, :] - margin], -2)


def shrunk_score(y: Float[Tensor, "*replicas n d"]) -> Float[Tensor, "*replicas n d"]:
    """The gradient of log p(y) at standardised samples."""
    covariance = _covariance(y)
    return y @ _score(covariance, _shrunk(y, covariance))


def _covariance(samples: Tensor) -> Float[Tensor, "*replicas d d"]:
    return samples.mT @ samples / samples.shape[-2]


def _shrunk(samples: Tensor, covariance: Tensor) -> Float[Tensor, "*replicas d d"]:
    """C*; positive definite, also where a replica is constant."""
    n, d = samples.shape[-2:]
    size = covariance.square().sum((-2, -1))
    scale = covariance.diagonal(dim1=-2, dim2=-1).mean(-1)
    noise = (samples.square().sum(-1).square().mean(-1) - size) / n
    structure = size - d * scale.square()
    share = (noise / structure.clamp_min(_TINY)).clamp(_TINY, 1)[..., None, None]
    towards = scale.clamp_min(_TINY)[..., None, None] * torch.eye(d, dtype=samples.dtype, device=samples.device)
    return (1 - share) * covariance + share * towards


def _score(covariance: Tensor, shrunk: Tensor) -> Float[Tensor, "*replicas d d"]:
    """Coefficients of the score, a column for each coordinate, scaled to Stein's identity; 0 where one is constant."""
    precision = torch.cholesky_inverse(torch.linalg.cholesky_ex(shrunk).L)
    along = (precision * covariance).sum(-2, keepdim=True)  # the mean of s_l y_l, but for its sign
    return -precision * torch.where(along > _TINY, 1 / along.clamp_min(_TINY), 0.0)
