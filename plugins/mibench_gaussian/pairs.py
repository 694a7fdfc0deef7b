r"""Gaussians of which a few pairs of coordinates share a signal, and the rest are noise of the same variance.

For the first k (`pairs`) coordinates, with the strength s and standard normal Z, E and F,

.. math::
    x_j = s Z_j + E_j, \qquad y_j = s Z_j + F_j, \qquad r = \frac{s^2}{1 + s^2} \text{ their correlation},

.. math::
    I(X;Y) = k \, \Big[ \log(1 + s^2) - \frac{1}{2} \log(1 + 2 s^2) \Big], \qquad
    \frac{dI}{ds} = \frac{2 k s^3}{(1 + s^2) (1 + 2 s^2)}

(multinormal-sparse of Czyz et al., NeurIPS 2023). Closed form; paths are differentiable. A control: second moments
suffice. With more coordinates the answer stays, so that it shows who is led astray by coordinates that carry nothing.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from mibench.families import Theta
from mibench.ranges import AtLeast
from mibench.specs import CheckedParams
from mibench_gaussian.covariance import GaussianFamily


@dataclass(frozen=True, kw_only=True)
class PairsParams(CheckedParams):
    """One cell.

    Attributes:
        dx, dy: dimensions of x and of y.
        pairs: how many coordinates share a signal.
        strength: standard deviation of the signal, in units of that of the noise.
        gauge: `own` has noise of unit variance, `unit` has every coordinate of unit variance, as the published tasks
            have; `scaled` multiplies y of the first by a function of the strength.
    """

    dx: Annotated[int, AtLeast(1)] = 5
    dy: Annotated[int, AtLeast(1)] = 5
    pairs: Annotated[int, AtLeast(0)] = 2
    strength: float = 2.0
    gauge: Literal["own", "unit", "scaled"] = "own"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.pairs > min(self.dx, self.dy):
            raise ValueError(f"pairs is at most min(dx, dy) = {min(self.dx, self.dy)}, not {self.pairs}")


class Pairs(GaussianFamily):
    """Gaussians with a signal in some pairs of coordinates."""

    Params = PairsParams
    theta = ("strength",)
    null = MappingProxyType({"strength": 0.0})

    def covariance(self, theta: Theta) -> Float[Tensor, "*replicas d d"]:
        """1 + s^2 on the diagonal, s^2 between the coordinates of a pair; divided by 1 + s^2 in the gauge `unit`."""
        power, size = theta["strength"].square()[..., None, None], self.dx + self.dy
        shared = torch.zeros(size, size, dtype=power.dtype, device=power.device)
        for k in range(self.params.pairs):
            shared[k, self.dx + k] = shared[self.dx + k, k] = 1
        eye = torch.eye(size, dtype=power.dtype, device=power.device)
        covariance = eye + power * (eye + shared)
        return covariance / (1 + power) if self.params.gauge == "unit" else covariance
