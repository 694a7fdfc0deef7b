r"""Gaussians in which every two coordinates have the same correlation c, within x and y as between them.

.. math::
    I(X;Y) = \frac{1}{2} \log
    \frac{(1 + (d_x - 1) \, c) \, (1 + (d_y - 1) \, c)}{(1 - c) \, (1 + (d_x + d_y - 1) \, c)},

.. math::
    \frac{dI}{dc} = \frac{1}{2} \left[ \frac{d_x - 1}{1 + (d_x - 1) \, c} + \frac{d_y - 1}{1 + (d_y - 1) \, c}
    + \frac{1}{1 - c} - \frac{d_x + d_y - 1}{1 + (d_x + d_y - 1) \, c} \right]

(multinormal-dense of Czyz et al., NeurIPS 2023). Closed form; paths are differentiable. A control: second moments
suffice. One canonical correlation is not zero, however many coordinates there are, so that it shows who pays for
dimensions that carry nothing new.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated

import torch
from jaxtyping import Float
from torch import Tensor

from mibench.families import Theta
from mibench.ranges import AtLeast
from mibench.specs import CheckedParams
from mibench.text import number
from mibench_gaussian.covariance import GaussianFamily


@dataclass(frozen=True, kw_only=True)
class DenseParams(CheckedParams):
    """One cell.

    Attributes:
        dx, dy: dimensions of x and of y.
        c: correlation of every two coordinates.
    """

    dx: Annotated[int, AtLeast(1)] = 5
    dy: Annotated[int, AtLeast(1)] = 5
    c: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        lowest = -1 / (self.dx + self.dy - 1)
        if not lowest < self.c < 1:
            raise ValueError(f"c lies between {number(lowest)} and 1, not {self.c}")


class Dense(GaussianFamily):
    """Gaussians with one correlation c throughout."""

    Params = DenseParams
    theta = ("c",)
    null = MappingProxyType({"c": 0.0})

    def covariance(self, theta: Theta) -> Float[Tensor, "*replicas d d"]:
        """1 on the diagonal, c elsewhere."""
        c, size = theta["c"][..., None, None], self.dx + self.dy
        eye = torch.eye(size, dtype=c.dtype, device=c.device)
        return c + (1 - c) * eye
