"""What holds for a whole process and can be set by anybody in it: how each thing is read, and how it is set."""

import functools
import gc
import locale
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, cast

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGALRM", "SIGUSR1", "SIGUSR2", "SIGCHLD")


class GlobalState(NamedTuple):
    """One thing that holds for a whole process.

    Attributes:
        read: gives its present value.
        write: sets it.
        plain: the value in a fresh process, where that is the same everywhere.
    """

    read: Callable[[], Any]
    write: Callable[[Any], object]
    plain: Any = None


def _read_handlers() -> dict[int, Any]:
    numbers = [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]
    return {number: signal.getsignal(number) for number in numbers}


def _write_handlers(handlers: Mapping[int, Any]) -> None:
    if threading.current_thread() is threading.main_thread():
        for number, handler in handlers.items():
            if handler is not None:  # else it was not set from Python
                signal.signal(number, handler)


def _alarm_is_set() -> bool:
    return hasattr(signal, "getitimer") and signal.getitimer(signal.ITIMER_REAL) != (0.0, 0.0)


def _clear_alarm(was_set: bool) -> None:
    if not was_set:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _write_environment(values: Mapping[str, str]) -> None:
    for name in os.environ.keys() - values.keys():
        del os.environ[name]
    os.environ.update(values)


def _write_filters(filters: list[Any]) -> None:
    warnings.resetwarnings()  # tells the interpreter that they change
    cast("list[Any]", warnings.filters).extend(filters)


def _write_collector(enabled: bool) -> None:
    gc.enable() if enabled else gc.disable()


def _read_umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def _resolve(path: str) -> Any:
    """What a path like `torch.backends.cudnn` leads to, of a package that is loaded."""
    package, *names = path.split(".")
    return functools.reduce(getattr, names, sys.modules[package])


def _late(path: str) -> Callable[..., Any]:
    """A function that is looked up when it is called."""

    def call(*args: Any, **kwargs: Any) -> Any:
        return _resolve(path)(*args, **kwargs)

    return call


def _flag(owner: str, name: str, plain: object) -> GlobalState:
    """An attribute of an object of torch."""

    def write(value: object) -> None:
        setattr(_resolve(owner), name, value)

    return GlobalState(lambda: getattr(_resolve(owner), name), write, plain)


def _read_dtype() -> str:
    return str(_resolve("torch.get_default_dtype")()).removeprefix("torch.")


def _write_dtype(name: str) -> None:
    _resolve("torch.set_default_dtype")(_resolve(f"torch.{name}"))


def _read_device() -> str:
    return str(_resolve("torch.get_default_device")())


def _write_device(device: str) -> None:
    _resolve("torch.set_default_device")(None if device == "cpu" else device)  # one that is set slows every function


def _read_deterministic() -> tuple[bool, bool]:
    torch = sys.modules["torch"]
    return torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()


def _write_deterministic(mode: tuple[bool, bool]) -> None:
    _resolve("torch.use_deterministic_algorithms")(mode[0], warn_only=mode[1])


def _flushes_denormal() -> bool:
    torch = sys.modules["torch"]
    return bool(torch.tensor([1e-310], dtype=torch.float64, device="cpu").mul(0.5).item() == 0.0)


def _autocast(device: str) -> GlobalState:
    read, write = _late("torch.is_autocast_enabled"), _late("torch.set_autocast_enabled")
    return GlobalState(functools.partial(read, device), functools.partial(write, device), plain=False)


def _write_numpy_errors(kinds: Mapping[str, str]) -> None:
    sys.modules["numpy"].seterr(**kinds)


PROCESS: dict[str, GlobalState] = {
    "the working directory": GlobalState(os.getcwd, os.chdir),
    "the locale": GlobalState(
        lambda: locale.setlocale(locale.LC_ALL), functools.partial(locale.setlocale, locale.LC_ALL)
    ),
    "the umask": GlobalState(_read_umask, os.umask),
    "the recursion limit": GlobalState(sys.getrecursionlimit, sys.setrecursionlimit),
    "the garbage collector": GlobalState(gc.isenabled, _write_collector),
    "warnings filters": GlobalState(lambda: list(warnings.filters), _write_filters),
    "signal handlers": GlobalState(_read_handlers, _write_handlers),
    "an alarm": GlobalState(_alarm_is_set, _clear_alarm),
    "stdout": GlobalState(lambda: sys.stdout, functools.partial(setattr, sys, "stdout")),
    "stderr": GlobalState(lambda: sys.stderr, functools.partial(setattr, sys, "stderr")),
}
"""What there is in any process, by what a person calls it."""

TORCH: dict[str, GlobalState] = {
    "torch's threads": GlobalState(_late("torch.get_num_threads"), _late("torch.set_num_threads")),
    "torch's default dtype": GlobalState(_read_dtype, _write_dtype, plain="float32"),
    "torch's default device": GlobalState(_read_device, _write_device, plain="cpu"),
    "torch's grad mode": GlobalState(_late("torch.is_grad_enabled"), _late("torch.set_grad_enabled"), plain=True),
    "torch's deterministic mode": GlobalState(_read_deterministic, _write_deterministic, plain=(False, False)),
    "torch's anomaly mode": GlobalState(
        _late("torch.is_anomaly_enabled"), _late("torch.autograd.set_detect_anomaly"), plain=False
    ),
    "torch's matmul precision": GlobalState(
        _late("torch.get_float32_matmul_precision"), _late("torch.set_float32_matmul_precision"), plain="highest"
    ),
    "torch's denormal numbers": GlobalState(_flushes_denormal, _late("torch.set_flush_denormal"), plain=False),
    "torch's autocast on the CPU": _autocast("cpu"),
    "torch's autocast on the GPU": _autocast("cuda"),
    "cuDNN's benchmark mode": _flag("torch.backends.cudnn", "benchmark", plain=False),
    "cuDNN's deterministic mode": _flag("torch.backends.cudnn", "deterministic", plain=False),
    "cuDNN's TF32": _flag("torch.backends.cudnn", "allow_tf32", plain=True),
}
"""What there is where torch is loaded."""
NUMPY: dict[str, GlobalState] = {"numpy's treatment of errors": GlobalState(_late("numpy.geterr"), _write_numpy_errors)}
"""What there is where numpy is loaded."""


ENVIRONMENT: dict[str, GlobalState] = {"the environment": GlobalState(lambda: dict(os.environ), _write_environment)}
"""A library may read what its plugin set as it was imported, so that only trials give it back."""


def global_states() -> dict[str, GlobalState]:
    """What there is in this process at present, but for the environment."""
    loaded = NUMPY if "numpy" in sys.modules else {}
    return PROCESS | loaded | (TORCH if "torch" in sys.modules else {})
