"""What cannot be compared is left out, and said so with counts."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rivals_toys import frame, registry

from mibench.comparison import compare
from mibench.comparison.baseline import compare_baseline
from mibench.comparison.pairwise import compare_estimators
from mibench.comparison.ranking import rank
from mibench.comparison.references import load_references
from mibench.comparison.soundness import sound
from mibench.errors import StoreError, UsageError
from mibench.frames import read, write
from mibench.reporting.overview import SAMPLES, pictures
from mibench.reporting.summary import summarise

EMPTY = "leave it empty where it is not known"
ERRORS = {"a": np.ones((1, 1, 3)), "b": 2 * np.ones((1, 1, 3))}


def spoilt(**columns: Any) -> pd.DataFrame:
    """The toy frame whose first row has other values."""
    measured = frame(ERRORS).astype(dict.fromkeys(columns, object))
    for name, value in columns.items():
        measured.loc[0, name] = value
    return measured


@pytest.mark.parametrize(
    ("measured", "sentence"),
    [
        (spoilt(value="two"), "left out: 1 row whose value is not a finite number"),
        (spoilt(value=np.inf), "left out: 1 row whose value is not a finite number"),
        (spoilt(truth=-np.inf), "left out: 1 row whose truth is not a finite number"),
        (spoilt(estimator=""), "left out: 1 row without the name of a task or an estimator"),
        (spoilt(task=None), "left out: 1 row without the name of a task or an estimator"),
        (spoilt(status="postponed"), "left out: 1 row with an unknown status (postponed)"),
        (pd.concat([frame(ERRORS)] * 2), "left out: 6 rows that repeat another"),
    ],
)
def test_each_kind_of_row_that_cannot_be_compared_is_counted(measured: pd.DataFrame, sentence: str) -> None:
    rows, sentences = sound(measured)
    assert sentences == [sentence]
    assert len(rows) == (6 if "repeat" in sentence else 5)
    assert compare_estimators(measured, "a", registry(1)).attrs["left_out"][0] == sentence
    assert rank(measured, registry(1)).attrs["left_out"] == [sentence]
    theirs = compare_baseline(frame(ERRORS), measured, registry(1)).attrs["left_out"]
    assert theirs[0] == f"of the baseline, {sentence}"


def test_a_file_with_an_infinite_number_is_read_and_the_row_left_out(tmp_path: Path) -> None:
    measured = frame(ERRORS).assign(data="", unit="nats")
    write(measured, tmp_path / "mine.csv")
    text = (tmp_path / "mine.csv").read_text("utf-8")
    (tmp_path / "mine.csv").write_text(text.replace(",3.0,", ",inf,", 1), "utf-8")
    rows, sentences = sound(read(tmp_path / "mine.csv"))
    assert sentences == ["left out: 1 row whose value is not a finite number"]
    assert rows["value"].dtype == "float64"
    assert len(rows) == 5


@pytest.mark.parametrize(
    ("column", "word", "reason"),
    [
        ("epoch", "1.5", f"column epoch, row 2: '1.5' is no whole number; {EMPTY}"),
        ("seed", "x", "column seed, row 2: 'x' is no whole number"),
        ("seed", "", "column seed, row 2: there is none"),
        ("seed", "99999999999999999999", "column seed, row 2: '99999999999999999999' is no whole number"),
        ("seconds", "long", f"column seconds, row 2: 'long' is no number; {EMPTY}"),
        ("value", "12abc", f"column value, row 2: '12abc' is no number; {EMPTY}"),
        ("value", "0,5", "column value, row 2: '0,5' is no number; write a point before its decimals"),
        ("truth", "n/a", f"column truth, row 2: 'n/a' is no number; {EMPTY}"),
        ("truth", "nan", f"column truth, row 2: 'nan' is no number; {EMPTY}"),
    ],
)
def test_a_file_with_a_word_in_place_of_a_number_is_refused_by_its_column_and_row(
    column: str, word: str, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "edited.csv"
    write(frame(ERRORS), path)
    edited = pd.read_csv(path, dtype=str, keep_default_na=False)
    edited.loc[1, column] = word
    edited.to_csv(path, index=False)
    with pytest.raises(StoreError) as raised:
        read(path)
    assert str(raised.value) == f"cannot read {path} as a frame of mibench: {reason}"


@pytest.mark.parametrize(
    ("separator", "encoding", "reason"),
    [
        (";", "utf-8", "its columns are separated by semicolons, not commas: save it with commas and decimal points"),
        (",", "utf-16", "it is in UTF-16: save it in UTF-8"),
    ],
)
def test_a_file_that_a_spreadsheet_saved_in_another_way_says_which(
    separator: str, encoding: str, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "edited.csv"
    frame(ERRORS).to_csv(path, index=False, sep=separator, encoding=encoding)
    with pytest.raises(StoreError, match=f"as a frame of mibench: {reason}"):
        read(path)


@pytest.mark.parametrize(
    ("seed", "reason"), [(None, "there is none"), (0.5, "'0.5' is no whole number"), ("x", "'x' is no whole number")]
)
def test_a_parquet_file_whose_seeds_are_no_whole_numbers_is_refused(seed: Any, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.parquet"
    frame(ERRORS).assign(seed=seed).to_parquet(path)
    with pytest.raises(StoreError) as raised:
        read(path)
    assert str(raised.value) == f"cannot read {path} as a frame of mibench: column seed, row 1: {reason}"


@pytest.mark.parametrize(("value", "told"), [([1.0], "'[1.]'"), ("about three", "'about three'")])
def test_a_parquet_file_whose_values_are_no_numbers_is_refused(value: Any, told: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.parquet"
    frame(ERRORS).assign(value=[value] * 6).to_parquet(path)
    with pytest.raises(StoreError, match=re.escape(f"column value, row 1: {told} is no number; {EMPTY}")):
        read(path)


def test_results_or_a_baseline_of_which_no_row_can_be_compared_are_refused() -> None:
    good, spoilt = frame(ERRORS), frame(ERRORS).assign(status="OK")
    why = "left out: 6 rows with an unknown status (OK)"
    with pytest.raises(UsageError, match=re.escape(f"nothing of the baseline b.csv can be compared: {why}")):
        compare_baseline(good, spoilt, registry(1), against="b.csv")
    with pytest.raises(UsageError, match=re.escape(f"nothing of these results can be compared: {why}")):
        compare_baseline(spoilt, good, registry(1))
    with pytest.raises(UsageError, match=re.escape(why)):
        compare(spoilt, load_references(registry(1)), registry(1))


def test_a_file_whose_columns_are_in_another_order_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    measured = frame(ERRORS)
    start = "between the columns task and estimator stand parameters of cells"
    columns = [name for name in measured.columns if name != "seed"]
    for order, reason in (
        (["task", "seed", *columns[1:]], "seed stands there"),
        (list(measured.columns[::-1]), "task is not the first column"),
    ):
        measured[order].to_csv(path, index=False)
        with pytest.raises(StoreError) as raised:
            read(path)
        assert str(raised.value) == f"cannot read {path} as a frame of mibench: {start}, and {reason}"


def test_a_cell_whose_n_is_a_word_is_drawn_against_no_n() -> None:
    errors = {"a": np.ones((1, 3, 2)), "b": 2 * np.ones((1, 3, 2))}
    measured = frame(errors).rename(columns={"d": "n"})
    drawn = pictures(measured.assign(n=measured["n"].map({0: "10", 1: "20", 2: "many"})), registry(1))
    (rows,) = (rows for chart, rows in drawn if chart.slug == SAMPLES.slug)
    assert set(rows["n"]) == {10.0, 20.0}


def test_a_sound_frame_loses_nothing() -> None:
    rows, sentences = sound(frame(ERRORS))
    assert sentences == []
    assert len(rows) == 6


def test_of_trials_measured_twice_the_newest_version_counts() -> None:
    old, new = frame(ERRORS).assign(estimator_version=1), frame(ERRORS).assign(estimator_version=2, value=7.0)
    rows, sentences = sound(pd.concat([new, old[:2]]))
    assert sentences == ["left out: 2 rows of an older estimator version"]
    assert set(rows["value"]) == {7.0}


def test_no_mean_over_seeds_is_of_two_versions() -> None:
    old, new = frame(ERRORS).assign(estimator_version=1), frame(ERRORS).assign(estimator_version=2, value=7.0)
    both = pd.concat([old, new[new["estimator"].eq("a") & new["seed"].lt(2)]], ignore_index=True)
    rows, sentences = sound(both)
    assert sentences == ["left out: 3 rows of an older estimator version"]
    assert rows.groupby("estimator")["seed"].count().to_dict() == {"a": 2, "b": 3}
    table = summarise(rows, registry(1))["t00"].set_index("estimator")
    assert table["mean"].to_dict() == {"a": 7.0, "b": 4.0}
    for compared in (rank(both, registry(1)), compare_estimators(both, "a", registry(1))):
        assert compared.attrs["left_out"][0] == sentences[0]
        assert compared["seeds"].min() == 2
    assert set(compare_baseline(both, old, registry(1))["seeds"]) == {2, 3}


def test_a_cell_that_no_newer_version_measured_stays_and_is_named() -> None:
    errors = {name: np.ones((2, 3, 2)) for name in "abcde"}
    old = frame(errors).assign(estimator_version=1)
    new = frame(errors).assign(estimator_version=2, value=7.0)
    few = new[new["task"].eq("t00") & new["d"].eq(0) & new["estimator"].isin(["a", "b"])]
    named = "a on t00 (version 1 in 2 cells, version 2 in 1 cell); b on t00 (version 1 in 2 cells, version 2 in 1 cell)"
    rows, sentences = sound(pd.concat([old, few], ignore_index=True))
    assert sentences == [
        "left out: 4 rows of an older estimator version",
        f"cells of several estimator versions side by side: {named}",
    ]
    assert len(rows) == len(old)
    more = new[new["task"].eq("t00") & new["d"].eq(0)]
    assert sound(pd.concat([old, more], ignore_index=True))[1][-1].endswith("; 2 more")
    assert sound(new.assign(estimator_version=new["estimator"].map(ord)))[1] == [], (
        "estimators have versions of their own"
    )


def test_pairs_of_equal_seed_are_of_one_version_of_the_task() -> None:
    errors = {name: np.ones((1, 2, 3)) for name in "ab"}
    old, new = (frame(errors).assign(task_version=version) for version in (1, 2))
    rerun = new[new["estimator"].eq("a") & new["d"].eq(0)].assign(value=7.0)
    both = pd.concat([old, rerun], ignore_index=True)
    rows, sentences = sound(both)
    assert sentences == [
        "left out: 6 rows of an older task version",
        "cells of several task versions side by side: t00 (version 1 in 1 cell, version 2 in 1 cell)",
    ]
    assert {(row["estimator"], row["d"]) for row in rows.to_dict("records")} == {("a", 0), ("a", 1), ("b", 1)}
    (row,) = compare_estimators(both, "a", registry(1)).to_dict("records")
    assert (row["cells"], row["ties"], row["losses"]) == (1, 3, 0)


@pytest.mark.parametrize("column", ["estimator_version", "task_version"])
def test_rows_that_say_no_version_are_no_older_ones(column: str) -> None:
    more = frame({"a": np.ones((1, 1, 2))}, first_seed=3).assign(**{column: 2})
    rows, sentences = sound(pd.concat([frame(ERRORS).assign(**{column: pd.NA}), more], ignore_index=True))
    assert (len(rows), sentences) == (8, [])


def test_nothing_of_an_older_version_stays_that_the_newest_did_not_measure() -> None:
    old = pd.concat([frame(ERRORS, name) for name in ("mi", "cost")]).assign(estimator_version=1)
    rows, sentences = sound(pd.concat([frame(ERRORS).assign(estimator_version=2, value=7.0), old]))
    assert sentences == ["left out: 12 rows of an older estimator version"]
    assert (set(rows["measurement"]), set(rows["value"])) == ({"mi"}, {7.0})


def test_of_a_measurement_in_two_units_the_more_frequent_one_counts() -> None:
    more = {"c": np.ones((1, 1, 2))}
    rows, sentences = sound(pd.concat([frame(more).assign(unit="bits"), frame(more, "cost"), frame(ERRORS)]))
    assert sentences == ["left out: 2 rows in bits: mi of t00 is in nats elsewhere here"]
    assert set(rows["unit"]) == {"nats"}
    assert sound(pd.concat([frame(more).assign(unit=""), frame(ERRORS)]))[1] == []  # which say nothing


def test_rows_that_contradict_each_other_are_left_out_and_named() -> None:
    twice = pd.concat([frame(ERRORS), frame(ERRORS)[:2].assign(value=[3.0, 9.0])])
    rows, sentences = sound(twice)
    assert sentences == [
        "left out: 2 rows that contradict each other, e.g. a on t00[d=0], seed 1, has 3.0 and 9.0 as mi",
        "left out: 1 row that repeats another",
    ]
    assert len(rows) == 5
    (sentence,) = sound(pd.concat([frame(ERRORS), frame(ERRORS)[:1].assign(truth=1.0)]))[1]
    assert sentence.endswith("a on t00[d=0], seed 0, has 2.0 and 1.0 as the truth of mi")


def test_times_of_one_trial_may_differ() -> None:
    times = frame(ERRORS, "cost").assign(unit="s")
    assert sound(pd.concat([times, times.assign(value=9.0)]))[1] == ["left out: 6 rows that repeat another"]


def test_of_trials_measured_on_two_devices_the_more_frequent_one_counts() -> None:
    rows, sentences = sound(pd.concat([frame(ERRORS)[:2].assign(device="cuda"), frame(ERRORS)]))
    assert sentences == ["left out: 2 rows of another device"]
    assert set(rows["device"]) == {"cpu"}


def test_what_one_cell_measured_on_two_data_repeats_nothing_and_is_kept_apart() -> None:
    both = pd.concat([frame(ERRORS).assign(data="a"), frame(ERRORS).assign(data="b", value=9.0)], ignore_index=True)
    rows, sentences = sound(both)
    assert (len(rows), sentences) == (12, [])
    assert rank(both, registry(1))["cells"].tolist() == [2, 2]
    (row,) = compare_estimators(both, "a", registry(1)).to_dict("records")
    assert (row["cells"], row["wins"], row["ties"]) == (2, 3, 3)
    table = summarise(both, registry(1))["t00"]
    assert table["data"].tolist() == ["a", "a", "b", "b"]
    assert table["mean"].tolist() == [3.0, 4.0, 9.0, 9.0]


def test_data_are_no_parameter_where_cells_have_one_each() -> None:
    errors = {"a": np.ones((1, 2, 3)), "b": 2 * np.ones((1, 2, 3))}
    files = frame(errors).assign(data=lambda rows: rows["d"].map({0: "first", 1: "second"}))
    assert list(sound(files)[0].columns) == list(files.columns)
    assert "data" not in summarise(files, registry(1))["t00"]
