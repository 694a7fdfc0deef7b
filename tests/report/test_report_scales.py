"""Axes: ticks are round, few and in sight; numbers have the digits that their deviation allows."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mibench.reporting.charts.scales import fit
from mibench.style import tick_text
from mibench.text import interval, number, text, with_deviation

VALUES = st.lists(st.floats(-1e12, 1e12).filter(lambda v: v == 0 or abs(v) > 1e-12), min_size=1, max_size=20)
POSITIVE = st.lists(st.floats(1e-9, 1e9), min_size=1, max_size=20)


@given(VALUES)
def test_a_linear_axis_has_room_for_all_and_one_to_seven_ticks(values: list[float]) -> None:
    scale = fit(values)
    assert all(-1e-8 <= scale(value) <= 1 + 1e-8 for value in values)
    assert 1 <= len(scale.ticks()) <= 7


@given(POSITIVE)
def test_a_logarithmic_axis_has_room_for_all_and_one_to_seven_ticks(values: list[float]) -> None:
    scale = fit(values, log=True)
    ticks = scale.ticks()
    assert all(-1e-8 <= scale(value) <= 1 + 1e-8 for value in values)
    assert 1 <= len(ticks) <= 7
    assert all(scale.low * 0.999 <= tick <= scale.high * 1.001 for tick in ticks)


@given(st.floats(0, 1), VALUES)
def test_a_place_has_the_value_whose_place_it_is(place: float, values: list[float]) -> None:
    for log in (False, True):
        scale = fit([abs(value) + 1e-9 for value in values], log=log)
        assert scale(scale.value(place)) == pytest.approx(place, abs=1e-6)


@given(VALUES)
def test_bars_stand_on_zero(values: list[float]) -> None:
    scale = fit(values, zero=True)
    assert scale.low <= 0 <= scale.high


def test_what_has_no_place_on_an_axis_does_not_move_it() -> None:
    assert fit([1.0, 10.0, math.nan, math.inf]) == fit([1.0, 10.0])
    assert fit([1.0, 10.0, 0.0, -5.0], log=True) == fit([1.0, 10.0], log=True)
    assert fit([]).ticks()


def test_ticks_are_written_with_a_minus_sign() -> None:
    assert tick_text(-0.5) == "\N{MINUS SIGN}0.5"
    assert fit([-0.8, 0.8]).ticks() == [-0.5, 0, 0.5]


@pytest.mark.parametrize(
    ("mean", "deviation", "shown"),
    [
        (2.345678, 0.0321, "2.346 ± 0.032"),
        (97.4, 12.3, "97 ± 12"),
        (1234.5, 321.0, "1234 ± 321"),
        (2.5, 0.0, "2.5 ± 0"),
        (2.5, math.nan, "2.5"),
        (math.nan, math.nan, ""),
        (1e-9, 1e-10, "1e-09 ± 1e-10"),
    ],
)
def test_a_mean_has_the_digits_that_its_deviation_allows(mean: float, deviation: float, shown: str) -> None:
    assert with_deviation(mean, deviation) == shown


@pytest.mark.parametrize(
    ("ends", "shown"),
    [
        ((0.3930, 0.3681, 0.4179), "0.393 [0.368, 0.418]"),
        ((97.4, 85.1, 109.7), "97 [85, 110]"),
        ((0.5, math.nan, math.nan), "0.5"),
        ((0.5, -math.inf, math.inf), "0.5"),
    ],
)
def test_a_mean_has_the_digits_that_its_interval_allows(ends: tuple[float, float, float], shown: str) -> None:
    assert interval(*ends) == shown


def test_values_are_written_as_selectors_spell_them() -> None:
    assert [text(value) for value in (np.True_, 20, 0.123456, "a", None, math.nan)] == [
        "true",
        "20",
        "0.1235",
        "a",
        "",
        "",
    ]
    assert number(1e-5) == "1e-05"
