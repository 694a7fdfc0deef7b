"""p(y|x) of many x: the components of which the density of y is the mean."""

import torch
from jaxtyping import Int
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

from mibench.conditionals import normal_coordinates
from mibench.contracts import Conditional, Population, SamplesX
from mibench.errors import UnfitError
from mibench.text import with_article
from mibench_population.mixture import Normals

_PROBES = 64
"""Values of x that stand for all, where a look at some is enough."""
_ENCODED = 4096
"""Values of x whose p(y|x) is asked for at once."""
_ROUNDING = 2**-8
"""By which share answers may differ that kernels of the lowest precision in use, bfloat16, have rounded."""


def normals(conditional: Conditional, x: SamplesX) -> Normals:
    """p(y|x) as means and standard deviations, in the dtype of x, in which y is.

    Raises:
        UnfitError: it is not normal with independent coordinates; or x is in float16.
    """
    if x.dtype == torch.float16:
        raise UnfitError(
            "the density of y is not computed in float16, which does not hold the squares of small noise: "
            "use float32, or bfloat16"
        )
    law = conditional(x)
    coordinates = normal_coordinates(law)
    if coordinates is None:
        kind = type(law).__name__
        of = f"({type(law.base_dist).__name__})" if isinstance(law, Independent) else ""
        raise UnfitError(
            "the density of y is computed only where p(y|x) is normal with independent coordinates, "
            f"Independent(Normal(mean, std), 1), not of {with_article(kind)}{of}"
        )
    return Normals(coordinates.mean.to(x.dtype), coordinates.stddev.to(x.dtype))


def resolved(conditional: Conditional) -> Conditional:
    """p(y|x) in the dtype of x, with noise that is no less than what precision holds beside its mean.

    Raises:
        UnfitError: (when called) as `normals`.
    """

    def of(x: SamplesX) -> Distribution:
        law = normals(conditional, x).resolved()
        return Independent(Normal(law.mean, law.std, validate_args=False), 1, validate_args=False)

    return of


def components_of(conditional: Conditional, x: SamplesX) -> Normals:
    """p(y|x) of many x, asked for in parts and without a graph; noise is no less than what precision holds.

    Raises:
        UnfitError: as `normals`.
    """
    with torch.no_grad():
        parts = [normals(conditional, part).resolved() for part in x.split(_ENCODED, -2)]
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


def require_each(conditional: Conditional, x: SamplesX) -> Normals:
    """p(y|x) of the probes among many x, which is the same whatever other x it is asked with.

    It is asked twice: of all probes, and of the half whose means are largest, each of them twice, so that what is
    computed from a whole batch moves and rounding hardly does. NaN is taken as it is.

    Raises:
        UnfitError: as `normals`; or answers differ by more than rounding.
    """
    some = x[..., probes(x.shape[-2]).to(x.device), :]
    with torch.no_grad():
        together = normals(conditional, some)
        half = together.mean.sum(-1).argsort(dim=-1, stable=True)[..., some.shape[-2] // 2 :]
        numbers = torch.cat([half, half], -1)
        apart = normals(conditional, rows(some, numbers))
    std = rows(together.std, numbers)
    for before, after in ((together.mean, apart.mean), (together.std, apart.std)):
        allowed = _ROUNDING * (std + before.abs().amax(-2, keepdim=True))
        if bool(((after - rows(before, numbers)).abs() > allowed).any()):
            raise UnfitError(
                "p(y|x) of an x changes with what it is asked beside, and a law answers for each x by itself: "
                "put an encoder with batch norm or dropout in eval mode while it is asked"
            )
    return together


def require_law(conditional: Conditional, population: Population) -> None:
    """Refuses a p(y|x) that has no noise, or does not answer for each x by itself, before anything is trained.

    One that loses its noise while it trains may go on: no y tells more than log N of N known values.

    Raises:
        UnfitError: as `require_each` and `require_noise`.
    """
    require_noise(require_each(conditional, population()))


def rows(table: Tensor, numbers: Int[Tensor, "*replicas k"]) -> Tensor:
    """Rows of a table `(*replicas, n, d)`, by number."""
    return table.gather(-2, numbers[..., None].expand(*numbers.shape, table.shape[-1]))
