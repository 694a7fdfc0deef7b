"""What a user asks to compare, as one value: with other estimators, with a baseline, or with references."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mibench.comparison import LARGE, baseline, compare, contests, pairwise
from mibench.comparison.coverage import unmatched
from mibench.comparison.references import load_references, without_unfit
from mibench.comparison.selection import refuse_unmeasured
from mibench.comparison.soundness import LEFT_OUT
from mibench.discovery.registry import Registry
from mibench.errors import UsageError
from mibench.frames import narrow
from mibench.refusal import refuse_combination, refuse_unless
from mibench.specs import EVERY


@dataclass(frozen=True, kw_only=True)
class CompareRequest:
    """Which comparison is wanted.

    Attributes:
        estimator: the estimator to compare with others; empty for another comparison.
        rivals: the others; empty, or `all`, for all but the oracle.
        baseline: a tidy frame of other results to compare with; `None` for another comparison.
        against: the baseline's name.
        references: names of sets of references; empty for all.
        measurements: names; empty for all, or for `mi` and `mi_gradient` where an estimator is named.
        large: the share below which no difference counts; `None` for the usual one.

    Raises:
        UsageError: several comparisons are asked for, or rivals without an estimator, or the share is none.
    """

    estimator: str = ""
    rivals: Sequence[str] = ()
    baseline: pd.DataFrame | None = None
    against: str = ""
    references: Sequence[str] = ()
    measurements: Sequence[str] = ()
    large: float | None = None

    def __post_init__(self) -> None:
        refuse_combination(self.estimator, self.rivals, self.baseline is not None, self.references)
        refuse_unless(self.large is None or _is_share(self.large), "large", "a share, a number from 0 on", self.large)


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool) and bool(0 <= value < math.inf)


def compare_as_asked(request: CompareRequest, frame: pd.DataFrame, registry: Registry) -> pd.DataFrame:
    """The comparison that a request asks for.

    Args:
        request: which comparison.
        frame: a tidy frame.
        registry: what the plugins brought.

    Returns:
        The columns of `mibench.comparison.pairwise.COLUMNS` where an estimator is named, else those of
        `mibench.comparison.verdicts.COLUMNS`. `attrs["left_out"]` says what was left out.

    Raises:
        UsageError: the frame or the baseline holds nothing of what was asked for.
        PluginError: references that were asked for by name cannot be used.
    """
    if request.estimator:
        large = contests.LARGE if request.large is None else request.large
        rivals = () if EVERY in request.rivals else request.rivals
        return pairwise.compare_estimators(
            frame, request.estimator, registry, rivals=rivals, measurements=request.measurements, large=large
        )
    frames = [frame] if request.baseline is None else [frame, request.baseline]
    refuse_unmeasured(request.measurements, {name for each in frames for name in _names(each)})
    frame = _measured(frame, request.measurements, "these results")
    if request.baseline is None:
        references = load_references(registry, request.references)
        references = without_unfit(references, frame, registry, refuse=bool(request.references))
        asked = references["measurement"].isin(request.measurements or references["measurement"])
        large = LARGE if request.large is None else request.large
        compared = compare(frame, references[asked], registry, large=large)
        compared.attrs[LEFT_OUT] += [*references.attrs[LEFT_OUT], *unmatched(frame, references)]
        return compared
    other = _measured(request.baseline, request.measurements, f"the baseline {request.against}".rstrip())
    large = baseline.LARGE if request.large is None else request.large
    return baseline.compare_baseline(frame, other, registry, against=request.against, large=large)


def _measured(frame: pd.DataFrame, measurements: Sequence[str], whose: str) -> pd.DataFrame:
    """The rows of these measurements, and one without a measurement for each trial that did not end well before.

    Raises:
        UsageError: there are none.
    """
    rows = narrow(frame, measurements=measurements)
    if rows.empty:
        refuse_unmeasured(measurements, _names(frame), whose)
        raise UsageError(f"there is nothing to compare: in {whose} is no such trial")
    return rows


def _names(frame: pd.DataFrame) -> set[str]:
    return {*frame["measurement"].dropna().astype(str)} - {""}
