"""Ranges: what a field's limits hold for, and how a refusal says them."""

import math
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import pytest

from mibench import Above, AtLeast, AtMost, Below, from_function
from mibench.declared import field_limits
from mibench.errors import UsageError
from mibench.plan.selectors import combinations, parse_selector
from mibench.specs import CheckedParams


@dataclass(frozen=True, kw_only=True)
class Ranged(CheckedParams):
    share: Annotated[float, Above(0), Below(1)] = 0.5
    rate: Annotated[float, AtLeast(1e-6), AtMost(1e6)] = 1.0
    rank: Annotated[int | None, AtLeast(2)] = None
    landmarks: Annotated[Literal["auto"] | int, AtLeast(2)] = "auto"
    widths: Annotated[tuple[int, ...], AtLeast(1)] = ()
    inside: Annotated[int, AtLeast(1)] | None = None
    third: Annotated[float, Above(0), Below(1 / 3)] = 0.1
    free: float = 0.0
    flag: Annotated[bool, AtLeast(1)] = False


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"share": 1.0}, "`share` is above 0 and below 1, not 1.0"),
        ({"rate": 1e7}, "`rate` is at least 1e-06 and at most 1e+06, not 10000000.0"),
        ({"rate": np.float32(0)}, "`rate` is at least 1e-06 and at most 1e+06, not 0.0"),
        ({"rank": 1}, "`rank` is at least 2, not 1"),
        ({"rank": np.int64(1)}, "`rank` is at least 2, not 1"),
        ({"landmarks": 1}, "`landmarks` is at least 2, not 1"),
        ({"widths": (8, 0)}, "`widths` is at least 1, not 0"),
        ({"inside": 0}, "`inside` is at least 1, not 0"),
        ({"third": 0.3333333334}, "`third` is above 0 and below 0.3333333333333333, not 0.3333333334"),
        ({"free": math.inf}, "`free` is a finite number, not inf"),
        ({"share": math.nan}, "`share` is a finite number, not nan"),
    ],
)
def test_a_refusal_says_name_range_and_value(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=r"^Ranged: ") as refused:
        Ranged(**given)
    assert str(refused.value) == f"Ranged: {said}"


def test_the_ends_of_a_range_that_belong_to_it_are_taken() -> None:
    assert Ranged(rate=1e-6, rank=2, landmarks=2, widths=(1,), inside=1).rate == 1e-6
    assert Ranged(rate=1e6).rate == 1e6


def test_a_selector_is_refused_likewise_where_params_do_not_check_themselves() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Plain:
        k: Annotated[int, AtLeast(1)] = 3

    with pytest.raises(UsageError, match=r"^estimator knn: `k` is at least 1, not 0$"):
        combinations(Plain, parse_selector("knn[k=3|0]").sweep, "estimator knn")


def nearest(x: Any, y: Any, k: Annotated[int, AtLeast(1)] = 0) -> float:
    return float(k)


def test_a_default_of_a_function_is_in_its_range() -> None:
    with pytest.raises(ValueError, match=r"nearest: `k` is at least 1, not 0; change that default"):
        from_function(nearest, name="nearest")


def test_limits_stay_where_a_subclass_restates_a_default() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Wider(Ranged):
        share: float = 0.9
        rank: Annotated[int | None, AtLeast(2), AtMost(9)] = 3

    assert field_limits(Wider) == {**field_limits(Ranged), "rank": (AtLeast(2), AtMost(9))}
