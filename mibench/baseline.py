"""Moved to `mibench.comparison.baseline`; this name goes with the next minor version."""

import warnings

from mibench.comparison.baseline import compare_baseline

__all__ = ["compare_baseline"]

warnings.warn("mibench.baseline is now mibench.comparison.baseline", DeprecationWarning, stacklevel=2)
