r"""Noise that is added: y = m(x) + e, with e independent of x.

Then log p(y|x) is the log density of e at y - m(x), and

.. math:: g(x, y) = s_e(y - m(x)) - s_y(y)

with the scores of two margins. A batch shows these far better than how y depends on many coordinates of x at once, all
of which is in a regression (`mibench_ratio.regression`), or how one coordinate depends on another where the noise has a
core much narrower than its tails and than kernels of y. As far as what the regression leaves looks normal, its score is
that of a Gaussian. At the samples it is short of e by what the regression has fitted, and so is its variance, so that
the mean of s_e along e is about -1 in spite of that. Its means along 1, x and m(x), which are 0 if e is independent of
x, are made 0, and those along y the ones of s_y: the gradient along a linear map of y is 0 on the batch, as it is
elsewhere. At samples that the regression is not of, what it errs by is left too, and depends on m(x): the means along
that are those which errors d of this size have, E[d d'] E[s_e s_e'].

The answer is taken where the regression on several coordinates explains most of what a linear one leaves, or where the
noise of a single one has a narrow core; as far as what is left looks independent of x (`mibench_ratio.dependence`); and
not where both scores nearly cancel. Where x takes few values, those of y by them are clusters, which the scores do not
know (`mibench_ratio.channel`).
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad

from mibench.devices import free_to_ask
from mibench_ratio.channel import takes_few_values
from mibench_ratio.charts import Chart
from mibench_ratio.clustering import mixtures
from mibench_ratio.dependence import evidence_of_dependence
from mibench_ratio.kernels import units
from mibench_ratio.margin import Margin, fit_score
from mibench_ratio.mixture import Mixture
from mibench_ratio.normality import evidence_against_gaussian, evidence_against_linearity
from mibench_ratio.options import FitOptions, share_of
from mibench_ratio.regression import Regression, regression
from mibench_ratio.ridge import Free, one_and
from mibench_ratio.spectra import COLLINEAR, Spectra, spectra

CORE = 0.4
"""The median of |e| below which it has a narrow core, in standard deviations; of a Gaussian it is .67."""
CANCELLED, CANCELLED_OF_CORE = 0.8, 0.3
"""The largest share of the square of one score that the other may have: of nearly all of it errors are left."""
APART, TOGETHER = 3.0, 6.0
"""Evidence that what is left depends on x: below the first all of the answer is taken, above the second none."""


class Left(NamedTuple):
    """The score of what a regression leaves: as far as that looks normal a Gaussian's, and for the rest a fitted one.

    Attributes:
        precision: of the Gaussian, `(*replicas, dy, dy)`.
        chart: the coordinates that the fitted one was fitted in.
        margin: that one; `None` where no replica needs it.
        share: of it, from 0 to 1, `(*replicas, 1, 1)`.
    """

    precision: Tensor
    chart: Chart
    margin: Margin | None
    share: Tensor

    @classmethod
    def of(cls, left: Float[Tensor, "*replicas n dy"], options: FitOptions) -> "Left":
        """That of samples."""
        plain = cls.plain(left, options)
        return plain._replace(margin=fit_score(plain.chart(left), options)) if plain.needed else plain

    @classmethod
    def plain(cls, left: Float[Tensor, "*replicas n dy"], options: FitOptions) -> "Left":
        """The same without a fitted one."""
        (spectrum,) = spectra(left)
        share, chart = share_of(evidence_against_gaussian(left)), Chart.of(left, bend=options.tails == "auto")
        return cls(spectrum.inverse(COLLINEAR), chart, None, share)

    @property
    def needed(self) -> bool:
        """Whether any replica needs a fitted one."""
        return not free_to_ask(self.share) or bool(self.share.any())

    def at(self, left: Float[Tensor, "*replicas m dy"]) -> Float[Tensor, "*replicas m dy"]:
        """The score at points."""
        return self.beside(left, None if self.margin is None else self.margin.at(self.chart(left)))

    def at_samples(self, left: Float[Tensor, "*replicas n dy"]) -> Float[Tensor, "*replicas n dy"]:
        """The same at the samples that it is of."""
        return self.beside(left, None if self.margin is None else self.margin.score)

    def beside(self, left: Tensor, fitted: Tensor | None) -> Tensor:
        """The score, given the fitted one in the chart's coordinates."""
        plain = -left @ self.precision
        if fitted is None:
            return plain
        return plain + self.share * (self.chart.pull_back_score(left, fitted) - plain)


@dataclass(frozen=True)
class Noise:
    """The gradient by scores of y and of what a regression leaves of it.

    Attributes:
        regression: of y on x.
        of_left: the score of what it leaves.
        taken_off: coefficients of 1, x, m(x) and y, of what is taken off that score, `(*replicas, 1 + dx + 2 dy, dy)`.
        of_y: the score of y.
        clusters: those of y, if any, whose score has joined it.
        fitted: the gradient at the samples, `(*replicas, n, dy)`.
        share: of it beside a fit that knows nothing of this, from 0 to 1, `(*replicas, 1, 1)`.
    """

    regression: Regression
    of_left: Left
    taken_off: Tensor
    of_y: Margin
    clusters: Mixture | None
    fitted: Tensor
    share: Tensor

    def at(
        self, x: Float[Tensor, "*replicas m dx"], y: Float[Tensor, "*replicas m dy"]
    ) -> Float[Tensor, "*replicas m dy"]:
        """The gradient at points."""
        mean = self.regression.at(x)
        of_left = self.of_left.at(y - mean) - one_and(x, mean, y) @ self.taken_off
        return of_left - self.of_y.at(y, None if self.clusters is None else self.clusters.margin(y)[0])


class Added(NamedTuple):
    """A mean of y to which noise seems to be added.

    Attributes:
        mean: the regression of y on x.
        curves: whether it explains most of what a linear one leaves, `(*replicas, 1, 1)`.
        left: what it leaves, `(*replicas, n, dy)`.
        share: as far as that looks independent of x, from 0 to 1, `(*replicas, 1, 1)`.
    """

    mean: Regression
    curves: Tensor
    left: Tensor
    share: Tensor

    @classmethod
    def of(
        cls, x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"], some: slice | Tensor = slice(None)
    ) -> "Added | None":
        """That of standardised samples, some of which are looked at for independence; `None` where none has any."""
        straight = Regression.straight(x, y)
        mean, curves = straight, torch.zeros_like(y[..., :1, :1], dtype=torch.bool)
        if x.shape[-1] > 1 and (curved := regression(x, y)) is not None:
            curves = curved.explains(y, straight)
            mean = curved.where(curves, straight)
        left, eligible = y - mean.fitted, curves
        if y.shape[-1] == 1:
            eligible = curves | (left.abs().median(-2, keepdim=True).values < CORE * _square(left).sqrt())
        eligible = eligible & ~takes_few_values(x)[..., None, None]
        if not eligible.any():  # waits for a GPU
            return None
        evidence = _evidence(x[..., some, :], units(left).standardise(left)[..., some, :])
        return cls(mean, curves, left, (1 - share_of(evidence, APART, TOGETHER)).where(eligible, 0.0))

    def balanced(self, x: Tensor, y: Tensor, in_left: Tensor, of_y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The score of what is left, with means that are 0 and those of the score of y.

        Args:
            x: the samples.
            y: their partners.
            in_left: the score of what is left, at them.
            of_y: that of y.

        Returns:
            It, the coefficients of 1, x, m(x) and y that were taken off, and the share of the answer.
        """
        free = Free(one_and(x, self.mean.fitted, y))
        asked = torch.cat([self.mean.errors @ (in_left.mT @ in_left), y.mT @ of_y], -2)
        asked = pad(asked, (0, 0, free.columns.shape[-1] - asked.shape[-2], 0))
        taken_off = free.back @ (free.back.mT @ (free.columns.mT @ in_left - asked))
        in_left = in_left - free.columns @ taken_off
        most = torch.where(self.curves, CANCELLED, CANCELLED_OF_CORE)
        return in_left, taken_off, self.share.where(_square(of_y) < most * _square(in_left), 0.0)


def added_noise(
    x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"], options: FitOptions
) -> Noise | None:
    """The gradient of standardised samples; `None` where no replica gets any of it."""
    added = Added.of(x, y)
    if added is None:
        return None
    clusters = mixtures(y) if options.looks_for_clusters else None
    of_left, of_y = Left.of(added.left, options), fit_score(y, options, clusters and clusters.margin(y))
    in_left, taken_off, share = added.balanced(x, y, of_left.at_samples(added.left), of_y.score)
    return Noise(added.mean, of_left, taken_off, of_y, clusters, in_left - of_y.score, share) if share.any() else None


def _square(values: Float[Tensor, "*replicas n dy"]) -> Float[Tensor, "*replicas 1 1"]:
    """The mean square."""
    return values.square().mean((-2, -1), keepdim=True)


def _evidence(x: Tensor, left: Tensor) -> Float[Tensor, "*replicas"]:
    """That two blocks depend on each other, though not linearly."""
    of = Spectra.of(x, left)
    return evidence_against_linearity(x, left, of).maximum(evidence_of_dependence(x, left, of, TOGETHER))
