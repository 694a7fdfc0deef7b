r"""The gradient in y of the log ratio, log p(x, y) / p(y), as a ridge fit in closed form.

`mibench_ratio.rsm` derives it. For each coordinate l of y, the gradient is fitted on the free features 1, x, y and the
derivative in :math:`y_l` of the kernel

.. math::
    k(y_l) \Big[ 1 + H \sum_k W_{k l} k(x_k) H \Big] + k_\mathrm{block}(y) \big[ b + B H k_\mathrm{block}(x) H \big]

and of features of quadratic forms (`ellipse`; not where there are clusters), k Gaussian, of unit width or narrower
(`widths`), :math:`k_\mathrm{block}` of .7 median distances of (x, y), H the centring. Weights follow how much
coordinates and blocks are aligned. A batch that looks jointly Gaussian, or independent, gets the free part alone, the
plug-in Gaussian.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import EllipsisType

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mibench.checks import pairs_only
from mibench_ratio.atoms import atoms, marked
from mibench_ratio.charts import Chart
from mibench_ratio.clusters import Clusters, Mixed, clusters_of
from mibench_ratio.coordinates import Seen, View, along_directions, charts
from mibench_ratio.idle import Alike, alike, ready
from mibench_ratio.margin import Margin, fit_score
from mibench_ratio.noise import Noise, added_noise
from mibench_ratio.options import FitOptions, blend, require_samples
from mibench_ratio.repeats import of_each_pair, once_each
from mibench_ratio.ridge import Free, Solution, one_and
from mibench_ratio.shrunk import few, shrunk_plug_in
from mibench_ratio.spectra import COLLINEAR, Spectra
from mibench_ratio.system import System
from mibench_ratio.usable import without_redundant
from mibench_ratio.widths import Widths


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
        noise: what takes its place where y is a function of x and noise that is added; `None` where it never does.
    """

    gradient: Float[Tensor, "*replicas n dy"]
    chart_x: Chart
    chart_y: Chart
    linear: Tensor
    share: Tensor
    ratio: "Ratio | None"
    noise: Noise | None = None

    def at(
        self, x: Float[Tensor, "*replicas m dx"], y: Float[Tensor, "*replicas m dy"]
    ) -> Float[Tensor, "*replicas m dy"]:
        """The gradient at other points, in double precision; at the samples it is `gradient`.

        Raises:
            ValueError: the points have other coordinates than the samples.
        """
        for name, points, chart in (("x", x, self.chart_x), ("y", y, self.chart_y)):
            wanted, got = chart.width, points.shape[-1]
            if got != wanted:
                raise ValueError(f"the fit is of {wanted} coordinates of {name}, and the points have {got}")
        u, v = self.chart_x(x), self.chart_y(y)
        values = one_and(u, v) @ self.linear
        if self.ratio is not None:
            values = blend(values, self.ratio.at(u, v), self.share)
        if self.noise is not None:
            values = blend(values, self.noise.at(u, v), self.noise.share)
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
    options = options or FitOptions()
    return of_each_pair(lambda x, y: _gradient(x, y, options), x, y, options)


@pairs_only
def ratio_fit(
    x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"], options: FitOptions | None = None
) -> Fit:
    """The fit behind `ratio_gradient`, which can be evaluated at other points too.

    With leading axes it is not that of each replica alone where coordinates say nothing in some of them, and pairs that
    occur again count as often as they do.

    Raises:
        SmallBatchError: fewer samples than the linear part needs.
        TypeError: samples that are not floating point numbers.
    """
    options = options or FitOptions()
    once = once_each(x, y, options).get(())
    if once is None:
        return _fit_together(x, y, options)
    fit = _fit_together(x[once.first], y[once.first], options)
    return replace(fit, gradient=fit.gradient[once.back])


def fits_apart(x: Tensor, y: Tensor, options: FitOptions) -> Iterator[tuple[Tensor | EllipsisType, Fit]]:
    """Fits of replicas that keep the same coordinates, each as if alone, and which these are; every pair counts."""
    x, y, finite, at = _ready(x, y, options)
    groups = alike(x, y, options)
    if groups is None or len(groups) == 1:
        yield ..., _fit_of(x, y, finite, at, None if groups is None else groups[0], options)
        return
    for group in groups:
        own = group.which
        yield own, _fit_of(x[own], y[own], finite[own], None if at is None else at[own], group, options)


def _fit_together(x: Tensor, y: Tensor, options: FitOptions) -> Fit:
    """One fit of all replicas, in all coordinates where they keep different ones."""
    x, y, finite, at = _ready(x, y, options)
    groups = alike(x, y, options)
    return _fit_of(x, y, finite, at, groups[0] if groups and len(groups) == 1 else None, options)


def _fit_of(
    x: Tensor,
    y: Tensor,
    finite: Bool[Tensor, "*replicas 1 1"],
    at: Tensor | None,
    group: Alike | None,
    options: FitOptions,
) -> Fit:
    """The fit of blocks that are `_ready`, in the coordinates that a group keeps, or in all."""
    if group is None:
        fit = _fit(x, y, finite, options)
    else:
        _, of_x, of_y = group
        fit = _fit(x[..., of_x], y[..., of_y], finite, options)
        gradient = torch.zeros_like(y)
        gradient[..., of_y] = fit.gradient
        fit = replace(fit, gradient=gradient, chart_x=fit.chart_x.of_some(of_x), chart_y=fit.chart_y.of_some(of_y))
    return fit if at is None else replace(fit, chart_x=replace(fit.chart_x, marks=at))


def _gradient(x: Tensor, y: Tensor, options: FitOptions) -> Tensor:
    """The gradient at the samples, in the dtype of y; replicas that keep other coordinates are fitted apart."""
    gradient = torch.zeros_like(y)
    for which, fit in fits_apart(x, y, options):
        gradient[which] = fit.gradient.to(y.dtype)
    return gradient


def _ready(
    x: Tensor, y: Tensor, options: FitOptions
) -> tuple[Tensor, Tensor, Bool[Tensor, "*replicas 1 1"], Tensor | None]:
    """The blocks ready for a fit, x with its atoms marked; which replicas are finite; and these atoms."""
    require_samples(x.shape[-2], sum(options.dimensions(x.shape[-1], y.shape[-1])), options)
    x, y, finite = ready(x, y, options)
    at = atoms(x, y, options)
    return x if at is None else without_redundant(marked(x, at)), y, finite, at


def _fit(x: Tensor, y: Tensor, finite: Bool[Tensor, "*replicas 1 1"], options: FitOptions) -> Fit:
    """The fit of blocks that are ready for it."""
    chart_x, chart_y = charts(x, y, options)
    if options.linear == "shrunk" and few(u := chart_x(x), v := chart_y(y)):
        linear = shrunk_plug_in(u, v)
        gradient = torch.where(finite, chart_y.pull_back(y, one_and(u, v) @ linear), torch.nan)
        return Fit(gradient, chart_x, chart_y, linear, torch.zeros_like(u[..., :1, :1]), None)
    view = View.of(x, y, chart_x, chart_y, options)
    if options.directions == "auto" and view.needed:
        view = along_directions(x, y, view, options)
    seen, share, ratio, noise = view.seen, view.share, None, None
    if view.needed:
        seen, widths, clusters = _prepared(x, y, seen, options)
        noise = added_noise(seen.u, seen.v, options) if options.looks_for_noise else None
        if noise is None or not (noise.share == 1).all():
            margin = fit_score(seen.v, options, None if clusters is None else clusters.margin(seen.v))
            ratio = fit_ratio(seen.u, seen.v, margin, options, widths, clusters)
    linear = ratio.linear if ratio is not None and view.whole else plug_in(seen.spectra)
    fitted = one_and(seen.u, seen.v) @ linear
    if ratio is not None:
        fitted = blend(fitted, ratio.fitted, share)
    if noise is not None:
        fitted = blend(fitted, noise.fitted, noise.share)
    gradient = torch.where(finite, seen.chart_y.pull_back(y, fitted), torch.nan)
    return Fit(gradient, seen.chart_x, seen.chart_y, linear, share, ratio, noise)


def _prepared(x: Tensor, y: Tensor, seen: Seen, options: FitOptions) -> tuple[Seen, Widths, Clusters | None]:
    """The full fit's coordinates, in which correlated blocks without clusters are whitened, its widths and clusters."""
    widths = Widths.of(seen.u, seen.v, options)
    if not options.looks_for_clusters:
        return seen, widths, None
    clusters = clusters_of(seen.u, seen.v, widths.aligned)
    everywhere = torch.ones_like(seen.u[..., 0, 0], dtype=torch.bool)
    white = seen.whitened(x, y, everywhere if clusters is None else ~clusters.several)
    return white, widths if white is seen else Widths.of(white.u, white.v, options), clusters


def plug_in(of: Spectra) -> Float[Tensor, "*replicas p dy"]:
    """The plug-in Gaussian's gradient of the log ratio in y, as coefficients of 1, x, y.

    The coefficients of y make its means along y 0. They are what the precisions of y and of both differ by, but where x
    and y share a direction and the latter has no inverse.
    """
    dx = of.x.vectors.shape[-2]
    of_x = -of.both.inverse(COLLINEAR)[..., :dx, dx:]
    of_y = -of.y.inverse(COLLINEAR) @ of.both.moments()[..., dx:, :dx] @ of_x
    return torch.cat([torch.zeros_like(of_y[..., :1, :]), of_x, of_y], -2)


def fit_ratio(
    x: Float[Tensor, "*replicas n dx"],
    y: Float[Tensor, "*replicas n dy"],
    margin: Margin,
    options: FitOptions,
    widths: Widths,
    clusters: Clusters | None,
) -> "Ratio":
    """The gradient of the log ratio of standardised samples, given the fit of the margin."""
    (n, dx), score = x.shape[-2:], margin.score
    system = System.of(x, y, score, options, widths, clusters)._replace(kernels=margin.kernels)
    free = _free(x, y, system.mixed)
    moments = y.new_zeros(*y.shape[:-2], free.columns.shape[-1], y.shape[-1])
    moments[..., 1 : 1 + dx, :] = x.mT @ score / n
    known = None if system.mixed is None else system.mixed.known.movedim(-1, 0)
    ridge = options.ridge_of_ratio(n)
    solutions: list[Solution] = []
    for stack, gram, sums in system.rows(x, y):
        of_stack = None if known is None else known[stack]
        solutions.append(ridge.solve(gram, sums, free, moments.movedim(-1, 0)[stack], of_stack))
    fitted, alpha, total = (torch.cat(parts).movedim(0, -1) for parts in zip(*solutions, strict=True))
    return Ratio(fitted, alpha, total, moments, system)


@dataclass(frozen=True)
class Ratio:
    """The fit in standardised coordinates.

    Attributes:
        fitted: the gradient at the samples.
        alpha: coefficients of the free part, a column for each coordinate of y.
        total: what the penalised part is made of (`ridge.Solution`), likewise.
        moments: of the free part, likewise.
        system: the samples and their kernels.
    """

    fitted: Tensor
    alpha: Tensor
    total: Tensor
    moments: Tensor
    system: System

    def at(self, x: Tensor, y: Tensor) -> Tensor:
        """The gradient at other points."""
        n, ridge = self.total.shape[-2], self._ridge
        iterations, total = self.system.options.iterations, self.total.movedim(-1, 0)[..., None]
        pulls = torch.cat(
            [iterations * sums + (gram @ total[stack])[..., 0] / n for stack, gram, sums in self.system.rows(x, y)]
        )
        if self.system.options.linear == "ridge":
            return one_and(x, y) @ self.linear - pulls.movedim(0, -1) / ridge
        mixed = self.system.mixed
        if mixed is None:
            return one_and(x, y) @ self.alpha - pulls.movedim(0, -1) / ridge
        values = _free(x, y, mixed).columns @ self.alpha - pulls.movedim(0, -1) / ridge
        return values + mixed.clusters.difference(x, y)

    @property
    def linear(self) -> Tensor:
        """The coefficients of 1, x, y, free or penalised, a column for each coordinate of y."""
        x, y = self.system.x, self.system.y
        if self.system.options.linear != "ridge":
            return self.alpha[..., : 1 + x.shape[-1] + y.shape[-1], :]
        of_samples = one_and(x, y).mT @ self.total / y.shape[-2]
        return -(self.system.options.iterations * self.moments + of_samples) / self._ridge

    @property
    def _ridge(self) -> float:
        return self.system.options.ridge_of_ratio(self.total.shape[-2]).ridge


def _free(x: Tensor, y: Tensor, mixed: Mixed | None) -> Free:
    """The free part at points: 1, x, y, and with clusters s0."""
    columns = one_and(x, y)
    return Free(columns if mixed is None else torch.cat([columns, mixed.margin(y)], -1))
