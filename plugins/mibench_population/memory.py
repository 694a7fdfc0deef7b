r"""The marginal of y from the components p(y|x) of a batch, and of the values of x that were seen last.

.. math::
    p(y_i) = \frac{m_i}{N} \, p(y_i \mid x_i) + \Big(1 - \frac{m_i}{N}\Big) \sum_j w_j \, p(y_i \mid x_j),
    \qquad x_j \ne x_i,

where x is one of N known rows, of which m_i are x_i: j goes over the different values of x in the batch, whose
components are those of now, and in the memory, whose components are those of the time they were seen. One that is seen
again takes the place of its older component, and while it is in the batch its remembered component rests. Weights are
equal where all rows differ, and else those of `mibench_population.multiplicity`.

Where N is not known, batch and memory are a sample of x, and the margin is the mean over its other members, those of
the same x among them:

.. math:: p(y_i) = \frac{1}{n - 1} \sum_{j \ne i} p(y_i \mid x_j),

in the mean p(y) if the x_j are independent draws, since none depends on y_i. An x that comes again in a later batch
may be the same sample, as in epochs over points that all differ. Until some batch holds an x twice it is taken for
that, and replaces what was seen. From then on x is taken to repeat: every sample has a slot, and all slots of an x have
its last component. As many samples of an x rest in the memory as the batch has, which are among them since `update`.
"""

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mibench.checks import check_replicas
from mibench.contracts import Problem, SamplesX, SamplesY
from mibench.errors import UnfitError
from mibench.executors.machine import memory
from mibench.text import gibibytes
from mibench_population.components import rows
from mibench_population.hashes import counting, hashing
from mibench_population.mixture import Density, Normals, log_ratio, mixture_density, own_density
from mibench_population.multiplicity import seen_weights, weighted_density

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
        population = None if problem.population is None else problem.population()
        self._population = 0 if population is None else population.shape[-2]
        self._counts_of = None if population is None else counting(population)
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
        self._repeats = torch.zeros(*problem.replicas, 1, dtype=torch.bool, device=problem.device)
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
        hashes = self._hashed(x)
        first = _first(_same(hashes, hashes))
        if self._population:
            taken = first
        else:
            taken = torch.ones_like(first)
            self._repeats |= ~first.all(-1, keepdim=True)
        chosen, last = _last(taken, self._size)
        hashes = hashes.gather(-1, chosen)
        same = _same(self._hashes, hashes)
        again = same.any(-1)
        self._seen.masked_fill_(again & ~self._repeats, _EMPTY)
        slots = self._seen.topk(hashes.shape[-1], largest=False).indices
        self._steps += 1
        for kept, given in ((self._mean, components.mean), (self._std, components.std)):
            new = rows(given.detach(), chosen)
            if not self._population:
                kept.copy_(rows(new, same.int().argmax(-1)).where((again & self._repeats)[..., None], kept))
            kept.scatter_(-2, slots[..., None].expand_as(new), new.where(last[..., None], rows(kept, slots)))
        self._seen.scatter_(-1, slots, self._seen.gather(-1, slots).where(~last, self._steps))
        self._hashes.scatter_(-1, slots, hashes.where(last, self._hashes.gather(-1, slots)))

    def log_ratio(self, x: SamplesX, y: SamplesY, own: Normals) -> Density:
        """log p(y|x) / p(y) of each pair, without a graph.

        Args:
            x: the batch.
            y: its partners.
            own: p(y|x) of the batch.

        Returns:
            The ratio and its gradient in y; infinite where neither another x nor N is known.

        Raises:
            ValueError: x has other replica axes than the problem.
        """
        hashes = self._hashed(x)
        y, own = y.detach(), Normals(own.mean.detach(), own.std.detach())
        others, share = self._of_known(hashes, y, own) if self._population else (self._of_sample(hashes, y, own), 0.0)
        return log_ratio(own_density(own, y), others, share)

    def _of_known(
        self, hashes: Int[Tensor, "*replicas n"], y: SamplesY, own: Normals
    ) -> tuple[Density, float | Float[Tensor, "*replicas n"]]:
        """The density of the other values, where x is one of N known rows, and the share of a sample's own."""
        same = _same(hashes, hashes)
        first = _first(same)
        resting = _same(self._hashes, hashes).any(-1)
        present = torch.cat([first, (self._seen > _EMPTY) & ~resting], -1)
        known = self._with(own, Normals(self._mean, self._std))
        itself = (same & first[..., None, :]).int().argmax(-1)
        if self._counts_of is None:
            return mixture_density(known, y, itself, present), 1 / self._population
        counts = self._counts_of(torch.cat([hashes, self._hashes], -1)).clamp_min(1)
        weights = seen_weights(counts, present, self._population)
        share = counts.gather(-1, itself).to(y.dtype) / self._population
        return weighted_density(known, y, weights, itself), share

    def _of_sample(self, hashes: Int[Tensor, "*replicas n"], y: SamplesY, own: Normals) -> Density:
        """The density of the other values, where batch and memory are a sample of x."""
        times = _same(hashes, hashes).sum(-1)
        same = _same(self._hashes, hashes) & (self._seen > _EMPTY)[..., None]
        resting = (same & (same.cumsum(-2, dtype=torch.int32) <= times[..., None, :])).any(-1)
        fresh, now = (same.any(-1) & ~resting)[..., None], same.int().argmax(-1)
        remembered = Normals(rows(own.mean, now).where(fresh, self._mean), rows(own.std, now).where(fresh, self._std))
        present = torch.cat([torch.ones_like(hashes, dtype=torch.bool), (self._seen > _EMPTY) & ~resting], -1)
        itself = torch.arange(hashes.shape[-1], device=hashes.device).expand_as(hashes)
        return mixture_density(self._with(own, remembered), y, itself, present)

    @staticmethod
    def _with(own: Normals, others: Normals) -> Normals:
        """The components of the batch, and others after them."""
        return Normals(torch.cat([own.mean, others.mean], -2), torch.cat([own.std, others.std], -2))

    def _hashed(self, x: SamplesX) -> Int[Tensor, "*replicas n"]:
        check_replicas(x, self._replicas, "the memory")
        return self._hashes_of(x)


def _same(left: Int[Tensor, "*replicas n"], right: Int[Tensor, "*replicas m"]) -> Bool[Tensor, "*replicas n m"]:
    """Which of the hashes are equal."""
    return left[..., :, None] == right[..., None, :]


def _first(same: Bool[Tensor, "*replicas n n"]) -> Bool[Tensor, "*replicas n"]:
    """Which samples of a batch are the first with their x."""
    return ~same.tril(-1).any(-1)


def _last(
    taken: Bool[Tensor, "*replicas n"], size: int
) -> tuple[Int[Tensor, "*replicas k"], Bool[Tensor, "*replicas k"]]:
    """Numbers of the last so many that are taken, in order, and behind them of others; and which are the former."""
    last = taken & (taken.flip(-1).cumsum(-1).flip(-1) <= size)
    chosen = (~last).int().argsort(dim=-1, stable=True)[..., :size]
    return chosen, last.gather(-1, chosen)
