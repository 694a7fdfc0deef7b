"""Properties of mutual information that an estimate must share, exactly or in the mean.

Where numbers are random the claim is about their mean over replicas, each with its own initial parameters, draws and
batches: two means differ if they are four standard errors apart.
"""

from dataclasses import replace

import torch
from torch import Tensor

from mibench.testing.kit import NotApplicable, claim, expect, expect_equal
from mibench.testing.scenario import Scenario
from mibench.testing.state import determinism
from mibench.testing.subject import Instance, Numbers, Subject, standard_error
from mibench.testing.tensors import finite
from mibench.text import number, with_deviation

_ERRORS = 4.0
_ROUNDING = 1e-6
_EVALUATIONS = 4
_STEP = 1e-4
"""By which all samples together are moved along a gradient."""
_SLACK = 0.05
"""What bends of a surrogate within that step may make of its rise, as a share of it."""
_MANY = Scenario(seeds=tuple(range(16)), n=32)


@claim(
    "the surrogate's gradient reaches y, and x if x requires one",
    see="mibench.contracts.Estimator.surrogate",
    after=(finite,),
)
def differentiable(subject: Subject) -> NotApplicable | None:
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


@claim(
    "a surrogate that is declared a number in nats is what its gradient is of",
    see="mibench.contracts.Estimator.surrogate_in_nats",
    after=(differentiable,),
)
def surrogate_in_nats(subject: Subject) -> NotApplicable | None:
    """A surrogate that is declared a number in nats rises along its gradient as fast as the gradient says.

    Scores that are held fixed and multiplied by the samples do not: at other samples they are others.
    """
    if "gradient" not in subject.spec.estimates:
        return NotApplicable("estimates no gradient")
    scenario = Scenario(seeds=(0, 1), n=32)
    instance = subject.make(scenario).train_if_needed(3)
    if not instance.estimator.surrogate_in_nats:
        return NotApplicable("its surrogate is not declared a number in nats")
    x, y = (z.requires_grad_() for z in scenario.batch())
    total = instance.reseed().ask("surrogate", x, y).sum()
    slopes = torch.autograd.grad(total, (x, y), materialize_grads=True)
    steepness = sum(slope.square().sum().item() for slope in slopes) ** 0.5
    if steepness == 0:
        return NotApplicable("its gradient reaches no sample")
    ahead, behind = (
        [z.detach() + step / steepness * slope for z, slope in zip((x, y), slopes, strict=True)]
        for step in (_STEP, -_STEP)
    )
    above, below = (instance.reseed().ask("surrogate", *pair).sum().item() for pair in (ahead, behind))
    rise = (above - below) / (2 * _STEP)
    expect(
        abs(rise - steepness) <= _SLACK * steepness,
        "the surrogate to rise along its gradient as the gradient says, since `surrogate_in_nats` declares it a number "
        "that is differentiated",
        f"{number(rise, 3)} nats a unit of length where the gradient says {number(steepness, 3)}",
    )
    return None


def _reached(tensor: Tensor) -> bool:
    return tensor.grad is not None and bool((tensor.grad != 0).any())


@claim(
    "the order of the samples carries no information", see="mibench.contracts.Estimator", after=(determinism, finite)
)
def permutation(subject: Subject) -> None:
    """The order of the samples carries no information: sorted by x, a batch says the same.

    To rounding; for estimators that draw when they evaluate (negatives, a random half of the pairs), in the mean.
    """
    instance = subject.make(_MANY).train_if_needed(10)
    if instance.draws_to_evaluate():
        expected = "a batch sorted by x to give the same numbers in the mean: draw whatever the order"
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


@claim(
    "I(X;Y) and I(Y;X) are estimated alike if the spec declares it",
    see="mibench.specs.EstimatorSpec, `symmetric`",
    after=(permutation,),
)
def symmetry(subject: Subject) -> NotApplicable | None:
    """I(X;Y) and I(Y;X) are estimated alike, where x is bent and y is not.

    To rounding for estimators that draw nothing and do not train; for the others in the mean.
    """
    if not subject.spec.symmetric:
        return NotApplicable("not declared symmetric")
    if subject.conditional:
        return NotApplicable("it is given p(y|x), and nobody has p(x|y)")
    bent = replace(_MANY, bent=True)
    straight, turned = (subject.make(scene).train_if_needed(30) for scene in (bent, replace(bent, swapped=True)))
    expected = "I(X;Y) and I(Y;X) to be estimated alike, as the spec declares the estimator symmetric"
    if not subject.spec.trains:
        ours, theirs = straight.evaluate(*bent.batch()), _swapped(turned.evaluate(*turned.scenario.batch()))
        if not straight.draws():
            expect_equal(ours, theirs, expected, relative=_ROUNDING)
            return None
    _expect_same_mean(_statistics(straight), _swapped(_statistics(turned)), f"{expected}, in the mean")
    return None


def _swapped(numbers: Numbers) -> Numbers:
    other = {"gradient in x": "gradient in y", "gradient in y": "gradient in x"}
    return {name: numbers[other.get(name, name)] for name in numbers}


def _statistics(instance: Instance, *, ordered: bool = False) -> Numbers:
    """One number a replica, the mean over batches: the value, and the mean square of each gradient."""
    answers: list[Numbers] = []
    for step in range(1000, 1000 + _EVALUATIONS):
        x, y = instance.scenario.batch(step)
        numbers = instance.evaluate(_sorted(x, x), _sorted(x, y)) if ordered else instance.evaluate(x, y)
        answers.append({name: z if name == "value" else z.square().mean((-2, -1)) for name, z in numbers.items()})
    return {name: torch.stack([numbers[name] for numbers in answers]).mean(0) for name in answers[0]}


def _expect_same_mean(ours: Numbers, theirs: Numbers, expected: str) -> None:
    for name in ours:
        difference = ours[name] - theirs[name]
        mean, error = difference.mean().item(), standard_error(difference)
        expect(
            abs(mean) <= _ERRORS * error + _ROUNDING * theirs[name].abs().mean().item(),
            expected,
            f"a {name}{'' if name == 'value' else ' (mean square)'} that differs by {with_deviation(mean, error)}",
        )
