"""What the fits of ratio score matching are made of, and what they ask of samples."""

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from mibench.errors import SmallBatchError
from mibench.ranges import AtLeast
from mibench.search import Search
from mibench.specs import CheckedParams, added
from mibench_ratio.ridge import Ridge

SAMPLES = 256
"""The number of samples that ridges are given for."""

_WIDE = AtLeast(0.01)
_RIDGED = AtLeast(1e-10)
"""Below these a fit at further points is rounding."""


@dataclass(frozen=True, kw_only=True)
class FitOptions(CheckedParams):
    """What the two fits are made of; the same for all data.

    Attributes:
        width: of the kernels of single coordinates, in standard deviations.
        block_width: of the kernels of whole blocks, in median distances.
        block_weight: of the whole blocks' kernel in the ratio, against that of one pair of coordinates.
        null_weight: the same of its part in y alone, which the fitted gradient is made orthogonal to.
        ellipse_weight: the same of the features of quadratic forms; 0 leaves them out.
        score_weight: of pairs of coordinates in the margin score, against the additive part.
        score_radius_weight: of the features of the block's radius there, against all pairs together; 0 leaves them out.
        score_block_weight: of the whole block's kernel there.
        ridge: of the ratio, at 256 samples; times 256 / n at n.
        score_ridge: of the margin score, at 256 samples; times (256 / n)^1.5 at n.
        iterations: of the ratio's ridge; above 1 it cuts off more sharply (iterated Tikhonov).
        alignment: what alignment of two coordinates (or blocks) gives their kernel its full weight in the ratio; the
            weight is in proportion, within bounds. 0 gives all of them full weight.
        score_alignment: the same of two coordinates in the margin score, whose weight is at most the full one.
        normality: whether batches that look jointly Gaussian, or independent, get the plug-in Gaussian alone.
        clusters: `auto` lets a mixture of Gaussians join where samples form clusters or have hidden states, and whitens
            correlated blocks where they do not, or `none`.
        surfaces: where the block moves on a surface, `auto` leaves out coordinates that are functions of others, and
            spreads out circles, spheres and ellipsoids before the fit, or `none`.
        tails: `auto` bends coordinates with heavy tails before the fit, a bijection, or `none`.
        margins: `auto` evens out coordinates of other shapes where the batch is nearer to normal then, or `none`.
        details: `auto` makes kernels of coordinates narrower in the ratio where x and y are then clearly more aligned
            (`mibench_ratio.widths`), or `none`.
        means: `auto` takes the scores of the block and of what a regression on the other leaves of it, where that looks
            independent of the other block (`mibench_ratio.noise`), or `none`.
        atoms: of the other block, whose gradient is not asked for: `auto` adds a coordinate that says where one has a
            value that many samples share, as where missing values are 0 (`mibench_ratio.atoms`), or `none`.
        directions: `auto` learns a turn of each block where the dependence is between mixed coordinates, or `none`.
        linear: `free`; `ridge` to penalise the linear part as well; or `shrunk`, which answers by the plug-in Gaussian
            of shrunk covariances where there are fewer than two samples a dimension (`mibench_ratio.shrunk`), and is
            `free` where there are more.
        components: what the other block, whose gradient is not asked for, is reduced to if it is wider: its leading
            principal components P x, without bending. The gradient is then that of I(P x; y), at most I(x; y).
        own_components: the same of the block whose gradient is asked for. It is then that of I(x; P y), P held fixed.
    """

    width: Annotated[float, _WIDE, Search(0.5, 2.0)] = 1.0
    block_width: Annotated[float, _WIDE] = 0.7
    block_weight: Annotated[float, AtLeast(0)] = 3.0
    null_weight: Annotated[float, AtLeast(0)] = 10.0
    ellipse_weight: Annotated[float, AtLeast(0)] = 0.3
    score_weight: Annotated[float, AtLeast(0)] = 0.01
    score_radius_weight: Annotated[float, AtLeast(0)] = added(1.0)
    score_block_weight: Annotated[float, AtLeast(0)] = 0.1
    ridge: Annotated[float, _RIDGED, Search(1e-5, 1e-2, log=True)] = 1e-3
    score_ridge: Annotated[float, _RIDGED, Search(1e-5, 1e-2, log=True)] = 1e-4
    iterations: Annotated[int, AtLeast(1)] = 4
    alignment: Annotated[float, AtLeast(0)] = 0.1
    score_alignment: Annotated[float, AtLeast(0)] = added(0.03)
    normality: bool = True
    clusters: Literal["auto", "none"] = "auto"
    surfaces: Literal["auto", "none"] = added("auto")
    tails: Literal["auto", "none"] = "auto"
    margins: Literal["auto", "none"] = added("auto")
    details: Literal["auto", "none"] = added("auto")
    means: Literal["auto", "none"] = added("auto")
    atoms: Literal["auto", "none"] = added("auto")
    directions: Literal["auto", "none"] = "auto"
    linear: Literal["free", "ridge", "shrunk"] = "free"
    components: Annotated[int | None, AtLeast(1)] = added(None)
    own_components: Annotated[int | None, AtLeast(1)] = added(None)

    @property
    def otherwise(self) -> str:
        """What does where samples are too few for the linear part, for the end of a sentence."""
        return ", or linear=shrunk" if self.linear == "free" else ""

    @property
    def looks_for_clusters(self) -> bool:
        """Whether a mixture may join the free part, which there is unless the linear part is penalised."""
        return self.clusters == "auto" and self.linear != "ridge"

    @property
    def looks_for_noise(self) -> bool:
        """Whether a regression may stand for the fit, unless the linear part is penalised."""
        return self.means == "auto" and self.linear != "ridge"

    @property
    def adapts(self) -> bool:
        """Whether the fit asks what the samples look like."""
        return self.normality or "auto" in (
            self.clusters,
            self.surfaces,
            self.margins,
            self.means,
            self.atoms,
            self.directions,
        )

    def ridge_of_score(self, n: int) -> Ridge:
        """Of the margin score of n samples."""
        return Ridge(self.score_ridge * (SAMPLES / n) ** 1.5, all_penalised=self.linear == "ridge")

    def ridge_of_ratio(self, n: int) -> Ridge:
        """Of the ratio of n samples."""
        return Ridge(self.ridge * SAMPLES / n, self.iterations, all_penalised=self.linear == "ridge")

    def dimensions(self, dx: int, dy: int) -> tuple[int, int]:
        """Of x and of y, as the fit of the gradient in y sees them."""
        return min(dx, self.components or dx), min(dy, self.own_components or dy)


LEAST_WEIGHT, MOST_WEIGHT = 0.02, 5.0
"""What is left of a kernel's weight where no dependence is seen, and what it grows to where dependence is strong."""
LEAST_ELLIPSE = 0.003
"""The same of the features of quadratic forms."""
NORMAL, FOREIGN = 1.5, 2.5
"""Evidence against normality: below the first the plug-in Gaussian answers, above the second the fit, between both."""
INDEPENDENT, DEPENDENT = 1.25, 2.0
"""The same of evidence of dependence."""


def share_of(
    evidence: Float[Tensor, "*replicas"], none: float = NORMAL, whole: float = FOREIGN
) -> Float[Tensor, "*replicas 1 1"]:
    """Of an answer that evidence speaks for: 0 up to `none`, 1 from `whole` on."""
    return ((evidence - none) / (whole - none)).clamp(0, 1)[..., None, None]


def blend(plain: Tensor, full: Tensor, share: Float[Tensor, "*replicas 1 1"]) -> Tensor:
    """Between two answers; all of the full one to the last bit where it has the whole share."""
    return torch.where(share == 1, full, plain + share * (full - plain))


def require_samples(n: int, dimension: int, options: FitOptions, *, halves: bool = False) -> None:
    """Refuses batches that leave the linear part undetermined.

    Args:
        n: samples of the batch.
        dimension: of x and y together.
        options: whether the linear part is free.
        halves: whether each half of the batch is fitted.

    Raises:
        SmallBatchError: n is below the dimension plus two; where the linear part is not free, below three.
    """
    free = options.linear == "free"
    needed = (dimension + 2 if free else 3) * (2 if halves else 1)
    if n < needed:
        where = "in each half of the batch, which the value needs, " if halves else ""
        raise SmallBatchError(
            f"the linear part in {dimension} dimensions {where}needs at least {needed} samples, got {n}: "
            f"use batches of {needed} or more{options.otherwise}"
        )
