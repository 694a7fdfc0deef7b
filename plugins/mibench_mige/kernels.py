"""Distances between samples, widths, and the radial kernels of a width, in double precision."""

import math
from typing import Literal, NamedTuple, TypeAlias, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from mibench.checks import floats_only
from mibench.devices import free_to_ask
from mibench.errors import SmallBatchError
from mibench.finite import finite_replicas
from mibench.selection import kth_smallest, once_a_pair
from mibench.text import either, number

Width: TypeAlias = "float | Float[Tensor, '*replicas'] | None"
"""A kernel's width: a number, one a replica, or `None` for the median distance."""
RadialKernel = Literal["rbf", "imq"]
_ROUNDING = 1e-14


@floats_only
def squared_distances(
    samples: Float[Tensor, "*replicas n d"], others: Float[Tensor, "*replicas m d"] | None = None
) -> Float[Tensor, "*replicas n m"]:
    """Squared Euclidean distances in double precision, of all pairs of samples or from samples to others.

    Equal points, the diagonal among them, are at a distance of exactly zero.

    Raises:
        ValueError: as `refuse_overflow`, or the others have other replicas or dimensions.
    """
    if others is not None:
        require_points("others", others, samples)
    y = None if others is None else others.detach().double() - samples.detach().double().mean(-2, keepdim=True)
    distances = distances_of_centred(centred(samples), y)
    refuse_overflow(distances, samples if others is None else torch.cat([samples, others], -2))
    return distances


def distances_of_centred(x: Float[Tensor, "*replicas n d"], y: Tensor | None = None) -> Tensor:
    """The same of samples that are centred, and of others less the same mean."""
    squares = x.square().sum(-1).mul_(1 - _ROUNDING)
    others_squares = squares if y is None else y.square().sum(-1).mul_(1 - _ROUNDING)
    sums = squares[..., :, None] + others_squares[..., None, :]
    return sums.sub_(x @ (x if y is None else y).mT, alpha=2).clamp_min_(0)


def require_shape(name: str, given: Tensor, shape: tuple[int, ...], samples: Tensor) -> None:
    """Refuses a tensor of another shape than goes with samples; no number is looked at.

    Raises:
        ValueError: in one line.
    """
    if given.shape != shape:
        raise ValueError(f"samples {tuple(samples.shape)} go with {name} {tuple(shape)}, not {tuple(given.shape)}")


def require_distances(name: str, given: Tensor, samples: Float[Tensor, "*replicas n d"]) -> None:
    """Refuses what is no `(*replicas, n, n)`, as `require_shape`."""
    require_shape(name, given, (*samples.shape[:-1], *samples.shape[-2:-1]), samples)


def require_points(name: str, given: Tensor, samples: Float[Tensor, "*replicas n d"]) -> None:
    """Refuses what is no `(*replicas, m, d)`, as `require_shape`."""
    m = given.shape[-2] if given.ndim > 1 else 1
    require_shape(name, given, (*samples.shape[:-2], m, *samples.shape[-1:]), samples)


def refuse_overflow(of_squares: Tensor, samples: Float[Tensor, "*replicas n d"]) -> None:
    """Refuses samples whose squares overflow; beside replicas that are fine, and on a GPU, the score is NaN.

    Args:
        of_squares: numbers from squares of the samples, `(*replicas, _, _)`, not finite where these overflow.
        samples: what they are numbers of.

    Raises:
        ValueError: (on a CPU) that is so in all replicas, though the samples are finite.
    """
    if not free_to_ask(of_squares) or math.isfinite(of_squares.sum().item()):
        return  # the usual case
    samples = samples.detach()
    if finite_replicas(samples).all() and not finite_replicas(of_squares).any():
        size = number(samples.abs().max().item())
        raise ValueError(f"squares of samples as large as {size} overflow {samples.dtype}: give them in other units")


@floats_only
def median_width(distances: Float[Tensor, "*replicas n n"]) -> Float[Tensor, "*replicas"]:
    """The width s: the floor(n^2 / 2)-th largest of all n^2 distances, from their squares.

    Raises:
        SmallBatchError: fewer than two samples.
        ValueError: distances of no pairs; or (on a CPU) a median of zero in all replicas, i.e. most samples are the
            same point.
    """
    n = _samples_of(distances)
    smaller = n**2 - n**2 // 2 - n  # of all n^2, beside the n zeros of the diagonal; each pair counts twice
    width = kth_smallest(once_a_pair(distances), smaller // 2).sqrt()
    return _positive(
        width,
        "the median pairwise distance is zero: half of all pairs of samples coincide, or do beside an outlier, or the "
        "squares underflow, so the kernel has no width: look for collapsed samples, few values or tiny units, "
        "or pass `width` to functions",
    )


@floats_only
def neighbour_width(distances: Float[Tensor, "*replicas n n"]) -> Float[Tensor, "*replicas"]:
    """The median over samples of the distance within which an eighth of the others lie, from squared distances.

    Where samples form a few clusters, that is a distance inside one.

    Raises:
        SmallBatchError: fewer than two samples.
        ValueError: distances of no pairs; or (on a CPU) a median of zero in all replicas: most samples coincide with
            an eighth of the others.
    """
    n = _samples_of(distances)
    nearest = kth_smallest(distances, max(1, n // 8))
    width = kth_smallest(nearest, (n - 1) // 2).sqrt()
    return _positive(
        width,
        "the distance to the nearest neighbours is zero: most samples occur many times, or the squares underflow, "
        "so the kernel has no width: use the median distance, or look for collapsed samples or tiny units",
    )


def _samples_of(distances: Tensor) -> int:
    """How many samples these are distances of.

    Raises:
        SmallBatchError: fewer than two.
        ValueError: distances of no pairs.
    """
    _require_square(distances)
    if distances.shape[-1] < 2:
        raise SmallBatchError(f"scores are estimated from at least 2 samples, not {distances.shape[-1]}")
    return distances.shape[-1]


def _require_square(distances: Tensor) -> None:
    if distances.ndim < 2 or distances.shape[-1] != distances.shape[-2]:
        raise ValueError(f"distances are (*replicas, n, n), not {tuple(distances.shape)}")


def _positive(width: Float[Tensor, "*replicas"], otherwise: str) -> Float[Tensor, "*replicas"]:
    """Refuses a width of zero; beside replicas that have one, and on a GPU, it is NaN, and so is the score."""
    if free_to_ask(width) and width.all():
        return width
    if free_to_ask(width) and not width.any():
        raise ValueError(otherwise)
    return torch.where(width == 0, torch.nan, width)


def gaussian(
    distances: Float[Tensor, "*replicas n m"], variance: Float[Tensor, "*replicas 1 1"]
) -> Float[Tensor, "*replicas n m"]:
    """`exp(-|x - y|^2 / (2 s^2))` from squared distances."""
    return torch.div(distances, -2 * variance).exp_()


def widths(distances: Float[Tensor, "*replicas n n"], width: Width) -> Float[Tensor, "*replicas"]:
    """The median distance, or a given width.

    Raises:
        ValueError: distances of no pairs, a width that is not positive, or no median distance.
    """
    _require_square(distances)
    if width is None:
        return median_width(distances)
    if isinstance(width, Tensor):
        return width
    if width <= 0:
        raise ValueError(f"width must be positive, got {width}")
    return distances.new_full(distances.shape[:-2], width)


class Radial(NamedTuple):
    """A radial kernel.

    Attributes:
        gram: K, `(*replicas, n, n)`.
        slopes: `W = -2 s^2 dk / d|x - y|^2`, K itself for a Gaussian, likewise.
        variance: s^2, `(*replicas, 1, 1)`.
    """

    gram: Tensor
    slopes: Tensor
    variance: Tensor

    def laplacian(self) -> Float[Tensor, "*replicas n n"]:
        """`(W - diag(W 1)) / s^2`."""
        return (self.slopes - torch.diag_embed(self.slopes.sum(-1))) / self.variance


def radial(distances: Float[Tensor, "*replicas n n"], kernel: RadialKernel, width: Width = None) -> Radial:
    """The kernel of the median width, or of a given one.

    Raises:
        ValueError: another kernel, or as `widths`.
    """
    if kernel not in get_args(RadialKernel):
        raise ValueError(f"kernel is {either(get_args(RadialKernel))}, not {kernel!r}")
    variance = widths(distances, width).square()[..., None, None]
    if kernel == "rbf":
        gram = gaussian(distances, variance)
        return Radial(gram, gram, variance)
    inverse = 1 + distances / variance
    return Radial(inverse.rsqrt(), inverse.pow(-1.5), variance)


@floats_only
def rbf(distances: Float[Tensor, "*replicas n n"], width: Width = None) -> Radial:
    """The RBF kernel of the median width, or of a given one."""
    return radial(distances, "rbf", width)


def centred(samples: Float[Tensor, "*replicas n d"]) -> Float[Tensor, "*replicas n d"]:
    """The samples less their mean, in double precision and without a graph; constant coordinates are exactly 0."""
    if samples.ndim < 2:
        raise ValueError(f"samples are (*replicas, n, d), not {tuple(samples.shape)}")
    x = samples.detach().double()
    first = x[..., :1, :]
    constant = (x == first).all(-2, keepdim=True)
    return x - torch.where(constant, first, x.mean(-2, keepdim=True))
