r"""Noise that is added: y = m(x) + e with one coordinate, and e independent of x.

Then log p(y|x) is the log density of e at y - m(x), and

.. math:: g(x, y) = s_e(y - m(x)) - s_y(y)

with the scores of two margins of one coordinate. A batch shows these far better than how y depends on many coordinates
of x at once, all of which is in a regression (`mibench_ratio.regression`), or on one where the noise has a core much
narrower than its tails and than kernels of y. What the regression leaves at the samples is short of e by what it has
fitted, and so is its variance, so that the mean of s_e along e is about -1 in spite of that. Its means along 1, x
and m(x), which are 0 if e is independent of x, are made 0, and that along y the one of s_y: the gradient along a linear
map of y is 0 on the batch, as it is elsewhere.

The answer is taken where the regression explains most of what a linear one leaves, or that has a narrow core; as far as
what is left looks independent of x (`mibench_ratio.dependence`); and not where both scores nearly cancel. Where x takes
few values, those of y by them are clusters, which single scores do not know (`mibench_ratio.channel`).
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad

from mibench_ratio.channel import takes_few_values
from mibench_ratio.charts import Chart
from mibench_ratio.clustering import mixtures
from mibench_ratio.dependence import evidence_of_dependence
from mibench_ratio.kernels import units
from mibench_ratio.margin import Margin, fit_score
from mibench_ratio.mixture import Mixture
from mibench_ratio.normality import evidence_against_linearity
from mibench_ratio.options import FitOptions, share_of
from mibench_ratio.regression import Regression, regression
from mibench_ratio.ridge import Free, one_and
from mibench_ratio.spectra import Spectra

EXPLAINED = 0.6
"""What share of the variance that a linear regression leaves the regression must explain."""
CORE = 0.4
"""The median of |e| below which it has a narrow core, in standard deviations; of a Gaussian it is .67."""
CANCELLED, CANCELLED_OF_CORE = 0.5, 0.3
"""The largest share of the square of one score that the other may have: of nearly all of it errors are left."""
APART, TOGETHER = 3.0, 6.0
"""Evidence that what is left depends on x: below the first all of the answer is taken, above the second none."""


@dataclass(frozen=True)
class Noise:
    """The gradient by scores of y and of what a regression leaves of it.

    Attributes:
        regression: of y on x.
        chart: the coordinate that the score of what is left was fitted in.
        of_left: that score there.
        taken_off: coefficients of 1, x, m(x) and y, of what is taken off that score, `(*replicas, 3 + dx, 1)`.
        of_y: the score of y.
        clusters: those of y, if any, whose score has joined it.
        fitted: the gradient at the samples, `(*replicas, n, 1)`.
        share: of it beside a fit that knows nothing of this, from 0 to 1, `(*replicas, 1, 1)`.
    """

    regression: Regression
    chart: Chart
    of_left: Margin
    taken_off: Tensor
    of_y: Margin
    clusters: Mixture | None
    fitted: Tensor
    share: Tensor

    def at(
        self, x: Float[Tensor, "*replicas m dx"], y: Float[Tensor, "*replicas m 1"]
    ) -> Float[Tensor, "*replicas m 1"]:
        """The gradient at points."""
        mean = self.regression.at(x)
        of_left = self.chart.pull_back_score(y - mean, self.of_left.at(self.chart(y - mean)))
        of_left = of_left - one_and(x, mean, y) @ self.taken_off
        return of_left - self.of_y.at(y, None if self.clusters is None else self.clusters.margin(y)[0])


def added_noise(
    x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"], options: FitOptions
) -> Noise | None:
    """The gradient of standardised samples; `None` where no replica gets any of it."""
    if y.shape[-1] > 1:
        return None
    mean, curves = Regression.straight(x, y), torch.zeros_like(y[..., :1, :1], dtype=torch.bool)
    if x.shape[-1] > 1 and (curved := regression(x, y)) is not None:
        curves = _square(y - curved.fitted) < (1 - EXPLAINED) * _square(y - mean.fitted)
        mean = curved.where(curves, mean)
    left = y - mean.fitted
    cored = left.abs().median(-2, keepdim=True).values < CORE * _square(left).sqrt()
    eligible = (curves | cored) & ~takes_few_values(x)[..., None, None]
    if not eligible.any():  # waits for a GPU
        return None
    chart = Chart.of(left, bend=options.tails == "auto")
    evidence = _evidence(x, units(left).standardise(left))
    share = (1 - share_of(evidence, APART, TOGETHER)).where(eligible, 0.0)
    clusters = mixtures(y) if options.looks_for_clusters else None
    of_left, of_y = fit_score(chart(left), options), fit_score(y, options, clusters and clusters.margin(y))
    in_left = chart.pull_back_score(left, of_left.score)
    free = Free(one_and(x, mean.fitted, y))
    asked = pad((of_y.score * y).sum(-2, keepdim=True), (0, 0, free.columns.shape[-1] - 1, 0))
    taken_off = free.back @ (free.back.mT @ (free.columns.mT @ in_left - asked))
    in_left = in_left - free.columns @ taken_off
    most = torch.where(curves, CANCELLED, CANCELLED_OF_CORE)
    share = share.where(_square(of_y.score) < most * _square(in_left), 0.0)
    return Noise(mean, chart, of_left, taken_off, of_y, clusters, in_left - of_y.score, share) if share.any() else None


def _square(values: Float[Tensor, "*replicas n 1"]) -> Float[Tensor, "*replicas 1 1"]:
    """The mean square."""
    return values.square().mean(-2, keepdim=True)


def _evidence(x: Tensor, left: Tensor) -> Float[Tensor, "*replicas"]:
    """That two blocks depend on each other, though not linearly."""
    of = Spectra.of(x, left)
    return evidence_against_linearity(x, left, of).maximum(evidence_of_dependence(x, left, of, TOGETHER))
