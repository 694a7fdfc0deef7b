r"""Gaussians whose covariance is any differentiable function of theta: what the families of this plugin share.

.. math::
    z = (x, y) = L(\theta) \, e, \qquad S = L L^\top, \qquad
    I(X;Y) = \frac{1}{2} \big( \log |S_{xx}| + \log |S_{yy}| - \log |S| \big),

.. math::
    i(z) = I(X;Y) - \frac{1}{2} \big( z^\top S^{-1} z - x^\top S_{xx}^{-1} x - y^\top S_{yy}^{-1} y \big).
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from mibench.families import Draws, Family, Theta


class GaussianFamily(Family):
    """Gaussians of a given covariance; subclasses bring `covariance`, and parameters `dx` and `dy`."""

    def __init__(self, params: Any) -> None:
        super().__init__(params)
        self.dx: int = params.dx
        self.dy: int = params.dy

    @property
    def dims(self) -> tuple[int, int]:
        """The dimensions (dx, dy)."""
        return self.dx, self.dy

    def covariance(self, theta: Theta) -> Float[Tensor, "*replicas d d"]:
        """The covariance S of (x, y), positive definite and differentiable in theta."""
        raise NotImplementedError(f"{type(self).__name__} does not know its covariance")

    def sample(
        self, theta: Theta, n: int, draws: Draws
    ) -> tuple[Float[Tensor, "*replicas n dx"], Float[Tensor, "*replicas n dy"]]:
        """n pairs, differentiable in theta."""
        factor = torch.linalg.cholesky(self.covariance(theta))
        x, y = (draws.normal(n, self.dx + self.dy) @ factor.mT).split((self.dx, self.dy), -1)
        return x, y

    def log_ratio(
        self, theta: Theta, x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"]
    ) -> Float[Tensor, "*replicas n"]:
        """The exact log ratio in nats."""
        joint, margin = self._factors(theta)
        given_x = _whiten(joint, torch.cat([x, y], -1))[..., self.dx :]
        alone = _whiten(margin, y)
        difference = (alone.square().sum(-1) - given_x.square().sum(-1)) / 2
        return difference + _information(joint, margin, self.dx)[..., None].to(x.dtype)

    def log_density(
        self, theta: Theta, x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"]
    ) -> Float[Tensor, "*replicas n"]:
        """log p(x, y), up to a constant."""
        joint, _ = self._factors(theta)
        whitened = _whiten(joint, torch.cat([x, y], -1))
        return -whitened.square().sum(-1) / 2 - _log_diagonal(joint)[..., None]

    def information(self, theta: Theta) -> Float[Tensor, "*replicas"]:
        """I(X;Y) in nats."""
        return _information(*self._factors(theta), self.dx)

    def _factors(self, theta: Theta) -> tuple[Tensor, Tensor]:
        """Cholesky factors of S, whose lower block is that of y given x, and of Syy."""
        covariance = self.covariance(theta)
        return torch.linalg.cholesky(covariance), torch.linalg.cholesky(covariance[..., self.dx :, self.dx :])


def _information(joint: Tensor, margin: Tensor, dx: int) -> Tensor:
    return _log_diagonal(margin) - _log_diagonal(joint[..., dx:, dx:])


def _whiten(factor: Tensor, z: Tensor) -> Tensor:
    return torch.linalg.solve_triangular(factor, z.mT, upper=False).mT


def _log_diagonal(factor: Tensor) -> Tensor:
    return factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
