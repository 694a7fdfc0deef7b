"""The conformance kit: does an estimator keep the contract?

For authors, in a test of their own package::

    import pytest
    from mibench.testing import PROPERTIES, check_estimator

    @pytest.mark.parametrize("claim", PROPERTIES, ids=lambda claim: claim.name)
    def test_conforms(claim):
        (verdict,) = check_estimator(SPEC, {"hidden": (32, 32)}, properties=[claim])
        assert verdict.status != "failed", verdict.message

`check_family` proves the truth of a family.

Every property is deterministic: the same estimator gets the same verdict. Choose small parameters; with them all
properties take a few seconds. The kit brings its own correlated Gaussians and needs no plugin.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from mibench.contracts import Estimator
from mibench.errors import ContractError
from mibench.refusal import is_whole, refuse_unless
from mibench.specs import EstimatorSpec, Scalar
from mibench.testing import declarations, kit, mathematics, process, state, tensors, truth
from mibench.testing.families import Finding, check_family
from mibench.testing.kit import NotApplicable, Property, Verdict, claim, expect
from mibench.testing.lookup import look_up
from mibench.testing.subject import Subject

PROPERTIES: tuple[Property, ...] = (
    declarations.spec,
    declarations.parameters,
    declarations.construction,
    declarations.capabilities,
    tensors.shapes,
    tensors.dtype,
    tensors.device,
    tensors.finite,
    tensors.tiny_batch,
    tensors.inputs,
    process.global_state,
    state.determinism,
    state.needs,
    state.replicas,
    state.evaluation_trace,
    state.surrogate_leak,
    state.resume,
    mathematics.differentiable,
    mathematics.surrogate_in_nats,
    mathematics.permutation,
    mathematics.symmetry,
    truth.value,
    truth.bound,
    truth.direction,
)


def check_estimator(
    estimator: EstimatorSpec | type[Estimator] | str,
    params: Mapping[str, Scalar] | None = None,
    *,
    properties: Sequence[Property] = PROPERTIES,
    conditional: bool | None = None,
    steps: int = 200,
) -> list[Verdict]:
    """Checks an estimator against the contract.

    Args:
        estimator: a spec; a class, which is taken to estimate and to need what its methods say; or a selector of an
            installed estimator, e.g. `mine[hidden=32x32]`.
        params: parameters that differ from their defaults, e.g. `{"hidden": (32, 32)}`.
        properties: what to check.
        conditional: whether to offer p(y|x); by default if the spec needs it.
        steps: updates before values and gradients of a trained estimator are judged; a bound that holds of a trained
            estimator alone (CLUB's) needs enough of them.

    Returns:
        A verdict a property, in their order. What the estimator raises becomes a verdict, not an exception. A mistake
        that several properties run into is one failure; the others are not applicable while it lasts. So is every
        property of a baseline, which estimates nothing.

    Raises:
        UsageError: there is no such estimator, or there is no such number of steps.
    """
    subject = make_subject(estimator, params, conditional=conditional, steps=steps)
    return [claimed.verdict(subject) for claimed in properties]


def make_subject(
    estimator: EstimatorSpec | type[Estimator] | str,
    params: Mapping[str, Scalar] | None = None,
    *,
    conditional: bool | None = None,
    steps: int = 200,
) -> Subject:
    """What `Property.verdict` judges; parameters are those of `check_estimator`.

    Raises:
        UsageError: as `check_estimator`.
    """
    given: Any = steps
    refuse_unless(is_whole(given, 0), "steps", "a whole number from 0 on", given)
    spec, selected = look_up(estimator)
    offered = "conditional" in spec.needs if conditional is None else conditional
    return Subject(spec, {**selected, **(params or {})}, offered, steps)


def __getattr__(name: str) -> Any:
    return getattr(kit, name)  # a name of an earlier version, which says what has become of it


__all__ = [
    "PROPERTIES",
    "ContractError",
    "Finding",
    "NotApplicable",
    "Property",
    "Verdict",
    "check_estimator",
    "check_family",
    "claim",
    "expect",
    "make_subject",
]
