"""The state that every trial starts from, whoever ran before it and whatever plugins are loaded."""

import contextlib
import math
import multiprocessing
import os
import sys
from collections.abc import Generator
from typing import Any

from mibench.discovery.global_state import TORCH
from mibench.discovery.isolation import preserved
from mibench.executors import TAINTED
from mibench.executors.hosted import Worker
from mibench.process.randomness import seed_globally
from mibench.text import message_of

_damage: list[str] = []
"""What code of others has done to this process that cannot be undone."""


@contextlib.contextmanager
def contained(*, environment: bool = False) -> Generator[None]:
    """Runs code of others; what it changes is put back, and what cannot be put back marks the process as damaged.

    Args:
        environment: whether environment variables are put back too.
    """
    failures: list[str] = []
    try:
        with preserved(environment=environment) as failures:
            yield
    finally:
        _damage.extend(failures)


@contextlib.contextmanager
def known_state(seed: int) -> Generator[None]:
    """Runs a trial: torch is set as in a fresh process, and the global random numbers begin at a seed.

    So numbers that an estimator draws globally (`torch.rand`, `numpy.random.rand`, `random.random`) follow from its
    trial's seed too, and no other trial's numbers follow from them.

    Args:
        seed: any whole number.
    """
    with contained(environment=True), _fresh_torch():
        seed_globally(seed)
        yield


def refuse_if_damaged() -> None:
    """Makes sure that no trial runs in a process that other code has damaged.

    Raises:
        RuntimeError: it is damaged; a worker process ends instead, and another takes its place.
    """
    with _fresh_torch():
        _damage.extend(_wrong_arithmetic())
    if not _damage:
        return
    if isinstance(multiprocessing.current_process(), Worker):
        sys.stderr.flush()
        os._exit(TAINTED)
    raise RuntimeError(f"other code has changed this process for good ({_damage[0]}); run the rest in a fresh one")


@contextlib.contextmanager
def _fresh_torch() -> Generator[None]:
    """Sets torch as in a fresh process, for a while."""
    import torch

    changed = {name: state.read() for name, state in TORCH.items() if state.plain is not None}
    changed = {name: value for name, value in changed.items() if value != TORCH[name].plain}
    with torch.inference_mode(False):
        for name in changed:
            TORCH[name].write(TORCH[name].plain)
        yield
    for name, value in changed.items():
        TORCH[name].write(value)


def _wrong_arithmetic() -> list[str]:
    """Whether torch still computes as it should, by a few results that are known."""
    try:
        sums = _sums()
    except Exception as error:  # noqa: BLE001 - whatever it is, torch is not what it was
        return [f"torch does not compute any more: {message_of(error)}"]
    wrong = [name for name, (result, expected) in sums.items() if not math.isclose(result, expected, rel_tol=1e-5)]
    return [f"torch's {name} is wrong now" for name in wrong]


def _sums() -> dict[str, tuple[float, float]]:
    import torch

    x = torch.arange(1.0, 7.0).reshape(2, 3)
    leaf = torch.tensor([3.0], requires_grad=True)
    (slope,) = torch.autograd.grad((leaf * leaf).sum(), leaf)
    results: dict[str, tuple[Any, float]] = {
        "sum": (x.sum(), 21.0),
        "mean": (x.mean(), 3.5),
        "matrix product": ((x @ x.T)[0, 1], 32.0),
        "exponential": (x.exp()[1, 2], math.exp(6.0)),
        "logarithm": (x.log()[1, 2], math.log(6.0)),
        "logsumexp": (torch.logsumexp(x[0], 0), math.log(sum(map(math.exp, (1.0, 2.0, 3.0))))),
        "gradient": (slope, 6.0),
    }
    return {name: (float(result.item()), expected) for name, (result, expected) in results.items()}
