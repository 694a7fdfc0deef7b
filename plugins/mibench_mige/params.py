"""Parameters of MIGE: whose scores, with which kernel of which width, and what is done to them."""

from dataclasses import dataclass
from typing import Annotated, Literal

from mibench.ranges import Above, AtLeast, Below
from mibench.search import Search
from mibench.specs import CheckedParams, added
from mibench_mige.calibration import Calibration
from mibench_mige.kernels import RadialKernel
from mibench_mige.score import LEAST_RIDGE


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

    threshold: Annotated[float, Above(0), Below(1), Search(0.9, 0.9999)] = 0.99
    rank: Annotated[int | None, AtLeast(1)] = None
    score: Literal["ssge", "stein", "nu", "landweber", "kde"] = "ssge"
    regularisation: Annotated[float, AtLeast(LEAST_RIDGE)] = 0.01
    kernel: RadialKernel | Literal["curl-free"] = added("rbf")
    steps: Annotated[int, AtLeast(1)] = added(20)
    width: Annotated[Literal["blocks", "each", "neighbours"], Search()] = added("blocks")
    calibration: Calibration = "none"
    standardize: Annotated[bool, Search()] = False
    conditional: Literal["joint", "score", "closed", "fixed"] = "joint"
    conditional_samples: Annotated[int, AtLeast(2)] = 64
    landmarks: Annotated[Literal["auto"] | int | None, AtLeast(2)] = added(None)

    def __post_init__(self) -> None:
        super().__post_init__()
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
        if isinstance(landmarks, int) and self.score == "ssge" and landmarks < (self.rank or 0):
            raise ValueError(f"rank={self.rank} needs as many landmarks, or auto, not {landmarks}")
