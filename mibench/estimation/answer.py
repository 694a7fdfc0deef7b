"""What the trials of a user's data come to: estimates with intervals, shuffled pairs, stability, null flows."""

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import pandas as pd

from mibench.estimation.advice import UNKNOWN, advise
from mibench.estimation.estimates import any_information, estimates, shuffles
from mibench.estimation.order import dependence
from mibench.estimation.stability import null_flows, stability
from mibench.estimation.stages import EstimateRequest
from mibench.frames import tidy
from mibench.frames.endings import without_failed_values
from mibench.pairs import Pairs
from mibench.pairs.checks import MOST_REPEATED, MOST_VALUES, any_symbols, has_atom, is_discrete
from mibench.plan.selectors import parse_selector
from mibench.runner import Job
from mibench.specs import EstimatorSpec
from mibench.store.record import Record
from mibench.text import number, percent, pluralise, shortened
from mibench.twins import Twin

_WELL_KNOWN = 0.05
"""The share of the twin's information that its error may be without a word."""


@dataclass(frozen=True, kw_only=True)
class Estimation:
    """What estimators say of one data set.

    Attributes:
        estimates: one row an estimator: `nats`, the interval from `low` to `high`, `bits`, what the interval is `of`
            (`I`, else what the estimator tends to, which need not be I; empty where it tends to nothing), why it is not
            for I (`why_not_I`: `no twin`, `the twin's information is not known`, `the twin differs`, `fails on the
            twin`, `too few draws of the twin`, `biased on the twin`, `sees no dependence`, `hinges on one row`, `the
            twin holds less`, `the twin holds more`, `rows depend on each other`, `rows are copies`, `no limit` or `no
            number`), what shuffled pairs give (`null_mean`, `null_deviation`, `p_value`), the errors on two draws of
            the twin or more (`twin_bias`, `twin_deviation`, `twin_rmse`; none where more than one draw in ten is lost),
            how trials ended on the draws that gave no number (`twin_lost`, e.g. `diverged on 4 of 10 draws`), `status`,
            the `bound` that the estimator is, what it `sees` (`dependence`, or `correlation` alone), and the interval
            for what it tends to (`limit_low`, `limit_high`).
        stability: one row an estimator and change: the estimate before and after, the `shift`, and a `verdict`.
        flows: one row an estimator and null flow: its derivative, which should be 0, its standard `error`,
            and a `verdict`.
        twin: one row: its `model`, `information`, the `error` of that and the standard error that it owes to so few
            rows (`sampling`), in nats, how well a classifier tells it from the data (`area` under the curve and
            `p_value`), and a `verdict`; none where there is no twin.
        p_value: whether any estimator sees dependence, by the largest of all estimates on the same shuffles; NaN where
            rows depend on each other or are copies, as all p-values are then.
        recommendation: which number to report and why, in two sentences, behind what spoils all of them.
        notes: what a reader has to know of the data.
        trials: the tidy frame that all of it was made of, in which trials that diverged still have what they measured.
    """

    estimates: pd.DataFrame
    stability: pd.DataFrame
    flows: pd.DataFrame
    twin: pd.DataFrame
    p_value: float
    recommendation: str
    notes: tuple[str, ...]
    trials: pd.DataFrame

    def to_json(self) -> str:
        """All but the trials, as JSON; what is not finite is null."""
        frames = {"estimates": self.estimates, "stability": self.stability, "flows": self.flows, "twin": self.twin}
        tables = {
            name: json.loads(frame.to_json(orient="records", double_precision=15)) for name, frame in frames.items()
        }
        p_value = self.p_value if math.isfinite(self.p_value) else None
        said = {"p_value": p_value, "recommendation": self.recommendation, "notes": self.notes}
        return json.dumps({**tables, **said}, indent=2) + "\n"

    def _repr_html_(self) -> str:
        """The tables for a notebook; text is escaped."""
        from markupsafe import escape

        parts = [f"<p>{escape(self.recommendation)}</p>"]
        parts += [
            frame.to_html(index=False)
            for frame in (self.estimates, self.twin, self.stability, self.flows)
            if len(frame)
        ]
        parts += [f"<p>{escape(note)}</p>" for note in self.notes]
        return "".join(parts)


def answer(job: Job, request: EstimateRequest, given: Pairs | None = None) -> Estimation:
    """What the records of a job of `mibench.estimation.stages.plan` come to.

    Args:
        job: the job, which is done.
        request: what was asked.
        given: the data as they were given, where that was in no file.
    """
    records = job.records
    pairs, twin, trials = given or request.pairs(), request.twin(), _trials(records)
    ended = without_failed_values(trials)
    groups = {name: ended[ended["estimator"] == name] for name in sorted(ended["estimator"].unique())}
    specs = {name: job.registry.find(EstimatorSpec, parse_selector(name).name).spec for name in groups}
    dependent = dependence(pairs, request.rows)
    table = estimates(groups, specs, twin, dependent)
    widths = dict(zip(table["estimator"], (table["limit_high"] - table["limit_low"]) / 2, strict=True))
    stable = [row for name, rows in groups.items() for row in stability(name, rows, widths[name])]
    flows = [row for name, rows in groups.items() for row in null_flows(name, rows)]
    used = min(len(pairs), request.rows)
    found = Estimation(
        estimates=table,
        stability=pd.DataFrame(stable, columns=["estimator", "change", "before", "after", "shift", "verdict"]),
        flows=pd.DataFrame(flows, columns=["estimator", "flow", "derivative", "error", "verdict"]),
        twin=_described(twin),
        p_value=math.nan if dependent else any_information(list(groups.values())),
        recommendation="",
        notes=tuple(dict.fromkeys([*_notes(pairs, used, twin, table), *_reasons(records)])),
        trials=trials,
    )
    said = replace(found, recommendation=advise(found, used, pairs, shuffles(list(groups.values()))))
    return replace(said, estimates=table.assign(p_value=math.nan)) if dependent else said


def _trials(records: Iterable[Record]) -> pd.DataFrame:
    """The records as a tidy frame; at its default, `twin` is in none of them."""
    trials = tidy(records)
    return trials.assign(twin=trials["twin"].fillna(0).astype(int) if "twin" in trials else 0)


def _described(twin: Twin | None) -> pd.DataFrame:
    columns = ["model", "information", "error", "sampling", "area", "p_value", "verdict"]
    if twin is None:
        return pd.DataFrame(columns=columns)
    alike = twin.resemblance
    verdict = "resembles the data" if alike.found else "differs from the data"
    information, verdict = (twin.information, verdict) if twin.known else (math.nan, UNKNOWN)
    row = (twin.model.name, information, twin.error, twin.sampling, alike.area, alike.p_value, verdict)
    return pd.DataFrame([row], columns=columns)


def _notes(pairs: Pairs, used: int, twin: Twin | None, table: pd.DataFrame) -> Iterator[str]:
    yield f"{used:,} of {len(pairs):,} rows were used" + (", drawn at random" if used < len(pairs) else "")
    if (table["of"] == "I").any():
        yield "intervals of I are right as far as estimators err on the data as they do on the twin"
    if (table["of"].str.startswith("its") & table["low"].notna()).any():
        yield "an interval of a limit or a bound allows for no bias but one that falls as 1/n"
    if twin and twin.known and twin.error > _WELL_KNOWN * twin.information:
        yield f"the twin's information is known to {number(twin.error)} nats only"
    yield from pairs.notes
    if any_symbols(pairs.x, pairs.y):
        yield f"no jitter was tried: of columns of symbols, with at most {MOST_VALUES} values, none is a small change"
    for side, block in (("x", pairs.x), ("y", pairs.y)):
        count = sum(is_discrete(column) for column in block.T)
        if count:
            yield f"discrete columns of {side}, where at most half of the values differ: {count} of {block.shape[1]}"
            if side == "y":
                yield "null flows were not measured: they need a continuous y"
        if count := sum(has_atom(column) and not is_discrete(column) for column in block.T):
            held = f"of which one value fills more than {percent(MOST_REPEATED)} of the rows"
            yield f"columns of {side} {held}: {count} of {block.shape[1]}"


def _reasons(records: Iterable[Record]) -> Iterator[str]:
    """Why trials on the data as they are and on the twin did not end well: the first of a kind, and how many."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for record in records:
        cell, error = record.trial.cell, record.outcome.error
        if error and cell["change"] == "none" and not cell["flows"]:
            reasons.setdefault((record.trial.spelled, record.outcome.status), []).append(error.message)
    for (name, status), messages in reasons.items():
        first = shortened(" ".join(messages[0].split()), 300)
        yield f"{name} ({pluralise(len(messages), 'trial')} {status}): {first}"
