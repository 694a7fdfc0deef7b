"""What an estimator says does not depend on torch's default dtype."""

from collections.abc import Generator

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from mibench.discovery import load_plugins
from mibench.discovery.registry import Registry
from mibench.specs import EstimatorSpec
from mibench.testing.lookup import look_up
from mibench.testing.scenario import Scenario

REGISTRY = Registry(load_plugins())
ESTIMATORS = [entry.spec.name for entry in REGISTRY.entries(EstimatorSpec) if entry.spec.estimates]
DIMS = {"adaptive": (1, 1), "binning": (2, 1)}  # as many as they take
REFUSED = "kl", True
FORMS = ["exact[direction=random]", "l1out[conditional=known,memory=256]", "mige[landmarks=20]", "rsm[landmarks=30]"]


@pytest.fixture(autouse=True)
def default() -> Generator[None]:
    yield
    torch.set_default_dtype(torch.float32)


def answers(form: str, shown: Scenario, *, ties: bool) -> list[Tensor]:
    """Value, surrogate and gradients after an update, as far as there are such."""
    spec, params = look_up(form, REGISTRY)
    assert isinstance(spec, EstimatorSpec)
    x, y = shown.batch()
    if ties:
        x, y = x.round(), y.round()
    conditional, population = shown.conditional(shown.correlation), x.clone()
    needs_all = "population" in spec.needs
    problem = shown.problem(conditional, shown.log_ratio, (lambda: population) if needs_all else None)
    kind = spec.load("test")
    asked = kind(kind.Params(**params), problem)
    asked.update(x, y)
    given: list[Tensor] = [asked.mi(x, y)] if "value" in spec.estimates else []
    if "gradient" in spec.estimates:
        surrogate = asked.surrogate(x.requires_grad_(), y.requires_grad_())
        given += [surrogate, *torch.autograd.grad(surrogate.sum(), (x, y), materialize_grads=True)]
    return [each.detach() for each in given]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["single", "double"])
@pytest.mark.parametrize(
    ("form", "ties"), [(form, ties) for form in ESTIMATORS + FORMS for ties in (False, True) if (form, ties) != REFUSED]
)
def test_numbers_are_the_same_under_every_default_dtype(form: str, ties: bool, dtype: torch.dtype) -> None:
    dx, dy = DIMS.get(form, (3, 2))
    shown = Scenario(seeds=(0, 1), dx=dx, dy=dy, n=64, dtype=dtype)
    usual = answers(form, shown, ties=ties)
    torch.set_default_dtype(torch.float64)
    assert_close(answers(form, shown, ties=ties), usual, rtol=0, atol=0, equal_nan=True)


def test_the_kit_draws_one_population_under_every_default_dtype() -> None:
    usual = Scenario().population()
    torch.set_default_dtype(torch.float64)
    assert Scenario().population().equal(usual)
