"""A plugin for tests: a family of its own, and suites that are nested, empty, cyclic or wrong."""

import sys
from dataclasses import dataclass

from mibench_families.student import Student
from mibench_families.uniform_noise import UniformNoise, UniformNoiseParams
from mibench_families.zero_inflated_poisson import ZeroInflatedPoisson
from mibench_gaussian.canonical import Canonical, CanonicalParams
from torch import Tensor

from mibench import FamilySpec, SuiteSpec, hookimpl
from mibench.families import Draws, Theta


class Twin(Canonical):
    """Correlated Gaussians under another name."""


class MultipliedByChi(Student):
    """Student's t with the random scale upside down."""

    def sample(self, theta: Theta, n: int, draws: Draws) -> tuple[Tensor, Tensor]:
        scale = (draws.log_gamma(theta["nu"] / 2, n, 1) / 2).exp() * (2 / theta["nu"]).sqrt()[..., None, None]
        return draws.normal(n, self.m) * scale, draws.normal(n, self.n) * scale


class PublishedZeroInflation(ZeroInflatedPoisson):
    """The information that was published for it: (1 - p) times that of a Poisson variable."""

    def integral(self, theta: Theta, fineness: int) -> Tensor:
        return (1 - theta["p"]) * 0.3012 + 0 * theta["p"] * fineness


class MovingEdge(UniformNoise):
    """Uniform noise of a width that changes, with the claim that paths carry the gradient."""

    def __init__(self, params: UniformNoiseParams) -> None:
        super().__init__(params)
        self.adversarial = ()


class Raising(Canonical):
    """A log ratio that cannot be computed."""

    def log_ratio(self, theta: Theta, x: Tensor, y: Tensor) -> Tensor:
        raise RuntimeError("no\nratio")


class Exiting(Canonical):
    """A log ratio that ends the program."""

    def log_ratio(self, theta: Theta, x: Tensor, y: Tensor) -> Tensor:
        sys.exit(0)


@dataclass(frozen=True, kw_only=True)
class SeededParams(CanonicalParams):
    """A parameter that is called like a column of every frame."""

    seed: int = 0


class Seeded(Canonical):
    """Correlated Gaussians with such a parameter."""

    Params = SeededParams


@hookimpl
def mibench_families() -> list[FamilySpec]:
    return [
        FamilySpec(name="twin", target=Twin, grid={"rho": [0.2, 0.6]}, conditional=True),
        FamilySpec(name="chi", target=MultipliedByChi),
        FamilySpec(name="published", target=PublishedZeroInflation),
        FamilySpec(name="moving", target=MovingEdge),
        FamilySpec(name="raising", target=Raising),
        FamilySpec(name="exiting", target=Exiting),
        FamilySpec(name="taken", target=Seeded),
    ]


@hookimpl
def mibench_suites() -> list[SuiteSpec]:
    return [
        SuiteSpec(name="pair", tasks=["twin[d=1|2]", "ring[kappa=2]"], summary="two families"),
        SuiteSpec(name="nested", tasks=["suite:pair", "twin[d=3,rho=0.5]"]),
        SuiteSpec(name="hollow", tasks=[]),
        SuiteSpec(name="mutual", tasks=["ring", "suite:cyclic"]),
        SuiteSpec(name="cyclic", tasks=["suite:mutual"]),
        SuiteSpec(name="lost", tasks=["suite:nowhere"]),
    ]
