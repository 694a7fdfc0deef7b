"""Moved to `mibench.comparison.verdicts`; this name goes with the next minor version."""

import warnings

from mibench.comparison.verdicts import COLUMNS, VERDICTS, Judgement, Verdict, judge

__all__ = ["COLUMNS", "VERDICTS", "Judgement", "Verdict", "judge"]

warnings.warn("mibench.verdicts is now mibench.comparison.verdicts", DeprecationWarning, stacklevel=2)
