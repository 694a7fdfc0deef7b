"""Which coordinates a batch is fitted in, and whether it looks jointly Gaussian in them, or independent.

Coordinates with heavy tails are bent, unless clusters of the straight samples are clearly likelier. Where margins of
another shape make the dependence crooked, they are evened out (`mibench_ratio.quantiles`). Under a Gaussian copula that
makes it linear. It is not done where a mixture of Gaussians is likelier without, as for clusters; where the correlation
is stronger without, as for noise that is added; nor where a regression on each block leaves what is independent of it.
A batch that looks jointly Gaussian, or independent, gets the plug-in Gaussian.

Where the dependence is between mixed coordinates, the blocks are turned (`mibench_ratio.directions`): before anything
is bent if directions are seen there, for which what is bent and evened out is then chosen anew, and afterwards
otherwise. Where the coordinates of both blocks are correlated, and there are no clusters, the full fit is made in
whitened ones: along the others what kernels see of the dependence is spread over many pairs.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mibench.devices import free_to_ask
from mibench_ratio.charts import SAMPLES_A_DIMENSION, Chart, conditioning, least_share, whitening
from mibench_ratio.clustering import GAIN_APART, criterion, mixtures
from mibench_ratio.contrast import contrast
from mibench_ratio.dependence import evidence_of_dependence
from mibench_ratio.determined import continuous
from mibench_ratio.directions import Turn, directions, learnable
from mibench_ratio.kernels import units
from mibench_ratio.normality import evidence_against_joint_normality, evidence_against_linearity
from mibench_ratio.options import DEPENDENT, INDEPENDENT, FitOptions, share_of
from mibench_ratio.spectra import Spectra

GAIN_EVEN = 0.05
"""What evened margins must gain in BIC, a sample."""
CROOKED, STRAIGHTER = 5.0, 0.5
"""Evidence against linear dependence from which margins are evened out, and to which share of it that must fall."""
CORRELATED, BOTH_CORRELATED = 0.1, 0.02
"""Below which share (`charts.least_share`) coordinates of a block are correlated, and below which product of two shares
those of both blocks are."""
HELD, LIKELY = 2.0, 0.05
"""What the contrast of directions that come before bends must gain, and what they may add to BIC, a sample."""


@dataclass(frozen=True)
class Seen:
    """A batch in the coordinates of two charts."""

    chart_x: Chart
    chart_y: Chart
    u: Float[Tensor, "*replicas n k"]
    v: Float[Tensor, "*replicas n l"]

    @classmethod
    def of(cls, x: Tensor, y: Tensor, chart_x: Chart, chart_y: Chart) -> "Seen":
        """The samples in these coordinates."""
        return cls(chart_x, chart_y, chart_x(x), chart_y(y))

    def conditioned(self, x: Tensor, y: Tensor) -> "Seen":
        """The same; blocks whose correlation matrix is nearly singular are whitened."""
        turns = [conditioning(each, x.shape[-2]) for each in (self.spectra.x, self.spectra.y)]
        return self if all(turn is None for turn in turns) else self.turned(x, y, *turns)

    def whitened(self, x: Tensor, y: Tensor, where: Bool[Tensor, "*replicas"]) -> "Seen":
        """The same; in some replicas correlated blocks are whitened, if the coordinates of both are correlated."""
        of_x, of_y, _ = self.spectra
        in_x, in_y = least_share(of_x), least_share(of_y)
        where = where & (in_x * in_y < BOTH_CORRELATED) & ~(self.chart_x.reshaped | self.chart_y.reshaped)[..., 0, 0]
        if x.shape[-2] < SAMPLES_A_DIMENSION * max(self.u.shape[-1], self.v.shape[-1]) or not where.any():
            return self
        turns = (whitening(of, where & (share < CORRELATED)) for of, share in ((of_x, in_x), (of_y, in_y)))
        return self.turned(x, y, *turns)

    def turned(self, x: Tensor, y: Tensor, of_x: Tensor | None, of_y: Tensor | None) -> "Seen":
        """The same, each block turned by a matrix, if any."""
        return Seen.of(x, y, self.chart_x.turned(of_x), self.chart_y.turned(of_y))

    @cached_property
    def spectra(self) -> Spectra:
        """Of the blocks, and of both."""
        return Spectra.of(self.u, self.v)

    @property
    def bent(self) -> Bool[Tensor, "*replicas 1 1"]:
        """Whether any coordinate is."""
        return self.chart_x.bent | self.chart_y.bent

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


class View(NamedTuple):
    """A batch in the coordinates of its fit, and how much of the fit it needs.

    Attributes:
        seen: the batch.
        share: of the full fit beside the plug-in Gaussian, from 0 to 1, `(*replicas, 1, 1)`.
        needed: whether any replica needs the full fit.
        whole: whether all replicas get it whole.
    """

    seen: Seen
    share: Tensor
    needed: bool
    whole: bool

    @classmethod
    def of(cls, x: Tensor, y: Tensor, chart_x: Chart, chart_y: Chart, options: FitOptions) -> "View":
        """Evens out margins where that is asked for, and judges the batch."""
        seen = Seen.of(x, y, chart_x, chart_y)
        if options.linear == "ridge":
            return cls(seen, torch.ones_like(seen.u[..., :1, :1]), needed=True, whole=True)
        seen = seen.conditioned(x, y)
        share = full_share(seen, options)
        needed, whole = _answers(share) if options.normality else (True, True)
        if options.margins == "auto" and needed:
            seen, share = evened(x, y, seen, share)
            needed, whole = _answers(share)
        return cls(seen, share, needed, whole)


def _answers(share: Tensor) -> list[bool]:
    """Whether any replica needs the full fit, and whether all get it whole; waits for a GPU, once."""
    return torch.stack([(share > 0).any(), (share == 1).all()]).tolist()


def along_directions(x: Tensor, y: Tensor, view: View, options: FitOptions) -> View:
    """The view with its blocks turned, in replicas where directions are seen."""
    seen, asks = view.seen, view.share > 0
    if not learnable(seen.u, seen.v):
        return view
    late = asks
    if not (seen.chart_x.reduced or seen.chart_y.reduced):
        straight = asks & ~(seen.chart_x.reshaped | seen.chart_y.reshaped)
        for block in (x, y):
            straight = straight & continuous(block).all(-1)[..., None, None]
        turn = directions(units(x).standardise(x), units(y).standardise(y), straight)
        held = torch.zeros_like(asks)
        if turn is not None:
            view, held = _turned_first(x, y, view, turn, options)
            straight = straight & ~(turn.taken & ~held)
        late = asks & ~held & (seen.chart_x.moved | seen.chart_y.moved | ~straight)
    if not view.needed or not late.any():
        return view
    turn = directions(view.seen.u, view.seen.v, late)
    return view if turn is None else view._replace(seen=view.seen.turned(x, y, turn.of_x, turn.of_y))


def _turned_first(x: Tensor, y: Tensor, view: View, turn: Turn, options: FitOptions) -> tuple[View, Tensor]:
    """The view behind a turn, in replicas where that serves, and which these are.

    Where anything is bent, pairs must hold clearly more of the dependence behind the turn, and the samples must be
    hardly less likely: those of heavy tails, and of dependence that the bends make linear, are not turned first.
    """
    turned = View.of(x, y, *charts(x, y, options, turn), options)
    held, bent = turn.taken, view.seen.bent | turned.seen.bent
    if (held & bent).any():
        before, after = (contrast(each.seen.u, each.seen.v) for each in (view, turned))
        worse, better = (_criterion(x, y, each.seen.chart_x, each.seen.chart_y)[0] for each in (view, turned))
        serves = (after > HELD * before) & (better < worse + LIKELY * x.shape[-2])
        held = held & (~bent | serves[..., None, None])
    if not held.any():
        return view, held
    if (held != turn.taken).any():
        turned = View.of(x, y, *charts(x, y, options, turn.where(held)), options)
    return turned, held


def charts(x: Tensor, y: Tensor, options: FitOptions, turn: Turn | None = None) -> tuple[Chart, Chart]:
    """The charts of two blocks, margins left as they are.

    Args:
        x: the samples.
        y: their partners.
        options: what may be moved.
        turn: of the standardised blocks, which comes first.
    """
    bend, frames = options.tails == "auto", (None, None)
    if turn is not None:
        frames = (_turning_frame(x, turn.of_x, turn.taken), _turning_frame(y, turn.of_y, turn.taken))
    chart_x = Chart.of(x, bend=bend, components=options.components, frame=frames[0])
    chart_y = Chart.of(
        y, bend=bend, spread=options.surfaces == "auto", components=options.own_components, frame=frames[1]
    )
    return _straight_in_clusters(x, y, chart_x, chart_y) if options.looks_for_clusters else (chart_x, chart_y)


def _turning_frame(block: Tensor, turn: Tensor, taken: Tensor) -> Float[Tensor, "*replicas d d"]:
    """What turns the block itself as a matrix turns its standardised coordinates, where that is taken."""
    return torch.where(taken, turn / units(block).scale.mT, turn)


def full_share(seen: Seen, options: FitOptions) -> Float[Tensor, "*replicas 1 1"]:
    """How much of the answer is the full fit's: 0 for samples that look jointly Gaussian, or independent."""
    if not options.normality:
        return torch.ones_like(seen.u[..., :1, :1])
    share = share_of(seen.normality).where(~seen.bent, 1.0)
    if free_to_ask(share) and not share.any():
        return share
    dependence = seen.linearity.maximum(evidence_of_dependence(seen.u, seen.v, seen.spectra, DEPENDENT))
    return share * share_of(dependence, INDEPENDENT, DEPENDENT)


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
    return even, torch.where(better, share.minimum(share_of(even.normality)), share)


def _even(x: Tensor, y: Tensor, seen: Seen, where: Tensor) -> Seen | None:
    """The batch with margins evened out in some replicas; `None` where that changes nothing."""
    chart_x, chart_y = seen.chart_x.evened(x, where), seen.chart_y.evened(y, where)
    if chart_x is seen.chart_x and chart_y is seen.chart_y:
        return None
    return Seen.of(x, y, chart_x, chart_y).conditioned(x, y)


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
