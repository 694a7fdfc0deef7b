"""Moved to `mibench.comparison`; this name goes with the next minor version.

Importing a module binds its name in the package, where `mibench.compare` is a function. So this module can be called,
and does what the function does.
"""

import sys
import types
import warnings
from typing import Any

from mibench.comparison import compare

__all__ = ["compare"]


class _CallableModule(types.ModuleType):
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Compares as `mibench.api.compare`."""
        from mibench import api

        return api.compare(*args, **kwargs)


sys.modules[__name__].__class__ = _CallableModule
warnings.warn("mibench.compare is now mibench.comparison", DeprecationWarning, stacklevel=2)
