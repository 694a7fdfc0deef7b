r"""MIGE, the mutual information gradient estimator (Wen et al. 2020, section 3, Algorithm 1).

.. math::
    \nabla I(x; z) = \mathbb{E}[(\nabla_z \log p(x, z) - \nabla_z \log p(z)) \, dz] + \text{the same in } x,

with scores estimated from the batch. The surrogate is the mean of `stop_gradient(score difference) * sample`, whose
autograd gradient is this sum; its value means nothing. It estimates the gradient and no value.

- Circumstances I and II (Eq. 10-13) are one code: a block enters if it requires a gradient. With x = data only the z
  block of the joint score is computed; with both moving, H(x) + H(z) - H(x, z) in full.
- Circumstance III (Eq. 14-16) replaces the z block of the joint score by the score of the p(z|x) that the problem
  knows, which equals it: `conditional=score` estimates it by SSGE among draws from p(z|x), as the paper does, and
  `conditional=closed` takes it from the density. Where the noise of z has a fixed width, H(Z|X) does not move, and
  `conditional=fixed` leaves this score out: its mean along dz is zero.

Low variance; biased by the shrinkage of the score, which makes the gradient too short. The shrinkage grows with the
dimension and with I, and falls with n. Deviations from the paper: none by default. `calibration` and `standardize` are
ours: the first repairs most of the shrinkage, the second makes the one kernel width serve blocks of unequal scale.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal

import torch
from jaxtyping import Float
from mibench_baselines.redundant import without_constants
from mibench_baselines.scale import power
from torch import Tensor
from torch.distributions import Distribution, Normal

from mibench.checks import floats_only
from mibench.conditionals import normal_coordinates
from mibench.contracts import Conditional, Estimator, Problem
from mibench.errors import UnfitError
from mibench.scores import conditional_scores
from mibench.search import Search
from mibench.specs import CheckedParams, added
from mibench.text import number
from mibench_mige.calibration import Calibration, calibrate, require_samples
from mibench_mige.curl_free import curl_free_score
from mibench_mige.iterated import RadialKernel, kde_operator, nu_operator
from mibench_mige.kernels import (
    centred,
    median_width,
    neighbour_width,
    refuse_overflow,
    require_shape,
    squared_distances,
)
from mibench_mige.landmarks import Filter, Schedule, landmark_count, landmark_places, landmarks
from mibench_mige.score import LEAST_RIDGE, Score, apply_operator, ssge_score, ssge_scorer, stein_operator

Scorer = Callable[[Tensor, slice], Tensor]
"""From a block, and its columns among the coordinates that are compared, to its score."""
WIDTH_SAMPLES = 512
"""With landmarks, of how many samples `width=each` takes the median distance, where there are twice as many or more."""


@dataclass(frozen=True, kw_only=True)
class MIGEParams(CheckedParams):
    """Parameters of MIGE.

    Attributes:
        threshold: share of the kernel's spectrum that SSGE keeps.
        rank: a fixed number of eigenfunctions instead; fewer where eigenvalues are rounding.
        score: `ssge`; `stein`, Li & Turner's ridge; `nu`, the nu-method of Zhou et al. 2020, or `landweber`, stopped
            after `steps`; `kde`, of a kernel density estimate.
        regularisation: the ridge of `stein`, at least 1e-8.
        kernel: of `nu`, `landweber` and `kde`; `curl-free` of the first two alone, fields that are gradients.
        steps: of `nu` and `landweber`.
        width: one kernel width for both `blocks` together, the median distance as the paper has it; one for `each`,
            the median distance inside it; or the distance to the `neighbours`, within which an eighth of the samples
            lie: narrower where they form clusters.
        calibration: restores Stein's identity on the batch: `none`, `diagonal` (any n) or `full` (n >= 2 (dx + dy)).
        standardize: divides each coordinate by its standard deviation before distances are taken.
        conditional: where the z block of the joint score comes from: samples of the `joint`, or p(z|x) by `score`
            estimation or in `closed` form; `fixed` leaves it out, since the noise of z has a fixed width and H(Z|X)
            does not move: what is ascended is H(Z) alone.
        conditional_samples: samples of p(z|x) at each x, for `conditional=score`.
        landmarks: for many samples: kernels at a number of landmarks, or at `auto` many; threshold, regularisation,
            steps and width then move with n from what they are at 256 samples (`mibench_mige.landmarks`). Not for
            `score=kde`.
    """

    threshold: Annotated[float, Search(0.9, 0.9999)] = 0.99
    rank: int | None = None
    score: Literal["ssge", "stein", "nu", "landweber", "kde"] = "ssge"
    regularisation: float = 0.01
    kernel: RadialKernel | Literal["curl-free"] = added("rbf")
    steps: int = added(20)
    width: Annotated[Literal["blocks", "each", "neighbours"], Search()] = added("blocks")
    calibration: Calibration = "none"
    standardize: Annotated[bool, Search()] = False
    conditional: Literal["joint", "score", "closed", "fixed"] = "joint"
    conditional_samples: int = 64
    landmarks: Literal["auto"] | int | None = added(None)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.threshold < 1:
            raise ValueError(f"threshold must be between 0 and 1, got {self.threshold}")
        if self.rank is not None and self.rank < 1:
            raise ValueError(f"rank must be at least 1, got {self.rank}")
        if not LEAST_RIDGE <= self.regularisation < math.inf:
            raise ValueError(
                f"regularisation must be at least {number(LEAST_RIDGE)} and finite, got {self.regularisation}"
            )
        if self.steps < 1:
            raise ValueError(f"steps must be at least 1, got {self.steps}")
        if self.conditional_samples < 2:
            raise ValueError(f"a score of p(z|x) takes at least 2 conditional_samples, not {self.conditional_samples}")
        if self.kernel == "imq" and self.score in {"ssge", "stein"}:
            raise ValueError(f"kernel=imq is for score=nu, landweber or kde, not {self.score}")
        if self.kernel == "curl-free" and (not self.iterates or self.landmarks is not None):
            raise ValueError("kernel=curl-free is for score=nu or landweber, without landmarks")
        if self.landmarks is not None:
            self._check_landmarks(self.landmarks)

    @property
    def iterates(self) -> bool:
        """Whether the score is that of an iteration, stopped after `steps`."""
        return self.score in {"nu", "landweber"}

    @property
    def accelerated(self) -> bool:
        """Whether the iteration is the nu-method."""
        return self.score == "nu"

    def _check_landmarks(self, landmarks: str | int) -> None:
        if self.score == "kde":
            raise ValueError("landmarks are for score=ssge, stein, nu or landweber: a kernel density has none")
        if isinstance(landmarks, int) and landmarks < 2:
            raise ValueError(f"landmarks must be auto or at least 2, got {landmarks}")
        if isinstance(landmarks, int) and self.score == "ssge" and landmarks < (self.rank or 0):
            raise ValueError(f"rank={self.rank} needs as many landmarks, or auto, not {landmarks}")


@floats_only
def entropy_surrogate(
    samples: Float[Tensor, "*replicas n d"], score: Float[Tensor, "*replicas n d"] | None = None
) -> Float[Tensor, "*replicas"]:
    """A scalar whose gradient estimates that of the entropy of the samples' density (Eq. 9, 21).

    Args:
        samples: a batch that carries a graph.
        score: of their density at the samples; by SSGE if not given.
    """
    score = ssge_score(samples) if score is None else score
    require_shape("score", score, samples.shape, samples)
    return -(score.detach() * samples).sum(-1).mean(-1)


@floats_only
def mi_surrogate(
    samples: Float[Tensor, "*replicas n d"],
    joint: Float[Tensor, "*replicas n d"],
    marginal: Float[Tensor, "*replicas n d"],
) -> Float[Tensor, "*replicas"]:
    """A scalar whose gradient is what one block of samples adds to the gradient of I (Eq. 11, 13, 16).

    Args:
        samples: the block, x or z.
        joint: grad log p(x, z) in this block; for z the same as grad log p(z|x).
        marginal: grad log p of the block by itself.
    """
    return entropy_surrogate(samples, marginal) - entropy_surrogate(samples, joint)


def diagonal_normal(distribution: Distribution) -> Normal:
    """The coordinates' normal distributions.

    Raises:
        ValueError: if the coordinates are not independent normals.
    """
    coordinates = normal_coordinates(distribution)
    if coordinates is not None:
        return coordinates
    raise ValueError(
        f"mige[conditional=score] draws from p(y|x) as mean + deviation * noise, which {distribution} is not: "
        "offer an Independent(Normal), or use conditional=closed"
    )


class MIGE(Estimator):
    """Mutual information gradient estimator."""

    Params = MIGEParams

    def __init__(self, params: MIGEParams, problem: Problem) -> None:
        super().__init__(params, problem)
        self._conditional = problem.conditional if params.conditional in {"score", "closed"} else None
        if params.conditional in {"score", "closed"} and self._conditional is None:
            raise UnfitError(
                f"mige[conditional={params.conditional}] needs p(y|x), which this task does not offer: "
                "use conditional=joint, or a task that offers the conditional"
            )

    def surrogate(
        self, x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"]
    ) -> Float[Tensor, "*replicas"]:
        """The sum of `mi_surrogate` over the blocks that require a gradient.

        Raises:
            SmallBatchError: a single sample, or too few for the calibration.
        """
        fixed = self.params.conditional == "fixed"
        require_samples(y.shape[-2], (0 if fixed else x.shape[-1]) + y.shape[-1], self.params.calibration)
        if fixed:
            y = without_constants(y)
            return entropy_surrogate(y, self._marginal_score(y, self._compared(self.kernel_inputs(x, y)[1])))
        return self._from_joint(x, y) if self._conditional is None else self._from_conditional(x, y, self._conditional)

    def kernel_inputs(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """What the kernel measures distances between."""
        return self._standard(x)[0], self._standard(y)[0]

    def _from_joint(self, x: Tensor, y: Tensor) -> Tensor:
        x, y = without_constants(x), without_constants(y)
        in_x, in_y = map(self._compared, self.kernel_inputs(x, y))
        joint = self._scorer(in_x, in_y)
        dx = x.shape[-1]
        total = y.new_zeros(y.shape[:-2])
        for block, other, compared, columns in ((x, y, in_x, slice(dx)), (y, x, in_y, slice(dx, None))):
            if block.requires_grad:
                joint_score = calibrate(joint(block, columns), block, self.params.calibration, others=other)
                total = total + mi_surrogate(block, joint_score, self._marginal_score(block, compared))
        return total

    def _from_conditional(self, x: Tensor, y: Tensor, conditional: Conditional) -> Tensor:
        closed = self.params.conditional == "closed"
        scores = conditional_scores if closed else self._estimated_conditional_scores
        in_x, in_y = scores(conditional, x, y)
        varying_x, varying_y = without_constants(x), without_constants(y)
        joint_score = calibrate(in_y, varying_y, self.params.calibration, others=varying_x)
        compared = self._compared(self.kernel_inputs(varying_x, varying_y)[1])
        total = mi_surrogate(varying_y, joint_score, self._marginal_score(varying_y, compared))
        return total if in_x is None else total + mi_surrogate(x, in_x, torch.zeros_like(x))

    def _estimated_conditional_scores(self, conditional: Conditional, x: Tensor, y: Tensor) -> tuple[None, Tensor]:
        """The score of p(y|x) at y, estimated among draws beside y; that in x has mean zero given x and is left out."""
        with torch.no_grad():
            normal = diagonal_normal(conditional(x))
        noise = self.problem.draw(self._noise(y))
        draws = normal.loc[..., None, :] + normal.scale[..., None, :] * noise
        around = torch.cat([y.detach()[..., None, :], draws], -2)
        score = self._scorer(self._compared(self._standard(around)[0]))
        return None, score(around, slice(None))[..., 0, :]

    def _noise(self, y: Tensor) -> Callable[[torch.Generator], Tensor]:
        shape = (y.shape[-2], self.params.conditional_samples - 1, y.shape[-1])
        return lambda generator: torch.randn(shape, generator=generator, dtype=torch.float32)

    def _marginal_score(self, block: Tensor, compared: Tensor) -> Tensor:
        return calibrate(self._scorer(compared)(block, slice(None)), block, self.params.calibration)

    @property
    def _compares_points(self) -> bool:
        return self.params.landmarks is not None or self.params.kernel == "curl-free"

    def _compared(self, block: Tensor) -> Tensor:
        """What a scorer is made of: all squared distances, or the points themselves."""
        return block.detach() if self._compares_points else squared_distances(block)

    def _scorer(self, *compared: Tensor) -> Scorer:
        """The score in a block of the samples whose blocks are compared together."""
        if not self._compares_points:
            score = self._score(sum(compared[1:], compared[0]))
            return self._of_block(score)
        if self.params.landmarks is None:
            return self._curl_free_scorer(torch.cat(compared, -1))
        inputs = torch.cat(compared, -1)
        n = inputs.shape[-2]
        count = landmark_count(n, self.params.landmarks)
        places = self.problem.draw(lambda generator: landmark_places(n, count, generator))
        schedule = Schedule(n, self.problem.dx + self.problem.dy)
        shared = inputs.ndim - 1 - places.ndim  # axes behind the replicas: those of draws of p(y|x)
        places = places.reshape(*places.shape[:-1], *[1] * shared, count)
        seen = landmarks(
            inputs,
            places.expand(*inputs.shape[:-2], -1),
            self._filter(schedule),
            kernel=self._kernel,
            measure=self._width,
            shrink=schedule.width,
        )
        return self._of_block(seen.score)

    def _of_block(self, score: Score) -> Scorer:
        """A score of standard blocks as one of blocks, whose scale is read once."""

        def of(block: Tensor, _: slice) -> Tensor:
            standard, scale = self._standard(block)
            return score(standard) / scale

        return of

    def _curl_free_scorer(self, points: Tensor) -> Scorer:
        how, width = self.params, self._width(squared_distances(centred(points)))
        score = curl_free_score(points, steps=how.steps, width=width, accelerated=how.accelerated)

        def of_block(block: Tensor, columns: slice) -> Tensor:
            return score[..., columns] / self._scale(block)

        return of_block

    def _width(self, distances: Tensor) -> Tensor:
        return neighbour_width(distances) if self.params.width == "neighbours" else median_width(distances)

    def _filter(self, schedule: Schedule) -> Filter:
        how = self.params
        if how.score == "stein":
            return schedule.stein(how.regularisation)
        if how.iterates:
            return schedule.iterated(how.steps, accelerated=how.accelerated)
        return schedule.ssge(how.threshold, how.rank)

    @property
    def _kernel(self) -> RadialKernel:
        """Of distances."""
        return "imq" if self.params.kernel == "imq" else "rbf"

    def _score(self, distances: Tensor) -> Score:
        """Of a block in the units that distances were taken in."""
        how, width = self.params, self._width(distances)
        if how.score == "stein":
            return partial(apply_operator, stein_operator(distances, regularisation=how.regularisation, width=width))
        if how.score == "kde":
            return partial(apply_operator, kde_operator(distances, kernel=self._kernel, width=width))
        if how.iterates:
            operator = nu_operator(
                distances, steps=how.steps, kernel=self._kernel, width=width, accelerated=how.accelerated
            )
            return partial(apply_operator, operator)
        return ssge_scorer(distances, threshold=how.threshold, rank=how.rank, width=width)

    @property
    def _scales(self) -> bool:
        return self.params.standardize or self.params.width == "each"

    def _standard(self, block: Tensor) -> tuple[Tensor, Tensor]:
        """The block over its scale, centred in double precision or an offset would take its digits, and the scale."""
        scale = self._scale(block)
        if not self._scales:
            return block, scale
        return (centred(block) / scale).to(block.dtype), scale

    def _scale(self, block: Tensor) -> Tensor:
        """What `standardize` and `width=each` divide a block by; NaN in replicas where it is no number of its dtype.

        Raises:
            ValueError: as `refuse_overflow`.
        """
        scale = block.new_ones(())
        if not self._scales:
            return scale
        if self.params.standardize:
            z = centred(block)
            size = power(z)
            deviation = (z / size).std(-2, keepdim=True) * size
            scale = torch.where(deviation > 0, deviation, 1.0)
        if self.params.width == "each":
            some = self._measured(centred(block) / scale)
            size = power(some.flatten(-2)[..., None])  # one for the block
            scale = scale * size * median_width(squared_distances(some / size))[..., None, None]
        scale = scale.to(block.dtype)
        refuse_overflow(scale, block)
        return torch.where(scale.isfinite().all(-1, keepdim=True), scale, torch.nan)

    def _measured(self, block: Tensor) -> Tensor:
        """The samples of which `width=each` takes the median distance: the same rows at each call, at random."""
        n = block.shape[-2]
        if self.params.landmarks is None or n < 2 * WIDTH_SAMPLES:
            return block
        places = landmark_places(n, WIDTH_SAMPLES, torch.Generator().manual_seed(0))
        return block[..., places.to(block.device, non_blocking=True), :]
