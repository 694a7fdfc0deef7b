"""Moved to `mibench.comparison.verdicts`; this name goes with the next minor version."""

import warnings

from mibench.comparison.verdicts import COLUMNS

__all__ = ["COLUMNS"]

warnings.warn("mibench.verdicts is now mibench.comparison.verdicts", DeprecationWarning, stacklevel=2)
