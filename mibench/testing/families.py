"""Proves the truth of a family in more ways than one; everything in float64, in nats.

For authors, in a test of their own package::

    from mibench.testing import check_family

    def test_the_truth_holds():
        assert [finding for finding in check_family(SPEC, {"kappa": 2.0}) if not finding.holds] == []

A Monte Carlo mean over `replicas` batches of `n` pairs each must lie within four standard errors of the truth, the
family's own error included; where there is little information, means are over more batches (`Effort.suited_to`).
Findings are named by what they compare.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from mibench.curves import CurveTask
from mibench.curves.cells import load_task
from mibench.errors import ContractError, UsageError
from mibench.families import Family
from mibench.plan.selectors import combinations
from mibench.plan.tasks import refuse_reserved
from mibench.specs import FamilySpec, Scalar
from mibench.targets import load_target
from mibench.testing.declarations import expect_declared
from mibench.testing.failures import Failure
from mibench.testing.family_claims import CLAIMS
from mibench.testing.family_draws import draws, package_of
from mibench.testing.family_shapes import shapes
from mibench.testing.family_tools import Effort, Finding, pathwise_gradients
from mibench.text import pluralise

__all__ = [
    "Effort",
    "Finding",
    "check_family",
    "check_truth",
    "declared",
    "failures",
    "findings",
    "findings_of_spec",
    "make_family",
    "pathwise_gradients",
]


def check_truth(family: Family, effort: Effort | None = None) -> list[Finding]:
    """Compares what a family says of itself at its own theta with everything that can be computed of it.

    - `shapes`: every answer is a tensor; samples have the dimensions that `dims` says, log ratios one entry a pair,
      information one a replica.
    - `finite`: all of these are, and the gradient of the log ratio. Where one of these two fails, the others wait.
    - `global state`: no generator of the process is drawn from or seeded, and no call changes what
      holds for the whole of it, such as torch's modes.
    - `determinism`: the same draws give the same pairs, of a new instance and of one that was asked before.
    - `replicas`: each has the pairs and the log ratios that it has alone. Of these three the first that fails is said.
    - `repeatable`: `information` gives the same number twice.
    - `error`, `error/NAME`: the family states an error of at most 1 %, of its answer and of the derivative; the other
      claims allow for it, so that a large one would prove anything.
    - `value`: `information` is the mean of the log ratio, and that of one which varies less.
    - `balance`: E[w f(i)] over pairs is E[w f(i) exp(i)] over independent x and y, with f a logistic function and w
      bounded: 1, or a product of a function of x and one of y, of coordinates and of mixtures, signed and by size. A
      wrong constant breaks it, even one that information and log ratio share, and so does dependence that both forget.
    - `pairs`: those of a batch are independent of each other: means of batches scatter as such means do.
    - `score/NAME`: the derivative of the log ratio at fixed pairs has mean 0, unless the name is adversarial.
    - `derivative/NAME`: the gradient of `information` is its finite difference.
    - `pathwise/NAME`: it is the mean of grad i . dZ/dtheta, wherever the family says so.
    - `density/NAME`: dlog p/dtheta has mean 0, where the density is offered.
    - `likelihood ratio/NAME`: the gradient is the mean of (i - I) dlog p/dtheta, where the density is offered.
    - `null flow`: y -> (1 + t) y changes nothing, where the density has no edge.
    - `theta/NAME`: at the theta of a cell beside, the family says what the instance of that cell says: of pairs, log
      ratios, information, and of density and p(y|x) where these are offered.
    - `permutation`: permuted pairs have permuted log ratios.
    - `independence/NAME`: at the null value the information and every log ratio are 0.
    - `independence/derivative/NAME`: the gradient there is the finite difference towards the family's own value, unless
      the null value is a limit, which the family's parameters refuse.
    - `conditional`: log p(y|x) and the log ratio differ by a function of y alone.
    - `gauge/NAME`: in every gauge the gradient along paths is the same.
    - `bend/BEND`, `rotation`: seen through a bijection, every pair contributes the same to the gradient.
    - `copies`: the log ratios of independent copies add, and so do information and its gradient.
    """
    return list(findings(family, effort))


def findings(family: Family, effort: Effort | None = None) -> Iterator[Finding]:
    """What `check_truth` finds, one by one; whatever the family raises is a finding too, said in full once."""
    effort = effort or _suited(family)
    said: dict[str, str] = {}
    for claim in (shapes, draws, *CLAIMS):
        sound = True
        try:
            for finding in claim(family, effort):
                sound = sound and finding.holds
                yield finding
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever an author's code raises
            sound, name = False, claim.__name__.strip("_").replace("_", " ")
            raised = " ".join(_told(error, package_of(family)).split())
            yield Finding(name, False, f"raises as `{said[raised]}` does" if raised in said else raised)
            said.setdefault(raised, name)
        if claim is shapes and not sound:
            return  # every other claim would fail for the same reason


def _told(error: BaseException, package: str) -> str:
    """What was raised; an answer that was refused says by itself where it came from."""
    return str(error) if isinstance(error, ContractError) else Failure.of(error, package).text


def _suited(family: Family) -> Effort:
    try:
        return Effort.suited_to(family)
    except (Exception, SystemExit):  # noqa: BLE001 - a claim reports what `information` raises
        return Effort()


def declared(spec: FamilySpec) -> Iterator[Finding]:
    """What a spec and its family's `Params` say of cells.

    - `parameters`: `Params` is a frozen, keyword-only dataclass whose fields have defaults that a selector can spell.
    - `grid`: the family has every parameter in the spec's grid, and takes every value.
    """
    owner = f"family {spec.name!r}"
    try:
        expect_declared(load_target(spec.target, owner).Params)
        yield Finding("parameters", True, "`Params` is a frozen, keyword-only dataclass with defaults")
    except ContractError as error:
        yield Finding("parameters", False, str(error))
    try:
        cells = combinations(load_task(spec.task, owner).Params, spec.grid, "the spec's grid")
        yield Finding("grid", True, f"the family takes its {pluralise(len(cells), 'cell')}")
    except UsageError as error:
        yield Finding("grid", False, str(error))


def check_family(
    spec: FamilySpec, params: Mapping[str, Scalar] | None = None, *, effort: Effort | None = None
) -> list[Finding]:
    """Looks at what a spec declares, `Params` and grid, and proves its family's truth at one cell (`check_truth`).

    Args:
        spec: what it declares.
        params: parameters of the cell that differ from their defaults, those that all families have among them.
        effort: how many pairs a Monte Carlo mean is taken over.

    Raises:
        UsageError: there is no such parameter, or it does not fit.
        PluginError: the family cannot be imported, or a parameter has a name that is taken.
    """
    return [*findings_of_spec(spec, params or {}, effort)]


def findings_of_spec(spec: FamilySpec, params: Mapping[str, Scalar], effort: Effort | None = None) -> Iterator[Finding]:
    """What `check_family` finds, one by one."""
    family = make_family(spec, params)
    yield from declared(spec)
    yield from findings(family, effort)


def make_family(spec: FamilySpec, params: Mapping[str, Scalar]) -> Family:
    """The family at a cell."""
    task = cast("type[CurveTask]", load_task(spec.task, f"family {spec.name!r}"))
    refuse_reserved(task.Params, f"family {spec.name}")
    (cell,) = combinations(task.Params, {name: [value] for name, value in params.items()}, f"family {spec.name}")
    return task().family(cell)


def failures(findings: Sequence[Finding]) -> list[str]:
    """The claims that do not hold, each with its detail."""
    return [f"{finding.claim}: {finding.detail}" for finding in findings if not finding.holds]
