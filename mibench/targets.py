"""Targets: `package.module:name`, by which a spec names code that workers import."""

import functools
import importlib
from collections.abc import Callable
from typing import Any

from mibench.errors import MibenchError, PluginError
from mibench.text import message_of


class Target:
    """A field of a spec that takes a class, a function or its `package.module:name`, and stores this text.

    Text crosses over to worker processes, which import it there.
    """

    def __get__(self, spec: object | None, owner: type[Any]) -> str:
        if spec is None:
            raise AttributeError("a target has no default")  # for dataclasses, which ask the class for one
        return vars(spec)["target"]

    def __set__(self, spec: object, given: str | Callable[..., Any]) -> None:
        vars(spec)["target"] = given if isinstance(given, str) else target_of(given)


def target_of(given: Callable[..., Any]) -> str:
    """The `package.module:name` of a class or a function.

    Raises:
        TypeError: it is neither.
        ValueError: it is a lambda or defined inside a function, so that no worker could import it.
    """
    name = getattr(given, "__qualname__", "")
    if not name:
        raise TypeError(f"`target` is a class, a function or its 'package.module:name', not {given!r}")
    if name.endswith("<lambda>"):
        raise ValueError(
            "workers cannot import a lambda, which has no name: write it with `def`, outside all functions"
        )
    if "<" in name:
        raise ValueError(f"workers cannot import {name}, which is defined inside a function: move it out")
    return f"{given.__module__}:{name}"


def load_target(target: str, owner: str) -> Any:
    """Imports `package.module:name`, or `package.module:Outer.name`.

    Args:
        target: what to import.
        owner: whose it is, for the error message, e.g. `estimator 'mine' of plugin 'variational'`.

    Raises:
        PluginError: it cannot be imported.
    """
    module, _, name = target.partition(":")
    try:
        return functools.reduce(getattr, name.split("."), importlib.import_module(module))
    except MibenchError as error:
        raise PluginError(f"{owner}: {error}") from error
    except (Exception, SystemExit) as error:
        message = f"{type(error).__name__}: {message_of(error)}"
        raise PluginError(f"{owner}: cannot import {target!r}: {message}") from error
