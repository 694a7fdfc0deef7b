"""The gradient of the log ratio, `grad_y log p(x, y) - grad_y log p(y)`, as a ridge fit in closed form.

`mibench_ratio.rsm` derives it. Per coordinate l of y, `g_l` is fitted on the free features 1, x, y and the derivative
in y_l of the kernel

    k(y_l) [1 + H sum_k W_kl k(x_k) H] + k_block(y) [b + B H k_block(x) H] + features of quadratic forms (`ellipse`),

k Gaussian of unit width, k_block of .7 median distances of (x, y), H the centring. Weights follow how much coordinates
and blocks are aligned. A batch that looks jointly Gaussian gets the free part alone, the plug-in Gaussian.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor

from mibench.contracts import pairs_only
from mibench_ratio.charts import Chart
from mibench_ratio.directions import directions
from mibench_ratio.margin import fit_score
from mibench_ratio.mixture import Clusters
from mibench_ratio.normality import evidence_against_joint_normality
from mibench_ratio.options import (
    FOREIGN,
    NORMAL,
    SAMPLES,
    FitOptions,
    fit_coordinate,
    healthy,
    require_samples,
)
from mibench_ratio.ridge import Solution
from mibench_ratio.system import System

_COLLINEAR = 1e-10


@dataclass(frozen=True)
class Fit:
    """A fitted gradient of the log ratio, in y.

    Attributes:
        gradient: `grad_y log p(x, y) - grad_y log p(y)` at the samples, in nats per unit of y; NaN in a replica whose
            samples are not finite.
        chart_x, chart_y: the coordinates that it was fitted in.
        linear: coefficients of 1, x, y of the plug-in Gaussian, in these, `(*replicas, 1 + dx + dy, dy)`; those of the
            full fit where no replica has a share of it.
        share: of the full fit beside the plug-in Gaussian, from 0 to 1, `(*replicas, 1, 1)`.
        ratio: the full fit in these coordinates; `None` where no replica needs one.
    """

    gradient: Float[Tensor, "*replicas n dy"]
    chart_x: Chart
    chart_y: Chart
    linear: Tensor
    share: Tensor
    ratio: "Ratio | None"

    def at(
        self, x: Float[Tensor, "*replicas m dx"], y: Float[Tensor, "*replicas m dy"]
    ) -> Float[Tensor, "*replicas m dy"]:
        """The gradient at other points, in double precision; at the samples it is `gradient`."""
        u, v = self.chart_x(x), self.chart_y(y)
        values = _columns(u, v) @ self.linear
        if self.ratio is not None:
            values = values + self.share * (self.ratio.at(u, v) - values)
        return self.chart_y.pull_back(y, values)


@pairs_only
def ratio_gradient(
    x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"], options: FitOptions | None = None
) -> Float[Tensor, "*replicas n dy"]:
    """`grad_y log p(x, y) - grad_y log p(y)` at the samples, without a graph and in the dtype of y.

    Example:
        >>> x, noise = torch.randn(2, 256, 3, generator=torch.Generator().manual_seed(0))
        >>> ratio_gradient(x, x + noise).shape
        torch.Size([256, 3])
    """
    return ratio_fit(x, y, options).gradient.to(y.dtype)


@pairs_only
def ratio_fit(
    x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"], options: FitOptions | None = None
) -> Fit:
    """The fit behind `ratio_gradient`, which can be evaluated at other points too.

    Raises:
        SmallBatchError: fewer samples than the linear part needs.
        TypeError: samples that are not floating point numbers.
    """
    options = options or FitOptions()
    require_samples(x.shape[-2], options.dimension(x.shape[-1], y.shape[-1]), options)
    (x, y), finite = healthy(x, y)
    bend, reduced = options.tails == "auto", options.dimension(x.shape[-1], 0) < x.shape[-1]
    chart_x, chart_y = Chart.of(x, bend=bend and not reduced), Chart.of(y, bend=bend)
    if reduced:
        chart_x = chart_x.reduced(x, options.dimension(x.shape[-1], 0))
    u, v = chart_x(x), chart_y(y)
    share = _share(u, v, options)
    certain = share is None  # that each replica gets the full fit: asking the numbers would wait for a GPU
    share = torch.ones_like(u[..., :1, :1]) if share is None else share.where(~(chart_x.bent | chart_y.bent), 1.0)
    needed = certain or bool((share > 0).any())
    if options.directions == "auto" and needed:
        turn = directions(u, v)
        if turn is not None:
            of_x = turn.of_x if chart_x.turn is None else chart_x.turn @ turn.of_x
            chart_x, chart_y = replace(chart_x, turn=of_x), replace(chart_y, turn=turn.of_y)
            u, v = chart_x(x), chart_y(y)
    ratio = _full_fit(u, v, options) if needed else None
    linear = ratio.linear if ratio is not None and (certain or (share == 1).all()) else plug_in(u, v)
    fitted = _columns(u, v) @ linear
    if ratio is not None:
        fitted = fitted + share * (ratio.fitted - fitted)
    gradient = torch.where(finite, chart_y.pull_back(y, fitted), torch.nan)
    return Fit(gradient, chart_x, chart_y, linear, share, ratio)


def _full_fit(x: Tensor, y: Tensor, options: FitOptions) -> "Ratio":
    mixed = options.clusters == "auto" and options.linear == "free"
    clusters = Clusters.of(x, y) if mixed else None
    score = fit_score(y, options, None if clusters is None else clusters.margin(y))
    return fit_ratio(x, y, score, options, clusters)


def plug_in(x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"]) -> Float[Tensor, "*replicas p dy"]:
    """The plug-in Gaussian's gradient of the log ratio in centred samples, as coefficients of 1, x, y."""

    def precision(block: Tensor) -> Tensor:
        covariance = block.mT @ block / block.shape[-2]
        return cast("Tensor", torch.linalg.pinv(covariance, hermitian=True, rtol=_COLLINEAR))

    dx = x.shape[-1]
    joint, margin = precision(torch.cat([x, y], -1)), precision(y)
    of_y = margin - joint[..., dx:, dx:]
    return torch.cat([torch.zeros_like(of_y[..., :1, :]), -joint[..., :dx, dx:], of_y], -2)


def _share(x: Tensor, y: Tensor, options: FitOptions) -> Tensor | None:
    """How much of the answer is the full fit's: 0 for samples that look jointly Gaussian; `None` if all of it is."""
    if not options.normality or options.linear == "ridge":
        return None
    evidence = evidence_against_joint_normality(x, y)
    return ((evidence - NORMAL) / (FOREIGN - NORMAL)).clamp(0, 1)[..., None, None]


def fit_ratio(
    x: Float[Tensor, "*replicas n dx"],
    y: Float[Tensor, "*replicas n dy"],
    score: Float[Tensor, "*replicas n dy"],
    options: FitOptions,
    clusters: Clusters | None = None,
) -> "Ratio":
    """The gradient of the log ratio of standardised samples, given the margin score, a coordinate at a time."""
    n, dx = x.shape[-2:]
    system, free = System.of(x, y, score, options), Columns(x, y, clusters)
    moments = torch.zeros_like(free.of(0)[..., 0, :, None] * y[..., 0, None, :])
    moments[..., 1 : 1 + dx, :] = x.mT @ score / n
    if clusters is not None:
        moments[..., -1, :] = clusters.ratio(x, y, score)
    fit = partial(fit_coordinate, ridge=options.ridge * SAMPLES / n, iterations=options.iterations, options=options)
    solutions: list[Solution] = []
    for j, (gram, sums) in enumerate(system.rows(x, y)):
        solutions.append(fit(gram, sums, free.of(j), moments[..., j]))
    fitted, alpha, total = (torch.stack(parts, -1) for parts in zip(*solutions, strict=True))
    return Ratio(fitted, alpha, total, moments, system, clusters)


class Columns:
    """The free part at points: 1, x, y; with clusters also s0, and g0_l for coordinate l."""

    def __init__(self, x: Tensor, y: Tensor, clusters: Clusters | None) -> None:
        shared = [torch.ones_like(y[..., :1]), x, y]
        self._own = None
        if clusters is not None:
            shared.append(clusters.margin(y)[0])
            self._own = clusters.difference(x, y)
        self._shared = torch.cat(shared, -1)

    def of(self, j: int) -> Float[Tensor, "*replicas m p"]:
        """The columns for one coordinate of y."""
        return self._shared if self._own is None else torch.cat([self._shared, self._own[..., j, None]], -1)


@dataclass(frozen=True)
class Ratio:
    """The fit in standardised coordinates.

    Attributes:
        fitted: the gradient at the samples.
        alpha: coefficients of the free part, a column for each coordinate of y.
        total: what the penalised part is made of (`ridge.Solution`), likewise.
        moments: of the free part, likewise.
        system: the samples and their kernels.
        clusters: the mixtures whose score and ratio the free part holds, if any.
    """

    fitted: Tensor
    alpha: Tensor
    total: Tensor
    moments: Tensor
    system: System
    clusters: Clusters | None

    def at(self, x: Tensor, y: Tensor) -> Tensor:
        """The gradient at other points."""
        n, ridge = self.total.shape[-2], self._ridge
        iterations = self.system.options.iterations
        pulls = torch.stack(
            [
                iterations * sums + (gram @ self.total[..., j, None])[..., 0] / n
                for j, (gram, sums) in enumerate(self.system.rows(x, y))
            ],
            -1,
        )
        if self.system.options.linear == "ridge":
            return _columns(x, y) @ self.linear - pulls / ridge
        free = Columns(x, y, self.clusters)
        parts = [(free.of(j) @ alpha[..., None])[..., 0] for j, alpha in enumerate(self.alpha.unbind(-1))]
        return torch.stack(parts, -1) - pulls / ridge

    @property
    def linear(self) -> Tensor:
        """The coefficients of 1, x, y, free or penalised, a column for each coordinate of y."""
        x, y = self.system.x, self.system.y
        if self.system.options.linear == "free":
            return self.alpha[..., : 1 + x.shape[-1] + y.shape[-1], :]
        of_samples = _columns(x, y).mT @ self.total / y.shape[-2]
        return -(self.system.options.iterations * self.moments + of_samples) / self._ridge

    @property
    def _ridge(self) -> float:
        return self.system.options.ridge * SAMPLES / self.total.shape[-2]


def _columns(x: Tensor, y: Tensor) -> Tensor:
    return torch.cat([torch.ones_like(y[..., :1]), x, y], -1)
