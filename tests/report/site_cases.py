"""Frames of which a site is made: two tasks in two dimensions, in which estimators come out in different orders."""

import itertools
from collections.abc import Mapping
from types import MappingProxyType

import pandas as pd
import report_cases as cases

from mibench.discovery import Plugin
from mibench.discovery.registry import Registry
from mibench.frames import tidy
from mibench.specs import EstimatorSpec, Profile, TaskSpec

BETTER = {"mi": "truth", "mi_gradient": "truth"}
ERRORS = {
    ("plain", 2): {"good": 0.1, "bad": 0.5, "trains": 0.3},
    ("plain", 10): {"good": 0.4, "bad": 0.5, "trains": 0.3},
    ("turned", 2): {"good": 0.5, "bad": 0.1, "trains": 0.3},
    ("plain", 3): {"good": 0.1, "bad": 0.5, "trains": 0.3},
    ("plain", 4): {"good": 0.1, "bad": 0.5, "trains": 0.3},
}


HOSTILE = {
    "good": cases.HOSTILE[0],
    "bad": "../../evil",
    "trains": cases.HOSTILE[2],
    "plain": "../plain",
    "turned": cases.HOSTILE[1],
}


def registry(names: Mapping[str, str] = MappingProxyType({})) -> Registry:
    """The tasks and the estimators, perhaps under other names."""
    tasks = [
        TaskSpec(
            name=names.get(name, name),
            target="none:None",
            profiles={"quick": Profile(seeds=1)},
            better=BETTER,
            summary=names.get(name, name),
            reference=names.get(name, name),
        )
        for name in ("plain", "turned")
    ]
    estimators = [
        EstimatorSpec(name=names.get(name, name), target="none:None", estimates={"value"}, needs=needs)
        for name, needs in (("good", set()), ("bad", set()), ("trains", {"training"}))
    ]
    return Registry([Plugin("cases", "here", specs=[*tasks, *estimators])])


def frame() -> pd.DataFrame:
    """Every estimator errs by what `ERRORS` says, a little more with every seed."""
    records = [
        cases.record(
            task,
            name,
            {"d": d, "n": 256},
            seed,
            [
                ("mi", 1 + error * (1 + seed / 10), 1.0),
                *([("mi_gradient", 1 + error, 1.0)] if name != "trains" else []),
                ("samples", 51200.0 if name == "trains" else 256.0),
            ],
        )
        for ((task, d), errors), seed in itertools.product(ERRORS.items(), range(3))
        for name, error in errors.items()
    ]
    return tidy(records)


def hostile() -> pd.DataFrame:
    """The same with names that are code, or paths."""
    rows = frame()
    return rows.assign(estimator=rows["estimator"].map(HOSTILE), task=rows["task"].map(HOSTILE))
