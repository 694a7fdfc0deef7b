"""Properties of what an estimator keeps, draws and leaves behind."""

import io
import pickle
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mibench.testing.kit import Property, expect, expect_equal
from mibench.testing.subject import Numbers, Scenario, Subject
from mibench.training import restore, snapshot, tensors


@dataclass(frozen=True)
class _Generator:
    """A generator of the process: how it is seeded, read and put back."""

    seed: Callable[[int], object]
    get: Callable[[], Any]
    put: Callable[[Any], object]


_ROUNDING = 1e-6
_SCENARIO = Scenario(seeds=(0, 1))
_GENERATORS: Mapping[str, _Generator] = {
    "torch": _Generator(
        torch.default_generator.manual_seed,
        lambda: torch.get_rng_state().numpy(),
        lambda state: torch.set_rng_state(torch.from_numpy(state)),
    ),
    "numpy": _Generator(np.random.seed, np.random.get_state, np.random.set_state),
    "python": _Generator(random.seed, random.getstate, random.setstate),
}
_SETTINGS: Mapping[str, Callable[[], object]] = {
    "default dtype": torch.get_default_dtype,
    "gradient mode": torch.is_grad_enabled,
    "number of threads": torch.get_num_threads,
}


def check_determinism(subject: Subject) -> None:
    """The same generators and batches give the same numbers, bit for bit."""
    for dtype in (torch.float32, torch.float64):
        first, second = (_life(subject, dtype) for _ in range(2))
        expect_equal(second, first, f"equal seeds and batches to give equal numbers, to the last bit, in {dtype}")


def check_global_state(subject: Subject) -> None:
    """Nothing of the process changes while an estimator is made, trained and evaluated.

    That python's generator moves proves nothing, as runtime type checkers draw from it; so it must not be seeded, and
    numbers must not depend on it.
    """
    settings = {name: get() for name, get in _SETTINGS.items()}
    kept = {name: generator.get() for name, generator in _GENERATORS.items()}
    try:
        (first, one), (second, other) = (_seeded_life(subject, seed) for seed in (2020, 2021))
    finally:
        for name, state in kept.items():
            _GENERATORS[name].put(state)
    expected = "numbers that do not depend on python's global generator: draw with `problem.draw`"
    expect_equal(second, first, expected, relative=_ROUNDING)
    expect(one != other, "python's global generator not to be seeded", "one state, whatever it was before")
    for name, get in _SETTINGS.items():
        expect(get() == settings[name], f"torch's {name} to stay {settings[name]}", str(get()))


def _seeded_life(subject: Subject, seed: int) -> tuple[Numbers, bytes]:
    """What an estimator says where the global generators are seeded, and what becomes of python's."""
    for generator in _GENERATORS.values():
        generator.seed(seed)
    before = _states()
    numbers = _life(subject, torch.float64)
    after = _states()
    for name in ("torch", "numpy"):
        expected = f"{name}'s global generator to stay as it is: draw with `problem.draw`"
        expect(after[name] == before[name], expected, "a draw from it, or a new seed")
    return numbers, after["python"]


def _states() -> dict[str, bytes]:
    return {name: pickle.dumps(generator.get()) for name, generator in _GENERATORS.items()}


def check_leak(subject: Subject) -> None:
    """A backward pass through the surrogate changes neither a `.grad` of what is learnt nor the updates that follow.

    Learnt is what the estimator's attributes hold before the surrogate is asked for; what the call makes, it may keep.
    Where `update` clears `.grad` before it trains, a leak costs time and memory alone. It fails all the same: that no
    number changes then hangs on the order of lines in another method.
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
        learnt = [(path, one, _grad(one)) for path, one in tensors(instance.estimator) if one.is_leaf]
        x, y = (z.requires_grad_() for z in _SCENARIO.batch(5))
        total = instance.ask("surrogate", x, y).sum()
        if backward:
            total.backward()
        for path, one, before in learnt:
            expect(
                _same(_grad(one), before),
                f"the surrogate's gradient to reach x and y alone: compute it from {path}.detach()",
                f"a gradient left in {path}.grad by `surrogate(x, y).sum().backward()`",
            )
    return instance.train(2, first=3).evaluate(*_SCENARIO.batch())


def _grad(tensor: Tensor) -> Tensor | None:
    return None if tensor.grad is None else tensor.grad.clone()


def _same(ours: Tensor | None, theirs: Tensor | None) -> bool:
    return theirs is None if ours is None else theirs is not None and ours.equal(theirs)


def check_trace(subject: Subject) -> None:
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


def check_resume(subject: Subject) -> None:
    """One made anew and restored from a snapshot of mid-training goes on with the same numbers, bit for bit.

    The snapshot goes through a file that holds data alone, as a checkpoint does.
    """
    for dtype in (torch.float32, torch.float64):
        scenario = replace(_SCENARIO, dtype=dtype)
        whole, anew = subject.make(scenario).train(2), subject.make(scenario)
        whole.evaluate(*scenario.batch(5))
        restore(anew.estimator, _through_a_file(snapshot(whole.estimator)))
        ours, theirs = (instance.train(2, first=3).evaluate(*scenario.batch()) for instance in (anew, whole))
        expect_equal(
            ours,
            theirs,
            f"an estimator restored from a snapshot to go on with the same numbers, in {dtype}: keep what training "
            "changes in attributes (tensors, numbers, lists, dicts, `torch.Generator`, `torch.optim`), where a "
            "checkpoint finds it, not in iterators, closures or globals",
        )


def _through_a_file(state: Any) -> Any:
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def _life(subject: Subject, dtype: torch.dtype) -> Numbers:
    scenario = replace(_SCENARIO, dtype=dtype)
    return subject.make(scenario).train(3).evaluate(*scenario.batch())


DETERMINISM = Property(
    name="determinism",
    claim="equal seeds and batches give equal numbers",
    see="mibench.contracts.Problem, `generators`",
    check=check_determinism,
)
GLOBAL_STATE = Property(
    name="global-state",
    claim="nothing of the process changes, the global generators least of all",
    see="mibench.contracts.Problem, `generators`",
    check=check_global_state,
)
LEAK = Property(
    name="surrogate-leak",
    claim="the surrogate's gradient reaches x and y and never what the estimator learns",
    see="mibench.contracts.Estimator.surrogate",
    check=check_leak,
)
TRACE = Property(
    name="evaluation-trace",
    claim="evaluating one batch changes nothing of the next",
    see="mibench.contracts.Estimator.mi and .surrogate",
    check=check_trace,
)
RESUME = Property(
    name="resume",
    claim="one restored from a snapshot of mid-training goes on with the same numbers",
    see="mibench.training",
    check=check_resume,
)
