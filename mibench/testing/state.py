"""Properties of what an estimator keeps, draws and leaves behind."""

import io
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution

from mibench.testing.kit import claim, expect, expect_equal
from mibench.testing.process import global_state
from mibench.testing.scenario import Scenario
from mibench.testing.subject import Numbers, Subject
from mibench.testing.tensors import dtype
from mibench.training import restore, snapshot, tensors

_ROUNDING = 1e-6
_SCENARIO = Scenario(seeds=(0, 1))
_KINDS = tuple(range(6))
_PAIRS = 96
"""Of a batch in which an estimator may look for clusters."""


@claim(
    "equal seeds and batches give equal numbers",
    see="mibench.contracts.Problem, `generators`",
    after=(global_state, dtype),
)
def determinism(subject: Subject) -> None:
    """The same generators and batches give the same numbers, bit for bit."""
    for precision in (torch.float32, torch.float64):
        first, second = (subject.live(precision) for _ in range(2))
        expect_equal(second, first, f"equal seeds and batches to give equal numbers, to the last bit, in {precision}")


@claim("what the spec says that it needs is needed", see="mibench.specs.EstimatorSpec, `needs`", after=(determinism,))
def needs(subject: Subject) -> None:
    """`update` changes something if the spec needs "training", and nothing otherwise; p(y|x) is read if needed."""
    scenario = Scenario()
    before, after = (subject.make(scenario).train(steps).reseed().evaluate(*scenario.batch(7)) for steps in (0, 3))
    if subject.spec.trains:
        changed = any(not before[name].equal(after[name]) for name in before)
        expect(changed, 'updates to change what is said of a batch, as the spec needs "training"', "the same numbers")
    else:
        expect_equal(after, before, 'updates to change nothing, as the spec does not need "training"')
    if "conditional" in subject.spec.needs:
        _expect_conditional_is_read(subject, scenario)


def _expect_conditional_is_read(subject: Subject, scenario: Scenario) -> None:
    conditional = scenario.conditional(scenario.correlation)
    reads: list[Tensor] = []

    def spy(x: Tensor) -> Distribution:
        reads.append(x)
        return conditional(x)

    subject.make(scenario, spy).train(1).evaluate(*scenario.batch())
    expect(bool(reads), 'p(y|x) to be read, as the spec needs "conditional"', "an estimator that never asks for it")


@claim(
    "a replica gets the same numbers in a batch as alone", see="mibench.contracts.Problem.draw", after=(determinism,)
)
def replicas(subject: Subject) -> None:
    """A replica gets the same numbers in a batch as alone."""
    together = Scenario(seeds=(0, 1, 2, 3), replicas=(2, 2), rho=(0.2, 0.4, 0.6, 0.8))
    for steps in (0, 3):
        whole = subject.make(together).train(steps).evaluate(*together.batch())
        for i, rho in enumerate((0.2, 0.4, 0.6, 0.8)):
            alone = Scenario(seeds=(i,), rho=rho)
            expect_equal(
                {name: tensor[i // 2, i % 2] for name, tensor in whole.items()},
                subject.make(alone).train(steps).evaluate(*alone.batch()),
                f"each replica to have the numbers that it has alone, after {steps} updates: draw with `problem.draw`, "
                "reduce over the last two axes only",
                relative=_ROUNDING,
            )
    _expect_kinds_apart(subject)


def _expect_kinds_apart(subject: Subject) -> None:
    """What an estimator looks for in all replicas at once, as clusters, it finds in each as if there were no other."""
    together = Scenario(seeds=_KINDS, n=_PAIRS)
    kinds = [_of_kind(kind, *pair) for kind, pair in enumerate(zip(*together.batch(), strict=True))]
    whole = subject.make(together).train(3).evaluate(*(torch.stack(blocks) for blocks in zip(*kinds, strict=True)))
    for i, kind in enumerate(kinds):
        expect_equal(
            {name: tensor[i] for name, tensor in whole.items()},
            subject.make(Scenario(seeds=(i,), n=_PAIRS)).train(3).evaluate(*kind),
            "each replica to have the numbers that it has alone beside others of other kinds: choose nothing for all "
            "replicas that any one of them decides",
            relative=_ROUNDING,
        )


def _of_kind(kind: int, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Pairs as they are (0), in two clusters along the first (1) or last (2) coordinate of both, or folded (3).

    From 4 on the first coordinate of x is the same in all pairs but one: a half of the pairs may then see it constant.
    """
    if kind > 3:
        x[..., 0] = 0
        x[..., 3 * (kind - 4), 0] = 1
        return x, y
    if kind == 3:
        return x, x[..., :1].abs() + 0.2 * y
    if kind:
        side = 4 * x[..., [1 - kind]].sign()
        along = torch.zeros_like(x[0]), torch.zeros_like(y[0])
        for axis in along:
            axis[1 - kind] = 1
        x, y = x + side * along[0], y + side * along[1]
    return x, y


@claim(
    "evaluating one batch changes nothing of the next",
    see="mibench.contracts.Estimator.mi and .surrogate",
    after=(determinism,),
)
def evaluation_trace(subject: Subject) -> None:
    """What was evaluated before changes nothing of what is said of a batch, or learnt from it."""
    seen, unseen = (subject.make(_SCENARIO).train(2) for _ in range(2))
    seen.evaluate(*_SCENARIO.batch(5))
    for instance in (seen, unseen):
        instance.reseed().train(2, first=3)
    expect_equal(
        seen.evaluate(*_SCENARIO.batch()),
        unseen.evaluate(*_SCENARIO.batch()),
        "what an estimator says of a batch not to depend on what it evaluated before: keep what belongs to one batch "
        "(a kernel's width, a rank) in the call, train in `update` alone, and draw from `problem.generators`",
    )


@claim(
    "the surrogate's gradient reaches x and y and never what the estimator learns",
    see="mibench.contracts.Estimator.surrogate",
    after=(evaluation_trace,),
)
def surrogate_leak(subject: Subject) -> None:
    """A backward pass through the surrogate changes neither a `.grad` of what is learnt nor the updates that follow.

    A tensor counts as learnt if an attribute holds it before the call; tensors that the call makes may keep gradients.
    Where `update` clears `.grad` before it trains, a leak costs time and memory alone. It fails nevertheless, because
    the numbers are right only as long as `update` does so.
    """
    plain, pulled = (_after_surrogate(subject, backward=backward) for backward in (False, True))
    expect_equal(
        pulled,
        plain,
        "the surrogate's gradient to reach x and y alone, so that it changes no later update: detach the parameters",
    )


def _after_surrogate(subject: Subject, *, backward: bool) -> Numbers:
    instance = subject.make(_SCENARIO).train(2)
    if "gradient" in subject.spec.estimates:
        learnt = [(path, tensor, _grad(tensor)) for path, tensor in tensors(instance.estimator) if tensor.is_leaf]
        x, y = (z.requires_grad_() for z in _SCENARIO.batch(5))
        total = instance.ask("surrogate", x, y).sum()
        if backward:
            total.backward()
        for path, tensor, before in learnt:
            expect(
                _same(_grad(tensor), before),
                f"the surrogate's gradient to reach x and y alone: compute it from {path}.detach()",
                f"a gradient left in {path}.grad by `surrogate(x, y).sum().backward()`",
            )
    return instance.train(2, first=3).evaluate(*_SCENARIO.batch())


def _grad(tensor: Tensor) -> Tensor | None:
    return None if tensor.grad is None else tensor.grad.clone()


def _same(ours: Tensor | None, theirs: Tensor | None) -> bool:
    return theirs is None if ours is None else theirs is not None and ours.equal(theirs)


@claim(
    "an estimator restored from a snapshot of mid-training goes on with the same numbers",
    see="mibench.training",
    after=(determinism,),
)
def resume(subject: Subject) -> None:
    """An estimator made again and restored from a snapshot of mid-training goes on with the same numbers, to the bit.

    The snapshot goes through a file that holds data alone, as a checkpoint does.
    """
    for precision in (torch.float32, torch.float64):
        scenario = replace(_SCENARIO, dtype=precision)
        whole, resumed = subject.make(scenario).train(2), subject.make(scenario)
        whole.evaluate(*scenario.batch(5))
        restore(resumed.estimator, _through_a_file(snapshot(whole.estimator)))
        ours, theirs = (instance.train(2, first=3).evaluate(*scenario.batch()) for instance in (resumed, whole))
        expect_equal(
            ours,
            theirs,
            f"an estimator restored from a snapshot to go on with the same numbers, in {precision}: keep what training "
            "changes in attributes (tensors, numbers, lists, dicts, `torch.Generator`, `torch.optim`), where a "
            "checkpoint finds it, not in iterators, closures or globals",
        )


def _through_a_file(state: Any) -> Any:
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)
