"""p(y|x) of many x: the components of which the density of y is the mean."""

import torch
from jaxtyping import Int
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

from mibench.contracts import Conditional, Population, SamplesX
from mibench.errors import UnfitError
from mibench.text import with_article
from mibench_population.mixture import Normals

_PROBES = 64
"""Values of x that stand for all, where a look at some is enough."""
_ENCODED = 4096
"""Values of x whose p(y|x) is asked for at once."""


def normals(distribution: Distribution) -> Normals:
    """p(y|x) as means and standard deviations.

    Raises:
        UnfitError: it is not normal with independent coordinates.
    """
    if not (isinstance(distribution, Independent) and isinstance(distribution.base_dist, Normal)):
        raise UnfitError(
            "the density of y is computed only where p(y|x) is normal with independent coordinates, "
            f"Independent(Normal(mean, std), 1), not of {with_article(type(distribution).__name__)}"
        )
    return Normals(distribution.base_dist.mean, distribution.base_dist.stddev)


def resolved(conditional: Conditional) -> Conditional:
    """p(y|x) with noise that is no less than what precision holds beside its mean.

    Raises:
        UnfitError: (when called) as `normals`.
    """

    def of(x: SamplesX) -> Distribution:
        law = normals(conditional(x)).resolved()
        return Independent(Normal(law.mean, law.std, validate_args=False), 1, validate_args=False)

    return of


def components_of(conditional: Conditional, x: SamplesX) -> Normals:
    """p(y|x) of many x, asked for in parts and without a graph; noise is no less than what precision holds.

    Raises:
        UnfitError: as `normals`.
    """
    with torch.no_grad():
        parts = [normals(conditional(part)).resolved() for part in x.split(_ENCODED, -2)]
    return Normals(torch.cat([part.mean for part in parts], -2), torch.cat([part.std for part in parts], -2))


def require_noise(components: Normals) -> Normals:
    """The same components.

    Raises:
        UnfitError: some noise is 0 beside its mean, to their precision.
    """
    lost = (components.std <= components.resolution) & components.mean.isfinite()
    if bool(lost.any()):
        raise UnfitError(
            f"information is infinite: some noise of p(y|x) is 0 beside its mean, to {components.std.dtype}"
        )
    return components


def probes(size: int) -> Int[Tensor, " k"]:
    """Numbers of some values of x, whose p(y|x) stand for those of all: the same ones wherever it is asked."""
    return torch.randperm(size, generator=torch.Generator().manual_seed(0))[:_PROBES]


def require_noise_at_first(conditional: Conditional, population: Population) -> None:
    """Refuses a p(y|x) that has no noise before anything is trained.

    One that loses its noise while it trains may go on: no y tells more than log N of N known values.

    Raises:
        UnfitError: as `normals` and `require_noise`.
    """
    x = population()
    with torch.no_grad():
        require_noise(normals(conditional(x[..., probes(x.shape[-2]).to(x.device), :])))


def rows(table: Tensor, numbers: Int[Tensor, "*replicas k"]) -> Tensor:
    """Rows of a table `(*replicas, n, d)`, by number."""
    return table.gather(-2, numbers[..., None].expand(*numbers.shape, table.shape[-1]))
