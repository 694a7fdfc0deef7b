"""`ksg-tree`, information by nearest neighbours (Kraskov, Stoegbauer & Grassberger, Phys. Rev. E 69, 2004, Eq. 8).

    I(X;Y) = psi(k) + psi(n) - < psi(n_x + 1) + psi(n_y + 1) >    in nats,

where e is the distance, in the maximum norm, from a pair to its k-th neighbour among the pairs, and n_x counts the
samples of x that are strictly nearer than e. (The paper's estimator 1.) It assumes no density: what errors there are
cancel between the spaces. It estimates a value and no gradient, and trains nothing. It underestimates where dependence
is strong or dimensions are many, since neighbours are then far; its variance grows as k falls.

As the paper advises, every coordinate is brought to unit variance first. No noise is added, so that repeated samples
(discrete data) are not what it is for.
"""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from scipy.spatial import cKDTree  # pyright: ignore[reportAttributeAccessIssue]
from scipy.special import digamma
from torch import Tensor

from mibench import AtLeast, Estimator
from mibench.specs import CheckedParams

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, kw_only=True)
class KSGParams(CheckedParams):
    """What a user may set.

    Attributes:
        k: which neighbour.
    """

    k: Annotated[int, AtLeast(1)] = 3


def kraskov(x: Array, y: Array, k: int) -> float:
    """I(X;Y) in nats of x `(n, dx)` and y `(n, dy)`.

    Raises:
        ValueError: there are no k neighbours.
    """
    n = len(x)
    if n <= k:
        raise ValueError(f"ksg-tree needs more than k = {k} pairs, not {n}")
    x, y = _unit_variance(x), _unit_variance(y)
    both = np.concatenate([x, y], axis=1)
    distances, _ = cKDTree(both).query(both, k=[k + 1], p=np.inf)  # the nearest is the pair itself
    nearer = np.nextafter(distances[:, 0], 0)
    counts = [cKDTree(z).query_ball_point(z, nearer, p=np.inf, return_length=True) for z in (x, y)]
    return float(digamma(k) + digamma(n) - sum(digamma(count).mean() for count in counts))  # itself makes the + 1


class KSG(Estimator):
    """One tree a replica, in float64 on the CPU."""

    Params = KSGParams

    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        """I(X;Y) in nats `(*replicas)`, of x `(*replicas, n, dx)` and y `(*replicas, n, dy)`."""
        sides = [z.detach().double().cpu().reshape(-1, *z.shape[-2:]).numpy() for z in (x, y)]
        values = [kraskov(left, right, self.params.k) for left, right in zip(*sides, strict=True)]
        return x.new_tensor(values).reshape(x.shape[:-2])


def _unit_variance(z: Array) -> Array:
    """Each coordinate on its own scale; one that is constant stays as it is."""
    deviation = z.std(axis=0)
    return z / np.where(deviation > 0, deviation, 1.0)
