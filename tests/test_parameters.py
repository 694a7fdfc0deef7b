"""Every shipped parameter refuses what is not of its type or range, also where Python code makes it."""

import dataclasses
import re
from typing import Any

import numpy as np
import pytest
from mibench_neighbours.ksg import KSGParams

from mibench.declared import field_limits
from mibench.discovery import load_plugins
from mibench.discovery.registry import Entry, Registry, load_params
from mibench.errors import UsageError
from mibench.plan.selectors import combinations
from mibench.ranges import spell_range
from mibench.specs import EstimatorSpec, TaskSpec

SHIPPED = [
    entry
    for kind in (EstimatorSpec, TaskSpec)
    for entry in Registry(load_plugins()).entries(kind)
    if entry.plugin.origin == "mibench"
]

RANGES = {
    ("adaptive", "level"): "above 0 and below 1",
    ("binning", "bins"): "at least 2 and at most 10000",
    ("i-alpha", "alpha"): "at least 0 and at most 1",
    ("infonce", "embedding"): "at least 1",
    ("infonce", "learning_rate"): "above 0",
    ("infonce-anchor", "anchor"): "above 0 and below 1",
    ("ksg", "k"): "at least 1",
    ("ksg", "variant"): "at least 1 and at most 2",
    ("kl", "k"): "at least 1",
    ("knn-kl", "k"): "at least 1",
    ("l1out", "memory"): "at least 0",
    ("lsmi", "regularisation"): "above 0",
    ("lsmi", "width"): "above 0",
    ("mige", "landmarks"): "at least 2",
    ("mige", "rank"): "at least 1",
    ("mige", "regularisation"): "at least 1e-08",
    ("mige", "steps"): "at least 1",
    ("mige", "threshold"): "above 0 and below 1",
    ("mige-dsm", "noise"): "above 0",
    ("mige-rp", "k"): "at least 1",
    ("mine", "ema"): "above 0 and below 1",
    ("mine", "hidden"): "at least 1",
    ("njee", "bins"): "at least 2",
    ("rsm", "components"): "at least 1",
    ("rsm", "landmarks"): "at least 1",
    ("rsm", "ridge"): "at least 1e-10",
    ("rsm", "score_ridge"): "at least 1e-10",
    ("rsm", "value_ridge"): "above 0",
    ("rsm", "width"): "at least 0.01",
    ("smile", "tau"): "at least 0",
    ("data", "rows"): "at least 20",
    ("dim", "batch"): "at least 2",
    ("dim", "channels"): "at least 1",
    ("dim", "epochs"): "at least 1",
    ("dim", "learning_rate"): "above 0",
    ("dim", "noise"): "at least 0",
    ("gaussian", "d"): "at least 1",
    ("gaussian", "n"): "at least 2",
    ("gaussian", "rho"): "above -0.99999997 and below 0.99999997",
    ("ib", "batch"): "at least 2",
    ("ib", "beta"): "at least 0",
    ("ib", "epochs"): "at least 1",
    ("ib", "hidden"): "at least 1",
    ("ib", "validation"): "at least 0",
    ("interaction", "snr"): "above 0 and at most 25",
    ("student", "nu"): "at least 0.05 and at most 1e+06",
    ("x-mixture", "r"): "at least -0.9999 and at most 0.9999",
}
"""Ranges beyond which a number means nothing, or is computed wrongly."""


def made(params: type[Any], name: str, value: object) -> Any:
    """`params(name=value)` without beartype, which stands before it in these tests and nowhere else."""
    instance = params()
    object.__setattr__(instance, name, value)
    instance.__post_init__()
    return instance


@pytest.mark.parametrize("entry", SHIPPED, ids=lambda entry: entry.name)
def test_a_value_of_another_type_is_refused_by_name(entry: Entry[EstimatorSpec] | Entry[TaskSpec]) -> None:
    params = load_params(entry)
    for field in dataclasses.fields(params):
        with pytest.raises((TypeError, ValueError), match=rf"^{params.__name__}: `{field.name}` .* an object\b"):
            made(params, field.name, object())


def test_a_whole_number_of_numpy_becomes_one_of_python() -> None:
    assert type(made(KSGParams, "k", np.int64(5)).k) is int


def test_ranges_are_those_that_the_numbers_need() -> None:
    declared = {entry.name: field_limits(load_params(entry)) for entry in SHIPPED}
    assert {(name, field): spell_range(declared[name][field]) for name, field in RANGES} == RANGES


@pytest.mark.parametrize("entry", SHIPPED, ids=lambda entry: entry.name)
def test_a_number_out_of_its_range_is_refused_by_name(entry: Entry[EstimatorSpec] | Entry[TaskSpec]) -> None:
    params = load_params(entry)
    for name, limits in field_limits(params).items():
        for limit in limits:
            beyond = limit.end + (-1 if limit.holds(limit.end + 1, limit.end) else 1)
            refused = rf"`{name}` is .*{re.escape(str(limit))}.*, not "
            with pytest.raises(ValueError, match=rf"^{params.__name__}: {refused}"):
                made(params, name, (beyond,) if isinstance(getattr(params(), name), tuple) else beyond)
            with pytest.raises(UsageError, match=f"^here: {refused}"):
                combinations(params, {name: [beyond]}, "here")
