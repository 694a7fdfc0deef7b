"""The answer as one HTML file that opens offline and fetches nothing."""

import math
from importlib.metadata import version

import pandas as pd

from mibench.estimation.answer import Estimation
from mibench.estimation.figures import figures
from mibench.estimation.stages import EstimateRequest
from mibench.reporting import templates
from mibench.reporting.tables import Table, table
from mibench.text import number

_OF_ESTIMATES = ["estimator", "nats", "95 %", "of", "bits", "p_value", "null_mean", "null_deviation"]
_OF_TWINS = ["twin_bias", "twin_deviation", "twin_rmse"]


def render(said: Estimation, request: EstimateRequest, command: str = "") -> str:
    """The page of one answer; text of files and plugins is escaped.

    Args:
        said: the answer.
        request: what was asked.
        command: the command that made it.
    """
    where = " and ".join(path.name for path in request.files)
    return templates.fill_page(
        "estimate.html",
        title=f"Information in {where}",
        about=f"mibench {version('mibench')}",
        recommendation=said.recommendation,
        any_information=_any(said.p_value),
        estimates=table(to_read(said.estimates), "Estimates", plain=True),
        figures=figures(said, request.pairs(), request.rows),
        details=[
            (heading, _detail(frame, heading))
            for heading, frame in (("Twin", said.twin), ("Stability", said.stability), ("Null flows", said.flows))
            if len(frame)
        ],
        notes=said.notes,
        command=command,
    )


def to_read(estimates: pd.DataFrame) -> pd.DataFrame:
    """Estimates as a table for reading: intervals in one column, and no status where all went well."""
    ends = zip(estimates["low"], estimates["high"], strict=True)
    spans = ["" if math.isnan(low) else f"{number(low)} to {number(high)}" for low, high in ends]
    columns = [*_OF_ESTIMATES, *(_OF_TWINS if estimates["twin_rmse"].notna().any() else [])]
    columns[4:4] = ["why_not_I"] if (estimates["why_not_I"] != "").any() else []
    columns += ["twin_lost"] if (estimates["twin_lost"] != "").any() else []
    columns += ["status"] if (estimates["status"] != "ok").any() else []
    return estimates.assign(**{"95 %": spans})[columns]


def _any(p_value: float) -> str:
    return f"Is there any information? p = {number(p_value)} by all estimators together." if p_value >= 0 else ""


def _detail(frame: pd.DataFrame, heading: str) -> Table:
    return table(frame, heading, facets=[name for name in ("estimator", "change", "verdict") if name in frame])
