r"""Mixtures of normals in the plane, by quadrature on a grid: what `waves` and `ai` are made of.

.. math:: p(x, y) = \sum_k w_k \, N\big((x, y); m_k, S_k\big)

with x and y one coordinate each. Every margin is a mixture of the same weights, so that the log ratio is exact; I is a
sum over a grid that resolves the narrowest component.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from mibench.families import QuadratureFamily, Theta

_PER_DEVIATION, _REACH = 2.0, 9.0


class PlanarMixture(QuadratureFamily):
    """A mixture of normals with equal weights, as a function of theta.

    Subclasses bring `components`, whatever else an estimator sees of x and y beside these coordinates.
    """

    def components(self, theta: Theta) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Means and standard deviations of x and of y, and the correlation: `(*replicas, components)` each."""
        raise NotImplementedError

    def planar_log_ratio(
        self, theta: Theta, x: Float[Tensor, "*replicas n"], y: Float[Tensor, "*replicas n"]
    ) -> Float[Tensor, "*replicas n"]:
        """log p(x, y) / (p(x) p(y))."""
        joint, in_x, in_y = self._log_densities(theta, x, y)
        return joint - in_x - in_y

    def planar_log_density(
        self, theta: Theta, x: Float[Tensor, "*replicas n"], y: Float[Tensor, "*replicas n"]
    ) -> Float[Tensor, "*replicas n"]:
        """log p(x, y)."""
        return self._log_densities(theta, x, y)[0]

    def integral(self, theta: Theta, fineness: int) -> Float[Tensor, ""]:
        """I(X;Y): the sum of p log p over three grids."""
        mean_x, deviation_x, mean_y, deviation_y, correlation = (part.detach() for part in self.components(theta))
        narrow = (1 - correlation.square()).sqrt()
        x = _grid(mean_x, deviation_x, (deviation_x * narrow).min(), fineness)
        y = _grid(mean_y, deviation_y, (deviation_y * narrow).min(), fineness)
        cell = (x[1] - x[0]) * (y[1] - y[0])
        total = torch.zeros((), dtype=torch.float64)
        for part in x.split(max(1, 2_000_000 // (len(y) * len(mean_x)))):
            joint, in_x, in_y = self._log_densities(theta, part[:, None].expand(-1, len(y)), y.expand(len(part), -1))
            total = total + (joint.exp() * (joint - in_x - in_y)).sum()
        return total * cell

    def _log_densities(self, theta: Theta, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        parts = [part[..., None, :] for part in self.components(theta)]
        mean_x, deviation_x, mean_y, deviation_y, correlation = parts
        u, v = (x[..., None] - mean_x) / deviation_x, (y[..., None] - mean_y) / deviation_y
        q = 1 - correlation.square()
        form = u.square() - 2 * correlation * u * v + v.square()
        in_x, in_y = -u.square() / 2 - deviation_x.log(), -v.square() / 2 - deviation_y.log()
        joint = -form / (2 * q) - q.log() / 2 - deviation_x.log() - deviation_y.log()
        constant = math.log(mean_x.shape[-1]) + math.log(2 * math.pi) / 2
        return (
            torch.logsumexp(joint, -1) - constant - math.log(2 * math.pi) / 2,
            torch.logsumexp(in_x, -1) - constant,
            torch.logsumexp(in_y, -1) - constant,
        )


def _grid(means: Tensor, deviations: Tensor, narrowest: Tensor, fineness: int) -> Float[Tensor, " nodes"]:
    """Equally spaced nodes that reach beyond every component and resolve the narrowest one."""
    low, high = (means - _REACH * deviations).min().item(), (means + _REACH * deviations).max().item()
    nodes = math.ceil((high - low) / (narrowest.item() / (_PER_DEVIATION * fineness))) + 1
    return torch.linspace(low, high, nodes, dtype=torch.float64)
