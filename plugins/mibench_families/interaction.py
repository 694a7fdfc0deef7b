r"""A function of several inputs, and noise: most of what they say, they say together.

x is standard normal in k coordinates, f has mean 0 and mean square 1, e is standard normal, and

.. math::
    y = \sqrt{\mathrm{snr}} \, f(x) + e, \qquad i(x, y) = \log N(y; \sqrt{\mathrm{snr}} \, f(x), 1) - \log p(y),

.. math::
    I(X;Y) = h(Y) - \frac{1}{2} \log (2 \pi e), \qquad
    \frac{dI}{d\,\mathrm{snr}} = \frac{1}{2} \, \mathbb{E} \left( f - \mathbb{E}[f \mid y] \right)^2

(the last is I-MMSE: Guo, Shamai & Verdu 2005). Up to its mean and its scale, f is

- `parity`: the product of the signs of all inputs; any k - 1 of them are independent of y, and I is that of `bpsk`;
- `inner`: the inner product of the first half of the inputs with the second;
- `radius`: the squared length of x;
- `wave`: the cosine of twice their normalised sum;
- `maximum`: the greatest of them, the only one of these that is correlated with single inputs.

y is a mixture of normals over one variable, so that p(y) and I are integrals by deterministic rules: over a sign, a
chi-square variable or a normal one. Theta enters through y alone. With `rotate=true` the inputs are seen in an unknown
basis. It tells apart: whether an estimator sees what several inputs say together.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Independent, Normal

from mibench.contracts import Conditional
from mibench.families import Draws, QuadratureFamily, Theta
from mibench.ranges import Above, AtLeast, AtMost
from mibench.specs import CheckedParams
from mibench_families.mathematics import legendre_rule, log_chi_square_rule, normal_rule

_FREQUENCY = 2.0
_REACH = 60.0
"""Standard deviations of f beyond which there is nothing: its tails fall exponentially at the slowest."""
_SPACING = 0.1
"""Of the nodes in y, in standard deviations of the noise."""


@dataclass(frozen=True, kw_only=True)
class InteractionParams(CheckedParams):
    """One cell.

    Attributes:
        function: of the inputs.
        k: inputs, the coordinates of x.
        snr: signal-to-noise ratio.
    """

    function: Literal["parity", "inner", "radius", "wave", "maximum"] = "parity"
    k: Annotated[int, AtLeast(1)] = 2
    snr: Annotated[float, Above(0), AtMost(25)] = 4.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.function == "inner" and self.k % 2:
            raise ValueError(f"function=inner needs an even k, not k={self.k}")
        if self.function == "maximum" and self.k < 2:
            raise ValueError(f"function=maximum needs k >= 2, not k={self.k}")


class Interaction(QuadratureFamily):
    """A function of several inputs, and noise."""

    Params = InteractionParams
    theta = ("snr",)

    @property
    def dims(self) -> tuple[int, int]:
        """All inputs, and one output."""
        return self.params.k, 1

    def sample(
        self, theta: Theta, n: int, draws: Draws
    ) -> tuple[Float[Tensor, "*replicas n k"], Float[Tensor, "*replicas n 1"]]:
        """n pairs, differentiable in snr through y."""
        x, e = draws.normal(n, self.params.k), draws.normal(n, 1)
        return x, self._signal(theta, x) + e

    def log_ratio(
        self, theta: Theta, x: Float[Tensor, "*replicas n k"], y: Float[Tensor, "*replicas n 1"]
    ) -> Float[Tensor, "*replicas n"]:
        """The exact log ratio in nats."""
        noise = self.log_density(theta, x, y) - math.log(2 * math.pi) / 2
        return noise - self._log_margin(theta["snr"][..., None], y[..., 0], 1)

    def log_density(
        self, theta: Theta, x: Float[Tensor, "*replicas n k"], y: Float[Tensor, "*replicas n 1"]
    ) -> Float[Tensor, "*replicas n"]:
        """log p(x, y), up to a term without theta."""
        return -(y - self._signal(theta, x)).square()[..., 0] / 2

    def conditional(self, theta: Theta) -> Conditional:
        """p(y|x) = N(sqrt(snr) f(x), 1)."""
        return lambda x: Independent(Normal(mean := self._signal(theta, x), torch.ones_like(mean)), 1)

    def integral(self, theta: Theta, fineness: int) -> Float[Tensor, ""]:
        """I(X;Y) = h(Y) - h(e)."""
        reach = 9 + _REACH * theta["snr"].sqrt().item()
        y = torch.linspace(-reach, reach, math.ceil(2 * reach / _SPACING) * fineness, dtype=torch.float64)
        in_y = self._log_margin(theta["snr"], y, fineness)
        return -torch.trapezoid(in_y.exp() * in_y, y) - math.log(2 * math.pi * math.e) / 2

    def _signal(self, theta: Theta, x: Float[Tensor, "*replicas n k"]) -> Float[Tensor, "*replicas n 1"]:
        mean, scale = _moments(self.params.function, self.params.k)
        values = (_value(self.params.function, x) - mean) / scale
        return theta["snr"].sqrt()[..., None, None] * values[..., None]

    def _log_margin(self, snr: Tensor, y: Tensor, fineness: int) -> Tensor:
        """log p(y), elementwise."""
        nodes = math.ceil(fineness * (200 + 100 * snr.detach().max().sqrt().item()))
        margin = Margin(*(part.to(y) for part in _margin(self.params.function, self.params.k, nodes)))
        snr = snr[..., None]
        variances = 1 + snr * margin.variances
        residuals = y[..., None] - snr.sqrt() * margin.means
        exponents = margin.weights.log() - (residuals.square() / variances + variances.log()) / 2
        return torch.logsumexp(exponents, -1) - math.log(2 * math.pi) / 2


class Margin(NamedTuple):
    """The values of f as a mixture of normals: over the nodes of a rule, means and variances, and weights of sum 1."""

    means: Float[Tensor, " nodes"]
    variances: Float[Tensor, " nodes"]
    weights: Float[Tensor, " nodes"]


def _value(function: str, x: Float[Tensor, "*shape k"]) -> Float[Tensor, "*shape"]:
    """What f is before it has mean 0 and mean square 1."""
    k = x.shape[-1]
    match function:
        case "parity":
            return 1 - 2 * ((x < 0).sum(-1) % 2).to(x.dtype)
        case "inner":
            return (x[..., : k // 2] * x[..., k // 2 :]).sum(-1)
        case "radius":
            return x.square().sum(-1)
        case "wave":
            return (_FREQUENCY * x.sum(-1) / math.sqrt(k)).cos()
        case _:
            return x.amax(-1)


def _moments(function: str, k: int) -> tuple[float, float]:
    """The mean and the standard deviation of `_value`."""
    match function:
        case "parity":
            return 0.0, 1.0
        case "inner":
            return 0.0, math.sqrt(k / 2)
        case "radius":
            return float(k), math.sqrt(2 * k)
        case "wave":
            mean = math.exp(-(_FREQUENCY**2) / 2)
            return mean, math.sqrt((1 + mean**4) / 2 - mean**2)
        case _:
            values, weights = _maximum(k, 1000)
            mean = (weights * values).sum()
            return mean.item(), (weights * (values - mean).square()).sum().sqrt().item()


@lru_cache(maxsize=100)
def _margin(function: str, k: int, nodes: int) -> Margin:
    mean, scale = _moments(function, k)
    match function:
        case "parity":
            values, weights = torch.tensor([[-1.0, 1.0], [0.5, 0.5]], dtype=torch.float64)
        case "inner":
            variances, weights = log_chi_square_rule(k // 2, nodes)
            return Margin(torch.zeros_like(variances), variances / scale**2, weights)
        case "radius":
            lengths, weights = legendre_rule(0.0, math.sqrt(k) + 9.0, nodes)
            values, weights = lengths.square(), weights * _chi_density(k, lengths)
        case "wave":
            sums, weights = normal_rule(nodes)
            values = (_FREQUENCY * sums).cos()
        case _:
            values, weights = _maximum(k, nodes)
    return Margin((values - mean) / scale, torch.zeros_like(values), weights)


def _chi_density(k: int, lengths: Tensor) -> Tensor:
    """The density of the length of x."""
    return ((k - 1) * lengths.log() - lengths.square() / 2 - (k / 2 - 1) * math.log(2) - math.lgamma(k / 2)).exp()


def _maximum(k: int, nodes: int) -> tuple[Tensor, Tensor]:
    """A rule for the greatest of k normals: its density is k times that of one, times the k - 1 others' being less."""
    values, weights = normal_rule(nodes)
    weights = weights * torch.special.ndtr(values) ** (k - 1)
    return values, weights / weights.sum()
