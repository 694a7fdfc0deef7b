"""The task `ksg-gamma-exponential`: a skewed family with heavy tails whose mutual information is known.

In each of d independent coordinates x ~ Gamma(theta, 1) and y | x ~ Exponential(rate x), so that

    p(x, y) = x^theta exp(-x - x y) / Gamma(theta),    I(X;Y) = d (psi(theta + 1) - log theta)    in nats

(Darbellay & Vajda, IEEE Trans. Inf. Theory 46, 2000; Kraskov et al., Phys. Rev. E 69, 2004, section III). The margin of
y falls as y^-(theta+1): for theta <= 1 it has no mean. `log` shows the logarithms of x and y instead, a bijection that
leaves I(X;Y) as it is. Protocol: `steps` updates on n fresh pairs each, then the value once on n unseen pairs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from scipy.special import digamma
from torch import Tensor

from mibench import Above, AtLeast, Context, Measurement, Task
from mibench.specs import CheckedParams


@dataclass(frozen=True, kw_only=True)
class Cell(CheckedParams):
    """One cell.

    Attributes:
        theta: shape of the Gamma margin: the smaller, the stronger the dependence and the heavier the tails.
        d: independent coordinates of x and of y.
        n: pairs a batch, in training and in evaluation.
        steps: updates, for estimators that train.
        log: whether an estimator sees the logarithms.
    """

    theta: Annotated[float, Above(0)] = 1.0
    d: Annotated[int, AtLeast(1)] = 1
    n: Annotated[int, AtLeast(2)] = 1000
    steps: Annotated[int, AtLeast(0)] = 200
    log: bool = True


def mutual_information(cell: Cell) -> float:
    """I(X;Y) in nats."""
    return float(cell.d * (digamma(cell.theta + 1) - np.log(cell.theta)))


def draw(cell: Cell, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Pairs x and y, both `(n, d)` in float64; numpy draws them from a seed that the generator gives."""
    seed = int(torch.randint(2**62, (), generator=generator))
    numbers = np.random.default_rng(seed)
    x = numbers.standard_gamma(cell.theta, (cell.n, cell.d))
    x = np.maximum(x, np.finfo(np.float64).tiny)  # a shape near zero underflows
    y = numbers.standard_exponential((cell.n, cell.d)) / x
    seen = (np.log(x), np.log(y)) if cell.log else (x, y)
    return torch.from_numpy(seen[0]), torch.from_numpy(seen[1])


class GammaExponential(Task):
    """Measures `mi`."""

    Params = Cell

    def run(self, cells: Sequence[Cell], context: Context) -> list[list[Measurement]]:
        """Runs trials that differ in the seed and in theta: one replica a trial."""
        estimator = context.estimator(cells[0].d, cells[0].d)
        for _ in range(cells[0].steps if context.spec.trains else 0):
            estimator.update(*_draw(cells, context))
        with torch.no_grad():
            values = estimator.mi(*_draw(cells, context)).tolist()
        truths = [mutual_information(cell) for cell in cells]
        return [[Measurement("mi", value, truth)] for value, truth in zip(values, truths, strict=True)]


def _draw(cells: Sequence[Cell], context: Context) -> tuple[Tensor, Tensor]:
    """Fresh pairs `(trials, n, d)`, each trial's from its own generator."""
    pairs = [draw(cell, generator) for cell, generator in zip(cells, context.data, strict=True)]
    x, y = (torch.stack(side).to(context.device, context.dtype) for side in zip(*pairs, strict=True))
    return x, y
