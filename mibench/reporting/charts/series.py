"""What the series of a chart are called: estimators as a user types them, and the parameters that stand beside them."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from mibench.charts import Chart
from mibench.errors import UsageError
from mibench.frames import cell_columns
from mibench.plan.selectors import Selector, parse_selector, spell_apart, spell_value
from mibench.specs import Scalar, TaskSpec

OF_ESTIMATOR = "estimator."
"""How the name of an estimator's parameter begins, as a column of a wide frame and as what an axis is of."""


def short_names(frame: pd.DataFrame, spec: TaskSpec | None) -> dict[str, str]:
    """Estimators of a frame without the parameters that the task sets, where that leaves no two of one name."""
    names = sorted({str(name) for name in frame["estimator"]})
    short = {name: _without(name, _set_by_task(name, spec)) for name in names}
    taken = [short[name] for name in names]
    return {name: short[name] if taken.count(short[name]) == 1 else name for name in names}


def name_series(frame: pd.DataFrame, chart: Chart, spec: TaskSpec | None) -> pd.DataFrame:
    """A tidy frame of one task whose column `estimator` holds the series of a chart.

    Where the chart's x is a parameter of the estimator, it becomes a column and leaves the name.
    """
    names = short_names(frame, spec)
    labels = frame["estimator"].map(names).astype(object)
    if chart.x.of.startswith(OF_ESTIMATOR):
        parameter = chart.x.of.removeprefix(OF_ESTIMATOR)
        frame = frame.assign(**{chart.x.of: _values_of(frame, parameter)})
        labels = labels.map({name: _without(name, [parameter]) for name in names.values()})
    varied = [name for name in chart.series if name in cell_columns(frame) and frame[name].nunique(dropna=False) > 1]
    for name in varied:
        spelled = spell_apart(name, frame[name].dropna().unique())
        labels = labels + pd.Series([_beside(name, value, spelled) for value in frame[name]], frame.index, dtype=object)
    return frame.assign(estimator=labels)


def _beside(name: str, value: Any, spelled: Mapping[Any, str]) -> str:
    """What stands behind the estimator: `, name=value`; of a switch its name where it is on."""
    if pd.isna(value):
        return ""
    if pd.api.types.is_bool(value):
        return f", {name}" if value else ""
    return f", {spelled[value]}"


def _values_of(frame: pd.DataFrame, parameter: str) -> "pd.Series[Any]":
    """An estimator's parameter, absent for estimators without it; numbers if all of its values are.

    A narrow frame does not hold what is a parameter's default: there only the values that stand in the name are known.
    """
    spelled = frame["estimator"].map({name: _spelled(name, parameter) for name in frame["estimator"].unique()})
    column = f"{OF_ESTIMATOR}{parameter}"
    values = spelled.astype(object) if column not in frame.columns else frame[column].astype(object).fillna(spelled)
    try:
        return pd.to_numeric(values)
    except (ValueError, TypeError):
        return values.astype("string")


def _spelled(estimator: str, parameter: str) -> str | None:
    selector = _parsed(estimator)
    return selector.sweep.get(parameter, [None])[0] if selector else None


def _set_by_task(estimator: str, spec: TaskSpec | None) -> Sequence[str]:
    """The parameters that have the value that the task sets for this estimator."""
    selector = _parsed(estimator)
    given: Mapping[str, Scalar] = spec.settings.get(selector.name, {}) if spec and selector else {}
    return [name for name, value in given.items() if selector and selector.sweep.get(name) == [spell_value(value)]]


def _without(estimator: str, parameters: Sequence[str]) -> str:
    selector = _parsed(estimator)
    if selector is None or not {*parameters} & {*selector.sweep}:
        return estimator
    rest = ",".join(
        f"{name}={'|'.join(map(str, values))}" for name, values in selector.sweep.items() if name not in parameters
    )
    return f"{selector.name}[{rest}]" if rest else selector.name


def _parsed(estimator: str) -> Selector | None:
    """The selector that a name is; `None` for a name that is none, as records of other programs may have."""
    try:
        return parse_selector(estimator)
    except UsageError:
        return None
