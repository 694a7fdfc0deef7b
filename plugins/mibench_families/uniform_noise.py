r"""A uniform signal with uniform noise of width 2 epsilon: y is x with noise, in each of d coordinates.

x is uniform between 0 and 1, u between -1 and 1, and :math:`y = x + \epsilon u`:

.. math::
    I(X;Y) = \begin{cases} d \, [\epsilon - \log(2 \epsilon)] & \epsilon \le 1/2 \\
    d / (4 \epsilon) & \epsilon > 1/2, \end{cases} \qquad
    \frac{dI}{d\epsilon} = \begin{cases} d \, [1 - 1 / \epsilon] & \epsilon \le 1/2 \\
    -d / (4 \epsilon^2) & \epsilon > 1/2 \end{cases}

(Czyz et al., NeurIPS 2023). Closed form; no path is differentiable in the gauge in which the family was published: the
edge of p(y|x) moves with epsilon, and the mean of the exact score times the paths lacks the :math:`-1 / \epsilon` of
:math:`1 - 1 / \epsilon`. A smooth estimate of the score has a slope where the edge is, and may come near the answer,
which is what it shows. With `gauge=signal`, :math:`y = x / \epsilon + u`, paths are differentiable, and the answer is
the same.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from jaxtyping import Float
from torch import Tensor

from mibench.families import Draws, Family, Theta
from mibench.ranges import AtLeast, AtMost
from mibench.specs import CheckedParams
from mibench_families.smoothed_uniform import trapezium_log_ratio, uniform_information


@dataclass(frozen=True, kw_only=True)
class UniformNoiseParams(CheckedParams):
    """One cell.

    Attributes:
        d: dimension of x and of y, coordinate by coordinate independent.
        epsilon: half the width of the noise, in units of that of the signal.
        gauge: what keeps its width in y: the signal at `noise`, the noise at `signal`.
    """

    d: Annotated[int, AtLeast(1)] = 1
    epsilon: Annotated[float, AtLeast(1e-6), AtMost(1e6)] = 0.1
    gauge: Literal["noise", "signal"] = "noise"


class UniformNoise(Family):
    """A uniform signal with uniform noise of half width `epsilon`."""

    Params = UniformNoiseParams
    theta = ("epsilon",)
    edges = True

    def __init__(self, params: UniformNoiseParams) -> None:
        super().__init__(params)
        self.adversarial = ("epsilon",) if params.gauge == "noise" else ()

    def sample(
        self, theta: Theta, n: int, draws: Draws
    ) -> tuple[Float[Tensor, "*replicas n d"], Float[Tensor, "*replicas n d"]]:
        """n pairs, differentiable in epsilon."""
        epsilon = theta["epsilon"][..., None, None]
        x, u = draws.uniform(2, n, self.params.d).unbind(-3)
        noise = 2 * u - 1
        return x, x + epsilon * noise if self.params.gauge == "noise" else x / epsilon + noise

    def log_ratio(
        self, theta: Theta, x: Float[Tensor, "*replicas n d"], y: Float[Tensor, "*replicas n d"]
    ) -> Float[Tensor, "*replicas n"]:
        """The exact log ratio in nats; -infinity where y is out of reach of x."""
        epsilon = theta["epsilon"][..., None, None]
        signal, seen = x / epsilon, y / epsilon if self.params.gauge == "noise" else y
        return trapezium_log_ratio(1 / (2 * epsilon), (seen + 1) / 2, (seen - signal + 1) / 2).sum(-1)

    def information(self, theta: Theta) -> Float[Tensor, "*replicas"]:
        """I(X;Y) in nats."""
        return self.params.d * uniform_information(1 / (2 * theta["epsilon"]))
