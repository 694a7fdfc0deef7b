"""Moved to `mibench.reporting`; this name goes with the next minor version.

Like `mibench.compare`, it can be called, and does what the function of its name does.
"""

import sys
import types
import warnings
from typing import Any

from mibench.reporting import page

__all__ = ["page"]


class _CallableModule(types.ModuleType):
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Reports as `mibench.showing.report`."""
        from mibench import showing

        return showing.report(*args, **kwargs)


__path__: list[str] = []  # so that `from mibench.report.page import render` finds the line below
sys.modules[f"{__name__}.page"] = page

sys.modules[__name__].__class__ = _CallableModule
warnings.warn("mibench.report is now mibench.reporting", DeprecationWarning, stacklevel=2)
