"""Moved to `mibench.reporting`; this name goes with the next minor version."""

import sys
import warnings

from mibench.reporting import page

__all__ = ["page"]

__path__: list[str] = []  # so that `from mibench.report.page import render` finds the line below
sys.modules[f"{__name__}.page"] = page

warnings.warn("mibench.report is now mibench.reporting", DeprecationWarning, stacklevel=2)
