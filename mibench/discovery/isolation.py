"""Code of others runs here, and leaves the process as it was.

A plugin that sets torch's default dtype as it is imported, a trial that replaces `torch.Tensor.sum` or leaves the
working directory: each would change what later trials measure, under the same keys and without a word.
"""

import contextlib
import functools
import sys
import types
from collections.abc import Generator, Mapping
from typing import Any

from mibench.discovery.global_state import ENVIRONMENT, TORCH, GlobalState, global_states
from mibench.errors import MibenchError, PluginError
from mibench.process.interrupts import noting_interrupts, staying_alive
from mibench.process.outputs import Descriptors, lent_outputs
from mibench.process.randomness import RandomNumbers
from mibench.text import message_of

_MODULES = (
    "builtins",
    "datetime",
    "hashlib",
    "json",
    "math",
    "os",
    "os.path",
    "random",
    "statistics",
    "time",
    "numpy",
    "numpy.linalg",
    "numpy.random",
    "torch",
    "torch.autograd",
    "torch.distributions",
    "torch.fft",
    "torch.linalg",
    "torch.nn",
    "torch.nn.functional",
    "torch.nn.init",
    "torch.optim",
    "torch.special",
)
"""Where functions are watched; of the classes that torch's modules hold, methods are watched too."""
_HOMES = {"torch", "numpy", "typing_extensions", *sys.stdlib_module_names}
"""Whose functions torch's modules and classes hold."""


@contextlib.contextmanager
def preserved(*, environment: bool = False) -> Generator[list[str]]:
    """Puts back, at its end, what was changed in the process meanwhile.

    Args:
        environment: whether this holds for environment variables too.

    Yields:
        A list that is filled at the end: what could not be put back.
    """
    noted = global_states() | (ENVIRONMENT if environment else {})
    before = {name: (state, state.read()) for name, state in noted.items()}
    random_numbers, functions, had_torch = RandomNumbers(), Functions(), "torch" in sys.modules
    descriptors = Descriptors()
    failures: list[str] = []
    try:
        with lent_outputs():
            yield failures
    finally:
        failures += descriptors.put_back()
        failures += functions.put_back()
        if not had_torch and "torch" in sys.modules:
            before |= {name: (state, state.plain) for name, state in TORCH.items() if state.plain is not None}
            failures += [f"{name} was replaced" for name in foreign_functions()]
        for name, (state, value) in before.items():
            failures += _put_back(name, state, value)
        random_numbers.put_back()


def _put_back(name: str, state: GlobalState, value: Any) -> list[str]:
    try:
        if state.read() != value:
            state.write(value)
    except Exception as error:  # noqa: BLE001 - whatever it is, the rest is put back, and this is reported
        return [f"{name} could not be put back: {type(error).__name__}: {error}"]
    return []


@contextlib.contextmanager
def guarded(owner: str) -> Generator[None]:
    """Runs code of a plugin outside of trials.

    Args:
        owner: whose code it is, for the message.

    Raises:
        PluginError: it raised something that is no error of mibench.
    """
    with noting_interrupts() as interrupted:
        try:
            with preserved(), staying_alive():
                yield
        except MibenchError:
            raise
        except BaseException as error:
            if interrupted():
                raise
            raise PluginError(f"{owner}: {type(error).__name__}: {message_of(error)}") from error


class Functions:
    """The functions and methods that every trial uses, as they are at this moment."""

    def __init__(self) -> None:
        self._modules = {name: sys.modules[name] for name in _MODULES if name in sys.modules}
        self._path = list(sys.path)
        self._members = {name: dict(vars(owner)) for name, owner in _owners().items()}

    def put_back(self) -> list[str]:
        """Undoes what was replaced since; returns what could not be undone."""
        sys.modules.update(self._modules)
        if not {*self._path} <= {*sys.path}:  # what a plugin adds stays: it may import from there later
            sys.path[:] = self._path
        owners = _owners()
        failures: list[str] = []
        for owner_name, members in self._members.items():
            owner = owners[owner_name]
            for name in _replaced(owner, members):
                try:
                    if name in members:
                        setattr(owner, name, members[name])
                    else:
                        delattr(owner, name)
                except (AttributeError, TypeError) as error:
                    failures.append(f"{owner_name}.{name} could not be put back: {error}")
        return failures


def foreign_functions() -> list[str]:
    """The functions of torch that somebody else put there; what only hides an inherited method is removed.

    For a process that loaded torch and code of others in one go, so that there is nothing to compare with.
    """
    foreign: list[str] = []
    for owner_name, owner in _owners().items():
        for name, member in list(vars(owner).items()) if owner_name.startswith("torch") else []:
            if _home(member) in _HOMES:
                continue
            if isinstance(owner, type) and name in _inherited(owner):
                delattr(owner, name)
            else:
                foreign.append(f"{owner_name}.{name}")
    return foreign


def _owners() -> dict[str, Any]:
    """The modules and classes whose members are watched, by name."""
    modules = {name: sys.modules[name] for name in _MODULES if name in sys.modules}
    return modules | (_classes() if "torch" in sys.modules else {})


@functools.cache
def _classes() -> dict[str, type[Any]]:
    torch = sys.modules["torch"]
    classes: dict[str, type[Any]] = {"torch.Tensor": torch.Tensor}
    for module in (torch.nn, torch.optim, torch.distributions):
        members = vars(module).items()
        classes |= {f"{module.__name__}.{name}": kind for name, kind in members if isinstance(kind, type)}
    return classes


def _replaced(owner: Any, members: Mapping[str, Any]) -> list[str]:
    """The members that are something else now, and those that are new and hide an inherited one."""
    now = vars(owner)
    if _equal(now, members):
        return []
    replaced = [name for name, member in members.items() if now.get(name) is not member and _counts(name, member)]
    replaced = [name for name in replaced if not _hooked(now.get(name), members[name])]
    new = now.keys() - members.keys()
    return replaced + sorted(new & _inherited(owner)) if new and isinstance(owner, type) else replaced


def _equal(now: Mapping[str, Any], members: Mapping[str, Any]) -> bool:
    """Whether nothing at all has changed, found out faster than member by member."""
    try:
        return bool(now == members)
    except Exception:  # noqa: BLE001 - a member that is no longer the same may refuse to be compared
        return False


def _counts(name: str, member: Any) -> bool:
    """Whether others compute with it; private values are a library's own affair."""
    return callable(member) or not name.startswith("_")


def _hooked(now: Any, before: Any) -> bool:
    """Whether torch itself put a function in the place of its own, as it does with an optimiser's `step`."""
    return isinstance(now, types.FunctionType) and _home(now) == "torch" and now.__name__ == before.__name__


def _inherited(kind: type[Any]) -> set[str]:
    return {name for base in kind.__mro__[1:] for name in vars(base)}


def _home(member: Any) -> str:
    """The package whose code a Python function is; `torch` for what is none."""
    function = member.__func__ if isinstance(member, staticmethod | classmethod | types.MethodType) else member
    function = function.func if isinstance(function, functools.partial) else function
    if not isinstance(function, types.FunctionType):
        return "torch"
    return str(function.__globals__.get("__name__", "")).partition(".")[0]
