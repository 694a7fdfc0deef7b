"""The conformance kit: does an estimator keep the contract?

For authors, in a test of their own package::

    import pytest
    from mibench.testing import PROPERTIES, check_estimator

    @pytest.mark.parametrize("claim", PROPERTIES, ids=lambda claim: claim.name)
    def test_conforms(claim):
        (verdict,) = check_estimator(SPEC, {"hidden": (32, 32)}, properties=[claim])
        assert verdict.status != "failed", verdict.message

Every property is deterministic: the same estimator gets the same verdict. Choose small parameters; with them all
properties take a few seconds. The kit brings its own correlated Gaussians and needs no plugin.
"""

from collections.abc import Mapping, Sequence

from mibench.specs import EstimatorSpec, Scalar
from mibench.testing.declarations import CAPABILITIES, CONSTRUCTION, NEEDS, PARAMETERS, SPEC
from mibench.testing.kit import NonconformingError, NotApplicable, Property, Verdict
from mibench.testing.mathematics import BOUND, DIFFERENTIABLE, DIRECTION, PERMUTATION, SYMMETRY
from mibench.testing.state import DETERMINISM, GLOBAL_STATE, LEAK, RESUME, TRACE
from mibench.testing.subject import Subject
from mibench.testing.tensors import DEVICE, DTYPE, FINITE, INPUTS, REPLICAS, SHAPES, TINY

PROPERTIES: tuple[Property, ...] = (
    SPEC,
    PARAMETERS,
    CONSTRUCTION,
    CAPABILITIES,
    NEEDS,
    SHAPES,
    REPLICAS,
    DTYPE,
    DEVICE,
    FINITE,
    TINY,
    INPUTS,
    DETERMINISM,
    GLOBAL_STATE,
    TRACE,
    LEAK,
    RESUME,
    DIFFERENTIABLE,
    PERMUTATION,
    SYMMETRY,
    BOUND,
    DIRECTION,
)


def check_estimator(
    spec: EstimatorSpec,
    params: Mapping[str, Scalar] | None = None,
    *,
    properties: Sequence[Property] = PROPERTIES,
    conditional: bool | None = None,
    steps: int = 200,
) -> list[Verdict]:
    """Checks an estimator against the contract.

    Args:
        spec: what it declares.
        params: parameters that differ from their defaults, e.g. `{"hidden": (32, 32)}`.
        properties: what to check.
        conditional: whether to offer p(y|x); by default if the spec needs it.
        steps: updates before the bound and the direction of a trained estimator are judged; a bound that holds of a
            trained estimator alone (CLUB's) needs enough of them.

    Returns:
        A verdict a property, in their order. What the estimator raises becomes a verdict, not an exception. Of a
        baseline, which estimates nothing, every property is not applicable.
    """
    offered = "conditional" in spec.needs if conditional is None else conditional
    subject = Subject(spec, params or {}, offered, steps)
    return [one.verdict(subject) for one in properties]


__all__ = ["PROPERTIES", "NonconformingError", "NotApplicable", "Property", "Verdict", "check_estimator"]
