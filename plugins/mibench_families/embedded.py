r"""Correlated Gaussians rolled up or shown as images: the information stays, a density in pixels does not exist.

The latent pair is the canonical Gaussian with d coordinates. :math:`u = \Phi(x)` and :math:`v = \Phi(y)` are uniform,
and an injective map shows u, or both of them (Czyz et al. 2023: swiss roll; Butakov et al. 2024: images):

.. math:: I(X;Y) = -\frac{d}{2} \log(1 - \rho^2), \qquad \frac{dI}{d\rho} = \frac{d \rho}{1 - \rho^2}.

`swiss-roll` winds one latent into the plane, :math:`t \, (\cos t, \sin t) / 21` with
:math:`t = \frac{3 \pi}{2} (1 + 2 u)`. `plates` shows two latents as the centre of a Gaussian bump, `rectangles` four as
the edges of an anti-aliased rectangle. Theta moves y: seen as v it has a score, and that of x is not needed. Where y is
shown too, the log ratio has a gradient along the support alone.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

import torch
from jaxtyping import Float
from mibench_gaussian.canonical import Canonical
from torch import Tensor

from mibench import gaussians
from mibench.contracts import Conditional
from mibench.families import Draws, Observer, Theta
from mibench.ranges import AtLeast, AtMost
from mibench.specs import CheckedParams

Shown: TypeAlias = Literal["x", "both"]
_BUMP = 0.2
_SMALLEST = 0.2


@dataclass(frozen=True, kw_only=True)
class SwissRollParams(CheckedParams):
    """One cell.

    Attributes:
        rho: correlation of the latents.
        shown: the sides that are rolled up: `x`, or `both`.
    """

    rho: gaussians.Correlation = 0.75
    shown: Shown = "x"


@dataclass(frozen=True, kw_only=True)
class ImagesParams(SwissRollParams):
    """One cell.

    Attributes:
        shown: the sides that are images: `x`, or `both`.
        size: pixels along an edge.
    """

    size: Annotated[int, AtLeast(4), AtMost(128)] = 16


class SwissRoll(Canonical):
    """One latent each, rolled up into the plane."""

    Params: ClassVar[type[Any]] = SwissRollParams
    latents: ClassVar[int] = 1

    def __init__(self, params: Any) -> None:
        super().__init__(params)
        self.singular = ("x", "y") if params.shown == "both" else ("x",)

    @property
    def dims(self) -> tuple[int, int]:
        """Those of the latents."""
        return self.latents, self.latents

    @property
    def observed_dims(self) -> tuple[int, int]:
        """What is shown has the map's dimension; what is not keeps the latents'."""
        shown = self.embed(torch.full((1, self.latents), 0.5)).shape[-1]
        return shown, shown if self.params.shown == "both" else self.latents

    def embed(self, u: Float[Tensor, "*batch latents"]) -> Float[Tensor, "*batch shown"]:
        """From uniform latents to what an estimator sees."""
        t = 1.5 * math.pi * (1 + 2 * u)
        return torch.cat([t * t.cos(), t * t.sin()], -1) / 21

    def observer(self, draws: Draws) -> Observer:  # noqa: ARG002
        """x shown, and y as uniform latents or shown too."""
        show_y: Callable[[Tensor], Tensor] = self.embed if self.params.shown == "both" else torch.positive
        return lambda x, y: (self.embed(torch.special.ndtr(x)), show_y(torch.special.ndtr(y)))

    def conditional(self, theta: Theta) -> Conditional | None:  # noqa: ARG002
        """None: an estimator does not see the latents."""
        return None


class Plates(SwissRoll):
    """Two latents each: the centre of a Gaussian bump of standard deviation .2 on the unit square."""

    Params = ImagesParams
    latents = 2

    def embed(self, u: Float[Tensor, "*batch latents"]) -> Float[Tensor, "*batch shown"]:
        """Images of `size` x `size` pixels, flattened."""
        centres = (torch.arange(self.params.size, dtype=u.dtype, device=u.device) + 0.5) / self.params.size
        profiles = (-(centres - u[..., None]).square() / (2 * _BUMP**2)).exp()
        return (profiles[..., 0, :, None] * profiles[..., 1, None, :]).flatten(-2)


class Rectangles(SwissRoll):
    """Four latents each: where the two edges of a rectangle begin and how long they are, at least .2."""

    Params = ImagesParams
    latents = 4

    def embed(self, u: Float[Tensor, "*batch latents"]) -> Float[Tensor, "*batch shown"]:
        """Images of `size` x `size` pixels, flattened; a pixel holds the share of it that is covered."""
        begin = (1 - _SMALLEST) * u[..., :2]
        end = begin + _SMALLEST + (1 - _SMALLEST - begin) * u[..., 2:]
        edges = torch.arange(self.params.size + 1, dtype=u.dtype, device=u.device) / self.params.size
        low = torch.maximum(edges[:-1], begin[..., None])
        high = torch.minimum(edges[1:], end[..., None])
        cover = (high - low).clamp_min(0) * self.params.size
        return (cover[..., 0, :, None] * cover[..., 1, None, :]).flatten(-2)
