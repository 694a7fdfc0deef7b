r"""Student's t: a Gaussian pair divided by a common random scale, so that x and y depend on each other even at rho = 0.

.. math::
    (x, y) = A e \, \sqrt{\nu / (2 G)}, \qquad G \sim \mathrm{Gamma}(\nu / 2), \qquad
    F(t) = \log \Gamma(t / 2) - \frac{t}{2} \psi(t / 2),

.. math::
    I(X;Y) = -\frac{k}{2} \log(1 - \rho^2) + F(\nu) + F(\nu + d_x + d_y) - F(\nu + d_x) - F(\nu + d_y),

e standard normal and A that of the canonical Gaussian of correlation rho in k (`pairs`) coordinates (Arellano-Valle et
al. 2013; Czyz et al., NeurIPS 2023). The gradient in rho is :math:`k \rho / (1 - \rho^2)`; that in nu has
:math:`F'(t) = -\frac{t}{4} \psi'(t / 2)` in the place of F.

Closed form; paths are differentiable by the implicit derivative of the Gamma distribution. Products of the exact score
and dz/dtheta are bounded, so that its mean converges even at nu = 1 (Cauchy). It tells apart estimators that see second
moments alone: at rho = 0 there is no correlation, and all information is in nu. In dI/drho the tails are a nuisance.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from mibench import gaussians
from mibench.families import Draws, Family, Theta
from mibench.ranges import AtLeast, AtMost
from mibench.specs import CheckedParams
from mibench_families.mathematics import entropic_difference


@dataclass(frozen=True, kw_only=True)
class StudentParams(CheckedParams):
    """One cell.

    Attributes:
        dx, dy: dimensions of x and of y.
        nu: degrees of freedom.
        rho: correlation of x_i and y_i in the underlying Gaussian.
        pairs: how many coordinates are correlated, min(dx, dy) if not given.
        gauge: `dispersion`, or `free` without the factor sqrt(nu), which changes the samples and neither I nor dI.
    """

    dx: Annotated[int, AtLeast(1)] = 1
    dy: Annotated[int, AtLeast(1)] = 1
    nu: Annotated[float, AtLeast(0.05), AtMost(1e6)] = 1.0  # below them samples leave single precision
    rho: gaussians.Correlation = 0.0
    pairs: Annotated[int | None, AtLeast(0)] = None
    gauge: Literal["dispersion", "free"] = "dispersion"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.pairs is not None and self.pairs > min(self.dx, self.dy):
            raise ValueError(f"pairs is at most min(dx, dy) = {min(self.dx, self.dy)}, not {self.pairs}")


class Student(Family):
    """Student's t with `nu` degrees of freedom."""

    Params = StudentParams
    theta = ("nu", "rho")
    flows = ("scale", "sine", "rotation")

    def __init__(self, params: StudentParams) -> None:
        super().__init__(params)
        self.m, self.n = params.dx, params.dy
        self.pairs = min(self.m, self.n) if params.pairs is None else params.pairs

    @property
    def dims(self) -> tuple[int, int]:
        """The dimensions (dx, dy)."""
        return self.m, self.n

    def sample(
        self, theta: Theta, n: int, draws: Draws
    ) -> tuple[Float[Tensor, "*replicas n dx"], Float[Tensor, "*replicas n dy"]]:
        """n pairs, differentiable in nu and rho."""
        scale = (-draws.log_gamma(theta["nu"] / 2, n, 1) / 2).exp() * (self._unit(theta) / 2).sqrt()[..., None, None]
        x, e = draws.normal(n, self.m), draws.normal(n, self.n)
        rho, k = theta["rho"][..., None, None], self.pairs
        y = torch.cat([rho * x[..., :k] + (1 - rho**2).sqrt() * e[..., :k], e[..., k:]], -1)
        return x * scale, y * scale

    def log_ratio(
        self, theta: Theta, x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"]
    ) -> Float[Tensor, "*replicas n"]:
        """The exact log ratio in nats."""
        nu, unit = theta["nu"][..., None], self._unit(theta)[..., None]
        in_x, in_y = x.square().sum(-1) / unit, y.square().sum(-1) / unit
        tails = _tail(nu, self.m, in_x) + _tail(nu, self.n, in_y)
        volume = -self.pairs / 2 * torch.log1p(-(theta["rho"] ** 2))[..., None]
        constant = _constant(nu, self.m + self.n) - _constant(nu, self.m) - _constant(nu, self.n)
        return constant + volume + tails - _tail(nu, self.m + self.n, self._form(theta, x, y) / unit)

    def log_density(
        self, theta: Theta, x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"]
    ) -> Float[Tensor, "*replicas n"]:
        """log p(x, y) without the power of pi."""
        nu, unit, k = theta["nu"][..., None], self._unit(theta)[..., None], self.m + self.n
        volume = self.pairs / 2 * torch.log1p(-(theta["rho"] ** 2))[..., None] + k / 2 * unit.log()
        return _constant(nu, k) - volume - _tail(nu, k, self._form(theta, x, y) / unit)

    def information(self, theta: Theta) -> Float[Tensor, "*replicas"]:
        """I(X;Y) in nats."""
        nu, m, n = theta["nu"], self.m, self.n
        gaussian = -self.pairs / 2 * torch.log1p(-(theta["rho"] ** 2))
        return gaussian + entropic_difference(nu / 2, m / 2, n / 2)

    def _unit(self, theta: Theta) -> Tensor:
        """The square of the gauge's factor."""
        return theta["nu"] if self.params.gauge == "dispersion" else torch.ones_like(theta["nu"])

    def _form(self, theta: Theta, x: Tensor, y: Tensor) -> Tensor:
        """The quadratic form z' S^-1 z."""
        rho, k = theta["rho"][..., None, None], self.pairs
        residual = (y[..., :k] - rho * x[..., :k]).square() / (1 - rho**2)
        return x.square().sum(-1) + residual.sum(-1) + y[..., k:].square().sum(-1)


def _constant(nu: Tensor, k: int) -> Tensor:
    return torch.lgamma((nu + k) / 2) - torch.lgamma(nu / 2)


def _tail(nu: Tensor, k: int, form: Tensor) -> Tensor:
    return (nu + k) / 2 * torch.log1p(form)
