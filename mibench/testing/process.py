"""What an author's code does to the process that it shares with others."""

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
    expect_global_state_kept(
        lambda: subject.live(torch.float64), subject.package, subject.modes, remedy="draw with `problem.draw`"
    )


def expect_global_state_kept(
    live: Callable[[], Numbers], package: str, before: Mapping[str, Any], *, remedy: str
) -> None:
    """Raises `ContractError` if what is called changes something of the process, with the author's line.

    Args:
        live: has an author's code do all that it can do; gives its numbers.
        package: the top-level module that the author's files belong to.
        before: torch's modes before any of it was tried.
        remedy: what to do in place of drawing from a global generator.
    """
    life = _Life(live, package, remedy)
    with _generators_put_back():
        (first, moved), (second, also_moved), (again, _) = (life.seeded(seed) for seed in (2020, 2021, 2021))
        depends = _differ(first, second) and not _differ(again, second)  # else it is not determined by any seed
        where = life.place("python") if moved == also_moved or depends else ""
    expect(moved != also_moved, "python's global generator not to be seeded", f"one state, whatever it was{where}")
    if depends:
        expected = f"numbers that do not depend on python's global generator{where}: {remedy}"
        expect_equal(second, first, expected, relative=_ROUNDING)
    for name, now in modes().items():
        expect(now == before[name], f"torch's {name} to stay {before[name]}", str(now))


@contextmanager
def _generators_put_back() -> Generator[None]:
    states = {name: generator.get() for name, generator in _GENERATORS.items()}
    try:
        yield
    finally:
        for name, state in states.items():
            _GENERATORS[name].put(state)


@dataclass(frozen=True)
class _Life:
    """All that an author's code can do, under watch."""

    live: Callable[[], Numbers]
    package: str
    remedy: str

    def seeded(self, seed: int) -> tuple[Numbers, bytes]:
        """Its numbers where the global generators are seeded, and what becomes of python's."""
        for generator in _GENERATORS.values():
            generator.seed(seed)
        before = {name: generator.state() for name, generator in _GENERATORS.items()}
        numbers = self.live()
        for name in ("torch", "numpy"):
            if _GENERATORS[name].state() != before[name]:
                expected = f"{name}'s global generator to stay as it is: {self.remedy}"
                expect(False, expected, f"a draw from it, or a new seed{self.place(name)}")
        return numbers, _GENERATORS["python"].state()

    def place(self, name: str) -> str:
        """The first line of the author's files after which a generator's state is another, ` (my_critic.py:31)`."""
        _GENERATORS[name].seed(2022)  # a seed that the author may set again would change nothing
        watch = _Watch(self.package, _GENERATORS[name])
        outer = sys.gettrace()
        sys.settrace(watch)
        try:
            self.live()
        finally:
            sys.settrace(outer)
        return f" ({watch.found})" if watch.found else ""


def _differ(ours: Numbers, theirs: Numbers) -> bool:
    return not all(torch.allclose(our, theirs[name], rtol=_ROUNDING, equal_nan=True) for name, our in ours.items())


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
