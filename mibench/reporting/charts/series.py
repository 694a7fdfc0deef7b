"""What the series of a chart are called: estimators as a user types them, and the parameters that stand beside them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from mibench.charts import Chart
from mibench.discovery.registry import Registry, load_params
from mibench.errors import MibenchError, UsageError
from mibench.frames import cell_columns
from mibench.plan.selectors import Selector, parse_selector, spell_apart, spell_value
from mibench.specs import EstimatorSpec, Scalar, TaskSpec

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


def with_defaults(frame: pd.DataFrame, charts: Iterable[Chart], registry: Registry) -> pd.DataFrame:
    """A tidy frame that knows the estimators' parameters along which charts lie, also where they are at their defaults.

    A narrow frame does not spell these. Where some estimator has the parameter, so that there is something to draw,
    the defaults are those of the installed estimators, which are imported for it.
    """
    for column in dict.fromkeys(chart.x.of for chart in charts if chart.x.of.startswith(OF_ESTIMATOR)):
        parameter = column.removeprefix(OF_ESTIMATOR)
        values = _values_of(frame, parameter).astype(object)
        if values.notna().any():
            unknown = frame["estimator"][values.isna()].unique()
            defaults = {name: _default(name, parameter, registry) for name in unknown}
            frame = frame.assign(**{column: values.fillna(frame["estimator"].map(defaults))})
    return frame


def _default(estimator: str, parameter: str, registry: Registry) -> Scalar:
    """An estimator's parameter that nobody set; `None` if it has no such, or is not installed or broken."""
    selector = _parsed(estimator)
    if selector is None:
        return None
    try:
        entry = registry.find(EstimatorSpec, selector.name)
        return getattr(load_params(entry)(), parameter, None)
    except MibenchError:
        return None


def _beside(name: str, value: Any, spelled: Mapping[Any, str]) -> str:
    """What stands behind the estimator: `, name=value`; of a switch its name where it is on."""
    if pd.isna(value):
        return ""
    if pd.api.types.is_bool(value):
        return f", {name}" if value else ""
    return f", {spelled[value]}"


def _values_of(frame: pd.DataFrame, parameter: str) -> "pd.Series[Any]":
    """An estimator's parameter, from its column or its name, and absent elsewhere; numbers if all of its values are."""
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
    rest = {name: values for name, values in selector.sweep.items() if name not in parameters}
    return str(Selector(selector.name, rest))


def _parsed(estimator: str) -> Selector | None:
    """The selector that a name is; `None` for a name that is none, as records of other programs may have."""
    try:
        return parse_selector(estimator)
    except UsageError:
        return None
