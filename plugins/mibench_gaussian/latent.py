r"""Gaussians with latent variables: what x has in common, what x and y have in common, and pairs.

.. math::
    x_i = \epsilon E_i + \alpha U + \beta V + \begin{cases} \mathrm{strength} \cdot Z_i & i \le \mathrm{pairs} \\
    \eta \, Z'_i & i > \mathrm{pairs} \end{cases}

.. math::
    y_j = \epsilon F_j + \alpha W + \beta V + \begin{cases} \mathrm{strength} \cdot Z_j & j \le \mathrm{pairs} \\
    \eta \, Z''_j & j > \mathrm{pairs} \end{cases}

.. math:: I(X;Y) = \frac{1}{2} \big( \log |S_{xx}| + \log |S_{yy}| - \log |S| \big)

with all latent variables independent and standard normal, and S the covariance (Czyz et al., NeurIPS 2023, appendix).
Closed form; paths are differentiable. A control: second moments suffice. `dense` and `pairs` are two corners of it;
here x and y may each be correlated within themselves by what says nothing of the other (alpha).
"""

from dataclasses import dataclass
from typing import Annotated

import torch
from jaxtyping import Float
from torch import Tensor

from mibench.families import Theta
from mibench.ranges import Above, AtLeast
from mibench.specs import CheckedParams
from mibench_gaussian.covariance import GaussianFamily


@dataclass(frozen=True, kw_only=True)
class LatentParams(CheckedParams):
    """One cell.

    Attributes:
        dx, dy: dimensions of x and of y.
        pairs: how many coordinates share a signal of their own.
        beta: weight of the variable that all coordinates share.
        strength: weight of the signal of a pair.
        alpha: weight of the variables that x alone and y alone have in common.
        epsilon: weight of the noise of a coordinate.
        eta: weight of more noise, in coordinates that are in no pair.
    """

    dx: Annotated[int, AtLeast(1)] = 3
    dy: Annotated[int, AtLeast(1)] = 3
    pairs: Annotated[int, AtLeast(0)] = 2
    beta: float = 0.5
    strength: float = 1.0
    alpha: float = 0.5
    epsilon: Annotated[float, Above(0)] = 1.0
    eta: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.pairs > min(self.dx, self.dy):
            raise ValueError(f"pairs is at most min(dx, dy) = {min(self.dx, self.dy)}, not {self.pairs}")


class Latent(GaussianFamily):
    """Gaussians made of latent variables."""

    Params = LatentParams
    theta = ("beta", "strength", "alpha", "epsilon", "eta")

    def covariance(self, theta: Theta) -> Float[Tensor, "*replicas d d"]:
        """The sum over latent variables of weight^2 times what they are common to."""
        weights = {name: value.square()[..., None, None] for name, value in theta.items()}
        like = weights["beta"]
        parts = {name: part.to(like.device, like.dtype) for name, part in self._common().items()}
        return torch.stack([weights[name] * parts[name] for name in self.theta]).sum(0)

    def _common(self) -> dict[str, Tensor]:
        """Which coordinates share each latent variable, `(dx + dy, dx + dy)` by weight."""
        size, dx, pairs = self.dx + self.dy, self.dx, self.params.pairs
        in_x = torch.arange(size) < dx
        place = torch.where(in_x, torch.arange(size), torch.arange(size) - dx)
        eye, paired = torch.eye(size), place < pairs
        return {
            "beta": torch.ones(size, size),
            "strength": ((place[:, None] == place) & paired).float(),
            "alpha": (in_x[:, None] == in_x).float(),
            "epsilon": eye,
            "eta": eye * ~paired,
        }
