r"""Channels: y = m(x) + e, where x takes few values and the noise e is Gaussian and independent of x.

Symbols that are mixed, as by several antennas or by those that were sent before, and many classes make more clusters
than few samples show, but all of them are known from the means m, linear in x or one for each value. The margin is a
mixture of as many terms as there are samples,

.. math:: p(y) = \frac{1}{n} \sum_j N(y; m(x_j), S), \qquad s^0 = \nabla \log p(y), \qquad
    g^0 = S^{-1} (m(x) - y) - s^0,

in whose score at a sample its own term is left out. A channel takes the place of clusters (`mibench_ratio.clusters`)
where what the means leave looks Gaussian and independent of x, and where y has clusters by it that are clearly more
than those found without it.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mibench_ratio.mixture import Moments
from mibench_ratio.normality import evidence_against_channel
from mibench_ratio.pairs import distinct
from mibench_ratio.regression import Regression
from mibench_ratio.ridge import one_and

PLAIN, PER_SYMBOL = 2.5, 4
"""Evidence against a channel from which there is none, and how many samples there must be for each value of x."""


@dataclass(frozen=True)
class Channel:
    """The channels of replicas.

    Attributes:
        x, y: the samples.
        coefficients: of 1 and x, `(*replicas, 1 + dx, dy)`; those of a regression where means are not linear.
        grouped: which replicas have means that are not, `(*replicas)`.
        means: at the samples, `(*replicas, n, dy)`.
        precision: the inverse of the noise's covariance, `(*replicas, dy, dy)`.
        plain: where what the means leave looks Gaussian and independent of x.
        several: which replicas may have a channel.
    """

    x: Tensor
    y: Tensor
    coefficients: Tensor
    grouped: Bool[Tensor, "*replicas"]
    means: Tensor
    precision: Tensor
    plain: Bool[Tensor, "*replicas"]
    several: Bool[Tensor, "*replicas"]

    def margin(self, y: Float[Tensor, "*replicas m dy"]) -> tuple[Tensor, Tensor]:
        """s0 `(*replicas, m, dy)` and mean(d_l s0_l) `(*replicas, dy)`."""
        shares, pulls = torch.softmax(self._logits(y), -1), self.means @ self.precision
        mean, squares = shares @ pulls, shares @ pulls.square()
        slopes = (squares - mean.square()).mean(-2) - self.precision.diagonal(dim1=-2, dim2=-1)
        where = self.several[..., None]
        return (mean - y @ self.precision).where(where[..., None], 0.0), slopes.where(where, 0.0)

    def difference(self, x: Float[Tensor, "*replicas m dx"], y: Float[Tensor, "*replicas m dy"]) -> Tensor:
        """g0 `(*replicas, m, dy)`."""
        given_x = (self._mean(x) - y) @ self.precision
        return given_x.where(self.several[..., None, None], 0.0) - self.margin(y)[0]

    def ratio(self, x: Tensor, _: Tensor, score: Float[Tensor, "*replicas n dy"], _pairings: int) -> Moments:
        """The moments of g0, in which all but the product of the score and a function of x cancels."""
        of_x = self._mean(x) @ self.precision
        means = ((of_x - of_x.mean(-2, keepdim=True)) * score).mean(-2).where(self.several[..., None], 0.0)
        return Moments(means, torch.zeros_like(means))

    def criterion(self, each: float) -> Float[Tensor, "*replicas"]:
        """Of y, -2 times the log likelihood, and so much for each parameter: 2 makes AIC, log n BIC."""
        y, (n, d) = self.y, self.y.shape[-2:]
        alone = ((y @ self.precision) * y).sum(-1) / 2
        level = torch.linalg.slogdet(self.precision).logabsdet / 2 - d / 2 * math.log(2 * math.pi) - math.log(n - 1)
        likelihood = (self._logits(y).logsumexp(-1) - alone).sum(-1) + n * level
        return each * d * (self._rank() + (d + 1) / 2) - 2 * likelihood

    def mixes(self, of_x: Int[Tensor, "*replicas L"], of_y: Int[Tensor, "L"]) -> Bool[Tensor, "*replicas"]:
        """Whether y given x is likelier, by AIC, than if these coordinates had channels of their own, and others none.

        Args:
            of_x: the coordinate of x that each has.
            of_y: the coordinates of y.
        """
        n, d = self.y.shape[-2:]
        own = torch.take_along_dim(self.x.mT, of_x.expand(*self.x.shape[:-2], -1)[..., None], -2).mT
        slopes = (own * self.y[..., of_y]).mean(-2)
        apart = self.y.square().mean(-2).index_add(-1, of_y, -slopes.square())
        left = self.y - self.means
        gain = apart.log().sum(-1) - torch.linalg.slogdet(left.mT @ left / n).logabsdet
        return n * gain > 2 * (d * (self._rank() - 1) - len(of_y) + d * (d - 1) / 2)

    def _rank(self) -> Float[Tensor, "*replicas"]:
        """How many coefficients the mean of a coordinate has."""
        return distinct(self.x).to(self.y).where(self.grouped, float(self.coefficients.shape[-2]))

    def _mean(self, x: Float[Tensor, "*replicas m dx"]) -> Float[Tensor, "*replicas m dy"]:
        """The mean of y given x; that of a regression for a value that no sample has."""
        linear = one_and(x) @ self.coefficients
        if not self.grouped.any():
            return linear
        grouped, known = _group_means(x, self.x, self.y)
        return grouped.where(known & self.grouped[..., None, None], linear)

    def _logits(self, y: Float[Tensor, "*replicas m dy"]) -> Float[Tensor, "*replicas m n"]:
        """Of the margin's terms, up to what they share; a point that is a sample has no term of its own."""
        pulls = self.means @ self.precision
        logits = y @ pulls.mT - ((pulls * self.means).sum(-1) / 2)[..., None, :]
        return logits.masked_fill_(_same(y, self.y), -math.inf)


def channel(x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"]) -> Channel | None:
    """The channels of standardised samples; `None` where no replica can have one."""
    several = takes_few_values(x)
    if not several.any():  # waits for a GPU
        return None
    straight, (grouped, _) = Regression.straight(x, y), _group_means(x, x, y)
    crooked = evidence_against_channel(x, y - straight.fitted) >= PLAIN
    plain = ~crooked | (evidence_against_channel(x, y - grouped) < PLAIN)
    means = grouped.where(crooked[..., None, None], straight.fitted)
    freedom = x.shape[-2] - distinct(x).to(y).where(crooked, float(straight.linear.shape[-2]))
    left = y - means
    precision = torch.linalg.pinv(left.mT @ left / freedom.clamp_min(1)[..., None, None], hermitian=True)
    return Channel(x, y, straight.linear, crooked, means, precision, plain, several)


def takes_few_values(x: Float[Tensor, "*replicas n dx"]) -> Bool[Tensor, "*replicas"]:
    """Whether there are enough samples for each value of x."""
    return distinct(x) <= x.shape[-2] / PER_SYMBOL


def _group_means(points: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Bool[Tensor, "*replicas m 1"]]:
    """The mean of y over samples whose x is that of a point, and whether there are any."""
    same = _same(points, x).to(y)
    count = same.sum(-1, keepdim=True)
    return same @ y / count.clamp_min(1), count > 0


def _same(points: Tensor, samples: Tensor) -> Bool[Tensor, "*replicas m n"]:
    """Which points are which samples."""
    pairs = zip(points.unbind(-1), samples.unbind(-1), strict=True)
    same = [of_points[..., :, None] == of_samples[..., None, :] for of_points, of_samples in pairs]
    return torch.stack(same).all(0)
