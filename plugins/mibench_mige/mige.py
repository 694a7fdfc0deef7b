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

from collections.abc import Callable
from functools import partial

import torch
from jaxtyping import Float
from mibench_baselines.redundant import without_constants
from torch import Tensor
from torch.distributions import Distribution, Normal

from mibench.conditionals import normal_coordinates
from mibench.contracts import Conditional, Estimator, Problem
from mibench.errors import UnfitError
from mibench.scores import conditional_scores
from mibench_mige.calibration import calibrate, require_samples
from mibench_mige.curl_free import curl_free_score
from mibench_mige.iterated import kde_operator, nu_operator
from mibench_mige.kernels import RadialKernel, centred, median_width, neighbour_width, squared_distances
from mibench_mige.landmarks import Filter, Schedule, landmark_count, landmark_places, landmarks
from mibench_mige.params import MIGEParams
from mibench_mige.scale import Scale
from mibench_mige.score import Score, apply_operator, ssge_scorer, stein_operator
from mibench_mige.surrogates import entropy_surrogate, mi_surrogate

Scorer = Callable[[Tensor, slice], Tensor]
"""From a block, and its columns among the coordinates that are compared, to its score."""


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
        self._scale = Scale(params)
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
        return self._scale.standard(x)[0], self._scale.standard(y)[0]

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
        score = self._scorer(self._compared(self._scale.standard(around)[0]))
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
            standard, scale = self._scale.standard(block)
            return score(standard) / scale

        return of

    def _curl_free_scorer(self, points: Tensor) -> Scorer:
        how, width = self.params, None  # the median distance
        if how.width == "neighbours":
            width = self._width(squared_distances(centred(points)))
        score = curl_free_score(points, steps=how.steps, width=width, accelerated=how.accelerated)

        def of_block(block: Tensor, columns: slice) -> Tensor:
            return score[..., columns] / self._scale.of(block)

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
