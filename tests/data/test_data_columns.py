"""A frame's columns as numbers: which are meant, what levels become, and what is said of cells that are no numbers."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mibench.errors import UsageError
from mibench.pairs import Pairs, Reading, column_names, pairs_of_frame, read_pairs
from mibench.pairs.columns import split_patterns

RANDOM = np.random.default_rng(0)
X, Y = RANDOM.normal(size=(60, 2)), RANDOM.normal(size=60)
STRAY = "{} of 60 values {}: write numbers, or leave such cells empty and say --missing drop, or leave the column out"


def table(**columns: object) -> pd.DataFrame:
    return pd.DataFrame({"age": X[:, 0], "bmi": X[:, 1], "gene_1": Y, **columns})


def test_levels_become_columns_of_0_and_1_but_the_first() -> None:
    frame = table(site=pd.Series(["a", "b", "c"] * 20))
    pairs = pairs_of_frame(frame, Reading(x=("age", "site"), y=("gene_1",)))
    assert pairs.x_names == ("age", "site=b", "site=c")
    assert pairs.x[:3, 1:].tolist() == [[0, 0], [1, 0], [0, 1]]
    assert pairs.notes == ("column 'site' of x has 3 levels and became 2 columns of 0 and 1",)


def test_levels_become_their_place_in_the_order_that_categories_have() -> None:
    sizes = pd.Series(pd.Categorical(["small", "large", "mid"] * 20, ["small", "mid", "large"], ordered=True))
    pairs = pairs_of_frame(table(size=sizes), Reading(x=("size",), y=("gene_1",), codes="ordinal"))
    assert pairs.x[:3, 0].tolist() == [0, 2, 1]


@pytest.mark.parametrize(
    ("levels", "numeric"),
    [
        (["4%", "12%", "40%"], True),
        (["$1,200", "$800", "-$5.5"], True),
        (["1,5", "2,5", "+3"], True),
        (["4 kg", "5 kg", "6 kg"], False),
        (["2024-05-01", "2024-05-02", "2024-05-03"], False),
        (["0%", "1%"], False),
        (["a", "b", "3"], False),
    ],
)
def test_text_that_looks_like_numbers_is_said(levels: list[str], numeric: bool) -> None:
    pairs = pairs_of_frame(table(share=levels * (60 // len(levels))), Reading(x=("share",), y=("gene_1",)))
    assert ("may stand for numbers" in pairs.notes[0]) is numeric


def test_truth_values_and_whole_numbers_are_numbers() -> None:
    frame = table(sick=X[:, 0] > 0, visits=pd.Series(np.arange(60) % 7, dtype="Int64"))
    pairs = pairs_of_frame(frame, Reading(x=("sick", "visits"), y=("gene_1",)))
    assert sorted(set(pairs.x[:, 0])) == [0, 1]
    assert pairs.x[:8, 1].tolist() == [0, 1, 2, 3, 4, 5, 6, 0]


@pytest.mark.parametrize(
    ("cells", "note"),
    [
        (["?"], "; all levels but '?' are numbers, and '?' may stand for missing ones: if so, leave these cells empty"),
        (["n/k", "?"], "'?', 'n/k' may stand for missing ones: if so, leave these cells empty"),
        (["a", "b", "c", "d", "e"], "columns of 0 and 1"),
    ],
)
def test_levels_among_numbers_are_said_to_be_perhaps_missing_ones(cells: list[str], note: str) -> None:
    grades = [*cells, *"12345" * 12][:60]
    pairs = pairs_of_frame(table(grade=grades), Reading(x=("grade",), y=("gene_1",)))
    assert pairs.notes[0].endswith(note)


@pytest.mark.parametrize("written", [True, False])
def test_cells_that_are_no_numbers_are_named_with_their_row(written: bool, tmp_path: Path) -> None:
    frame = table().astype(object)
    for rows, of in (([5], "is no number, 'n/k' in row 6"), ([3, 5], "are no numbers, the first 'n/k' in row 4")):
        frame.loc[rows, "age"] = "n/k"
        with pytest.raises(UsageError, match=f"column 'age' of x: {STRAY.format(len(rows), of)}"):
            taken(frame.set_index(frame.index + 100), tmp_path / "data.csv" if written else None)


def test_a_column_of_small_numbers_and_a_mark_is_one_of_numbers(tmp_path: Path) -> None:
    small = pd.Series([f"{value / 1e9:.3e}" for value in X[:, 0]])
    small[11] = "n.d."
    with pytest.raises(UsageError, match=r"1 of 60 values is no number, 'n\.d\.' in row 12"):
        taken(table(age=small), tmp_path / "data.csv")


@pytest.mark.parametrize("index", [["age"], ["age", "bmi"]])
def test_the_named_index_of_a_file_is_columns(index: list[str], tmp_path: Path) -> None:
    table().set_index(index).to_parquet(tmp_path / "data.parquet")
    assert {"age", "bmi", "gene_1"} == {*column_names([tmp_path / "data.parquet"])}
    pairs = read_pairs([tmp_path / "data.parquet"], Reading(x=("age", "bmi"), y=("gene_1",)))
    assert (pairs.x == X).all()


def test_an_index_without_a_name_is_no_column(tmp_path: Path) -> None:
    table().set_index(pd.Index(range(7, 67, 1))).to_parquet(tmp_path / "data.parquet")
    table().iloc[::-1].to_parquet(tmp_path / "turned.parquet")
    for name in ("data", "turned"):
        assert column_names([tmp_path / f"{name}.parquet"]) == ["age", "bmi", "gene_1"]


@pytest.mark.parametrize("text", ["id {}", "2024-05-01 00:{:02}:00", "{}/{}"])
def test_text_and_times_are_no_numbers_with_a_mistake(text: str) -> None:
    names = [text.format(row, row) for row in range(60)]
    with pytest.raises(
        UsageError, match=r"is text with 60 different values, e\.g\. '.*leave it out, or write it as numbers"
    ):
        taken(table(age=names))


def taken(frame: pd.DataFrame, path: Path | None = None) -> Pairs:
    reading = Reading(x=("age",), y=("gene_1",))
    if path is None:
        return pairs_of_frame(frame, reading)
    frame.to_csv(path, index=False)
    return read_pairs([path], reading)


@pytest.mark.parametrize(
    ("given", "patterns"),
    [
        ("a,b", ["a,b"]),
        ("b, a", ["b", "a"]),
        ('"a,b",b', ["a,b", "b"]),
        ('q"uo te,b,', ['q"uo te', "b"]),
        ('"gene_*"', ["gene_*"]),
    ],
)
def test_a_text_is_the_name_of_a_column_or_a_list_as_in_csv(given: str, patterns: list[str]) -> None:
    assert split_patterns(given, ["a", "b", "a,b", 'q"uo te']) == patterns


def test_a_list_whose_quote_is_not_closed_is_refused() -> None:
    with pytest.raises(UsageError, match="is no list of columns"):
        split_patterns('"a,b', ["a"])
