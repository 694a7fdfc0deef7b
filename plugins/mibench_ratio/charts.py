r"""The coordinates that fits are made in: bijections of a block, which change no information.

Samples on a sphere or an ellipsoid are spread out (`mibench_ratio.shells`, `mibench_ratio.quadrics`). Coordinates with
heavy tails are bent (`mibench_ratio.bends`), and other shapes evened out where they make the dependence crooked
(`mibench_ratio.quantiles`). `mibench_ratio.coordinates` says when neither is done. Then each coordinate is
standardised, the block is whitened if its correlation matrix is nearly singular, and a matrix may turn it
(`mibench_ratio.directions`). The gradient of a log ratio is carried back by the chain rule,
:math:`g_y = \frac{dt}{dy} (g_t M^\top)`; a log density gains :math:`\log \frac{dt}{dy}`. A block of many coordinates
may be reduced to a few principal components, which loses information.
"""

from dataclasses import dataclass, replace
from typing import cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mibench.devices import free_to_ask
from mibench_ratio.atoms import marked
from mibench_ratio.bends import Bend, Both, tails
from mibench_ratio.determined import continuous, some_of
from mibench_ratio.kernels import Units, units
from mibench_ratio.quadrics import rounding
from mibench_ratio.quantiles import quantiles
from mibench_ratio.shells import Shells, shells
from mibench_ratio.spectra import COLLINEAR, Spectrum

SINGULAR, SAMPLES_A_DIMENSION = 1e-4, 2
"""Below which share of the largest eigenvalue another one makes a block's correlation matrix nearly singular, where
there are so many samples for each dimension: of fewer, chance does."""
_RANK = 1e-10


@dataclass(frozen=True)
class Chart:
    """From a block to the coordinates of a fit, and back for gradients.

    Attributes:
        bends: of each coordinate; `None` where none is bent.
        unit: of the bent coordinates.
        turn: a matrix for the standardised ones, `(*replicas, d, k)`; `None` for the identity.
        shells: what is spread out before coordinates are bent; `None` where nothing is.
        frame: a matrix that comes before all but marks, `(*replicas, w, d)`, or `(w, d)` for all replicas; `None` for
            the identity.
        marks: the atoms that further coordinates say where the block has them, `(*replicas, 1, w / 2)`; `None` without.
    """

    bends: Bend | None
    unit: Units
    turn: Float[Tensor, "*replicas d k"] | None = None
    shells: Shells | None = None
    frame: Float[Tensor, "*any w d"] | None = None
    marks: Float[Tensor, "*replicas 1 v"] | None = None

    @classmethod
    def of(
        cls,
        block: Float[Tensor, "*replicas n d"],
        *,
        bend: bool,
        spread: bool = False,
        components: int | None = None,
        frame: Float[Tensor, "*replicas d d"] | None = None,
    ) -> "Chart":
        """The chart of samples; of wider blocks, to so many principal components, moved by nothing else.

        Args:
            block: the samples, in double precision.
            bend: whether coordinates with heavy tails are bent.
            spread: whether shells are spread out.
            components: how many at most.
            frame: a matrix that comes first.
        """
        if components is not None and components < block.shape[-1]:
            standard = cls(None, units(block))
            return standard.turned(_principal(standard(block), components))
        block = block if frame is None else block @ frame
        if spread and (round_ := _rounding_frame(block)) is not None:
            block, frame = block @ round_, round_ if frame is None else frame @ round_
        on = shells(block) if spread else None
        block = block if on is None else on.moved(block)
        straight, bends = cls(None, units(block), None, on, frame), tails(block) if bend else None
        if bends is None or (free_to_ask(block) and not bends.bent.any()):
            return straight
        return straight._bent(bends, block)

    def turned(self, turn: Float[Tensor, "*replicas k m"] | None) -> "Chart":
        """This chart, and then a matrix, if any."""
        if turn is None:
            return self
        return replace(self, turn=turn if self.turn is None else self.turn @ turn)

    def of_some(self, which: Bool[Tensor, " d"]) -> "Chart":
        """This chart, of some coordinates of a wider block."""
        some = torch.eye(len(which), dtype=self.unit.mean.dtype, device=which.device)[:, which]
        return replace(self, frame=some if self.frame is None else some @ self.frame)

    @property
    def width(self) -> int:
        """How many coordinates the block has."""
        if self.marks is not None:
            return self.marks.shape[-1]
        return self.unit.mean.shape[-1] if self.frame is None else self.frame.shape[-2]

    def evened(self, block: Float[Tensor, "*replicas n d"], where: Bool[Tensor, "*replicas 1 1"]) -> "Chart":
        """This chart, with other shapes evened out in some replicas, for the same samples; not behind a turn."""
        bent = self._bent_so_far(block)
        bends = quantiles(bent).but(~where | self._is_moved_by(self.turn))
        return self._bent(bends, bent) if bends.bent.any() else self

    def _bent(self, bends: Bend, block: Tensor) -> "Chart":
        """This chart with further bends of its block, which has been bent so far."""
        unit = units(bends.bend(block))
        return replace(self, bends=bends if self.bends is None else Both(self.bends, bends), unit=unit)

    def log_slopes(self, block: Float[Tensor, "*replicas n d"]) -> Float[Tensor, "*replicas"]:
        """The sum over samples of the logarithm of the volume that these coordinates make of one, without a turn."""
        framed = self._framed(block)
        slopes = -self.unit.scale.log().expand(framed.shape)
        if self.shells is not None:
            slopes = slopes + self.shells.log_volume(framed)
        if self.bends is not None:
            slopes = slopes + self.bends.slope(self._moved(block)).log()
        total = slopes.sum((-2, -1))
        return total if self.frame is None else total + block.shape[-2] * torch.linalg.slogdet(self.frame).logabsdet

    def straight(self, block: Float[Tensor, "*replicas n d"], which: Bool[Tensor, "*replicas 1 1"]) -> "Chart":
        """This chart without bends and stretches in some replicas, for the same samples."""
        if self.moves_nothing:
            return self
        shells, bends, block = self.shells, self.bends, self._framed(block)
        if shells is not None:
            shells = shells._replace(stretch=torch.where(which & (shells.stretch > 0), 0.0, shells.stretch))
            block = shells.moved(block)
        if bends is not None:
            bends = bends.but(which)
            block = bends.bend(block)
        return Chart(bends, units(block), None, shells, self.frame)

    @property
    def reshaped(self) -> Bool[Tensor, "*replicas 1 1"]:
        """Whether a replica has a frame or shells."""
        framed = self._is_moved_by(self.frame)
        return framed if self.shells is None else framed | (self.shells.stretch != 0).any(-1, keepdim=True)

    @property
    def moved(self) -> Bool[Tensor, "*replicas 1 1"]:
        """Whether a replica's coordinates are any but its standardised ones."""
        return self._is_moved_by(self.turn) | self.reshaped | self.bent

    @property
    def reduced(self) -> bool:
        """Whether the block has fewer coordinates here."""
        return self.turn is not None and self.turn.shape[-1] < self.turn.shape[-2]

    def _is_moved_by(self, matrix: Tensor | None) -> Bool[Tensor, "*replicas 1 1"]:
        """Which replicas a matrix moves: where only others have one, it is the identity."""
        if matrix is None:
            return torch.zeros_like(self.unit.mean[..., :1], dtype=torch.bool)
        if matrix.shape[-1] < matrix.shape[-2]:
            return torch.ones_like(self.unit.mean[..., :1], dtype=torch.bool)
        identity = torch.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)
        return (matrix != identity).flatten(-2).any(-1)[..., None, None]

    @property
    def moves_nothing(self) -> bool:
        """Whether nothing is bent or stretched, as far as one may ask."""
        if self.bends is not None:
            return False
        return self.shells is None or (free_to_ask(self.shells.stretch) and not (self.shells.stretch > 0).any())

    @property
    def bent(self) -> Bool[Tensor, "*replicas 1 1"]:
        """Whether any coordinate of a replica is bent."""
        if self.bends is None:
            return torch.zeros_like(self.unit.mean[..., :1], dtype=torch.bool)
        return self.bends.bent.any(-1, keepdim=True)

    def __call__(self, block: Float[Tensor, "*replicas n d"]) -> Float[Tensor, "*replicas n k"]:
        """The block in these coordinates, in double precision and without a graph."""
        standard = self.unit.standardise(self._bent_so_far(block))
        return standard if self.turn is None else standard @ self.turn

    def pull_back(
        self, block: Float[Tensor, "*replicas n d"], gradient: Float[Tensor, "*replicas n k"]
    ) -> Float[Tensor, "*replicas n d"]:
        """A gradient in these coordinates as one in the block's own, at the block."""
        bent = self._unturned(gradient)
        straight = bent if self.bends is None else bent * self.bends.slope(self._moved(block))
        return self._unframed(straight if self.shells is None else self.shells.pull_back(self._framed(block), straight))

    def pull_back_score(self, block: Tensor, score: Tensor) -> Float[Tensor, "*replicas n d"]:
        """The same of the gradient of a log density, to which bends and shells add their own."""
        straight = self._unturned(score)
        if self.bends is not None:
            moved = self._moved(block)
            straight = straight * self.bends.slope(moved) + self.bends.log_slope_gradient(moved)
        framed = self._framed(block)
        if self.shells is not None:
            straight = self.shells.pull_back(framed, straight) + self.shells.log_volume_gradient(framed)
        return self._unframed(straight)

    def _framed(self, block: Tensor) -> Tensor:
        """The block in double precision, marked, and in its frame."""
        block = block.detach().double()
        block = block if self.marks is None else marked(block, self.marks)
        return block if self.frame is None else block @ self.frame

    def _moved(self, block: Tensor) -> Tensor:
        """The same, spread out."""
        framed = self._framed(block)
        return framed if self.shells is None else self.shells.moved(framed)

    def _bent_so_far(self, block: Tensor) -> Tensor:
        """The same, bent."""
        moved = self._moved(block)
        return moved if self.bends is None else self.bends.bend(moved)

    def _unturned(self, gradient: Tensor) -> Tensor:
        return (gradient if self.turn is None else gradient @ self.turn.mT) / self.unit.scale

    def _unframed(self, gradient: Tensor) -> Tensor:
        gradient = gradient if self.frame is None else gradient @ self.frame.mT
        return gradient if self.marks is None else gradient[..., : self.marks.shape[-1]]


def _rounding_frame(block: Float[Tensor, "*replicas n d"]) -> Float[Tensor, "*replicas d d"] | None:
    """What makes ellipsoids round whose axes are not the block's; `None` where there is none."""
    some = some_of(block)
    unit = units(some)
    standard = unit.standardise(some)
    matrix = rounding(standard * continuous(standard)[..., None, :])
    return None if matrix is None else matrix / unit.scale.mT


def conditioning(of: Spectrum, n: int) -> Float[Tensor, "*replicas d d"] | None:
    """What whitens n standardised samples whose correlation matrix is nearly singular; `None` where none is.

    Along their own coordinates the parts of a score are then large and cancel, as fits that are made one by one do not.
    """
    if n < SAMPLES_A_DIMENSION * of.vectors.shape[-2]:
        return None
    singular = least_share(of) < SINGULAR
    return None if free_to_ask(singular) and not singular.any() else whitening(of, singular)


def least_share(of: Spectrum) -> Float[Tensor, "*replicas"]:
    """What share of the largest eigenvalue the least has, those of rounding left out; 1 of a single coordinate."""
    shares = of.values / of.values[..., -1:].clamp_min(_RANK)
    return shares.where(shares > COLLINEAR, 1.0).amin(-1)


def whitening(of: Spectrum, where: Bool[Tensor, "*replicas"]) -> Float[Tensor, "*replicas d d"]:
    """What whitens the samples of some replicas, and leaves those of others as they are."""
    eye = torch.eye(of.vectors.shape[-2], dtype=of.values.dtype, device=of.values.device)
    return torch.where(where[..., None, None], of.whitening(), eye)


def _principal(z: Float[Tensor, "*replicas n d"], count: int) -> Float[Tensor, "*replicas d k"]:
    """From standardised coordinates to principal components of unit variance, from the products of samples."""
    n = z.shape[-2]
    values, vectors = cast("tuple[Tensor, Tensor]", torch.linalg.eigh(z @ z.mT))
    values, vectors = values[..., -count:], vectors[..., -count:]
    kept = values > _RANK * values[..., -1:].clamp_min(_RANK)
    scales = torch.where(kept, n**0.5 / values.clamp_min(1e-300), 0.0)
    return z.mT @ vectors * scales[..., None, :]
