r"""The exact gradient of I(X;Y) where x is uniform on N known values, as the images of a training set are.

.. math:: I = \mathbb{E}[\log p(y \mid x) - \log p(y)], \qquad p(y) = \frac{1}{N} \sum_j p(y \mid x_j),

.. math::
    \nabla I = \mathbb{E}\big[ (\nabla_y \log p(y \mid x) - \nabla_y \log p(y)) \, dy
    + \nabla_x \log p(y \mid x) \, dx \big],

exact for that population: the error is that of a mean over the batch's pairs, and is unbiased where all N components
are taken (families with p(y|x) normal, e.g. the encoder of the deep variational bottleneck, Alemi et al., ICLR 2017).
By the score identity, only the paths through the samples count: what the parameters of p(y|x) and p(y) do at fixed
samples is zero in expectation. I(X;Y) cannot exceed log N.

p(y|x) changes while an encoder trains. The component of each sample itself is always that of now. The others are made
anew when those of 64 of them have moved by more than `drift` of their standard deviation, so that what is left of I is
not lost: stale components lie beside the samples of now, and make every x look as if y told it apart. With `components`
below N, the others are a fixed part of the population, drawn once, and stand for all: p(y) is then estimated without
bias, its logarithm from below.

Where nothing asks an encoder for noise, it trains its noise away. Once a y tells its x apart, I is log N and its
gradient zero, however little noise is left. Noise below the precision of a mean counts as that precision.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from torch import Tensor

from mibench.checks import check_dtypes, check_replicas
from mibench.contracts import Estimator, PerReplica, Problem, SamplesX, SamplesY
from mibench.errors import UnfitError
from mibench.ranges import AtLeast
from mibench.scores import along, conditional_scores
from mibench.specs import CheckedParams, added
from mibench_population.components import components_of, normals, probes, require_law, resolved, rows
from mibench_population.hashes import numbering
from mibench_population.mixture import Density, Normals, log_ratio, mixture_density, own_density


@dataclass(frozen=True, kw_only=True)
class ExactParams(CheckedParams):
    """Which components are taken, and when they are made.

    Attributes:
        drift: standard deviations by which components move before they are made anew.
        components: how many of the population's components are taken; 0 for all.
        direction: of the gradient in y: the exact one, or one drawn anew at each step, of the exact one's size.
    """

    drift: Annotated[float, AtLeast(0)] = 0.05
    components: Annotated[int, AtLeast(0)] = 0
    direction: Literal["exact", "random"] = added("exact")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.components == 1:
            raise ValueError("components are at least 2, or 0 for all, not 1")


class Exact(Estimator):
    """Information with a known population, through a known p(y|x).

    Raises:
        UnfitError: the task does not know the population or p(y|x), or p(y|x) is not normal with independent
            coordinates, has no noise, or does not answer for each x by itself, as an encoder in training mode whose
            batch norm or dropout mixes them.
    """

    Params = ExactParams

    def __init__(self, params: ExactParams, problem: Problem) -> None:
        super().__init__(params, problem)
        if problem.population is None or problem.conditional is None:
            raise UnfitError("exact needs the population of x and p(y|x), which are not known here")
        self._population, self._conditional = problem.population, problem.conditional
        require_law(self._conditional, self._population)
        population = self._population()
        self._size, self._dtype, self._replicas = population.shape[-2], population.dtype, population.shape[:-2]
        count = min(params.components or self._size, self._size)
        chosen = problem.draw(lambda generator: torch.randperm(self._size, generator=generator)[:count].sort().values)
        self._places = chosen.new_full((*chosen.shape[:-1], self._size), -1)
        self._places.scatter_(-1, chosen, torch.arange(count, device=chosen.device).expand_as(chosen))
        self._numbers_of, self._chosen = numbering(population), chosen
        self._probes = probes(count).to(chosen.device)
        self._moments: list[Tensor] = []  # means and standard deviations of the components, once they are made

    def mi(self, x: SamplesX, y: SamplesY) -> PerReplica:
        """The mean log ratio in nats.

        Raises:
            ValueError: x or y has another dtype than the population, or other replica axes.
        """
        self._check(x, y)
        with torch.no_grad():
            return self._log_ratio(x, y).log.mean(-1)

    def surrogate(self, x: SamplesX, y: SamplesY) -> PerReplica:
        """A scalar whose gradient in the samples is that of the log ratio.

        Raises:
            ValueError: x or y has another dtype than the population, or other replica axes.
        """
        self._check(x, y)
        score_x = conditional_scores(resolved(self._conditional), x, y)[0] if x.requires_grad else None
        with torch.no_grad():
            score_y = self._log_ratio(x, y).score
            if self.params.direction == "random":
                score_y, score_x = self._turned(score_y), None
        return along(x, y, score_x, score_y)

    def _check(self, x: SamplesX, y: SamplesY) -> None:
        check_dtypes(x, y, self._dtype)
        check_replicas(x, self._replicas, "the population")

    def _turned(self, score: Tensor) -> Tensor:
        """Another direction in the samples of a replica together, of the same norm."""
        shape = score.shape[-2:]
        drawn = self.problem.draw(lambda generator: torch.randn(shape, generator=generator, dtype=torch.float32))
        return drawn * (score.norm(dim=(-2, -1), keepdim=True) / drawn.norm(dim=(-2, -1), keepdim=True))

    def _log_ratio(self, x: SamplesX, y: SamplesY) -> Density:
        """log p(y|x) / p(y): p(y) is made of each sample's own component and of the others.

        An x from elsewhere has no component of its own: to it the population is a sample.
        """
        self._refresh()
        own = own_density(normals(self._conditional, x).resolved(), y)
        numbers = self._numbers_of(x)
        known = numbers >= 0
        places = self._places.expand(*numbers.shape[:-1], -1).gather(-1, numbers.clamp(min=0))
        others = mixture_density(Normals(*self._moments), y, places.where(known, -1))
        return log_ratio(own, others, known.to(y.dtype) / self._size)

    def _refresh(self) -> None:
        """Makes the components anew in replicas where those of the probes have moved."""
        if not self._moments:
            self._moments[:] = self._components()
            return
        now = components_of(self._conditional, rows(self._population(), self._chosen[..., self._probes]))
        mean, std = (moments[..., self._probes, :] for moments in self._moments)
        moved = torch.stack([(now.mean - mean) / std, (now.std - std) / std]).square().mean((0, -2, -1)).sqrt()
        kept = (moved <= self.params.drift)[..., None, None]
        if not kept.all():
            pairs = zip(self._moments, self._components(), strict=True)
            self._moments[:] = [torch.where(kept, before, after) for before, after in pairs]

    def _components(self) -> tuple[Tensor, Tensor]:
        """Means and standard deviations of the components that are taken, as they are now."""
        population = self._population()
        taken = population if self._chosen.shape[-1] == self._size else rows(population, self._chosen)
        components = components_of(self._conditional, taken)
        return components.mean, components.std
