"""Properties of numbers that are held against the truth, on Gaussians whose mutual information is known.

One instance, trained on `GAUSSIANS`, is asked of all of them. Means are taken over its replicas of one correlation,
each with its own initial parameters and batches, and compared by their standard errors.
"""

import math

import torch
from torch import Tensor

from mibench import gaussians
from mibench.testing.kit import NotApplicable, claim, expect
from mibench.testing.mathematics import differentiable
from mibench.testing.scenario import GAUSSIANS, LEVELS
from mibench.testing.state import needs
from mibench.testing.subject import Instance, Numbers, Subject, standard_error
from mibench.testing.tensors import finite
from mibench.text import number, with_deviation

_EVALUATIONS = 4
_MIDDLE = 2
"""The level at which bounds and directions are judged."""
_TOO_STEEP = 1.2
"""How many times the truth an estimate may be; it may fall short of it, as bounds and shrunken estimates do."""
_OFFSET = 0.3
"""Nats that a value may be off at independence, by the bias of a small batch."""
_BELOW = 1.0
"""Nats that a lower bound, or what trains, may be below 0 there; a constant critic gives 0, and 1 / e less at worst."""
_FACTOR = 3.0
_NEAR = 0.1
"""How near a factor is to one that a mistake explains, as a share of it."""
_HINTS = {1 / math.log(2): "bits", 2.0: "a factor of 1/2 left out"}


@claim(
    "the value follows I(X;Y), in nats",
    see="mibench.contracts.Estimator.mi",
    after=(finite, needs),
)
def value(subject: Subject) -> NotApplicable | None:
    """Values grow with I(X;Y), and do not outgrow it unless the spec declares an upper bound.

    A lower bound, a shrunken estimate and one that has saturated pass; a constant, a wrong sign, bits and a bound
    without its log n do not.
    """
    if "value" not in subject.spec.estimates:
        return NotApplicable("estimates no value")
    values = _values(subject.trained.reseed())
    _expect_growth(subject, values)
    if subject.spec.bound != "upper":
        _expect_nats(subject, values)
    return None


def _expect_growth(subject: Subject, values: Tensor) -> None:
    expected = f"values that grow with I(X;Y): {_listed(_truths())} nats on pairs of Gaussians{_trained(subject)}"
    got = f"{_listed(values.mean(-1))} in the mean"
    rise = values[-1] - values[0]
    expect(rise.mean().item() > 3 * standard_error(rise), expected, got, "look at the sign" if rise.mean() < 0 else "")
    for step in values.diff(dim=0):
        expect(step.mean().item() >= -4 * standard_error(step), expected, got)


def _expect_nats(subject: Subject, values: Tensor) -> None:
    """The value is about zero at independence, and grows no faster than I(X;Y)."""
    truths, at_zero = _truths(), values[0]
    mean, error = at_zero.mean().item(), standard_error(at_zero)
    below = _BELOW if subject.spec.bound == "lower" or subject.spec.trains else _OFFSET
    too_low = mean + 3 * error < -below
    expect(
        mean - 3 * error <= _OFFSET and not too_low,
        f"about 0 nats where x and y are independent{_trained(subject)}",
        with_deviation(mean, error),
        f"{number(-mean, 3)} nats below 0 at independence: is log n left out?" if too_low else "",
    )
    expected = f"values as large as I(X;Y): {_listed(truths)} nats{_trained(subject)}"
    _expect_not_steeper(values - at_zero, truths, expected)
    if getattr(subject.kind, "unit", "nats") == "bits":
        _expect_bits(values - at_zero, truths, expected)


def _expect_bits(measured: Tensor, truths: Tensor, expected: str) -> None:
    """What is declared in bits is not log 2 times the truth at all levels, as nats are that are taken for bits.

    An estimate that falls short by other causes does so by other factors at other levels.
    """
    ratios = (measured[1:].mean(-1) / truths[1:]).tolist()
    expect(
        any(abs(ratio / math.log(2) - 1) > _NEAR for ratio in ratios[1:]),
        expected,
        f"{_listed(measured.mean(-1))} in the mean, {number(ratios[-1])} times the truth",
        f"off by {number(ratios[-1], 2)}: nats declared as bits?",
    )


def _expect_not_steeper(measured: Tensor, truths: Tensor, expected: str) -> None:
    """What is measured is no multiple of the truth at any level, `(levels, seeds)`; the first level's truth is zero."""
    ratios = measured[1:] / truths[1:, None]
    margins = [ratio.mean().item() - 3 * standard_error(ratio) for ratio in ratios]
    steepest = max(range(len(margins)), key=margins.__getitem__)
    factor = ratios[steepest].mean().item()
    likely = next((hint for known, hint in _HINTS.items() if abs(factor / known - 1) < _NEAR), "")
    expect(
        margins[steepest] <= _TOO_STEEP,
        expected,
        f"{_listed(measured.mean(-1))} in the mean, {number(factor, 3)} times the truth",
        f"off by {number(factor, 3)}: {likely}?" if likely else "",
    )


@claim(
    "the mean value is on the declared side of I(X;Y)",
    see="mibench.specs.EstimatorSpec, `bound`",
    after=(value,),
)
def bound(subject: Subject) -> NotApplicable | None:
    """The mean value, after training, is on the declared side of I(X;Y)."""
    declared = subject.spec.bound
    if declared is None:
        return NotApplicable("no bound is declared")
    values, truth = _values(subject.trained.reseed())[_MIDDLE], _truths()[_MIDDLE].item()
    mean, error = values.mean().item(), standard_error(values)
    excess = mean - truth if declared == "lower" else truth - mean
    expect(
        excess <= 4 * error,
        f"{'at most' if declared == 'lower' else 'at least'} I(X;Y) = {number(truth, 3)} nats in the mean, as the spec "
        f"declares bound={declared!r}, on {GAUSSIANS.pairs} pairs of Gaussians{_trained(subject)}"
        + (" (if the bound has to be learnt first, take more)" if subject.spec.trains else ""),
        with_deviation(mean, error),
    )
    return None


@claim(
    "I(X;Y) grows along the surrogate's gradient, which is in nats",
    see="mibench.contracts.Estimator.surrogate",
    after=(value, differentiable, needs),
)
def direction(subject: Subject) -> NotApplicable | None:
    """At rho = 0.6 and -0.6 dI/drho has the right sign, and gradients in x and y a positive cosine with the exact ones.

    They hold by three standard errors; of an estimator that needs p(y|x), in y alone. dI/drho does not outgrow the
    truth at any correlation, unless the spec declares an upper bound, which may be steeper than I(X;Y) as it is larger.
    Of an estimator that does not train it is also a third of it at least. How far one that trains has come is not the
    contract's business.
    """
    if "gradient" not in subject.spec.estimates:
        return NotApplicable("estimates no gradient")
    measured = _slopes_and_cosines(subject.trained.reseed())
    if "conditional" in subject.spec.needs:  # x reaches it through p(y|x) too, of which the sample's own part is noise
        measured.pop(_COSINE_IN_X, None)
    for name, draws in measured.items():
        mean, error = draws[_MIDDLE].mean().item(), standard_error(draws[_MIDDLE])
        expect(
            mean > 3 * error and mean > 0,
            f"a {name} that is positive, at rho=0.6 and -0.6{_trained(subject)}: I(X;Y) grows along the gradient of "
            "the surrogate",
            with_deviation(mean, error),
        )
    slopes = measured[_SLOPE]
    truths = gaussians.slope(torch.tensor(LEVELS, dtype=torch.float64), *GAUSSIANS.dims)
    if subject.spec.bound != "upper":
        expected = f"dI/drho as large as {_listed(truths)} nats at rho={_listed(torch.tensor(LEVELS))}"
        _expect_not_steeper(slopes, truths, expected)
    ratio = slopes[_MIDDLE].mean().item() / truths[_MIDDLE].item()
    expect(
        subject.spec.trains or ratio > 1 / _FACTOR,
        f"dI/drho within a factor of {number(_FACTOR)} of {number(truths[_MIDDLE].item())} nats at rho=0.6",
        f"{number(ratio)} times that",
    )
    return None


_SLOPE = "dI/drho times the sign of rho"
_COSINE_IN_X, _COSINE_IN_Y = (f"cosine with the exact gradient in {block}" for block in "xy")


def _slopes_and_cosines(instance: Instance) -> Numbers:
    """sign(rho) dI/drho, and the cosine with the exact gradient where any reaches x or y; `(levels, seeds)`."""
    rho, slopes = instance.rho.detach(), list[Tensor]()
    cosines: dict[str, list[Tensor]] = {_COSINE_IN_X: [], _COSINE_IN_Y: []}
    for step in _unseen():
        x, noise = instance.scenario.source(step)
        y = gaussians.correlate(instance.rho, x, noise)
        seen = x.clone().requires_grad_()  # y is made of x, whose own gradient is that of both
        answer = instance.ask("surrogate", seen, y).sum()
        in_rho, *found = torch.autograd.grad(answer, (instance.rho, seen, y), materialize_grads=True)
        slopes.append(rho.sign() * in_rho)
        exact = [gaussians.log_ratio_gradient(rho, *pair) for pair in ((y.detach(), x), (x, y.detach()))]
        for name, ours, theirs in zip(cosines, found, exact, strict=True):
            cosines[name].append(torch.cosine_similarity(ours.flatten(-2), theirs.flatten(-2), dim=-1))
    measured = {_SLOPE: torch.stack(slopes).mean(0)}
    for name, draws in cosines.items():
        if any((cosine != 0).any() for cosine in draws):
            measured[name] = torch.stack(draws).mean(0)
    return measured


def _values(instance: Instance) -> Tensor:
    """The value of every replica, `(levels, seeds)`, the mean over batches that no update has seen."""
    batches = (instance.scenario.batch(step) for step in _unseen())
    return torch.stack([instance.ask("mi", x, y).detach() for x, y in batches]).mean(0)


def _unseen() -> range:
    """Numbers of batches that no update has seen."""
    return range(1000, 1000 + _EVALUATIONS)


def _truths() -> Tensor:
    """I(X;Y) at every level, in nats."""
    return gaussians.mutual_information(torch.tensor(LEVELS, dtype=torch.float64), *GAUSSIANS.dims)


def _trained(subject: Subject) -> str:
    return f", after {subject.steps} updates" if subject.spec.trains else ""


def _listed(numbers: Tensor) -> str:
    return ", ".join(number(entry, 3) for entry in numbers.tolist())
