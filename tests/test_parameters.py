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
from mibench.specs import EstimatorSpec, TaskSpec

SHIPPED = [
    entry
    for kind in (EstimatorSpec, TaskSpec)
    for entry in Registry(load_plugins()).entries(kind)
    if entry.plugin.origin == "mibench"
]


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
