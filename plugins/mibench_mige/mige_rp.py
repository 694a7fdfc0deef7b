r"""MIGE with random projection, the Scalable SSGE of Wen et al. 2020 (Eq. 8, Table 2, Figure 2).

The kernel measures distances between random projections, :math:`\sqrt{d / k} \, |R x_1 - R x_2| \approx |x_1 - x_2|`; x
and y are projected apart, each only if it has more than k dimensions, by matrices drawn once. The factor keeps the two
blocks in proportion (for one projected block alone the median width would cancel it).

The paper replaces "the input of SSGE with projections for the computation of the RBF kernel" and leaves the kernel's
gradient open. Here it stays in the original coordinates: the scored block enters G as it is. If only x is projected and
y moves, as for images and their representation, this is exactly the SSGE of (R x, y): it estimates the gradient of
I(R x; y), which is at most I(x; y). If the scored block is itself projected, its score is exact SSGE in expectation
over R alone, :math:`\mathbb{E}[(d / k) R^\top R] = I`.

Cost: in the closed form the distances of n samples take n^2 d operations and projecting them n k d, so that projection
saves time only if k < n; it is what the paper's tables ran. `conditional=score` does not project the draws around x.
"""

from dataclasses import dataclass
from typing import Annotated

from torch import Tensor

from mibench.contracts import Problem
from mibench.ranges import AtLeast
from mibench_mige import mige
from mibench_mige.kernels import centred
from mibench_mige.projection import project, projection_matrix


@dataclass(frozen=True, kw_only=True)
class MIGERPParams(mige.MIGEParams):
    """Parameters of MIGE, and the dimension to project to.

    Attributes:
        k: dimension of the projections; blocks no wider than this are left alone.
    """

    k: Annotated[int, AtLeast(1)] = 512

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.kernel == "curl-free":
            raise ValueError("kernel=curl-free is for mige: it scores the points that it compares, and no projections")


class MIGERP(mige.MIGE):
    """Mutual information gradient estimator with random projection."""

    Params = MIGERPParams

    def __init__(self, params: MIGERPParams, problem: Problem) -> None:
        super().__init__(params, problem)
        self._matrices = [self._matrix(d, params.k) for d in (problem.dx, problem.dy)]

    def kernel_inputs(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """The projections of the wide blocks."""
        x, y = (
            block if matrix is None else project(centred(block).to(matrix), matrix)
            for block, matrix in zip(super().kernel_inputs(x, y), self._matrices, strict=True)
        )
        return x, y

    def _matrix(self, d: int, k: int) -> Tensor | None:
        """R, one a replica; `None` where there is nothing to reduce."""
        if d <= k:
            return None
        return self.problem.draw(lambda generator: projection_matrix(d, k, generator))
