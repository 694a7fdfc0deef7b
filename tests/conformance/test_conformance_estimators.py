"""Every registered estimator keeps the contract, property by property, and so do variants that take other paths."""

import functools
import math
from dataclasses import fields
from typing import Any

import pytest
from mibench_variational import InfoNCE
from torch import Tensor

from mibench.discovery import load_plugins
from mibench.discovery.registry import Registry
from mibench.specs import EstimatorSpec, Scalar
from mibench.targets import load_target
from mibench.testing import PROPERTIES, Property, check_estimator, make_subject, truth
from mibench.testing.subject import Subject

SPECS = {entry.name: entry.spec for entry in Registry(load_plugins()).entries(EstimatorSpec)}
SMALL: dict[str, Scalar] = {"hidden": (32, 32), "embedding": 8, "learning_rate": 5e-3}
STEPS = 100
VARIANTS: list[tuple[str, dict[str, Scalar], bool]] = [
    ("mine", {"negatives": "derangement"}, False),
    ("mine", {"ema": 0.9}, False),
    ("jsd", {"gradient": "objective"}, False),
    ("mige", {"calibration": "full"}, False),
    ("mige", {"standardize": True, "score": "stein"}, False),
    ("mige", {"conditional": "closed"}, True),
    ("mige", {"conditional": "score", "conditional_samples": 16}, True),
    ("mige", {"landmarks": 16, "score": "stein"}, False),
    ("rsm", {"landmarks": 24, "normality": False}, False),
    ("mige-rp", {"k": 2}, False),
]
OF_SCORES = {"exact", "mige", "mige-calibrated", "mige-dsm", "mige-rp", "mige-ssm", "rsm"}
"""Their surrogate is scores times samples, whose number means nothing."""
every_property = pytest.mark.parametrize("claim", PROPERTIES, ids=lambda claim: claim.name)


def small(spec: EstimatorSpec) -> dict[str, Scalar]:
    """Parameters that make it quick, where it has them."""
    params: Any = load_target(spec.target, spec.name).Params
    return {field.name: SMALL[field.name] for field in fields(params) if field.name in SMALL}


@functools.lru_cache(maxsize=2)
def subject(name: str) -> Subject:
    """One for all properties, which share what it has been trained to."""
    return make_subject(SPECS[name], small(SPECS[name]), steps=STEPS)


@every_property
@pytest.mark.parametrize("name", SPECS)
def test_registered_estimator_conforms(name: str, claim: Property) -> None:
    verdict = claim.verdict(subject(name))
    rests = claim.name == "device" or rules_out(SPECS[name], claim.name)
    assert verdict.status in ({"passed", "not applicable"} if rests else {"passed"}), verdict.message


def rules_out(spec: EstimatorSpec, claim: str) -> bool:
    """Whether a spec declares that a property does not concern it."""
    if spec.baseline_of:
        return True
    needs = {
        "bound": spec.bound,
        "symmetry": spec.symmetric,
        "value": "value" in spec.estimates,
        "surrogate-in-nats": spec.name not in OF_SCORES,
    }
    of_gradient = claim in {"differentiable", "direction", "surrogate-in-nats"}
    return not needs.get(claim, True) or (of_gradient and "gradient" not in spec.estimates)


@pytest.mark.parametrize(("name", "params", "conditional"), VARIANTS, ids=str)
def test_variant_conforms(name: str, params: dict[str, Scalar], conditional: bool) -> None:
    verdicts = check_estimator(SPECS[name], small(SPECS[name]) | params, conditional=conditional or None, steps=STEPS)
    assert {verdict.name: verdict.message for verdict in verdicts if verdict.status == "failed"} == {}


class InfoNCEInBits(InfoNCE):
    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        return super().mi(x, y) / math.log(2)


def test_bits_of_an_estimator_that_learns_are_found() -> None:
    (verdict,) = check_estimator(InfoNCEInBits, small(SPECS["infonce"]), properties=[truth.value], steps=STEPS)
    assert verdict.status == "failed"
    assert "bits?" in verdict.hint


class InfoNCEWithoutLogN(InfoNCE):
    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        return super().mi(x, y) - math.log(x.shape[-2])


def test_a_bound_that_learns_and_lacks_its_log_n_is_found() -> None:
    (verdict,) = check_estimator(InfoNCEWithoutLogN, small(SPECS["infonce"]), properties=[truth.value], steps=STEPS)
    assert verdict.status == "failed"
    assert verdict.hint.endswith("nats below 0 at independence: is log n left out?")
