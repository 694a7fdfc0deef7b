r"""Symbols over a noisy channel: x is of a finite alphabet, y is x times a factor, and noise.

In each of d coordinates x is uniform on M (`levels`) equally spaced amplitudes of unit power, e is standard normal, and

.. math::
    y = a x + e, \qquad a = \sqrt{\mathrm{snr}}, \qquad
    i(x, y) = \log N(y; a x, 1) - \log \frac{1}{M} \sum_j N(y; a x_j, 1),

.. math::
    I(X;Y) = d \, \mathbb{E}[i(x, y)], \qquad
    \frac{dI}{d\,\mathrm{snr}} = \frac{d}{2} \, \mathbb{E} \left( x - \mathbb{E}[x \mid y] \right)^2

(the last is I-MMSE: Guo, Shamai & Verdu 2005). `bpsk` has the amplitudes -1 and 1, `pam` any number of them, `qam` a
square grid: two coordinates a symbol. The signal-to-noise ratio is that of one real coordinate. Deterministic
quadrature over e; x is discrete, and theta enters through y alone. It tells apart: I saturates at
:math:`d \log M`, where second moments go on rising.
"""

import math
from dataclasses import dataclass
from typing import Annotated, Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Independent, Normal

from mibench.contracts import Conditional
from mibench.families import Draws, QuadratureFamily, Theta
from mibench.ranges import Above, AtLeast, AtMost
from mibench.specs import CheckedParams
from mibench_families.mathematics import normal_rule

_NODES = 400


@dataclass(frozen=True, kw_only=True)
class BPSKParams(CheckedParams):
    """One cell.

    Attributes:
        d: independent coordinates of x and of y.
        snr: signal-to-noise ratio of a coordinate.
    """

    d: Annotated[int, AtLeast(1)] = 1
    snr: Annotated[float, Above(0), AtMost(1e6)] = 4.0


@dataclass(frozen=True, kw_only=True)
class PAMParams(BPSKParams):
    """One cell.

    Attributes:
        levels: equally spaced amplitudes.
    """

    levels: Annotated[int, AtLeast(2), AtMost(256)] = 4


@dataclass(frozen=True, kw_only=True)
class QAMParams(BPSKParams):
    """One cell.

    Attributes:
        d: symbols, of two coordinates each.
        points: of the square grid: 4, 16, 64, ...
    """

    points: Annotated[int, AtLeast(4), AtMost(65536)] = 16

    def __post_init__(self) -> None:
        super().__post_init__()
        if math.isqrt(self.points) ** 2 != self.points:
            raise ValueError(f"points is a square, not {self.points}")


class PAM(QuadratureFamily):
    """Equally spaced amplitudes."""

    Params: Any = PAMParams
    theta = ("snr",)
    discrete = ("x",)

    @property
    def levels(self) -> int:
        """Amplitudes in each coordinate."""
        return self.params.levels

    def amplitudes(self, like: Tensor) -> Float[Tensor, " levels"]:
        """The alphabet, with mean 0 and mean square 1."""
        steps = torch.arange(self.levels, dtype=torch.float64) - (self.levels - 1) / 2
        return (steps / steps.square().mean().sqrt()).to(like)

    def sample(
        self, theta: Theta, n: int, draws: Draws
    ) -> tuple[Float[Tensor, "*replicas n d"], Float[Tensor, "*replicas n d"]]:
        """n pairs, differentiable in snr through y."""
        noise = draws.normal(n, self.dims[0])
        x = self.amplitudes(noise)[draws.integers(self.levels, n, self.dims[0])]
        return x, theta["snr"].sqrt()[..., None, None] * x + noise

    def log_ratio(
        self, theta: Theta, x: Float[Tensor, "*replicas n d"], y: Float[Tensor, "*replicas n d"]
    ) -> Float[Tensor, "*replicas n"]:
        """The exact log ratio in nats."""
        a = theta["snr"].sqrt()[..., None, None]
        residuals = y[..., None] - a[..., None] * self.amplitudes(y)
        margin = torch.logsumexp(-residuals.square() / 2, -1) - math.log(self.levels)
        return (-(y - a * x).square() / 2 - margin).sum(-1)

    def log_density(
        self, theta: Theta, x: Float[Tensor, "*replicas n d"], y: Float[Tensor, "*replicas n d"]
    ) -> Float[Tensor, "*replicas n"]:
        """log p(x, y), up to a constant."""
        return -(y - theta["snr"].sqrt()[..., None, None] * x).square().sum(-1) / 2

    def conditional(self, theta: Theta) -> Conditional:
        """p(y|x) = N(sqrt(snr) x, I)."""
        a = theta["snr"].sqrt()[..., None, None]
        return lambda x: Independent(Normal(a * x, torch.ones_like(x)), 1)

    def integral(self, theta: Theta, fineness: int) -> Float[Tensor, ""]:
        """I(X;Y): the exact log ratio, averaged over symbols and noise."""
        noise, weights = normal_rule(_NODES * fineness)
        alphabet = self.amplitudes(noise)
        shifts = theta["snr"].sqrt() * (alphabet[:, None] - alphabet)
        exponents = -(shifts[:, None, :] + noise[:, None]).square() / 2
        equivocation = torch.logsumexp(exponents, -1) + noise.square() / 2
        return self.dims[0] * (math.log(self.levels) - (equivocation.mean(0) * weights).sum())


class BPSK(PAM):
    """The amplitudes -1 and 1."""

    Params = BPSKParams

    @property
    def levels(self) -> int:
        """Two."""
        return 2


class QAM(PAM):
    """A square grid of points: two coordinates a symbol."""

    Params = QAMParams

    @property
    def levels(self) -> int:
        """The side of the grid."""
        return math.isqrt(self.params.points)

    @property
    def dims(self) -> tuple[int, int]:
        """Two coordinates a symbol."""
        return 2 * self.params.d, 2 * self.params.d
