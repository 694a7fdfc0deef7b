"""The task `gaussian`: value and gradient of I(X;Y) on correlated Gaussians (Wen et al., ICLR 2020, Figure 1).

Samples are differentiable in rho: an estimator's dI/drho is the derivative of its surrogate, through y. Protocol:
`steps` updates, each on n fresh pairs, then value and gradient once on n pairs that no update has seen. (The authors'
code reads both off the last training batch; fresh pairs leave no room for a critic that knows its batch by heart.)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor

from mibench import gaussians
from mibench.contracts import Conditional, Context, Estimator, Measurement, Task
from mibench_gaussian import bends


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One cell.

    Attributes:
        d: dimension of x and of y.
        rho: correlation of x_i and y_i.
        n: pairs a batch, in training and in evaluation.
        steps: updates, for estimators that train.
        bend: a bijection applied to every coordinate of x and of y; I(X;Y) and its gradient stay.
        rotate: whether x and y are each rotated at random, after the bend.
    """

    d: int = 20
    rho: float = 0.5
    n: int = 256
    steps: int = 200
    bend: bends.Bend = "none"
    rotate: bool = False

    def __post_init__(self) -> None:
        if self.d < 1 or self.n < 2 or self.steps < 0:
            raise ValueError(f"d >= 1, n >= 2, steps >= 0 are needed, not d={self.d}, n={self.n}, steps={self.steps}")
        if not -1 < self.rho < 1:
            raise ValueError(f"rho lies between -1 and 1, not {self.rho}")


class CorrelatedGaussians(Task):
    """Measures `mi`, `mi_gradient`, and the `gradient_cosine` with the exact gradient in y, sample by sample."""

    Params = Cell

    def run(self, cells: Sequence[Cell], context: Context) -> list[list[Measurement]]:
        """Trains the estimator if it trains, then measures on fresh pairs; one replica a trial."""
        stream = _Pairs(cells, context)
        estimator = context.estimator(stream.d, stream.d, stream.conditional)
        for _ in range(cells[0].steps if context.spec.trains else 0):
            x, noise = stream.draw()
            y = gaussians.correlate(stream.rho.detach(), x, noise)
            estimator.update(stream.observe_x(x), stream.observe_y(y))
        x, noise = stream.draw()
        columns: list[list[Measurement]] = []
        if "value" in context.spec.estimates:
            columns.append(_value(estimator, stream, x, noise))
        if "gradient" in context.spec.estimates:
            columns += _gradient(estimator, stream, x, noise)
        return [_defined(cell, row) for cell, row in zip(cells, zip(*columns, strict=True), strict=True)]


class _Pairs:
    """Pairs of one cell, or of several that differ in rho: every replica from its own stream."""

    def __init__(self, cells: Sequence[Cell], context: Context) -> None:
        self.d, self.n = cells[0].d, cells[0].n
        self._context = context
        self._bend = bends.BENDS[cells[0].bend]
        self.rho = torch.tensor([cell.rho for cell in cells], dtype=context.dtype, device=context.device)
        self.rho.requires_grad_()
        self._rotations = self._draw_rotations() if cells[0].rotate else None
        bent = cells[0].rotate or cells[0].bend != "none"
        self.conditional: Conditional | None = None if bent else lambda x: gaussians.conditional(self.rho, x, self.d)

    def draw(self) -> tuple[Float[Tensor, "replicas n d"], Float[Tensor, "replicas n d"]]:
        """Fresh x and eps."""
        drawn = self._context.draw(lambda generator: torch.randn(2, self.n, self.d, generator=generator))
        x, noise = drawn.unbind(1)
        return x, noise

    def observe_x(self, x: Float[Tensor, "replicas n d"]) -> Float[Tensor, "replicas n d"]:
        """What an estimator sees of x."""
        return self._observe(x, 0)

    def observe_y(self, y: Float[Tensor, "replicas n d"]) -> Float[Tensor, "replicas n d"]:
        """What an estimator sees of y."""
        return self._observe(y, 1)

    def _observe(self, z: Tensor, side: int) -> Tensor:
        bent = self._bend(z)
        return bent if self._rotations is None else bent @ self._rotations[side]

    def _draw_rotations(self) -> Float[Tensor, "2 replicas d d"]:
        def pair(generator: torch.Generator) -> Tensor:
            return torch.stack([bends.rotation(self.d, generator) for _ in range(2)])

        return self._context.draw(pair).transpose(0, 1)


def _value(estimator: Estimator, stream: _Pairs, x: Tensor, noise: Tensor) -> list[Measurement]:
    with torch.no_grad():
        y = gaussians.correlate(stream.rho, x, noise)
        values = estimator.mi(stream.observe_x(x), stream.observe_y(y))
    truths = gaussians.mutual_information(stream.rho.detach().double(), stream.d, stream.d)
    return _measurements("mi", values, truths, "nats")


def _gradient(estimator: Estimator, stream: _Pairs, x: Tensor, noise: Tensor) -> list[list[Measurement]]:
    y = gaussians.correlate(stream.rho, x, noise)
    surrogate = estimator.surrogate(stream.observe_x(x), stream.observe_y(y)).sum()
    gradients = torch.autograd.grad(surrogate, (stream.rho, y), allow_unused=True)
    in_rho, in_y = cast("tuple[Tensor | None, Tensor | None]", gradients)
    if in_rho is None:
        raise ValueError("the surrogate depends neither on y nor on p(y|x), so it has no gradient in rho")
    rho = stream.rho.detach()
    truths = gaussians.slope(rho.double(), stream.d, stream.d)
    along_rho = _measurements("mi_gradient", in_rho, truths, "nats")
    if in_y is None:  # an estimator that reads p(y|x) in place of y
        return [along_rho]
    exact = gaussians.log_ratio_gradient(rho, x, y.detach())
    cosine = torch.cosine_similarity(in_y.flatten(1), exact.flatten(1))
    return [along_rho, _measurements("gradient_cosine", cosine, torch.ones_like(truths), "")]


def _defined(cell: Cell, measurements: Sequence[Measurement]) -> list[Measurement]:
    """Without the cosine where the exact gradient vanishes."""
    return [one for one in measurements if cell.rho != 0 or one.name != "gradient_cosine"]


def _measurements(name: str, values: Tensor, truths: Tensor, unit: str) -> list[Measurement]:
    return [
        Measurement(name, value, truth, unit) for value, truth in zip(values.tolist(), truths.tolist(), strict=True)
    ]
