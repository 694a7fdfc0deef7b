r"""Scores from many samples: the same estimators in the span of kernels at m landmarks (Nystrom).

The score of block l is sought as :math:`g_l = \sum_z a_{z l} k(\cdot, z)` over landmarks z. The mean of
:math:`g_l^2 / 2 + \partial_l g_l`, Hyvarinen's objective, is least at

.. math::
    a = -R \, f(C) R^\top B, \qquad C = R^\top \, \overline{k(Z, x) \, k(x, Z)} \, R, \qquad
    B = \overline{\partial_x k(x, Z)},

with :math:`R R^\top` the inverse of the landmarks' Gram matrix and f a filter of the eigenvalues: :math:`1 / \mu` of
the leading ones is SSGE, :math:`1 / (\mu + \eta / n)` is Stein's ridge, polynomials are the nu-method and Landweber's
iteration. With every sample a landmark these are the estimators of `mibench_mige.score` and `mibench_mige.iterated`,
but that R leaves out eigenvectors of the landmarks' Gram matrix whose eigenvalues are below 1e-9 of the greatest. SSGE
is the same to rounding where its threshold cuts them off too, as the default does; the other scores differ, the more
the smaller their ridge or the more their steps. O(n m^2 + n m d + m^3) time; the samples pass by in chunks.

The error falls with n if what a fixed m or a fixed ridge hides shrinks as well. With q = 256 / n for n above 256:

- m is 256, and 0.8 sqrt(n) where that is more (`auto`);
- the ridge, the share of the spectrum that is cut off, and 1 / steps^2 shrink: `Schedule`;
- the width is the median distance of the landmarks times :math:`q^{1 / (8 + 2 D)}`, D the dimension of (x, y).

Everything is in double precision, which the eigenvalues need, but for the kernel between landmarks and further samples,
which is evaluated in the samples' precision. R then leaves out all below 1e-6, which single precision does not resolve,
and whose rounding it would multiply by up to 1e4.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, cast

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mibench_mige.iterated import iterate
from mibench_mige.kernels import RadialKernel, median_width, radial, refuse_overflow, squared_distances
from mibench_mige.score import leading

Filter = Callable[[Tensor], Tensor]
"""From eigenvalues in ascending order `(*replicas, m)` to what stands for their inverses."""

SAMPLES = 256
"""Up to here every sample is a landmark, and the parameters of filters are meant for so many."""
_CHUNK = 2**20
_STORED = 2**26
"""Most numbers of the kernel that are kept from the first pass for the second."""
_RESOLVED, _RESOLVED_IN_DOUBLE = 1e-6, 1e-9
"""The least eigenvalue of the landmarks' Gram matrix that R keeps, as a share of the greatest."""
_STRIPES = 4


def landmark_count(n: int, landmarks: int | str) -> int:
    """How many of n samples are landmarks: a number, or `auto`.

    Example:
        >>> [landmark_count(n, "auto") for n in (100, 256, 10_000, 1_000_000)]
        [100, 256, 256, 800]
    """
    wanted = max(SAMPLES, round(0.8 * math.sqrt(n))) if isinstance(landmarks, str) else landmarks
    return min(n, wanted)


def landmark_places(n: int, count: int, generator: torch.Generator) -> Int[Tensor, " count"]:
    """Which samples are landmarks: `count` of n at random, in ascending order."""
    return torch.randperm(n, generator=generator)[:count].sort().values


class Schedule(NamedTuple):
    """How what is meant for 256 samples in D dimensions moves with n.

    Attributes:
        n: the number of samples.
        dimension: D, that of (x, y).
    """

    n: int
    dimension: int

    @property
    def share(self) -> float:
        """q, 256 / n and at most 1."""
        return min(1.0, SAMPLES / self.n)

    @property
    def width(self) -> float:
        """What a kernel's width is multiplied by."""
        return self.share ** (1 / (8 + 2 * self.dimension))

    def ssge(self, threshold: float, rank: int | None) -> Filter:
        """Truncation of the spectrum: the share that is cut off falls as 1 / n."""
        cut = 1 - (1 - threshold) * self.share

        def inverse(values: Tensor) -> Tensor:
            return torch.where(leading(values, cut, rank), 1 / values, 0.0)

        return inverse

    def stein(self, regularisation: float) -> Filter:
        """A ridge of n eta, relative to the sums of the kernel; eta falls as n^(-1/2)."""
        ridge = regularisation * self.share**0.5 / self.n
        return lambda values: 1 / (values.clamp_min(0) + ridge)

    def iterated(self, steps: int, *, accelerated: bool) -> Filter:
        """The nu-method or Landweber's iteration; 1 / steps^2, or 1 / steps, falls as n^(-3/2)."""
        steps = round(steps * self.share ** -(0.75 if accelerated else 1.5))
        return lambda values: _polynomial(values.clamp_min(0), steps) if accelerated else _geometric(values, steps)


@dataclass(frozen=True)
class Landmarks:
    """A kernel at landmarks, seen from the samples, and the spectrum that filters act on.

    Attributes:
        inputs: what the kernel measures distances between, over its width, `(*replicas, n, D)`.
        places: which of the samples are landmarks, `(*replicas, m)`.
        kernel: `rbf` or `imq`.
        basis: R V, V the eigenvectors of C, `(*replicas, m, r)`.
        weights: f(eigenvalues of C), `(*replicas, r)`.
        variance: the squared width, `(*replicas, 1, 1)`.
        stored: the kernel, if there was room for it.
    """

    inputs: Tensor
    places: Tensor
    kernel: RadialKernel
    basis: Tensor
    weights: Tensor
    variance: Tensor
    stored: list[Tensor] | None

    def score(self, block: Float[Tensor, "*replicas n d"]) -> Float[Tensor, "*replicas n d"]:
        """The score in a block of the samples, in its dtype."""
        moments = self._moments(block)
        projected = self.weights[..., None] * (self.basis.mT @ moments)
        coefficients = -(self.basis @ projected).to(self.inputs.dtype)
        parts = [gram @ coefficients for gram, _ in self._kernels()]
        return torch.cat(parts, -2).to(block.dtype)

    def _moments(self, block: Tensor) -> Float[Tensor, "*replicas m d"]:
        """B: the mean over samples of the kernel's gradient in the block."""
        centred = (block.detach() - block.detach().mean(-2, keepdim=True)).to(self.inputs.dtype)
        at_landmarks = _at(centred, self.places).double()
        total = torch.zeros_like(at_landmarks)
        start = 0
        for _, slopes in self._kernels():
            rows = centred[..., start : start + slopes.shape[-2], :]
            total += (slopes.mT @ rows).double() - slopes.sum(-2).double()[..., None] * at_landmarks
            start += slopes.shape[-2]
        return -total / (centred.shape[-2] * self.variance)

    def _kernels(self) -> Iterator[tuple[Tensor, Tensor]]:
        kept = self.stored
        grams = _rows(self.inputs, self.places, self.kernel) if kept is None else iter(kept)
        for gram in grams:
            yield gram, gram if self.kernel == "rbf" else gram.pow(3)


def landmarks(
    inputs: Float[Tensor, "*replicas n D"],
    places: Int[Tensor, "*replicas m"],
    weigh: Filter,
    *,
    kernel: RadialKernel = "rbf",
    measure: Callable[[Tensor], Tensor] = median_width,
    shrink: float = 1.0,
) -> Landmarks:
    """The kernel at some of the samples, and its filtered spectrum.

    Args:
        inputs: what the kernel measures distances between.
        places: which samples are landmarks.
        weigh: the filter.
        kernel: `rbf` or `imq`.
        measure: from the landmarks' squared distances to a width.
        shrink: what that width is multiplied by.

    Raises:
        ValueError: as `refuse_overflow`.
    """
    every = places.shape[-1] == inputs.shape[-2]
    inputs = inputs.detach().double() if every else inputs.detach()
    distances = squared_distances(_at(inputs, places))
    width = measure(distances)[..., None, None] * shrink
    of_width = ((inputs - inputs.mean(-2, keepdim=True)) / width.to(inputs.dtype)).contiguous()
    rows = _rows(of_width, places, kernel)
    room = of_width[..., 0].numel() * places.shape[-1] <= _STORED
    stored = list(rows) if room else None
    second = _second_moment(rows if stored is None else iter(stored), distances) / inputs.shape[-2]
    refuse_overflow(second, inputs)
    inside = radial(distances / width.square(), kernel, width=1.0).gram
    basis, values = _spectrum(inside, second, _RESOLVED_IN_DOUBLE if every else _RESOLVED)
    return Landmarks(of_width, places, kernel, basis, weigh(values), width.square(), stored)


def _spectrum(inside: Tensor, second: Tensor, least: float) -> tuple[Tensor, Tensor]:
    """R V and the eigenvalues of C.

    Args:
        inside: the landmarks' Gram matrix; a replica that is not finite has a basis of NaN.
        second: the mean of k(Z, x) k(x, Z).
        least: share of the greatest eigenvalue of `inside` below which a direction is left out.
    """
    finite = (inside.isfinite() & second.isfinite()).all(-1).all(-1)[..., None, None]
    identity = torch.eye(inside.shape[-1], dtype=inside.dtype, device=inside.device)
    sizes, vectors = cast("tuple[Tensor, Tensor]", torch.linalg.eigh(torch.where(finite, inside, identity)))
    kept = sizes > least * sizes[..., -1:]
    whiten = vectors * torch.where(kept, sizes.abs().rsqrt(), 0.0)[..., None, :]
    system = whiten.mT @ torch.where(finite, second, identity) @ whiten
    values, rotation = cast("tuple[Tensor, Tensor]", torch.linalg.eigh(system))
    return torch.where(finite, whiten @ rotation, torch.nan), values


def _rows(inputs: Tensor, places: Tensor, kernel: RadialKernel) -> Iterator[Tensor]:
    """The kernel of unit width from the samples to the landmarks, in chunks of the samples."""
    centres = _at(inputs, places)
    squares = centres.square().sum(-1)[..., None, :]
    step = max(1, _CHUNK // max(1, places.numel()))
    for rows in inputs.split(step, -2):
        distances = rows @ (-2 * centres.mT)
        distances = distances.add_(squares).add_(rows.square().sum(-1)[..., None]).clamp_min_(0)
        yield distances.mul_(-0.5).exp_() if kernel == "rbf" else distances.add_(1).rsqrt_()


def _at(inputs: Tensor, places: Tensor) -> Tensor:
    return inputs.take_along_dim(places[..., None], -2)


def _second_moment(grams: Iterator[Tensor], like: Tensor) -> Float[Tensor, "*replicas m m"]:
    """The sum of k(Z, x) k(x, Z), of which stripes below the diagonal are enough."""
    total = torch.zeros_like(like)
    m = like.shape[-1]
    stripe = -(-m // _STRIPES)
    for gram in grams:
        exact = gram.double()
        for start in range(0, m, stripe):
            total[..., start:, start : start + stripe] += exact[..., start:].mT @ exact[..., start : start + stripe]
    lower = total.tril(-1)
    return lower + lower.mT + torch.diag_embed(total.diagonal(dim1=-2, dim2=-1))


def _geometric(values: Tensor, steps: int) -> Tensor:
    """Landweber's (1 - (1 - mu)^steps) / mu."""
    shares = values.clamp(1e-300, 1)
    return -torch.expm1(steps * torch.log1p(-shares.clamp_max(1 - 1e-16))) / shares


def _polynomial(values: Tensor, steps: int) -> Tensor:
    """What the nu-method makes of 1 / mu."""
    return iterate(torch.ones_like(values), lambda now: values * now, steps)
