r"""The marginal of y from the components p(y|x) of a batch, and of the values of x that were seen last.

.. math:: p(y_i) = w \, p(y_i \mid x_i) + \frac{1 - w}{m} \sum_{j} p(y_i \mid x_j), \qquad x_j \ne x_i,

j over the batch, whose components are those of now, and over the memory, whose components are those of the time they
were seen. Each x counts once: one that is seen again takes the place of its older component, and while it is in the
batch its remembered component rests. w is 1/N where x is uniform on N known values, and 0 where N is not known.
"""

import math

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from mibench.contracts import Problem, SamplesX, SamplesY
from mibench.errors import UnfitError
from mibench.executors.machine import memory
from mibench.text import gibibytes
from mibench_population.hashes import hashing
from mibench_population.mixture import Density, Normals, mixture_density, own_density

_EMPTY = -1
"""When a slot was seen that holds no component."""


class Memory:
    """The components of the last values of x.

    Args:
        problem: whose replicas, device and dtype the memory has, and whose population bounds its size.
        size: how many components it holds.

    Raises:
        UnfitError: they take more memory than the machine has.
    """

    def __init__(self, problem: Problem, size: int) -> None:
        self._population = 0 if problem.population is None else problem.population().shape[-2]
        self._size = min(size, self._population) if self._population else size
        self._hashes_of = hashing(problem.dx, problem.device)
        self._replicas = problem.replicas
        slots = (*problem.replicas, self._size)
        needed, there = 8 * math.prod(slots) * (problem.dy + 2), memory()
        if there is not None and needed > there:
            raise UnfitError(
                f"a memory of {self._size:,} components takes {gibibytes(needed)}, and the machine has "
                f"{gibibytes(there)}: give a smaller one"
            )
        self._mean = torch.zeros(*slots, problem.dy, device=problem.device, dtype=problem.dtype)
        self._std = torch.ones_like(self._mean)
        self._hashes = torch.zeros(slots, dtype=torch.int64, device=problem.device)
        self._seen = torch.full_like(self._hashes, _EMPTY)  # the step at which each component was seen
        self._steps = 0

    @property
    def empty(self) -> bool:
        """Whether nothing has been seen yet."""
        return self._steps == 0

    def keep(self, x: SamplesX, components: Normals) -> None:
        """Remembers p(y|x) of a batch in place of what was seen longest ago.

        Raises:
            ValueError: x has other replica axes than the problem.
        """
        hashes = self._hashes_of(self._of_problem(x))[..., -self._size :]
        again = _same(self._hashes, hashes).any(-1)
        self._seen.masked_fill_(again, _EMPTY)
        slots = self._seen.topk(hashes.shape[-1], largest=False).indices
        self._steps += 1
        first = _first(_same(hashes, hashes))
        self._seen.scatter_(-1, slots, torch.where(first, self._steps, _EMPTY))
        self._hashes.scatter_(-1, slots, hashes)
        for kept, given in ((self._mean, components.mean), (self._std, components.std)):
            rows = given.detach()[..., -self._size :, :]
            kept.scatter_(-2, slots[..., None].expand_as(rows), rows)

    def margin(self, x: SamplesX, y: SamplesY, own: Normals) -> Density:
        """The density of each y, without a graph.

        Args:
            x: the batch.
            y: its partners.
            own: p(y|x) of the batch.

        Returns:
            The density; its logarithm is minus infinity where neither another x nor N is known.

        Raises:
            ValueError: x has other replica axes than the problem.
        """
        hashes = self._hashes_of(self._of_problem(x))
        same = _same(hashes, hashes)
        first = _first(same)
        resting = _same(self._hashes, hashes).any(-1)
        present = torch.cat([first, (self._seen > _EMPTY) & ~resting], -1)
        mean, std = own.mean.detach(), own.std.detach()
        known = Normals(torch.cat([mean, self._mean], -2), torch.cat([std, self._std], -2))
        itself = (same & first[..., None, :]).int().argmax(-1)
        others = mixture_density(known, y.detach(), itself, present)
        if not self._population:
            return others
        return others.joined(own_density(Normals(mean, std), y.detach()), 1 / self._population)

    def _of_problem(self, x: SamplesX) -> SamplesX:
        if x.shape[:-2] != self._replicas:
            raise ValueError(f"a memory is kept for replicas {self._replicas}, not for x of shape {tuple(x.shape)}")
        return x


def _same(left: Int[Tensor, "*replicas n"], right: Int[Tensor, "*replicas m"]) -> Bool[Tensor, "*replicas n m"]:
    """Which of the hashes are equal."""
    return left[..., :, None] == right[..., None, :]


def _first(same: Bool[Tensor, "*replicas n n"]) -> Bool[Tensor, "*replicas n"]:
    """Which samples of a batch are the first with their x."""
    return ~same.tril(-1).any(-1)
