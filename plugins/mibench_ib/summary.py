"""Table 3 from a frame: error rates beside what was published, and what z knows of x."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from mibench.comparison.references import misfits
from mibench.tables import groups, not_ok, over_seeds, seconds_a_trial, without_constants
from mibench.text import fixed, number

ROW = ("dataset", "beta", "epochs", "batch", "schedule", "hidden", "latent", "samples", "data", "estimator")
"""What the seeds of one row have in common."""
_MEASURED = ("seed", "measurement", "epoch", "value", "status", "seconds", "key")

_VALIDATION = "validation (%)"
_PUBLISHED = "published"
NOTES: Mapping[str, str] = {
    "error (%)": """\
error: share of the test set in percent, of the averaged weights and of the last ones; answers are averages over z.""",
    _VALIDATION: """\
validation: the same of training images that were held out, by which beta may be chosen.""",
    "rate (bits)": """\
rate: E KL(p(z|x) || N(0, I)); fitted: the same against the normal with the moments of z. Both bound I(Z;X) from
above.""",
    _PUBLISHED: """\
published: Table 3 of the paper, or what the DVB authors' demo prints. The paper gives neither beta nor epochs; the
demo's (1e-3, 200) stand for them. Where beta or epochs differ, they follow the number.""",
}
"""What is said below the table of its columns, where something stands in them."""


@dataclass(frozen=True)
class Column:
    """A column of the table: a measurement, and how many digits of it are shown."""

    measurement: str
    digits: int


COLUMNS: Mapping[str, Column] = {
    "error (%)": Column("error_rate", 2),
    "last weights": Column("error_rate/raw", 2),
    "one sample": Column("error_rate/single", 2),
    _VALIDATION: Column("error_rate/validation", 2),
    "rate (bits)": Column("rate/bits", 1),
    "fitted (bits)": Column("rate/fitted/bits", 1),
    "std(z)": Column("z_std", 2),
    "cross-entropy": Column("cross_entropy", 4),
}


def error_table(frame: pd.DataFrame, references: pd.DataFrame) -> pd.DataFrame:
    """The table of `ib`: one row an estimator and cell, mean ± standard deviation over seeds.

    Args:
        frame: a tidy frame of the task.
        references: as loaded by `mibench.comparison.references`.

    Returns:
        Error rates, what was published of them, bounds of I(Z;X) in bits, the scale of z and the cross-entropy in nats.
    """
    about = references[(references["task"] == "ib") & (references["measurement"] == "error_rate")]
    rows = [_row(key, group, about) for key, group in groups(frame[[*ROW, *_MEASURED]], ROW)]
    table = without_constants(pd.DataFrame(rows), [name for name in ROW if name not in {"estimator", "dataset"}])
    table = table.drop(columns=[_VALIDATION] if not table[_VALIDATION].any() else [])
    table.attrs["shows"] = {name: column.measurement for name, column in COLUMNS.items()}
    table.attrs["note"] = "\n".join(note for name, note in NOTES.items() if name in table and table[name].any())
    return table


def _row(key: dict[str, Any], group: pd.DataFrame, references: pd.DataFrame) -> dict[str, Any]:
    trials = group.drop_duplicates("key")
    last = group[group["epoch"].isna()]
    values, nothing = dict(iter(last.groupby("measurement")["value"])), pd.Series(dtype=float)
    measured = {
        name: over_seeds(values.get(column.measurement, nothing), column.digits) for name, column in COLUMNS.items()
    }
    error, *others = measured.items()
    return {
        **key,
        "seeds": last.loc[last["value"].notna(), "seed"].nunique(),
        **dict([error]),
        _PUBLISHED: _published(key, references),
        **dict(others),
        "s/trial": seconds_a_trial(trials),
        "not ok": not_ok(trials),
    }


def _published(key: Mapping[str, Any], references: pd.DataFrame) -> str:
    """Published error rates of this row's settings; where only beta or epochs differ, with those that they are for."""
    published: list[str] = []
    for reference in references[references["estimator"] == key["estimator"]].to_dict("records"):
        differing = misfits(reference["settings"], key)
        if differing.keys() <= {"beta", "epochs"}:
            settings = "".join(f", {name}={number(value, 6)}" for name, value in differing.items())
            published.append(f"{fixed(reference['value'], 2)} ({reference['provenance']}{settings})")
    return ", ".join(published)
