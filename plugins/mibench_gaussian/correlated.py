"""The task `gaussian`: value and gradient of I(X;Y) on correlated Gaussians (Wen et al., ICLR 2020, Figure 1).

The protocol that every family has, with samples in the precision of the run. (The authors' code reads value and
gradient off the last training batch; fresh pairs leave no room for a critic that knows its batch by heart.)
"""

from dataclasses import dataclass
from typing import Annotated

from mibench.bends import BendName
from mibench.compositions import compose
from mibench.curves import CurveTask
from mibench.families import Family
from mibench.gaussians import Correlation
from mibench.ranges import AtLeast
from mibench.specs import CheckedParams
from mibench_gaussian.canonical import Canonical, CanonicalParams


@dataclass(frozen=True, kw_only=True)
class Cell(CheckedParams):
    """One cell.

    Attributes:
        d: dimension of x and of y.
        rho: correlation of x_i and y_i.
        n: pairs a batch, in training and in evaluation.
        steps: updates, for estimators that train.
        bend: a bijection applied to x and to y; I(X;Y) and its gradient stay.
        rotate: whether x and y are each rotated at random, after the bend.
    """

    d: Annotated[int, AtLeast(1)] = 20
    rho: Correlation = 0.5
    n: Annotated[int, AtLeast(2)] = 256
    steps: Annotated[int, AtLeast(0)] = 200
    bend: BendName = "none"
    rotate: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        make(self)


def make(cell: Cell) -> Family:
    """The family at a cell."""
    canonical = Canonical(CanonicalParams(d=cell.d, rho=cell.rho))
    return compose(canonical, bend=cell.bend, rotate=cell.rotate)


class CorrelatedGaussians(CurveTask):
    """Measures `mi`, `mi_gradient`, and the `gradient_cosine` with the exact gradient in y, sample by sample."""

    Params = Cell
    precision = None
    extended = False

    def family(self, cell: Cell) -> Family:
        """Correlated Gaussians, bent and rotated."""
        return make(cell)

    def theta(self, cell: Cell) -> str:  # noqa: ARG002
        """The gradient is taken in rho."""
        return "rho"
