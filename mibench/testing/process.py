"""What an author's code does to the process that it shares with others."""

import functools
import inspect
import os
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

from mibench.discovery.global_state import ENVIRONMENT, global_states
from mibench.discovery.isolation import preserved
from mibench.testing.failures import owns
from mibench.testing.kit import claim, expect, expect_equal
from mibench.testing.subject import Numbers, Subject, Watch, unwatched
from mibench.testing.tensors import shapes

_ROUNDING = 1e-6
_OF_LIBRARIES = frozenset({"the environment", "warnings filters"})
"""What libraries set as they are loaded."""
_INSTALLED = {"site-packages", "dist-packages"}
"""The folders that libraries are installed to."""


@dataclass(frozen=True)
class _Generator:
    """A generator of the process: how it is seeded and read."""

    seed: Callable[[int], object]
    read: Callable[[], Any]

    def state(self) -> bytes:
        """Its state, to compare."""
        return pickle.dumps(self.read())


_GENERATORS: Mapping[str, _Generator] = {
    "torch": _Generator(torch.default_generator.manual_seed, lambda: torch.get_rng_state().numpy()),
    "numpy": _Generator(np.random.seed, np.random.get_state),
    "python": _Generator(random.seed, random.getstate),
}


@claim(
    "nothing of the process changes, the global generators least of all",
    see="mibench.contracts.Estimator",
    after=(shapes,),
)
def global_state(subject: Subject) -> None:
    """Nothing of the process changes while an estimator is made, trained and evaluated.

    That python's generator moves proves nothing, as runtime type checkers draw from it; so it must not be seeded, and
    numbers must not depend on it.
    """
    expect_global_state_kept(
        lambda watch: subject.live(torch.float64, watch), subject.package, remedy="draw with `problem.draw`"
    )


def expect_global_state_kept(live: Callable[[Watch], Numbers], package: str, *, remedy: str) -> None:
    """Raises `ContractError` if what is called changes something of the process, with the author's line or method.

    Args:
        live: has an author's code do all that it can do, watched call by call; gives its numbers.
        package: the top-level module that the author's files belong to.
        remedy: what to do in place of drawing from a global generator.
    """
    life = _Life(live, package, remedy)
    (first, moved), (second, also_moved), (again, _) = (life.seeded(seed) for seed in (2020, 2021, 2021))
    depends = _differ(first, second) and not _differ(again, second)  # else it is not determined by any seed
    where = life.place("python") if moved == also_moved or depends else ""
    expect(moved != also_moved, "python's global generator not to be seeded", f"one state, whatever it was{where}")
    if depends:
        expected = f"numbers that do not depend on python's global generator{where}: {remedy}"
        expect_equal(second, first, expected, relative=_ROUNDING)


@contextmanager
def _states_kept(package: str, name: str) -> Generator[None]:
    """Watches a call, after which everything that holds for the process must be what it was.

    What libraries set for themselves is not the caller's: where one is loaded, neither variables of the environment nor
    filters of warnings are looked at, but at the next call, and variables that an installed one sets never are.
    """
    states = global_states() | ENVIRONMENT
    before, loaded = {what: state.read() for what, state in states.items()}, len(sys.modules)
    with _noting_variables(package) as own:
        yield
    passed_over = _OF_LIBRARIES if len(sys.modules) != loaded else frozenset[str]()
    after = {what: state.read() for what, state in states.items()}
    for noted in (before, after):
        noted |= {what: {variable: noted[what].get(variable) for variable in own} for what in ENVIRONMENT}
    for what, value in before.items():
        if after[what] != value and what not in passed_over:
            expected, got = _told(value, after[what])
            expect(False, f"`{name}` to leave {what} as it was{expected}", got)


@contextmanager
def _noting_variables(package: str) -> Generator[set[str]]:
    """Notes the variables of the environment that are set or removed meanwhile, but for those that a library sets."""
    own: set[str] = set()

    def noting(write: Callable[..., None]) -> Callable[..., None]:
        def noted(name: bytes, *value: bytes) -> None:
            if not _of_library(inspect.currentframe(), package):
                own.add(os.fsdecode(name))
            write(name, *value)

        return noted

    writers = os.putenv, os.unsetenv  # what `os.environ` calls
    os.putenv, os.unsetenv = map(noting, writers)
    try:
        yield own
    finally:
        os.putenv, os.unsetenv = writers


def _of_library(frame: FrameType | None, package: str) -> bool:
    """Whether the innermost code but for this file's and the standard library's is installed, and none of a package."""
    while frame is not None and _passed_on(str(frame.f_globals.get("__name__"))):
        frame = frame.f_back
    if frame is None or owns(package, frame.f_globals):
        return False
    return not _INSTALLED.isdisjoint(Path(frame.f_code.co_filename).parts)


def _passed_on(module: str) -> bool:
    return module == __name__ or module.partition(".")[0] in sys.stdlib_module_names


def _told(before: Any, now: Any) -> tuple[str, str]:
    """What was and what is, in a few words; of many things only which of them are others."""
    if isinstance(before, str | bool | int):
        return f", {before}", f"{now}"
    if isinstance(before, Mapping):
        changed = sorted(f"{key}" for key in {*before, *now} if before.get(key) != now.get(key))
        return "", f"another {', '.join(changed)}"
    return "", "another"


@dataclass(frozen=True)
class _Life:
    """All that an author's code can do, under watch."""

    live: Callable[[Watch], Numbers]
    package: str
    remedy: str

    def seeded(self, seed: int) -> tuple[Numbers, bytes]:
        """Its numbers where the global generators are seeded, and what becomes of python's."""
        with preserved(environment=True):
            for generator in _GENERATORS.values():
                generator.seed(seed)
            before = {name: generator.state() for name, generator in _GENERATORS.items()}
            numbers = self.live(functools.partial(_states_kept, self.package))
            for name in ("torch", "numpy"):
                if _GENERATORS[name].state() != before[name]:
                    expected = f"{name}'s global generator to stay as it is: {self.remedy}"
                    expect(False, expected, f"a draw from it, or a new seed{self.place(name)}")
            return numbers, _GENERATORS["python"].state()

    def place(self, name: str) -> str:
        """The first line of the author's files after which a generator's state is another, ` (my_critic.py:31)`."""
        with preserved(environment=True):
            _GENERATORS[name].seed(2022)  # a seed that the author may set again would change nothing
            tracer = _Tracer(self.package, _GENERATORS[name])
            outer = sys.gettrace()
            sys.settrace(tracer)
            try:
                self.live(unwatched)
            finally:
                sys.settrace(outer)
        return f" ({tracer.found})" if tracer.found else ""


def _differ(ours: Numbers, theirs: Numbers) -> bool:
    return not all(torch.allclose(our, theirs[name], rtol=_ROUNDING, equal_nan=True) for name, our in ours.items())


class _Tracer:
    """A trace function that compares a generator's state before and after each line of a package.

    Attributes:
        found: the first line that changed it, as `my_critic.py:31`; empty if none did.
    """

    def __init__(self, package: str, generator: _Generator) -> None:
        self.found = ""
        self._package, self._generator = package, generator
        self._state, self._line = generator.state(), ""

    def __call__(self, frame: FrameType, event: str, arg: object) -> "_Tracer | None":  # noqa: ARG002 - as `sys.settrace` calls it
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
