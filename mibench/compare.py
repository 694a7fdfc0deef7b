"""Moved to `mibench.comparison`; this name goes with the next minor version."""

import warnings

from mibench.comparison import compare

__all__ = ["compare"]

warnings.warn("mibench.compare is now mibench.comparison", DeprecationWarning, stacklevel=2)
