"""Says which hook of which plugin is called, and what it gave: for `MIBENCH_TRACE_PLUGINS=1`."""

import os
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

import pluggy


def trace_hooks(manager: pluggy.PluginManager, plugin: str) -> None:
    """Prints a line on stderr for each hook call of a plugin's manager, if the environment asks for it.

    Args:
        manager: calls the hooks of one plugin.
        plugin: its name.
    """
    if os.environ.get("MIBENCH_TRACE_PLUGINS") != "1":
        return
    clock = 0.0

    def before(hook: str, implementations: Sequence[pluggy.HookImpl], arguments: Mapping[str, Any]) -> None:  # noqa: ARG001
        nonlocal clock
        clock = time.perf_counter()

    def after(
        outcome: "pluggy.Result[Any]",
        hook: str,
        implementations: Sequence[pluggy.HookImpl],
        arguments: Mapping[str, Any],  # noqa: ARG001
    ) -> None:
        if implementations:
            milliseconds = 1e3 * (time.perf_counter() - clock)
            print(f"mibench: {plugin}.{hook}() {_said(outcome)} ({milliseconds:.1f} ms)", file=sys.stderr)

    manager.add_hookcall_monitoring(before, after)


def _said(outcome: "pluggy.Result[Any]") -> str:
    if outcome.exception is not None:
        return f"raised {type(outcome.exception).__name__}: {' '.join(str(outcome.exception).split())}"
    brought = outcome.get_result()
    try:
        return f"-> {', '.join(str(getattr(one, 'name', one)) for specs in brought for one in specs) or 'nothing'}"
    except TypeError:
        return f"-> {brought!r}, which is no list of specs"
