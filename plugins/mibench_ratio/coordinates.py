"""Which coordinates a batch is fitted in, and whether it looks jointly Gaussian in them, or independent.

Coordinates with heavy tails are bent, unless clusters of the straight samples are clearly likelier. Where margins of
another shape make the dependence crooked, they are evened out (`mibench_ratio.quantiles`). Under a Gaussian copula that
makes it linear. It is not done where a mixture of Gaussians is likelier without, as for clusters; where the correlation
is stronger without, as for noise that is added; nor where a regression on each block leaves what is independent of it.
A batch that looks jointly Gaussian, or independent, gets the plug-in Gaussian.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from mibench.devices import free_to_ask
from mibench_ratio.charts import Chart, conditioning
from mibench_ratio.clustering import GAIN_APART, criterion, mixtures
from mibench_ratio.dependence import evidence_of_dependence
from mibench_ratio.normality import evidence_against_joint_normality, evidence_against_linearity
from mibench_ratio.options import DEPENDENT, FOREIGN, INDEPENDENT, NORMAL, FitOptions
from mibench_ratio.spectra import Spectra

GAIN_EVEN = 0.05
"""What evened margins must gain in BIC, a sample."""
CROOKED, STRAIGHTER = 5.0, 0.5
"""Evidence against linear dependence from which margins are evened out, and to which share of it that must fall."""


@dataclass(frozen=True)
class Seen:
    """A batch in the coordinates of two charts."""

    chart_x: Chart
    chart_y: Chart
    u: Float[Tensor, "*replicas n k"]
    v: Float[Tensor, "*replicas n l"]
    spectra: Spectra

    @classmethod
    def of(cls, x: Tensor, y: Tensor, chart_x: Chart, chart_y: Chart) -> "Seen":
        """Blocks whose correlation matrix is nearly singular are whitened."""
        u, v = chart_x(x), chart_y(y)
        spectra = Spectra.of(u, v)
        turns = [conditioning(each, x.shape[-2]) for each in (spectra.x, spectra.y)]
        if all(turn is None for turn in turns):
            return cls(chart_x, chart_y, u, v, spectra)
        chart_x, chart_y = chart_x.turned(turns[0]), chart_y.turned(turns[1])
        u, v = chart_x(x), chart_y(y)
        return cls(chart_x, chart_y, u, v, Spectra.of(u, v))

    @property
    def normality(self) -> Float[Tensor, "*replicas"]:
        """Evidence against joint normality."""
        return evidence_against_joint_normality(self.u, self.v, self.spectra)

    @cached_property
    def linearity(self) -> Float[Tensor, "*replicas"]:
        """Evidence against linear dependence."""
        return evidence_against_linearity(self.u, self.v, self.spectra)

    @property
    def information(self) -> Float[Tensor, "*replicas"]:
        """Of a Gaussian with these covariances, in nats."""
        of_x, of_y, of_both = (spectrum.log_volume() for spectrum in self.spectra)
        return (of_x + of_y - of_both) / 2


def charts(x: Tensor, y: Tensor, options: FitOptions) -> tuple[Chart, Chart]:
    """The charts of two blocks, margins left as they are."""
    bend = options.tails == "auto"
    chart_x = Chart.of(x, bend=bend, components=options.components)
    chart_y = Chart.of(y, bend=bend, spread=options.surfaces == "auto", components=options.own_components)
    return _straight_in_clusters(x, y, chart_x, chart_y) if options.looks_for_clusters else (chart_x, chart_y)


def full_share(seen: Seen, options: FitOptions) -> Float[Tensor, "*replicas 1 1"]:
    """How much of the answer is the full fit's: 0 for samples that look jointly Gaussian, or independent."""
    if not options.normality:
        return torch.ones_like(seen.u[..., :1, :1])
    share = _share(seen.normality).where(~(seen.chart_x.bent | seen.chart_y.bent), 1.0)
    if free_to_ask(share) and not share.any():
        return share
    dependence = seen.linearity.maximum(evidence_of_dependence(seen.u, seen.v, seen.spectra, DEPENDENT))
    return share * _share(dependence, INDEPENDENT, DEPENDENT)


def evened(
    x: Tensor, y: Tensor, seen: Seen, share: Float[Tensor, "*replicas 1 1"]
) -> tuple[Seen, Float[Tensor, "*replicas 1 1"]]:
    """The batch with its margins evened out where that straightens its dependence, and the full fit's share of it.

    Args:
        x: the samples.
        y: their partners.
        seen: the batch in its present coordinates.
        share: of the full fit there.
    """
    where = (share > 0) & (seen.linearity > CROOKED)[..., None, None]
    if not where.any() or (even := _even(x, y, seen, where)) is None:
        return seen, share
    before, after = (_criterion(x, y, each.chart_x, each.chart_y)[0] for each in (seen, even))
    likelier, straighter = after < before - GAIN_EVEN * x.shape[-2], even.linearity < STRAIGHTER * seen.linearity
    better = where & (likelier & straighter & (even.information > seen.information))[..., None, None]
    if (better != where).any():
        even = _even(x, y, seen, better)
    if even is None:
        return seen, share
    return even, torch.where(better, share.minimum(_share(even.normality)), share)


def _even(x: Tensor, y: Tensor, seen: Seen, where: Tensor) -> Seen | None:
    """The batch with margins evened out in some replicas; `None` where that changes nothing."""
    chart_x, chart_y = seen.chart_x.evened(x, where), seen.chart_y.evened(y, where)
    if chart_x is seen.chart_x and chart_y is seen.chart_y:
        return None
    return Seen.of(x, y, chart_x, chart_y)


def _share(
    evidence: Float[Tensor, "*replicas"], none: float = NORMAL, whole: float = FOREIGN
) -> Float[Tensor, "*replicas 1 1"]:
    return ((evidence - none) / (whole - none)).clamp(0, 1)[..., None, None]


def _straight_in_clusters(x: Tensor, y: Tensor, chart_x: Chart, chart_y: Chart) -> tuple[Chart, Chart]:
    """The charts, without bends and stretches in replicas whose clusters are clearly likelier.

    A small cluster far away is no tail, and a few of them are no shell.
    """
    if chart_x.moves_nothing and chart_y.moves_nothing:
        return chart_x, chart_y
    everywhere = torch.ones_like(x[..., :1, :1], dtype=torch.bool)
    straight, several = _criterion(x, y, chart_x.straight(x, everywhere), chart_y.straight(y, everywhere))
    if not several.any():
        return chart_x, chart_y
    bent, _ = _criterion(x, y, chart_x, chart_y)
    which = (several & (bent - straight > GAIN_APART * x.shape[-2]))[..., None, None]
    return chart_x.straight(x, which), chart_y.straight(y, which)


def _criterion(x: Tensor, y: Tensor, chart_x: Chart, chart_y: Chart) -> tuple[Tensor, Tensor]:
    """BIC of each replica's best mixture in these charts, and whether it has several components."""
    z = torch.cat([chart_x(x), chart_y(y)], -1)
    mixture = mixtures(z)
    several = torch.zeros_like(z[..., 0, 0], dtype=torch.bool) if mixture is None else mixture.several
    return criterion(z, mixture) - 2 * (chart_x.log_slopes(x) + chart_y.log_slopes(y)), several
