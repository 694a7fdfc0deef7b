"""Properties of mutual information that an estimate must share, and those that a spec declares.

Where numbers are random the claim is about their mean: what is compared are replicas, each with its own initial
parameters, draws and batches, and "within sampling error" is four standard errors of the replicas' mean.
"""

from dataclasses import replace

import torch
from torch import Tensor

from mibench import gaussians
from mibench.testing.kit import NotApplicable, Property, expect, expect_equal
from mibench.testing.subject import Instance, Numbers, Scenario, Subject, standard_error

_ERRORS = 4.0
_ROUNDING = 1e-6
_FACTOR = 3.0
_EVALUATIONS = 4
_MANY = Scenario(seeds=tuple(range(16)), n=32)
_SQUARE = Scenario(seeds=tuple(range(8)), dx=2, dy=2, n=64)
_SIGNS = replace(_SQUARE, rho=(0.6, -0.6) * 4)


def check_differentiable(subject: Subject) -> NotApplicable | None:
    """The surrogate's gradient reaches y, and x if x requires one; or, if p(y|x) is given, y or what p(y|x) is made of.

    In x the score of a given p(y|x) has mean zero, so that an estimator may leave it out.
    """
    if "gradient" not in subject.spec.estimates:
        return NotApplicable("estimates no gradient")
    scenario = Scenario(seeds=(0, 1), n=32)
    instance = subject.make(scenario).train_if_needed(3)
    for moving in ("y", "xy"):
        x, y = scenario.batch()
        x.requires_grad_("x" in moving)
        y.requires_grad_()
        instance.ask("surrogate", x, y).sum().backward()
        if subject.conditional:
            reached = _reached(y) or _reached(instance.rho)
            expect(reached, "the surrogate's gradient to reach y, or the parameters of the given p(y|x)", "none there")
        else:
            for name, tensor in zip("yx", (y, x)[: len(moving)], strict=False):
                where = f"the surrogate's gradient to reach {name}, where {' and '.join(moving)} require one"
                expect(_reached(tensor), where, "none there, or zeros")
    return None


def _reached(tensor: Tensor) -> bool:
    return tensor.grad is not None and bool((tensor.grad != 0).any())


def check_permutation(subject: Subject) -> None:
    """The order of the samples carries no information: sorted by x, a batch says the same.

    To rounding; for estimators that draw when they evaluate (negatives), in the mean.
    """
    instance = subject.make(_MANY).train_if_needed(10)
    if instance.draws_to_evaluate():
        expected = "a batch sorted by x to give the same numbers in the mean: draw negatives whatever the order"
        return _expect_same_mean(_statistics(instance, ordered=True), _statistics(instance), expected)
    x, y = _MANY.batch()
    theirs = {
        name: tensor if name == "value" else _sorted(x, tensor) for name, tensor in instance.evaluate(x, y).items()
    }
    expected = "a batch in another order to give the same numbers, as nothing is drawn: do not pair by position"
    return expect_equal(instance.evaluate(_sorted(x, x), _sorted(x, y)), theirs, expected, relative=_ROUNDING)


def _sorted(x: Tensor, samples: Tensor) -> Tensor:
    """Samples in the order of the first coordinate of x."""
    return samples.gather(-2, x[..., :1].argsort(-2).expand_as(samples))


def check_symmetry(subject: Subject) -> NotApplicable | None:
    """I(X;Y) and I(Y;X) are estimated alike, where x is bent and y is not.

    To rounding for estimators that draw nothing and do not train; for the others in the mean.
    """
    if not subject.spec.symmetric:
        return NotApplicable("not declared symmetric")
    if subject.conditional:
        return NotApplicable("it is given p(y|x), and nobody has p(x|y)")
    bent = replace(_MANY, bent=True)
    one, other = (subject.make(scene).train_if_needed(30) for scene in (bent, replace(bent, swapped=True)))
    expected = "I(X;Y) and I(Y;X) to be estimated alike, as the spec declares the estimator symmetric"
    if not subject.spec.trains:
        ours, theirs = one.evaluate(*bent.batch()), _swapped(other.evaluate(*other.scenario.batch()))
        if not one.draws():
            expect_equal(ours, theirs, expected, relative=_ROUNDING)
            return None
    _expect_same_mean(_statistics(one), _swapped(_statistics(other)), f"{expected}, in the mean")
    return None


def _swapped(numbers: Numbers) -> Numbers:
    other = {"gradient in x": "gradient in y", "gradient in y": "gradient in x"}
    return {name: numbers[other.get(name, name)] for name in numbers}


def _statistics(instance: Instance, *, ordered: bool = False) -> Numbers:
    """One number a replica, the mean over batches: the value, and the mean square of each gradient."""
    found: list[Numbers] = []
    for step in range(1000, 1000 + _EVALUATIONS):
        x, y = instance.scenario.batch(step)
        numbers = instance.evaluate(_sorted(x, x), _sorted(x, y)) if ordered else instance.evaluate(x, y)
        found.append({name: z if name == "value" else z.square().mean((-2, -1)) for name, z in numbers.items()})
    return {name: torch.stack([numbers[name] for numbers in found]).mean(0) for name in found[0]}


def _expect_same_mean(ours: Numbers, theirs: Numbers, expected: str) -> None:
    for name in ours:
        difference = ours[name] - theirs[name]
        mean, error = difference.mean().item(), standard_error(difference)
        expect(
            abs(mean) <= _ERRORS * error + _ROUNDING * theirs[name].abs().mean().item(),
            expected,
            f"a {name}{'' if name == 'value' else ' (mean square)'} that differs by {mean:.3g} +- {error:.2g}",
        )


def check_bound(subject: Subject) -> NotApplicable | None:
    """The mean value, after training, is on the declared side of I(X;Y)."""
    bound = subject.spec.bound
    if bound is None:
        return NotApplicable("no bound is declared")
    learnt = subject.spec.trains
    instance = subject.make(_SQUARE).train_if_needed(subject.steps)
    values = _values(instance)
    truth = gaussians.mutual_information(torch.tensor(0.6), 2, 2).item()
    mean, error = values.mean().item(), standard_error(values)
    excess = mean - truth if bound == "lower" else truth - mean
    expect(
        excess <= _ERRORS * error,
        f"{'at most' if bound == 'lower' else 'at least'} I(X;Y) = {truth:.3f} nats in the mean, as the spec declares "
        f"bound={bound!r}, on {_SQUARE.n} pairs of Gaussians"
        + (f" after {subject.steps} updates (if the bound has to be learnt first, take more)" if learnt else ""),
        f"{mean:.3f} +- {error:.3f}",
    )
    return None


def _values(instance: Instance) -> Tensor:
    """The value of each replica, the mean over batches that no update has seen."""
    batches = (instance.scenario.batch(step) for step in range(1000, 1000 + _EVALUATIONS))
    return torch.stack([instance.ask("mi", x, y).detach() for x, y in batches]).mean(0)


def check_direction(subject: Subject) -> NotApplicable | None:
    """Along the surrogate's gradient I(X;Y) grows.

    At rho = 0.6 and -0.6, d = 2, n = 64, after training: dI/drho has the right sign and the gradient in y has a
    positive cosine with the exact one, both by three standard errors. Of an estimator that does not train, dI/drho is
    also within a factor of 3; how far one that trains has come is not the contract's business.
    """
    if "gradient" not in subject.spec.estimates:
        return NotApplicable("estimates no gradient")
    instance = subject.make(_SIGNS).train_if_needed(subject.steps)
    found = _slopes_and_cosines(instance)
    slopes = found["dI/drho times the sign of rho"]
    for name, draws in found.items():
        mean, error = draws.mean().item(), standard_error(draws)
        expect(
            mean > 3 * error and mean > 0,
            f"a {name} that is positive, at rho=0.6 and -0.6 after {subject.steps} updates: I(X;Y) grows along the "
            "gradient of the surrogate",
            f"{mean:.3g} +- {error:.2g}",
        )
    if not subject.spec.trains:
        truth = gaussians.slope(torch.tensor(0.6), 2, 2).item()
        ratio = slopes.mean().item() / truth
        expect(
            1 / _FACTOR < ratio < _FACTOR,
            f"dI/drho within a factor of {_FACTOR:g} of {truth:.3g} nats at rho=0.6, d=2, n={_SIGNS.n}",
            f"{slopes.mean().item():.3g}",
        )
    return None


def _slopes_and_cosines(instance: Instance) -> Numbers:
    """Of each replica: sign(rho) dI/drho, and the cosine with the exact gradient in y if any gradient reaches y."""
    rho, slopes, cosines = instance.rho.detach(), list[Tensor](), list[Tensor]()
    for step in range(1000, 1000 + _EVALUATIONS):
        x, noise = instance.scenario.source(step)
        y = gaussians.correlate(instance.rho, x, noise)
        answer = instance.ask("surrogate", x, y).sum()
        in_rho, in_y = torch.autograd.grad(answer, (instance.rho, y), materialize_grads=True)
        slopes.append(rho.sign() * in_rho)
        exact = gaussians.log_ratio_gradient(rho, x, y.detach())
        cosines.append(torch.cosine_similarity(in_y.flatten(1), exact.flatten(1)))
    found = {"dI/drho times the sign of rho": torch.stack(slopes).mean(0)}
    if any((cosine != 0).any() for cosine in cosines):
        found["cosine with the exact gradient in y"] = torch.stack(cosines).mean(0)
    return found


DIFFERENTIABLE = Property(
    name="differentiable",
    claim="the surrogate's gradient reaches y, and x if x requires one",
    see="mibench.contracts.Estimator.surrogate",
    check=check_differentiable,
)
PERMUTATION = Property(
    name="permutation",
    claim="the order of the samples carries no information",
    see="mibench.contracts.Estimator",
    check=check_permutation,
)
SYMMETRY = Property(
    name="symmetry",
    claim="I(X;Y) and I(Y;X) are estimated alike if the spec declares it",
    see="mibench.specs.EstimatorSpec, `symmetric`",
    check=check_symmetry,
)
BOUND = Property(
    name="bound",
    claim="the mean value is on the declared side of I(X;Y)",
    see="mibench.specs.EstimatorSpec, `bound`",
    check=check_bound,
)
DIRECTION = Property(
    name="direction",
    claim="I(X;Y) grows along the surrogate's gradient",
    see="mibench.contracts.Estimator.surrogate",
    check=check_direction,
)
