"""Moved to `mibench.training`; this name goes with the next minor version."""

import warnings

from mibench.training import restore, snapshot, tensors

__all__ = ["restore", "snapshot", "tensors"]

warnings.warn("mibench.snapshots is now part of mibench.training", DeprecationWarning, stacklevel=2)
