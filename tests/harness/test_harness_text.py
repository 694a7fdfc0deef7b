"""One way to write a choice, a hint, a cell."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mibench.plan.selectors import spell_cell
from mibench.text import cut_apart, durations, either, ratio, suggestion, without_shared


@pytest.mark.parametrize(("names", "written"), [(["a"], "a"), (["a", "b"], "a or b"), (["a", "b", "c"], "a, b or c")])
def test_alternatives_are_written_with_one_or(names: list[str], written: str) -> None:
    assert either(names) == written


def test_a_hint_names_what_is_similar_or_all_that_there_is() -> None:
    assert suggestion("mien", ["mige", "mine", "zebra"]) == "did you mean mine or mige?"
    assert suggestion("qqq", ["mige", "mine"]) == "there are: mige, mine"
    assert suggestion("qqq", []) == "there are: none"


def test_a_cell_is_written_as_a_selector_takes_it() -> None:
    cell = {"d": np.int64(5), "rho": 0.1 + 0.2, "rotate": np.bool_(False), "hidden": (8, 8), "absent": pd.NA}
    assert spell_cell(cell) == "d=5,rho=0.3,rotate=false,hidden=8x8"
    assert spell_cell({"widths": [4], "bend": "none", "decay": None}) == "widths=4,bend=none"


def test_what_several_cells_share_is_left_out_and_a_single_cell_is_whole() -> None:
    assert without_shared(["d=2,n=8", "d=3,n=8"]) == ["d=2", "d=3"]
    assert without_shared(["d=2,n=8"]) == ["d=2,n=8"]


@pytest.mark.parametrize(
    ("numbers", "written"),
    [
        ((0.1398, 0.0006, 32.6), "0.14 [0.0006, 33]"),
        ((1234.4, 99.6, 12345.6), "1234 [100, 12346]"),
        ((0.995, 0.991, 0.999), "0.9950 [0.9910, 0.9990]"),
        ((0.5, math.nan, math.nan), "0.5"),
        ((0.5, 0.0, 3.25), "0.5 [0, 3.2]"),
    ],
)
def test_a_ratio_has_two_digits_on_either_side_of_1(numbers: tuple[float, float, float], written: str) -> None:
    assert ratio(*numbers) == written


@pytest.mark.parametrize(
    ("low", "high", "written"),
    [(240, 540, "4 to 9 min"), (90, 240, "90 s to 4 min"), (0.1, 0.2, "0 s"), (7200, 10000, "2.0 to 2.8 h")],
)
def test_a_range_of_durations_names_a_unit_once(low: float, high: float, written: str) -> None:
    assert durations(low, high) == written


NAMES = st.lists(st.text("ab,=[", max_size=12), unique=True, max_size=8)


@given(NAMES, st.integers(3, 12))
def test_names_that_are_cut_stay_different_and_keep_their_order(names: list[str], room: int) -> None:
    cut = cut_apart(names, room)
    assert len({*cut}) == len(names)
    assert all(short == name for short, name in zip(cut, names, strict=True) if len(name) <= room)


def test_names_that_begin_alike_are_cut_to_what_tells_them_apart() -> None:
    begin = "mine[hidden=256x256,learning_rate=0.0005"
    names = ["plain", f"{begin},ema=0.9]", f"{begin},ema=0.99]", "infonce[hidden=256x256,learning_rate=0.0005]"]
    assert cut_apart(names) == [
        "plain",
        "mine[hidden=256x256,learn…ema=0.9]",
        "mine[hidden=256x256,lear…ema=0.99]",
        "infonce[hidden=256x256,learning_r…",
    ]
    assert all(len(name) <= 34 for name in cut_apart(names))
    assert cut_apart(["twice", "twice"], 3) == ["tw…", "tw…"]
