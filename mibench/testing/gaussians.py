"""Moved to `mibench.gaussians`; this name goes with the next minor version."""

import warnings

from mibench.gaussians import conditional, correlate, log_ratio_gradient, mutual_information, slope

__all__ = ["conditional", "correlate", "log_ratio_gradient", "mutual_information", "slope"]

warnings.warn("mibench.testing.gaussians is now mibench.gaussians", DeprecationWarning, stacklevel=2)
