r"""Concentric normals: y tells, up to noise, on which of K spheres x lies (Czyz et al. 2023).

Shell k is one of 1, ..., K with equal probability, and s = .01 in the paper:

.. math::
    x \mid k \sim N(0, k^2 I_d), \qquad y \mid k \sim N(k, s^2), \qquad
    \log p(x \mid k) = -d \log k - \frac{\left| x \right|^2}{2 k^2} + \mathrm{const}.

x enters through its length alone, so that I is an integral over a chi-square and a normal variable. Deterministic
quadrature, which gives dI/ds too; paths are differentiable in s, through y. It tells apart: x has mean zero on every
shell, and its size alone says what y is.
"""

import math
from dataclasses import dataclass
from typing import Annotated

import torch
from jaxtyping import Float
from torch import Tensor

from mibench.families import Draws, QuadratureFamily, Theta
from mibench.ranges import AtLeast, AtMost
from mibench.specs import CheckedParams
from mibench_families.mathematics import log_chi_square_rule, normal_rule

_SQUARES, _NOISE = 100, 60


@dataclass(frozen=True, kw_only=True)
class ConcentricParams(CheckedParams):
    """One cell.

    Attributes:
        d: dimension of x.
        shells: how many normals there are.
        s: standard deviation of y on a shell.
    """

    d: Annotated[int, AtLeast(1)] = 3
    shells: Annotated[int, AtLeast(1), AtMost(50)] = 5
    s: Annotated[float, AtLeast(1e-3), AtMost(100)] = 0.01


class Concentric(QuadratureFamily):
    """Concentric normals, d x 1."""

    Params = ConcentricParams
    theta = ("s",)

    @property
    def dims(self) -> tuple[int, int]:
        """The dimensions (d, 1)."""
        return self.params.d, 1

    def sample(
        self, theta: Theta, n: int, draws: Draws
    ) -> tuple[Float[Tensor, "*replicas n d"], Float[Tensor, "*replicas n 1"]]:
        """n pairs, differentiable in s through y."""
        shell = 1 + draws.integers(self.params.shells, n, 1)
        return shell * draws.normal(n, self.params.d), shell + theta["s"][..., None, None] * draws.normal(n, 1)

    def log_ratio(
        self, theta: Theta, x: Float[Tensor, "*replicas n d"], y: Float[Tensor, "*replicas n 1"]
    ) -> Float[Tensor, "*replicas n"]:
        """The exact log ratio in nats."""
        return self._log_ratio(theta["s"][..., None], x.square().sum(-1), y[..., 0])

    def log_density(
        self, theta: Theta, x: Float[Tensor, "*replicas n d"], y: Float[Tensor, "*replicas n 1"]
    ) -> Float[Tensor, "*replicas n"]:
        """log p(x, y), up to a constant."""
        in_x, in_y = self._log_shells(theta["s"][..., None], x.square().sum(-1), y[..., 0])
        return torch.logsumexp(in_x + in_y, -1)

    def integral(self, theta: Theta, fineness: int) -> Float[Tensor, ""]:
        """I(X;Y): the mean of the log ratio over shells, |x| and the noise."""
        squares, in_squares = log_chi_square_rule(self.params.d, _SQUARES * fineness)
        noise, in_noise = normal_rule(_NOISE * fineness)
        total = torch.zeros((), dtype=torch.float64)
        for shell in range(1, self.params.shells + 1):
            y = shell + theta["s"] * noise
            ratio = self._log_ratio(
                theta["s"], shell**2 * squares[:, None].expand(-1, len(y)), y.expand(len(squares), -1)
            )
            total = total + in_squares @ ratio @ in_noise
        return total / self.params.shells

    def _log_ratio(self, s: Tensor, squares: Tensor, y: Tensor) -> Tensor:
        in_x, in_y = self._log_shells(s, squares, y)
        joint = torch.logsumexp(in_x + in_y, -1) + math.log(self.params.shells)
        return joint - torch.logsumexp(in_x, -1) - torch.logsumexp(in_y, -1)

    def _log_shells(self, s: Tensor, squares: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """log p(x | k) and log p(y | k), `(..., shells)`, each up to a constant."""
        k = torch.arange(1, self.params.shells + 1, dtype=y.dtype, device=y.device)
        in_x = -squares[..., None] / (2 * k**2) - self.params.d * k.log()
        return in_x, -(y[..., None] - k).square() / (2 * s[..., None] ** 2) - s[..., None].log()
