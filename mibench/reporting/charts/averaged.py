"""What a chart averages: trials that ended well, and of errors of pooled cells those of curves that lack no point."""

import pandas as pd

from mibench.charts import Chart
from mibench.frames import cell_columns
from mibench.frames.endings import failed_said, without_failed_values
from mibench.reporting.charts.panels import measured
from mibench.reporting.curve_errors import whole_curves


def averaged(frame: pd.DataFrame, chart: Chart) -> tuple[pd.DataFrame, list[str]]:
    """The rows of a tidy frame that a chart averages, and sentences with counts of what is in no mean.

    Args:
        frame: a tidy frame of one task.
        chart: what it declares.
    """
    shown = without_failed_values(frame)
    errors = [axis.of for axis in (chart.x, *chart.rows) if axis.statistic != "mean"]
    rows = pd.concat([measured(shown, of) for of in errors]) if errors else shown.iloc[:0]
    if rows.empty or chart.pooled not in cell_columns(shown):
        return shown, _said(failed_said(frame))
    of_curve = [*(name for name in cell_columns(shown) if name != chart.pooled), "estimator"]
    names = rows["measurement"].unique().tolist()
    whole = whole_curves(shown, of_curve, [chart.pooled], names)
    kept = whole.points | ~shown["measurement"].isin(names).to_numpy(bool)
    return shown[kept], _said(failed_said(frame), whole.left_out)


def _said(*sentences: str) -> list[str]:
    return [f"{sentence[0].upper()}{sentence[1:]}" for sentence in sentences if sentence]
