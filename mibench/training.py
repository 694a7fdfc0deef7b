"""Epochs that survive a kill: the loop of every task that trains for minutes or days, and what its checkpoints hold.

A snapshot mirrors an object as plain data: attributes and dicts as dicts, lists and tuples as lists, down to what
changes while an estimator trains: tensors, generators, numbers, text and `None`. What occurs twice is kept once.
Functions, classes, devices and whatever else has no such state are left as they are. `torch.optim` optimisers keep
their state by parameter and are taken by their own `state_dict`.
"""

import functools
import time
import types
from collections.abc import Callable, Iterable, Iterator
from dataclasses import Field, asdict, fields, is_dataclass
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn.parameter import UninitializedParameter

from mibench.errors import DivergedError, UnfitError
from mibench.files import Checkpoint
from mibench.outcome import Measurement

_SHARE = 0.05
"""Most of the time that may go into writing checkpoints."""


def train(
    learner: Any,
    epoch: Callable[[int], Iterable[Measurement]],
    epochs: int,
    checkpoint: Checkpoint,
    device: torch.device | str = "cpu",
) -> list[Measurement]:
    """Runs epochs from where the checkpoint is, and returns what all of them measured.

    Everything that an epoch changes must be found in `learner`: networks, optimisers, averages, generators. Then a run
    that was killed goes on with the numbers of one that was not. A checkpoint follows the first epoch, and every later
    one before which enough time has passed that writing takes a twentieth of it.

    Args:
        learner: what is trained, whose state is kept by `mibench.training`.
        epoch: trains for one epoch, counted from 1, and measures.
        epochs: how many there are.
        checkpoint: where state and progress are kept.
        device: where tensors go when they come back.

    Raises:
        StoreError: the checkpoint cannot be written or read; where it is damaged training starts again.
        DivergedError: an epoch raised it, or after the first `UnfitError`, because training has come to where an
            estimator does not work; it carries what all epochs measured.
    """
    done, measured = _resume(learner, checkpoint, device)
    began = written = time.perf_counter()
    cost = 0.0
    for number in range(done + 1, epochs + 1):
        try:
            measured += epoch(number)
        except DivergedError as error:
            error.measurements[:0] = measured
            raise
        except UnfitError as error:
            if not measured:
                raise
            raise DivergedError(f"in epoch {number}: {error}", measured) from error
        checkpoint.report(number, epochs)
        clock = time.perf_counter()
        if clock - written > cost / _SHARE:
            checkpoint.save(
                {
                    "epoch": number,
                    "learner": snapshot(learner),
                    "measured": [asdict(measurement) for measurement in measured],
                    "seconds": checkpoint.spent + clock - began,
                }
            )
            written = time.perf_counter()
            cost = written - clock
    return measured


def _resume(learner: Any, checkpoint: Checkpoint, device: torch.device | str) -> tuple[int, list[Measurement]]:
    saved = checkpoint.load()
    if saved is None:
        return 0, []
    restore(learner, saved["learner"], device)
    checkpoint.spent = saved.get("seconds", 0.0)  # which checkpoints of earlier versions lack
    return saved["epoch"], [Measurement(**fields) for fields in saved["measured"]]


_FUNCTIONS = (types.FunctionType, types.MethodType, types.BuiltinFunctionType, functools.partial)
_STATELESS = (type, types.ModuleType, *_FUNCTIONS)
_SCALARS = (bool, int, float, str, type(None))
_CLASS = "class"
"""The key of a class's name in a snapshot, which no attribute can have."""


def generator_from(stream: torch.Generator, device: torch.device) -> torch.Generator:
    """A stream of its own on a device, whose seed another stream draws."""
    seed = int(torch.randint(2**62, (), generator=stream))
    return torch.Generator(device).manual_seed(seed)


def snapshot(state: Any) -> Any:
    """The state of an object in tensors, numbers, text and `None`, in dicts and lists; a copy.

    That of an object by its attributes also says of which class it is.
    """
    saved = _take(state, set())
    return {_CLASS: type(state).__name__, **saved} if _has_attributes(state) else saved


def restore(state: Any, saved: Any, device: torch.device | str = "cpu") -> None:
    """Puts a snapshot into an object that was made in the same way, in place.

    Args:
        state: the object.
        saved: a snapshot of one like it.
        device: where tensors go that the object has no place for yet.

    Raises:
        ValueError: the snapshot is of another object, or `None`: the class is another, what is trained has other
            names, shapes or dtypes there, or a frozen dataclass other settings. The object is left as it was.
    """
    ours = theirs = type(state).__name__
    if _has_attributes(state) and isinstance(saved, dict):
        saved = dict(cast("dict[Any, Any]", saved))
        theirs = saved.pop(_CLASS, ours)  # which snapshots of earlier versions lack
    of_class = [f"it is of {ours} here and of {theirs} there"] * (ours != theirs)
    if misfit := next(iter([*_misfits(state, saved, "", set()), *of_class]), None):
        raise ValueError(f"the snapshot is not of such an object: {misfit}")
    _put(state, saved, torch.device(device), set())


def _has_attributes(state: Any) -> bool:
    """Whether a snapshot of it holds attributes by name."""
    return _kind(state) is dict and not isinstance(state, (dict, *_SCALARS)) and _take_whole(state) is None


def tensors(state: Any) -> list[tuple[str, Tensor]]:
    """The tensors that a snapshot of an object is made of, each with the path to it, e.g. `critic.layers[0].weight`."""
    return list(_tensors(state, "", set()))


def _tensors(state: Any, path: str, seen: set[int]) -> Iterator[tuple[str, Tensor]]:
    if id(state) in seen or isinstance(state, (*_SCALARS, *_STATELESS)):
        return
    seen.add(id(state))
    if isinstance(state, Tensor):
        yield path, state
    elif isinstance(state, list | tuple):
        for i, child in enumerate(cast("list[Any]", state)):
            yield from _tensors(child, f"{path}[{i}]", seen)
    else:
        for name, child in _named(state):
            yield from _tensors(child, _below(path, name), seen)


def _below(path: str, name: Any) -> str:
    return f"{path}.{name}" if path else str(name)


def _take(state: Any, seen: set[int]) -> Any:
    if isinstance(state, _SCALARS):
        return state
    if id(state) in seen or isinstance(state, _STATELESS):
        return None
    seen.add(id(state))
    if isinstance(state, list | tuple):
        return [_take(child, seen) for child in cast("list[Any]", state)]
    whole = _take_whole(state)
    return {name: _take(child, seen) for name, child in _named(state)} if whole is None else whole


def _take_whole(state: Any) -> Any | None:
    """What is one piece to torch; `None` for what has to be taken apart."""
    if isinstance(state, Tensor):
        return state.detach().cpu().clone()
    if isinstance(state, torch.Generator):
        return state.get_state()
    return state.state_dict() if isinstance(state, torch.optim.Optimizer) else None


def _misfits(state: Any, saved: Any, path: str, seen: set[int]) -> Iterator[str]:
    """What shows that a snapshot is of another object. What is not trained may come into being, grow and change."""
    if id(state) in seen or isinstance(state, (*_SCALARS, *_STATELESS)):
        return
    if saved is None:
        yield from _missing(state, path, seen)
        return
    seen.add(id(state))
    if not isinstance(saved, _kind(state)):
        yield f"{path or 'it'} is of {type(state).__name__} here and of {type(saved).__name__} there"
    elif isinstance(state, Tensor):
        yield from _misfits_of_tensor(state, saved, path)
    elif isinstance(state, list | tuple):
        for i, (child, part) in enumerate(zip(cast("list[Any]", state), saved, strict=False)):
            yield from _misfits(child, part, f"{path}[{i}]", seen)
    elif _take_whole(state) is None:
        yield from _misfits_by_name(state, saved, path, seen)


def _misfits_of_tensor(state: Tensor, saved: Tensor, path: str) -> Iterator[str]:
    if _is_learnt(state) and not isinstance(state, UninitializedParameter):
        for ours, theirs in ((tuple(state.shape), tuple(saved.shape)), (state.dtype, saved.dtype)):
            if ours != theirs:
                yield f"{path or 'it'} is {ours} here and {theirs} there"


def _kind(state: Any) -> type[Any]:
    """What `_take` makes of an object."""
    if isinstance(state, Tensor | torch.Generator):
        return Tensor
    return list if isinstance(state, list | tuple) else dict


def _is_learnt(tensor: Tensor) -> bool:
    return tensor.requires_grad and tensor.is_leaf


def _missing(state: Any, path: str, seen: set[int]) -> Iterator[str]:
    """What is learnt and not in the snapshot; of a whole object that is not there, the object."""
    if not path:
        yield f"it is of {type(state).__name__} here and None there"
    yield from (f"{name} is only here" for name, tensor in _tensors(state, path, set(seen)) if _is_learnt(tensor))


def _misfits_by_name(state: Any, saved: dict[Any, Any], path: str, seen: set[int]) -> Iterator[str]:
    frozen = is_dataclass(state) and cast("Any", state).__dataclass_params__.frozen
    settings = {field.name for field in fields(state) if not _may_be_newer(state, field)} if frozen else set[str]()
    known = dict(_named(state))
    for name, part in saved.items():  # in the order in which what occurs twice was kept
        here, child = _below(path, name), known.get(name)
        if frozen and name not in known:
            yield f"{here} is only there"
        elif frozen and isinstance(child, _SCALARS) and isinstance(part, _SCALARS) and repr(child) != repr(part):
            yield f"{here} is {child!r} here and {part!r} there"
        yield from _misfits(child, part, here, seen)
    for name, child in known.items():
        if name not in saved:
            here = _below(path, name)
            if name in settings:
                yield f"{here} is only here"
            yield from _missing(child, here, seen)


def _may_be_newer(state: Any, setting: Field[Any]) -> bool:
    """Whether a setting may have been added since a snapshot was taken: it then is what was meant without it."""
    value = getattr(state, setting.name)
    added = setting.metadata.get("added", False) and value == setting.default
    return added or isinstance(value, (type(None), *_STATELESS))


def _put(state: Any, saved: Any, device: torch.device, seen: set[int]) -> Any:
    """The object as it was; where it cannot be changed in place, what takes its place."""
    if isinstance(state, _SCALARS):
        return saved.to(device) if isinstance(saved, Tensor) else saved
    if id(state) in seen or isinstance(state, _STATELESS) or saved is None:
        return state
    seen.add(id(state))
    if isinstance(state, Tensor):
        return _put_tensor(state, saved, device)
    if isinstance(state, torch.Generator):
        state.set_state(saved)
    elif isinstance(state, torch.optim.Optimizer):
        state.load_state_dict(saved)
    elif isinstance(state, list | tuple):
        return _put_sequence(cast("list[Any]", state), saved, device, seen)
    else:
        _put_named(state, saved, device, seen)
    return state


def _put_tensor(state: Tensor, saved: Tensor, device: torch.device) -> Tensor:
    if state.shape != saved.shape:
        return saved.to(device).requires_grad_(state.requires_grad)
    with torch.no_grad():
        state.copy_(saved)
    return state


def _put_sequence(state: Any, saved: list[Any], device: torch.device, seen: set[int]) -> Any:
    known = [*state, *[None] * (len(saved) - len(state))]
    children = [_put(child, part, device, seen) for child, part in zip(known, saved, strict=False)]
    if isinstance(state, list):
        state[:] = children
        return cast("Any", state)
    return state if all(a is b for a, b in zip(state, children, strict=False)) else tuple(children)


def _put_named(state: Any, saved: dict[Any, Any], device: torch.device, seen: set[int]) -> None:
    known = dict(_named(state))
    for name, part in saved.items():
        child = _put(known.get(name), part, device, seen)
        if child is known.get(name):
            continue
        if isinstance(state, dict):
            state[name] = child
        else:
            object.__setattr__(state, name, child)  # a frozen dataclass may hold what changes


def _named(state: Any) -> Iterator[tuple[Any, Any]]:
    """What an object consists of, by name; nothing for what has no state."""
    yield from (state if isinstance(state, dict) else getattr(state, "__dict__", {})).items()
