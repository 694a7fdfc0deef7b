"""What a user's own data are read as, and what is refused in one line."""

import io
import os
import pickle
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import mibench
from mibench.errors import UsageError
from mibench.pairs import Reading, drawn, pairs_of_arrays, pairs_of_frame, read_pairs
from mibench.pairs.checks import MOST_COLUMNS, has_atom, holds_symbols, is_discrete, repeated, repeats_often
from mibench.pairs.far import far_out
from mibench.pairs.patterns import read_patterns, spell_patterns
from mibench.plan.selectors import parse_selector

RANDOM = np.random.default_rng(0)
X, NOISE = RANDOM.normal(size=(60, 2)), RANDOM.normal(size=(60, 1))
Y = X[:, :1] + NOISE


def table(**columns: object) -> pd.DataFrame:
    return pd.DataFrame({"age": X[:, 0], "bmi": X[:, 1], "gene_1": Y[:, 0], "gene_2": NOISE[:, 0] ** 3, **columns})


CHOSEN = Reading(x=("age", "bmi"), y=("gene_*",))


@pytest.mark.parametrize("kind", ["npz", "npy", "csv", "tsv", "parquet"])
def test_every_format_gives_the_same_numbers(kind: str, tmp_path: Path) -> None:
    files, reading = [tmp_path / f"data.{kind}"], CHOSEN
    x, y = table()[["age", "bmi"]].to_numpy(), table()[["gene_1", "gene_2"]].to_numpy()
    if kind == "npz":
        np.savez(files[0], x=x, y=y)
        reading = Reading()
    elif kind == "npy":
        files, reading = [tmp_path / "x.npy", tmp_path / "y.npy"], Reading()
        np.save(files[0], x)
        np.save(files[1], y)
    elif kind == "parquet":
        table().to_parquet(files[0])
    else:
        table().to_csv(files[0], index=False, sep="\t" if kind == "tsv" else ",")
    pairs = read_pairs(files, reading)
    np.testing.assert_allclose(pairs.x, x)
    np.testing.assert_allclose(pairs.y, y)
    assert len(pairs.digest) == 16


def test_the_digest_is_of_contents_and_not_of_names(tmp_path: Path) -> None:
    digests: list[str] = []
    for name, x in (("a", X), ("b", X), ("c", X + 1)):
        np.savez(tmp_path / f"{name}.npz", x=x, y=Y)
        digests.append(read_pairs([tmp_path / f"{name}.npz"]).digest)
    assert digests[0] == digests[1] != digests[2]


def test_a_file_that_changes_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    np.savez(path, x=X, y=Y)
    first = read_pairs([path])
    np.savez(path, x=X + 1, y=Y)
    os.utime(path, ns=(1, 1))
    assert read_pairs([path]).digest != first.digest


def test_arrays_of_an_archive_are_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", features=X, target=Y)
    pairs = read_pairs([tmp_path / "data.npz"], Reading(x=("features",), y=("target",)))
    assert pairs.x.shape == (60, 2)
    with pytest.raises(UsageError, match="no array is 'x'; name one with --x: features, target"):
        read_pairs([tmp_path / "data.npz"])


def test_missing_and_infinite_numbers_are_counted_and_refused_or_dropped() -> None:
    frame = table(site=pd.Series(["a", "b", None] * 20))
    frame.loc[0, "age"], frame.loc[1, "gene_1"] = np.nan, np.inf
    reading = Reading(x=("age", "site"), y=("gene_1",))
    with pytest.raises(UsageError, match=r"21 missing and 1 infinite numbers in 22 of 60 rows, .* --missing drop"):
        pairs_of_frame(frame, reading)
    pairs = pairs_of_frame(frame, Reading(x=reading.x, y=reading.y, missing="drop"))
    assert len(pairs) == 38
    assert "22 of 60 rows, which were dropped" in pairs.notes[-1]


@pytest.mark.parametrize("missing", ["refuse", "drop"])
@pytest.mark.parametrize(
    ("column", "message"),
    [
        (np.full(60, np.nan), "column 'bmi' of x is empty: leave it out"),
        (pd.Series([None] * 60), "column 'bmi' of x is empty: leave it out"),
        (np.full(60, np.inf), "column 'bmi' of x holds no finite number: leave it out"),
        (
            [*X[:15, 1], *[np.nan] * 45],
            "45 missing and 0 infinite numbers in 45 of 60 rows, so that fewer than 20 are complete; most are in 'bmi'",
        ),
    ],
)
def test_dropping_rows_is_not_advised_where_few_are_left(missing: Any, column: object, message: str) -> None:
    with pytest.raises(UsageError, match=f"the frame: {re.escape(message)}"):
        pairs_of_frame(table(bmi=column), Reading(x=("age", "bmi"), y=("gene_*",), missing=missing))


def test_a_missing_level_is_one_missing_cell_however_many_columns_it_becomes() -> None:
    frame = table(site=pd.Series(["a", "b", "c", "d"] * 15))
    frame.loc[7, "site"] = None
    with pytest.raises(
        UsageError, match=r"1 missing and 0 infinite numbers in 1 of 60 rows, the first in row 8, all in 'site'; "
    ):
        pairs_of_frame(frame, Reading(x=("site",), y=("gene_1",)))


@pytest.mark.parametrize("word", ["None", "NA", "null", "nan"])
def test_a_mark_for_what_is_missing_is_a_level_among_words_and_missing_among_numbers(word: str, tmp_path: Path) -> None:
    levels = [word, "", *["some", word] * 29]
    table(age=levels, bmi=[word, *X[1:, 1]]).to_csv(tmp_path / "data.csv", index=False)
    pairs = read_pairs([tmp_path / "data.csv"], Reading(x=("age", "bmi"), y=("gene_1",), missing="drop"))
    assert set(pairs.x_names) - {"bmi"} <= {f"age={word}", "age=some"}
    assert pairs.x[:, 0].tolist() == [float(level == max(word, "some")) for level in levels[2:]]
    assert pairs.notes[1].startswith("2 missing and 0 infinite numbers in 2 of 60 rows")


def test_rows_of_symbols_repeat_without_a_word() -> None:
    random = np.random.default_rng(0)
    notes = pairs_of_arrays(random.integers(0, 5, 600), random.poisson(1.5, 600)).notes
    assert not any("repeat" in note for note in notes)


def test_repeated_rows_are_counted() -> None:
    pairs = pairs_of_arrays(np.concatenate([X, X[:5]]), np.concatenate([Y, Y[:5]]))
    assert "5 rows repeat" in pairs.notes[0]


@pytest.mark.parametrize("places", [1, 2, 3])
@pytest.mark.parametrize("kind", ["noisy", "label", "label of x", "next to x", "censored"])
def test_rows_that_rounding_makes_equal_are_no_repeats(places: int, kind: str) -> None:
    random = np.random.default_rng(0)
    x, noise = random.normal(size=(2, 1000))
    y = {"noisy": x + noise, "label": 1.0 * (x + noise > 0), "label of x": 1.0 * (x > 0), "next to x": x + noise / 200}
    x, y["censored"] = np.maximum(x, 0) if kind == "censored" else x, x + noise
    assert not repeated(np.stack([x, y[kind]], 1).round(places)).any()


def test_few_rows_of_censored_and_rounded_values_are_called_repeats() -> None:
    for seed in range(20):
        x, noise = np.random.default_rng(seed).normal(size=(2, 300))
        assert repeated(np.stack([np.maximum(x, 0), x + noise], 1).round(2)).mean() < 0.05


@pytest.mark.parametrize(("labels", "times"), [(7, 3), (8, 40), (12, 20), (96, 4)])
@pytest.mark.parametrize("missing", [0, 2])
def test_rows_of_a_balanced_design_are_no_repeats(labels: int, times: int, missing: int) -> None:
    x = np.repeat(np.arange(labels), times)[missing:]
    assert not repeated(np.stack([x, x % 4], 1)).any()


def test_uniform_draws_of_numbers_that_many_rows_hold_are_no_repeats() -> None:
    for seed in range(300):
        x = np.random.default_rng(seed).integers(0, 50, 500)
        assert not repeated(np.stack([x, x % 7], 1)).any()


def test_a_few_rows_that_were_appended_to_themselves_are_repeats() -> None:
    rows = np.random.default_rng(0).normal(size=(15, 2))
    assert repeated(np.tile(rows, (2, 1))).mean() == 0.5


@pytest.mark.filterwarnings("error")
def test_copies_of_rows_of_many_columns_are_counted_in_silence() -> None:
    rows = np.random.default_rng(0).normal(size=(300, 150))
    assert repeated(np.concatenate([rows, rows[:100]])).sum() == 100


@pytest.mark.parametrize("places", [1, 2, 3])
@pytest.mark.parametrize("times", [2, 3, 1.5])
def test_copies_of_rounded_rows_are_repeats(places: int, times: float) -> None:
    rows = np.random.default_rng(0).normal(size=(300, 2)).round(places)
    table = np.resize(rows, (int(300 * times), 2))
    np.testing.assert_array_equal(repeated(table), pd.DataFrame(table).duplicated())
    assert not repeated(rows).any()


def test_a_file_of_whole_numbers_and_labels_that_was_appended_to_itself_is_told() -> None:
    random = np.random.default_rng(0)
    rows = np.stack([random.poisson(20, 300), random.integers(0, 3, 300)], 1).astype(float)
    assert not repeated(rows).any()
    assert repeated(np.concatenate([rows, rows])).mean() > 0.5


@pytest.mark.parametrize("digits", [1, 2, 3])
@pytest.mark.parametrize("kind", ["label", "function", "logarithm"])
def test_rows_that_rounding_to_significant_digits_makes_equal_are_no_repeats(digits: int, kind: str) -> None:
    for seed in range(10):
        random = np.random.default_rng(seed)
        label = random.integers(0, 3, 300)
        x = [float(f"{v:.{digits}g}") for v in np.exp(1.5 * random.normal(size=300) + 0.5 * label)]
        if kind == "logarithm":
            x = np.log1p(random.negative_binomial(1.5, 0.03, 300))
        assert not repeated(np.stack([x, np.sin(x) if kind == "function" else label], 1)).any()


def test_few_rows_of_whole_numbers_and_what_depends_on_them_are_no_repeats() -> None:
    called = 0
    for seed in range(40):
        whole = np.random.default_rng(seed).integers(0, 200, 60)
        called += repeated(np.stack([whole, np.sin(whole)], 1)).any()
    assert called <= 1


@pytest.mark.parametrize("kind", ["numbers", "label"])
def test_rows_that_were_drawn_with_replacement_are_repeats(kind: str) -> None:
    for seed in range(10):
        random = np.random.default_rng(seed)
        x, noise = random.normal(size=(2, 300))
        table = np.stack([x, x + noise if kind == "numbers" else x + noise > 0], 1)[random.integers(0, 300, 300)]
        assert repeated(table).mean() > 0.3


def test_rows_of_values_that_many_rows_hold_are_no_repeats() -> None:
    random = np.random.default_rng(0)
    there = random.uniform(size=(300, 1)) < 0.5
    x = np.where(there, random.exponential(size=(300, 1)), 0)
    y = np.where(there, x + random.exponential(size=(300, 1)), 0)
    assert len(np.unique(np.hstack([x, y]), axis=0)) < 200
    assert not any("repeat" in note for note in pairs_of_arrays(x, y).notes)
    copied = pairs_of_arrays(*(np.concatenate([block, block[there[:, 0]][:7]]) for block in (x, y)))
    assert any("7 rows repeat" in note for note in copied.notes)


def test_values_repeat_often_where_few_differ_or_one_fills_many_rows() -> None:
    normal = np.random.default_rng(0).normal(size=1000)
    censored = {share: np.where(np.arange(1000) < 1000 * share, 0.0, normal) for share in (0.04, 0.06, 0.4)}
    assert [has_atom(column) for column in censored.values()] == [False, True, True]
    assert not any(is_discrete(column) for column in censored.values())
    other = np.random.default_rng(1).normal(size=(1000, 1))
    assert [repeats_often(other, normal[:, None].round(places)) for places in (9, 3, 1)] == [False, False, True]
    assert all(repeats_often(other, censored[share][:, None]) for share in (0.06, 0.4))
    assert not repeats_often(other, censored[0.04][:, None]), "no rows are equal"
    for equal, often in ((4, True), (3, False)):
        alike = [np.where(np.arange(1000) < equal, 0.0, column)[:, None] for column in (normal, other[:, 0])]
        assert repeats_often(*alike) == often


def test_formulas_are_text(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    table(note=["=1+1", "@SUM(A1)"] * 30).to_csv(path, index=False)
    pairs = read_pairs([path], Reading(x=("note",), y=("gene_1",)))
    assert pairs.x_names == ("note=@SUM(A1)",)


def test_columns_of_one_name_in_a_csv_are_refused(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("a,a,b\n" + "1,2,3\n" * 30)
    with pytest.raises(UsageError, match="two columns are called 'a'"):
        read_pairs([tmp_path / "data.csv"], Reading(x=("a",), y=("b",)))


def test_copies_with_few_values_are_told_their_entropy() -> None:
    labels = np.arange(60) % 3
    with pytest.raises(UsageError, match=r"the entropy of x, 1\.09\d+ nats"):
        pairs_of_arrays(labels, labels)


USELESS = {
    "equal": (X, X, "infinite"),
    "linear": (X, X @ [[2.0], [-3.0]], "infinite"),
    "monotone": (X, np.exp(X[:, 1]), "'y0' of y is a monotone function of 'x1' of x.*infinite"),
    "decreasing": (X, -(X[:, 0] ** 3), "monotone function"),
    "few rows": (X[:19], Y[:19], "19 complete rows are too few"),
    "no rows": (X[:0], Y[:0], "too few"),
    "constant": (X, np.ones(60), "never changes: leave out y0"),
    "redundant": (np.hstack([X, X[:, :1] - X[:, 1:]]), Y, "'x2' of x is a linear combination"),
    "unpaired": (X, Y[:50], "60 rows and y has 50"),
    "deep": (X[:, :, None], Y, r"the shape \(60, 2, 1\)"),
    "one number": (3.0, Y, r"the shape \(\)"),
    "complex": (X + 1j, Y, "complex128"),
    "dates": (X, pd.Series(pd.date_range("2020", periods=60)), "datetime64"),
    "lists in cells": (X, pd.Series([[1]] * 60), "Python objects"),
    "objects": (np.array([object()] * 60), Y, "object values"),
    "ragged": ([[1.0], [2.0, 3.0]], Y, "ragged"),
    "wide": (RANDOM.normal(size=(60, 10_000)), Y, "10,000 columns are too many"),
    "no columns": (X[:, :0], Y, "no columns"),
    "identifiers": (np.array([f"id {i}" for i in range(60)]), Y, "60 different values"),
    "tiny": (X * 1e-300, Y, "too close for their squares: rescale x0, x1"),
    "huge": (X * 1e200, Y, "too far apart"),
    "identifiers of few rows": (np.array([f"id {i}" for i in range(30)]), Y[:30], "30 different values"),
    "two constant": (np.ones((60, 2)), Y, "2 columns of x never change: leave out x0, x1"),
    "one level": (np.array(["a"] * 60), Y, "never changes"),
    "no columns in a frame": (table()[[]], Y, "x has no columns"),
    "labels in common": (pd.Series(X[:-1, 0]), pd.Series(X[:, 1])[1:], r"share some labels: align them.*reset_index"),
    "labels in another order": (pd.Series(X[:, 0]), pd.Series(Y[:, 0]).sort_values(), r"align them.*reset_index"),
    "too far apart": (np.arange(60) + 2**63 * (np.arange(60, dtype=object) % 2), Y, "floats tell 31 apart"),
    "too large": (10**400 * np.arange(60, dtype=object), Y, "too large for floats"),
    "on no device": (torch.ones(60, device="meta"), Y, "cannot be made an array"),
}


@pytest.mark.parametrize("name", USELESS)
def test_useless_pairs_are_refused_in_one_line(name: str) -> None:
    x, y, message = USELESS[name]
    with pytest.raises(UsageError, match=message) as caught:
        pairs_of_arrays(x, y)
    assert "\n" not in str(caught.value)


CODES = (-999.0, 9999.0, -999999.0, 1e7, 1e30)


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("every", [60, 20, 5, 3])
def test_rows_that_lie_far_out_in_x_and_y_are_no_exact_relation(code: float, every: int) -> None:
    x, y = X.copy(), Y.copy()
    x[::every], y[::every] = code, code
    assert len(pairs_of_arrays(x, y)) == 60, "neither of x's own columns nor of x and y"
    indicator = np.hstack([x[:, :1], x[:, :1] == code])
    assert len(pairs_of_arrays(indicator, y)) == 60


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e9])
@pytest.mark.parametrize("noise", [0.0, 1e-12])
@pytest.mark.parametrize("code", [None, *CODES])
def test_an_exact_relation_is_refused_whatever_its_unit_and_whether_or_not_rows_lie_far_out(
    unit: float, noise: float, code: float | None
) -> None:
    x = X[:, :1].copy()
    y = unit * (3 * x + noise * NOISE)
    if code is not None:
        x[::20] = code
        for exact in (np.where(x == code, unit * 3 * x, y), np.where(x == code, unit * NOISE, y)):
            with pytest.raises(UsageError, match="infinite"):
                pairs_of_arrays(x, exact)
    else:
        with pytest.raises(UsageError, match="infinite"):
            pairs_of_arrays(x, y)


@pytest.mark.parametrize("code", CODES)
def test_codes_for_missing_values_lie_far_out_and_neither_tails_nor_rare_values_do(code: float) -> None:
    random = np.random.default_rng(0)
    ages = random.integers(20, 80, 500).astype(float)
    ages[::50] = code
    assert (far_out(ages[:, None])[:, 0] == (ages == code)).all()
    student, rare = random.standard_t(2, (500, 20)), random.uniform(size=(500, 20)) < 0.02
    zeros = np.where(random.uniform(size=(500, 20)) < np.linspace(0.1, 0.95, 20), 0, random.exponential(size=(500, 20)))
    for ordinary in (student, np.exp(random.normal(size=(500, 20))), rare * 1.0, zeros, random.poisson(1.0, (500, 20))):
        assert not far_out(ordinary.astype(float)).any()


def test_few_values_that_repeat_are_symbols_and_rounded_numbers_are_none() -> None:
    random = np.random.default_rng(0)
    assert holds_symbols(np.arange(60.0) % 3)
    assert not holds_symbols(random.normal(size=25))
    assert not holds_symbols(random.normal(size=1000).round(1))


def test_a_level_that_occurs_in_dropped_rows_alone_is_none() -> None:
    frame = table(site=["a", "b", "b", "c", "a", "z"] * 10)
    frame.loc[frame["site"] == "z", "age"] = np.nan
    pairs = pairs_of_frame(frame, Reading(x=("age", "site"), y=("gene_1",), missing="drop"))
    assert pairs.x_names == ("age", "site=b", "site=c")
    assert pairs.row_numbers[:6].tolist() == [1, 2, 3, 4, 5, 7]
    assert "has 3 levels" in pairs.notes[0]


def test_a_column_that_never_changes_in_the_rows_drawn_is_refused(tmp_path: Path) -> None:
    flag = np.arange(60) == drawn_last(60)
    said = r"the 50 rows drawn of 60 \(more are with a larger .*rows.*\): 1 column of x never changes: leave out flag"
    with pytest.raises(UsageError, match=said):
        mibench.estimate(pd.DataFrame({"a": X[:, 0], "flag": flag}), Y, rows=50, results=tmp_path)
    table(flag=flag).to_csv(tmp_path / "data.csv", index=False)
    with pytest.raises(UsageError, match=said):
        mibench.run("gauss", "data[file=data.csv,x=age;flag,y=gene_1,rows=50]", data_dir=tmp_path, results=tmp_path)


def drawn_last(rows: int) -> int:
    """The row that is drawn only where all are."""
    return int(drawn(pairs_of_arrays(np.arange(rows), np.resize(X[:, 0], rows)), rows)[0][-1, 0])


def test_rows_keep_their_numbers_where_others_are_dropped() -> None:
    x = X.copy()
    x[[0, 7]] = np.nan
    assert pairs_of_arrays(x, Y, Reading(missing="drop")).row_numbers[:7].tolist() == [2, 3, 4, 5, 6, 7, 9]


def test_discrete_columns_may_determine_each_other() -> None:
    labels = np.arange(60) % 4
    assert len(pairs_of_arrays(labels, labels // 2)) == 60


def test_more_columns_than_rows_are_no_dependence() -> None:
    assert pairs_of_arrays(RANDOM.normal(size=(60, 50)), RANDOM.normal(size=(60, 50))).x.shape == (60, 50)


def packed(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, member in members.items():
            archive.writestr(f"{name}.npy", member)
    return file.getvalue()


def saved(array: object) -> bytes:
    file = io.BytesIO()
    np.save(file, np.asarray(array))
    return file.getvalue()


NANOSECONDS = [1_700_000_000_000_000_000 + 7 * step for step in range(60)]


@pytest.mark.parametrize(
    "block",
    [
        NANOSECONDS,
        np.array(NANOSECONDS),
        np.array(NANOSECONDS, dtype=np.uint64) + np.uint64(2**63),
        np.array(NANOSECONDS, dtype=object) + 10**30,
        [10**6 * time for time in NANOSECONDS],
        pd.Series(NANOSECONDS, dtype="Int64"),
        pd.Series([time - 2**62 for time in NANOSECONDS], dtype=object),
        torch.tensor(NANOSECONDS),
    ],
)
def test_whole_numbers_that_floats_round_are_counted_from_their_least(block: object) -> None:
    pairs = pairs_of_arrays(block, Y)
    steps = pairs.x[:, 0] / pairs.x[1, 0]
    assert steps.tolist() == list(range(60))
    assert "its least, " in pairs.notes[0]


def test_a_list_of_rows_keeps_its_large_whole_numbers_beside_fractions() -> None:
    pairs = pairs_of_arrays([[time, gap] for time, gap in zip(NANOSECONDS, X[:, 0].tolist(), strict=True)], Y)
    assert pairs.x[:3, 0].tolist() == [0, 7, 14]
    assert (pairs.x[:, 1] == X[:, 0]).all()


def test_whole_numbers_that_floats_hold_stay_as_they_are() -> None:
    pairs = pairs_of_arrays(2**53 - np.arange(60), Y)
    assert pairs.x[:2, 0].tolist() == [2**53, 2**53 - 1]
    assert not pairs.notes


LARGE = [("csv", NANOSECONDS[0]), ("csv", 2**64 - 30), ("csv", 10**30), ("parquet", NANOSECONDS[0])]


@pytest.mark.parametrize(("kind", "first"), LARGE)
def test_large_whole_numbers_of_a_file_are_exact_beside_gaps(kind: str, first: int, tmp_path: Path) -> None:
    times, path = [None, *range(first, first + 59)], tmp_path / f"data.{kind}"
    if kind == "csv":
        table(time=pd.Series(times, dtype=object)).to_csv(path, index=False)
    else:
        table(time=pd.Series(times, dtype="Int64")).to_parquet(path)
    pairs = read_pairs([path], Reading(x=("time",), y=("gene_1",), missing="drop"))
    assert pairs.x[:, 0].tolist() == list(range(59))


@pytest.mark.parametrize("kind", ["frame", "list"])
def test_truth_values_beside_gaps_are_numbers(kind: str) -> None:
    gap = np.nan if kind == "frame" else None
    flags = pd.Series([True, False, gap] * 20, dtype=object)
    pairs = pairs_of_arrays(flags.to_frame() if kind == "frame" else flags.tolist(), Y, Reading(missing="drop"))
    assert pairs.x[:, 0].tolist() == [1, 0] * 20


@pytest.mark.parametrize("kind", ["float64", "float32", "int64", "uint8", "bool", "U3", "S3"])
@pytest.mark.parametrize("form", ["array", "matrix", "list"])
def test_what_is_masked_is_missing(kind: str, form: str) -> None:
    block = np.ma.array((np.arange(60) % 2).astype(kind), mask=np.arange(60) % 10 == 0)
    if form != "array":
        block = block.reshape(60, 1)
    rows = list(block) if form == "list" else block
    with pytest.raises(UsageError, match="6 missing and 0 infinite numbers in 6 of 60 rows"):
        pairs_of_arrays(rows, Y)
    pairs = pairs_of_arrays(rows, Y, Reading(missing="drop"))
    assert pairs.x[:, 0].tolist() == [number % 2 for number in range(60) if number % 10]


def test_tensors_of_any_precision_are_arrays() -> None:
    exact = pairs_of_arrays(torch.tensor(X, requires_grad=True), torch.tensor(Y))
    assert (exact.x == X).all()
    assert np.allclose(pairs_of_arrays(torch.tensor(X).bfloat16(), Y).x, X, rtol=0.01)


def test_frames_are_paired_by_row_where_their_labels_have_nothing_in_common() -> None:
    other = pd.Series(NOISE[:, 0], index=range(100, 160))
    assert (pairs_of_arrays(pd.Series(X[:, 0]), other).y[:, 0] == NOISE[:, 0]).all()


@pytest.mark.parametrize("wrong", [{"missing": "rais"}, {"codes": "onehot"}, {"x": "age"}, {"y": (3,)}])
def test_a_reading_that_nobody_can_do_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=f"`{next(iter(wrong))}` "):
        Reading(**wrong)


@pytest.mark.parametrize(
    ("patterns", "text"),
    [
        (("age", "gene_*"), "age;gene_*"),
        (("fat%", "a=b", "w(kg)"), "fat%;a=b;w(kg)"),
        (("mass [kg]", "gene_[12]"), "mass [kg];gene_[12]"),
        (("a,b", "c;d", "e|f"), "a%2Cb;c%3Bd;e%7Cf"),
        (("[[]1]", "open[", " blank "), "%5B%5B%5D1%5D;open%5B;%20blank%20"),
        (("%5B", "%25"), "%255B;%2525"),
    ],
)
def test_patterns_are_spelled_so_that_a_selector_holds_them(patterns: tuple[str, ...], text: str) -> None:
    assert spell_patterns(patterns) == text
    assert read_patterns(text) == patterns


@given(st.lists(st.text("[],|;%25BCDa \t\xa0", min_size=1), min_size=1))
def test_any_patterns_come_back_from_a_selector(patterns: list[str]) -> None:
    (text,) = parse_selector(f"data[x={spell_patterns(patterns)},y=a]").sweep["x"]
    assert read_patterns(text) == tuple(patterns)


class Trap:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("unpickled",)


def marked(local: int, central: int, value: int) -> bytes:
    """An archive in which a field of every header has another value."""
    contents = bytearray(packed(x=saved(X), y=saved(Y)))
    for mark, place in ((b"PK\x03\x04", local), (b"PK\x01\x02", central)):
        for start in [found.start() for found in re.finditer(re.escape(mark), contents)]:
            contents[start + place] = value
    return bytes(contents)


def overwritten() -> bytes:
    """An archive whose compressed bytes are no such."""
    contents = bytearray(packed(x=saved(X), y=saved(Y)))
    start = contents.index(b"x.npy") + len(b"x.npy")
    contents[start : start + 50] = b"\xff" * 50
    return bytes(contents)


BAD = {
    "flipped.npz": (overwritten(), "x is damaged"),
    "encrypted.npz": (marked(local=6, central=8, value=1), "x is damaged.*encrypted"),
    "compressed.npz": (marked(local=8, central=10, value=99), "x is damaged.*compression"),
    "version.npz": (marked(local=4, central=6, value=99), "no .npz file"),
    "header.npz": (packed(x=saved(X).replace(b"}", b"("), y=saved(Y)), "x is damaged"),
    "text.npz": (b"hello", "no .npz file"),
    "empty.npz": (b"", "no .npz file"),
    "objects.npz": (packed(x=saved(np.array([Trap()])), y=saved(Y)), "Python objects"),
    "cut.npz": (packed(x=saved(X), y=saved(Y))[:-40], "no .npz file"),
    "half.npz": (packed(x=saved(X)[:200], y=saved(Y)), "damaged"),
    "huge.npz": (packed(x=saved(X).replace(b"(60, 2)", b"(9**99)"), y=saved(Y)), "damaged|no .npy"),
    "pickle.csv": (pickle.dumps(Trap()), "no CSV table"),
    "empty.csv": (b"", "no CSV table.*: it is empty"),
    "ragged.csv": (b"a,b\n1,2\n3,4,5\n", "no CSV table.*: row 2 has 3 fields, and the header has 2"),
    "long.csv": (b"a,b\n" + b"1,2,3\n" * 30, "no CSV table.*: row 1 has 3 fields, and the header has 2"),
    "decimals.csv": (b"a,b\n" + b"0,1,0,2\n" * 30, "row 1 has 4 fields, .*: write decimals with points"),
    "comment.csv": (b"# of 2024\na,b\n" + b"1,2\n" * 30, "no CSV table.*first line begins with '#'.*remove such lines"),
    "semicolons.csv": (b"a;b\n" + b"1;2\n" * 30, r"separated by semicolons, not commas: .*\(FILE, sep=';'\) reads"),
    "continental.csv": (b"a;b\n" + b"0,1;2\n" * 30, r"by semicolons, .*\(FILE, sep=';', decimal=','\) reads it"),
    "tabs.csv": (b"\xef\xbb\xbfa\tb\n" + b"1\t2\n" * 30, r"no CSV table.*by tabs, not commas: .*sep='\\t'"),
    "commas.tsv": (b"a,b\n" + b"1,2\n" * 30, "no TSV table.*separated by commas, not tabs: save it with tabs"),
    "utf16.csv": ("a,b\n1,2\n".encode("utf-16"), "it is in UTF-16: save it in UTF-8, as `iconv -f UTF-16 -t UTF-8`"),
    "utf32.csv": ("a,b\n1,2\n".encode("utf-32"), "it is in UTF-32: save it in UTF-8"),
    "latin.csv": ("a,b\n1,Köln\n".encode("latin-1"), "line 2 is not in UTF-8, but maybe in Latin-1: save it"),
    "binary.csv": (bytes(range(256)) * 10, "no CSV table.*: it is no text"),
    "text.parquet": (b"hello", "no Parquet table"),
    "data.xlsx": (b"hello", "ends in none of"),
    "alone.npy": (saved(X), "holds x or y alone: name two .npy files"),
}


@pytest.mark.parametrize("name", BAD)
def test_files_that_are_not_what_they_say_are_refused_in_one_line(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(BAD[name][0])
    reading = Reading() if name.endswith("npz") else Reading(x=("a",), y=("b",))
    with pytest.raises(UsageError, match=BAD[name][1]) as caught:
        read_pairs([Path(name)], reading)
    assert "\n" not in str(caught.value)
    assert not Path("unpickled").exists()


def test_pickles_in_a_pair_of_arrays_are_not_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", np.array([Trap()] * 30), allow_pickle=True)
    np.save("y.npy", Y)
    with pytest.raises(UsageError, match=r"x\.npy holds Python objects"):
        read_pairs([Path("x.npy"), Path("y.npy")])
    Path("x.npy").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(UsageError, match=r"no \.npy file"):
        read_pairs([Path("x.npy"), Path("y.npy")])
    assert not Path("unpickled").exists()


def test_absent_files_folders_and_pipes_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.npz")
    for path in (tmp_path / "absent.npz", tmp_path, tmp_path / "pipe.npz"):
        with pytest.raises(UsageError, match="cannot read"):
            read_pairs([path])


@pytest.mark.parametrize(
    ("reading", "message"),
    [
        (Reading(), "--x and --y; there are 'age', 'bmi'"),
        (Reading(x=("age",), y=("weight",)), "no column is called 'weight'"),
        (Reading(x=("*",), y=("bmi",)), "'bmi' cannot be in x and in y"),
    ],
)
def test_columns_that_cannot_be_chosen_are_named(reading: Reading, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        pairs_of_frame(table(), reading)


def test_a_name_with_brackets_is_taken_as_it_is() -> None:
    pairs = pairs_of_frame(table(**{"mass [kg]": X[:, 1] - 2 * NOISE[:, 0]}), Reading(x=("mass [kg]",), y=("gene_1",)))
    assert pairs.x_names == ("mass [kg]",)


def test_the_limit_of_columns_counts_levels() -> None:
    wide = RANDOM.normal(size=(60, MOST_COLUMNS - 1))
    with pytest.raises(UsageError, match="too many"):
        pairs_of_arrays(wide, np.array(["a", "b", "c"] * 20))
