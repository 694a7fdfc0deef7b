"""What an estimator does to the process that it shares with others."""

import pickle
import random
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch

from mibench.testing.failures import owns
from mibench.testing.kit import claim, expect, expect_equal
from mibench.testing.subject import Numbers, Subject, modes
from mibench.testing.tensors import shapes

_ROUNDING = 1e-6


@dataclass(frozen=True)
class _Generator:
    """A generator of the process: how it is seeded, read and put back."""

    seed: Callable[[int], object]
    get: Callable[[], Any]
    put: Callable[[Any], object]

    def state(self) -> bytes:
        """Its state, to compare."""
        return pickle.dumps(self.get())


_GENERATORS: Mapping[str, _Generator] = {
    "torch": _Generator(
        torch.default_generator.manual_seed,
        lambda: torch.get_rng_state().numpy(),
        lambda state: torch.set_rng_state(torch.from_numpy(state)),
    ),
    "numpy": _Generator(np.random.seed, np.random.get_state, np.random.set_state),
    "python": _Generator(random.seed, random.getstate, random.setstate),
}


@claim(
    "nothing of the process changes, the global generators least of all",
    see="mibench.contracts.Problem, `generators`",
    after=(shapes,),
)
def global_state(subject: Subject) -> None:
    """Nothing of the process changes while an estimator is made, trained and evaluated.

    That python's generator moves proves nothing, as runtime type checkers draw from it; so it must not be seeded, and
    numbers must not depend on it.
    """
    with _generators_put_back():
        (first, moved), (second, also_moved) = (_seeded_life(subject, seed) for seed in (2020, 2021))
        where = _place(subject, "python") if moved == also_moved or _differ(first, second) else ""
    expect(moved != also_moved, "python's global generator not to be seeded", f"one state, whatever it was{where}")
    expected = f"numbers that do not depend on python's global generator{where}: draw with `problem.draw`"
    expect_equal(second, first, expected, relative=_ROUNDING)
    for name, now in modes().items():
        expect(now == subject.modes[name], f"torch's {name} to stay {subject.modes[name]}", str(now))


@contextmanager
def _generators_put_back() -> Generator[None]:
    states = {name: generator.get() for name, generator in _GENERATORS.items()}
    try:
        yield
    finally:
        for name, state in states.items():
            _GENERATORS[name].put(state)


def _seeded_life(subject: Subject, seed: int) -> tuple[Numbers, bytes]:
    """What an estimator says where the global generators are seeded, and what becomes of python's."""
    for generator in _GENERATORS.values():
        generator.seed(seed)
    before = {name: generator.state() for name, generator in _GENERATORS.items()}
    numbers = subject.live(torch.float64)
    for name in ("torch", "numpy"):
        if _GENERATORS[name].state() != before[name]:
            expected = f"{name}'s global generator to stay as it is: draw with `problem.draw`"
            expect(False, expected, f"a draw from it, or a new seed{_place(subject, name)}")
    return numbers, _GENERATORS["python"].state()


def _differ(ours: Numbers, theirs: Numbers) -> bool:
    return not all(torch.allclose(our, theirs[name], rtol=_ROUNDING, equal_nan=True) for name, our in ours.items())


def _place(subject: Subject, name: str) -> str:
    """The first line of the author's files after which a generator's state is another, as ` (my_critic.py:31)`."""
    _GENERATORS[name].seed(2022)  # a seed that the estimator may set again would change nothing
    watch = _Watch(subject.package, _GENERATORS[name])
    outer = sys.gettrace()
    sys.settrace(watch)
    try:
        subject.live(torch.float64)
    finally:
        sys.settrace(outer)
    return f" ({watch.found})" if watch.found else ""


class _Watch:
    """A trace function that compares a generator's state before and after each line of a package.

    Attributes:
        found: the first line that changed it, as `my_critic.py:31`; empty if none did.
    """

    def __init__(self, package: str, generator: _Generator) -> None:
        self.found = ""
        self._package, self._generator = package, generator
        self._state, self._line = generator.state(), ""

    def __call__(self, frame: FrameType, event: str, arg: object) -> "_Watch | None":  # noqa: ARG002 - as `sys.settrace` calls it
        if self.found or not owns(self._package, frame.f_globals):
            return None
        state = self._generator.state()
        if state != self._state and self._line:
            self.found = self._line
        self._state = state
        running = frame.f_back if event == "return" else frame
        while running is not None and not owns(self._package, running.f_globals):
            running = running.f_back  # a call may pass through mibench's own code
        if running is not None:
            self._line = f"{Path(running.f_code.co_filename).name}:{running.f_lineno}"
        return self
