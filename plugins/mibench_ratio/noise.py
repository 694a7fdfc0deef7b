r"""Noise that is added: y = m(x) + e with one coordinate, and e independent of x, which has several.

Then log p(y|x) is the log density of e at y - m(x), and

.. math:: g(x, y) = s_e(y - m(x)) - s_y(y)

with the scores of two margins of one coordinate, which a batch shows far better than how y depends on many coordinates
of x at once: all of that is in a regression (`mibench_ratio.regression`). What the regression leaves at the samples is
short of e by what it has fitted, and so is its variance, so that the mean of s_e along e is about -1 in spite of that.

The answer is taken where the regression explains most of what a linear one leaves, as far as what it leaves itself
looks independent of x (`mibench_ratio.dependence`). Where x takes few values, those of y by them are clusters, which
single scores do not know (`mibench_ratio.channel`).
"""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from mibench_ratio.channel import PER_SYMBOL
from mibench_ratio.charts import Chart
from mibench_ratio.clustering import mixtures
from mibench_ratio.dependence import evidence_of_dependence
from mibench_ratio.margin import Margin, fit_score
from mibench_ratio.mixture import Mixture
from mibench_ratio.normality import evidence_against_linearity
from mibench_ratio.options import FitOptions, share_of
from mibench_ratio.pairs import distinct
from mibench_ratio.regression import Regression, regression
from mibench_ratio.spectra import Spectra

EXPLAINED = 0.6
"""What share of the variance that a linear regression leaves the regression must explain."""
CANCELLED = 0.5
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
        of_y: the score of y.
        clusters: those of y, if any, whose score has joined it.
        fitted: the gradient at the samples, `(*replicas, n, 1)`.
        share: of it beside a fit that knows nothing of this, from 0 to 1, `(*replicas, 1, 1)`.
    """

    regression: Regression
    chart: Chart
    of_left: Margin
    of_y: Margin
    clusters: Mixture | None
    fitted: Tensor
    share: Tensor

    def at(
        self, x: Float[Tensor, "*replicas m dx"], y: Float[Tensor, "*replicas m 1"]
    ) -> Float[Tensor, "*replicas m 1"]:
        """The gradient at points."""
        left = y - self.regression.at(x)
        of_left = self.chart.pull_back_score(left, self.of_left.at(self.chart(left)))
        return of_left - self.of_y.at(y, None if self.clusters is None else self.clusters.margin(y)[0])


def added_noise(
    x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"], options: FitOptions
) -> Noise | None:
    """The gradient of standardised samples; `None` where no replica gets any of it."""
    if x.shape[-1] == 1 or y.shape[-1] > 1:
        return None
    mean = regression(x, y)
    if mean is None:
        return None
    left = y - mean.fitted
    straight = Chart.of(left, bend=False)
    chart, standard = Chart.of(left, bend=True) if options.tails == "auto" else straight, straight(left)
    explains = left.square().sum((-2, -1)) < (1 - EXPLAINED) * mean.straight.square().sum((-2, -1))
    eligible = explains & (distinct(x) > x.shape[-2] / PER_SYMBOL)
    share = (1 - share_of(_evidence(x, standard), APART, TOGETHER)).where(eligible[..., None, None], 0.0)
    if not share.any():  # waits for a GPU
        return None
    clusters = mixtures(y) if options.looks_for_clusters else None
    of_left, of_y = fit_score(chart(left), options), fit_score(y, options, clusters and clusters.margin(y))
    in_left = chart.pull_back_score(left, of_left.score)
    cancels = of_y.score.square().sum((-2, -1)) > CANCELLED * in_left.square().sum((-2, -1))
    share = share.where(~cancels[..., None, None], 0.0)
    return Noise(mean, chart, of_left, of_y, clusters, in_left - of_y.score, share)


def _evidence(x: Tensor, left: Tensor) -> Float[Tensor, "*replicas"]:
    """That two blocks depend on each other, though not linearly."""
    of = Spectra.of(x, left)
    return evidence_against_linearity(x, left, of).maximum(evidence_of_dependence(x, left, of, TOGETHER))
