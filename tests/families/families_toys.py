"""A plugin for tests: a family of its own, and suites that are nested, empty, cyclic or wrong."""

from mibench_gaussian.canonical import Canonical

from mibench import FamilySpec, SuiteSpec, hookimpl


class Twin(Canonical):
    """Correlated Gaussians under another name."""


@hookimpl
def mibench_families() -> list[FamilySpec]:
    return [FamilySpec(name="twin", target=Twin, grid={"rho": [0.2, 0.6]}, conditional=True)]


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
