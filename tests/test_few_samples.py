"""Every estimator says how many samples it needs, or answers as few as it is given."""

import re

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from mibench import gaussians
from mibench.contracts import Estimator, Problem
from mibench.discovery import load_plugins
from mibench.discovery.registry import Registry
from mibench.errors import SmallBatchError
from mibench.specs import EstimatorSpec

SPECS = {entry.spec.name: entry.spec for entry in Registry(load_plugins()).entries(EstimatorSpec)}
every_quantity = pytest.mark.parametrize(
    ("name", "quantity"), [(name, quantity) for name, spec in SPECS.items() for quantity in sorted(spec.estimates)]
)
RHO = torch.tensor(0.6)


def samples(n: int) -> tuple[Tensor, Tensor]:
    x, noise = torch.randn(2, 24, 1, generator=torch.Generator().manual_seed(1))
    return x[:n], (RHO * x + (1 - RHO**2).sqrt() * noise)[:n]


def made(name: str) -> Estimator:
    """The estimator with its defaults, which is offered what a task may know."""
    kind = SPECS[name].load("test")
    problem = Problem(
        dx=1,
        dy=1,
        generators=(torch.Generator().manual_seed(0),),
        conditional=lambda x: gaussians.conditional(RHO, x, 1),
        log_ratio=lambda x, y: gaussians.log_ratio(RHO, x, y),
        population=(lambda: samples(24)[0]) if "population" in SPECS[name].needs else None,
    )
    return kind(kind.Params(), problem)


def answer(estimator: Estimator, quantity: str, x: Tensor, y: Tensor) -> Tensor:
    """The value, or the gradient in x, with the same random numbers each time."""
    for generator in estimator.problem.generators:
        generator.manual_seed(0)
    if quantity == "value":
        return estimator.mi(x, y)
    x = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(estimator.surrogate(x, y).sum(), x)
    return slope


def refused(name: str, quantity: str, n: int) -> str | None:
    """Why batches of n samples are refused, in training or when asked; `None` if they are answered."""
    estimator = made(name)
    try:
        estimator.update(*samples(n))
        assert answer(estimator, quantity, *samples(n)).isfinite().all()
    except SmallBatchError as error:
        return str(error)
    return None


@every_quantity
def test_too_few_samples_are_refused_in_one_line_that_says_how_many_are_enough(name: str, quantity: str) -> None:
    reason = refused(name, quantity, 1)
    if reason is None:
        assert [refused(name, quantity, n) for n in (2, 3)] == [None, None]
        return
    assert "\n" not in reason
    (fewest,) = map(int, re.findall(r"at least (\d+)", reason))
    assert f"at least {fewest}" in (refused(name, quantity, fewest - 1) or "")
    assert refused(name, quantity, fewest) is None


@every_quantity
def test_what_answers_a_single_pair_answers_a_mean_over_pairs(name: str, quantity: str) -> None:
    """A single pair says nothing of its distribution; what is known or was learnt before may."""
    estimator, (x, y) = made(name), samples(3)
    estimator.update(*samples(24))
    try:
        each = [answer(estimator, quantity, x[i : i + 1], y[i : i + 1]) for i in range(3)]
    except SmallBatchError:
        return
    expected = torch.stack(each).mean(0) if quantity == "value" else torch.cat(each) / 3
    assert_close(answer(estimator, quantity, x, y), expected, rtol=1e-4, atol=1e-5)


@every_quantity
def test_who_needs_more_samples_speaks_of_no_other_estimator(name: str, quantity: str) -> None:
    for n in range(1, 4):
        try:
            answer(made(name), quantity, *samples(n))
        except SmallBatchError as error:
            first = str(error).split()[0]
            assert first == name or first not in SPECS
