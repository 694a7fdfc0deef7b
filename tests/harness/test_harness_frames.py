"""Tidy frames: the same columns and types whatever was run, in whatever order."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mibench.discovery import Plugin
from mibench.discovery.registry import Registry
from mibench.errors import UsageError
from mibench.frames import LEADING, TRAILING, cell_columns, coded_columns, narrow, read, task_entry, tidy, write
from mibench.frames.coded import plain_frame
from mibench.frames.files import with_parameters_first
from mibench.frames.grouping import by_task, distinct, distinct_in_tasks, group_numbers
from mibench.specs import TaskSpec
from mibench.store import Store
from mibench.store.columns import columns_of
from mibench.store.record import Record

TYPES = {
    "task": "string",
    "estimator": "string",
    "seed": "Int64",
    "measurement": "string",
    "epoch": "Int64",
    "value": "float64",
    "truth": "float64",
    "unit": "string",
    "status": "string",
    "seconds": "float64",
    "device": "string",
    "data": "string",
    "key": "string",
    "task_plugin": "string",
    "estimator_plugin": "string",
    "estimator_version": "Int64",
    "task_version": "Int64",
}


def record(**changes: Any) -> Record:
    plain = {
        "task": "toy",
        "cell": {"d": 2, "rho": 0.5},
        "estimator": "steady",
        "spelled": "steady",
        "seed": 0,
        "status": "ok",
        "seconds": 0.25,
        "device": "cpu",
        "key": "k0",
        "measurements": [{"name": "mi", "value": 1.5, "truth": 2, "unit": "nats"}],
        "error": None,
        "parameters": {"scale": 1.0, "widths": [8, 8]},
        "estimator_plugin": "toys",
        "task_plugin": "toys",
        "estimator_version": 1,
        "task_version": 1,
        "dtype": "float32",
        "started": "2025-01-01T00:00:00+00:00",
        "environment": {"torch": "2.11", "threads": 2},
        **changes,
    }
    return Record.from_json(plain)


FAILED = {"status": "failed", "measurements": [], "seconds": None, "error": {"type": "ValueError", "message": "no"}}


def types(frame: pd.DataFrame) -> dict[str, str]:
    return {str(name): str(kind) for name, kind in frame.dtypes.items()}


@pytest.mark.parametrize(
    "records",
    [[], [record()], [record(**FAILED)], [record(seed=1, **FAILED), record()]],
    ids=["empty", "good", "failed only", "mixed"],
)
def test_columns_and_types_are_fixed(records: list[Record]) -> None:
    frame = tidy(records)
    cell = {"d": "Int64", "rho": "float64"} if records else {}
    assert types(frame) == {**TYPES, **cell}
    assert list(frame.columns) == [*LEADING, *cell, *TRAILING]
    assert set(TYPES) == {*LEADING, *TRAILING}
    assert len(frame) == len(records)


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([1, 2], "Int64", [1, 2]),
        ([1, 2.5], "float64", [1.0, 2.5]),
        ([True, False], "boolean", [True, False]),
        (["a", "b"], "string", ["a", "b"]),
        ([[8, 8], [4]], "string", ["8x8", "4"]),
        ([1, None], "Int64", [1, pd.NA]),
        ([True, None], "boolean", [True, pd.NA]),
        (["a", None], "string", ["a", pd.NA]),
    ],
)
def test_cell_parameters_keep_their_type(values: list[Any], kind: str, expected: list[Any]) -> None:
    frame = tidy([record(cell={"p": value}, key=f"k{i}") for i, value in enumerate(values)])
    assert str(frame["p"].dtype) == kind
    assert {str(value) for value in frame["p"]} == {str(value) for value in expected}


def test_a_frame_does_not_depend_on_the_order_of_records() -> None:
    records = [
        record(key=f"k{i:02}", seed=i % 3, spelled=spelled, cell=cell, task=task)
        for i, (task, cell, spelled) in enumerate(
            (task, cell, spelled)
            for task, cell in [("ring", {"width": 3}), ("toy", {"d": 2, "rho": 0.5}), ("toy", {"d": 1, "rho": 0.5})]
            for spelled in ("b", "a", "a")
        )
    ]
    frame = tidy(records)
    for shuffle in range(10):
        pd.testing.assert_frame_equal(tidy(random.Random(shuffle).sample(records, len(records))), frame)
    assert list(frame.columns) == ["task", "width", "d", "rho", *TRAILING]
    assert types(frame) == {**TYPES, "width": "Int64", "d": "Int64", "rho": "float64"}


def test_a_trial_without_measurements_is_one_row_without_a_value() -> None:
    frame = tidy([record(**FAILED)])
    assert frame["status"].tolist() == ["failed"]
    assert frame["value"].isna().all()
    assert frame["measurement"].tolist() == [""]


def test_wide_adds_parameters_errors_and_environment() -> None:
    frame = tidy([record(), record(key="k1", seed=1, **FAILED)], wide=True)
    narrow = tidy([record(), record(key="k1", seed=1, **FAILED)])
    pd.testing.assert_frame_equal(frame[narrow.columns], narrow)
    assert frame["estimator.widths"].tolist() == ["8x8", "8x8"]
    assert frame["error"].tolist() == ["", "ValueError: no"]
    assert types(frame)["environment.threads"] == "Int64"
    assert {"dtype", "started", "environment.torch"} <= set(frame.columns)


def test_what_was_run_reads_back_from_disk_as_the_same_frame(run: Callable[..., pd.DataFrame], results: Path) -> None:
    frame = run("steady[widths=4|8x8],raiser,lost,steep", "toy[d=2|3]")
    records, invalid = Store(results).read()
    assert not invalid
    pd.testing.assert_frame_equal(tidy(records), frame)
    assert types(frame) == {**TYPES, "d": "Int64", "rho": "float64"}


def test_narrowing_keeps_the_cells_estimators_and_measurements_that_are_named() -> None:
    frame = pd.DataFrame(
        {
            "task": ["a", "a", "a", "b"],
            "d": pd.array([5, 20, 20, 5], dtype="Int64"),
            "flag": pd.array([True, False, True, True], dtype="boolean"),
            "kind": ["x", "x", "y", "x"],
            "estimator": ["m[k=1,l=2]", "m[k=1,l=2]", "n", "n"],
            "measurement": ["mi", "mi", "mi", "other"],
            "status": "ok",
            "key": list("pqrs"),
        }
    )
    assert narrow(frame).equals(frame)
    assert narrow(frame, "a[d=20|30]").index.tolist() == [1, 2]
    assert narrow(frame, "a[d=20.0,flag=true]").index.tolist() == [2]
    assert narrow(frame, "a[kind=x]", "m[k=1,l=2],n").index.tolist() == [0, 1]
    assert narrow(frame, "b", "n", "mi").empty
    assert "steps" not in narrow(frame.assign(steps=pd.array([None, None, None, 3], dtype="Int64")), "a")
    with pytest.raises(UsageError, match="no parameter 'e' in these records of a"):
        narrow(frame, "a[e=1]")


def test_to_choose_measurements_hides_no_trial_that_did_not_end_well() -> None:
    loss = {"name": "loss", "value": 0.5, "truth": None, "unit": "nats"}
    lost = [{**loss, "epoch": 1}, {**loss, "epoch": 2}]
    ended_badly = [
        record(key="k1", seed=1, **FAILED),
        record(key="k2", seed=2, status="crashed", measurements=lost),
        record(key="k3", seed=3, status="skipped", measurements=[]),
        record(key="k4", seed=4, status="diverged"),
    ]
    frame = tidy([record(), record(key="k5", seed=5, measurements=[loss]), *ended_badly])
    chosen = narrow(frame, measurements="mi")
    assert chosen["key"].tolist() == ["k0", "k1", "k2", "k3", "k4"]
    assert chosen["measurement"].tolist() == ["mi", "", "", "", "mi"]
    assert chosen["value"].notna().tolist() == [True, False, False, False, True]
    assert chosen["epoch"].isna().all()
    assert dict(chosen.dtypes) == dict(frame.dtypes)
    assert narrow(frame, measurements="loss")["key"].tolist() == ["k1", "k2", "k2", "k3", "k4", "k5"]


def namesakes() -> pd.DataFrame:
    """What two plugins measured on a task and with an estimator that both call the same."""
    return tidy(
        [
            record(key="k0", task="ring", spelled="mine[k=1]", estimator="mine", task_plugin="a", estimator_plugin="a"),
            record(key="k1", task="ring", spelled="mine", estimator="mine", task_plugin="b", estimator_plugin="b"),
            record(key="k2", task="ring", spelled="b:mine", estimator="mine", task_plugin="b", estimator_plugin="b"),
            record(key="k3", spelled="toys:steady"),
        ]
    )


def test_names_that_two_plugins_share_are_told_apart_and_no_others() -> None:
    frame = namesakes()
    assert frame["task"].tolist() == ["a:ring", "b:ring", "b:ring", "toy"]
    assert frame["estimator"].tolist() == ["a:mine[k=1]", "b:mine", "b:mine", "steady"]
    assert frame["task_plugin"].tolist() == ["a", "b", "b", "toys"]
    assert frame["estimator_plugin"].tolist() == ["a", "b", "b", "toys"]
    assert cell_columns(frame) == ["d", "rho"]


def test_narrowing_takes_a_plugins_name_and_asks_for_it_where_two_share_a_name() -> None:
    frame = namesakes()
    assert narrow(frame, "b:ring")["key"].tolist() == ["k1", "k2"]
    assert narrow(frame, "toys:toy")["key"].tolist() == ["k3"]
    assert narrow(frame, "", "a:mine[k=1],toys:steady")["key"].tolist() == ["k0", "k3"]
    with pytest.raises(UsageError, match="task 'ring' is ambiguous here; say a:ring or b:ring"):
        narrow(frame, "ring")
    with pytest.raises(UsageError, match="estimator 'mine' is ambiguous here; say b:mine"):
        narrow(frame, "", "mine")


def test_a_frames_task_is_looked_up_in_the_plugin_that_brought_it(tmp_path: Path) -> None:
    plugins = [
        Plugin(name, name, specs=[TaskSpec(name="ring", target="x:X", profiles={}, summary=name)]) for name in "ab"
    ]
    both, frame = Registry(plugins), narrow(namesakes(), "b:ring")
    entry = task_entry(frame, both)
    assert entry is not None
    assert entry.spec.summary == "b"
    assert task_entry(frame, Registry(plugins[:1])) is None
    older = frame.assign(task="ring").drop(columns=["task_plugin", "estimator_plugin"])
    write(older, tmp_path / "older.csv")
    entry = task_entry(read(tmp_path / "older.csv"), Registry(plugins[:1]))
    assert entry is not None
    assert entry.spec.summary == "a"
    entry = task_entry(pd.concat([older, frame]), both)
    assert entry is not None
    assert entry.spec.summary == "b"
    with pytest.raises(UsageError, match="say a:ring or b:ring"):
        task_entry(older, both)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_file_of_an_older_mibench_has_the_columns_of_every_frame(ending: str, tmp_path: Path) -> None:
    if ending == "parquet":
        pytest.importorskip("pyarrow")
    frame = tidy([record(), record(key="k1", seed=1, **FAILED)])
    later = ["epoch", "data", "task_plugin", "estimator_plugin", "estimator_version", "task_version"]
    write(frame.drop(columns=later), tmp_path / f"older.{ending}")
    again = read(tmp_path / f"older.{ending}")
    assert types(again) == types(frame)
    assert again[["epoch", "estimator_version", "task_version"]].isna().all(axis=None)


def test_frames_that_pandas_has_joined_keep_the_parameters_of_all_their_cells() -> None:
    first = tidy([record(cell={"d": 1}), record(cell={"d": 2}, key="b" * 16)])
    second = tidy([record(cell={"d": 1, "rho": 0.5}, key="c" * 16)]).assign(remark="mine")
    joined = pd.concat([first, second], ignore_index=True)
    assert cell_columns(joined) == ["d"]
    assert cell_columns(with_parameters_first(joined.drop(columns="remark"))) == ["d", "rho"]
    computed = first.assign(miss=[None, *map(float, range(1, len(first)))])
    assert cell_columns(with_parameters_first(pd.concat([computed, computed.assign(miss=1.0)]))) == ["d"]
    assert with_parameters_first(first) is first
    unnamed = first.assign(task_plugin=np.nan)  # as a frame has that lacked the column before it was joined
    assert len(narrow(unnamed, str(first["task"].iloc[0]))) == len(first)


@pytest.mark.parametrize(
    "values",
    [
        ["7", "007"],
        ["a", "7"],
        ["", "b"],
        ["", None],
        ["True", "False"],
        ["true"],
        ["'x", "''y"],
        ["=1+1", "-2", "@a"],
        ["nan"],
        ["1e5", "100000.0"],
        [" 7"],
        ["9" * 30],
        [1.0, 2.0],
        [20 / 31, 0.1 + 0.2],
        [True, None],
        [1, None],
        [None, None],
        ["none", "NA", "NULL"],
        ["a,b\nc", 'x"y'],
        [[8, 8], [4]],
    ],
    ids=repr,
)
def test_a_csv_file_keeps_the_types_of_cells(values: list[Any], tmp_path: Path) -> None:
    frame = tidy([record(cell={"p": value}, key=f"k{i}") for i, value in enumerate(values)])
    write(frame, tmp_path / "frame.csv")
    pd.testing.assert_frame_equal(read(tmp_path / "frame.csv"), frame)


def test_text_that_no_file_can_hold_is_escaped(tmp_path: Path) -> None:
    broken = record(**{**FAILED, "error": {"type": "ValueError", "message": "caf\udce9\x1b[2J"}}, task="a\udce9")
    frame = tidy([broken], wide=True)
    assert frame["error"].tolist() == [r"ValueError: caf\xe9\x1b[2J"]
    assert frame["task"].tolist() == [r"a\xe9"]
    for name in ("frame.csv", "frame.parquet"):
        write(frame, tmp_path / name)
        assert read(tmp_path / name)["error"].tolist() == frame["error"].tolist()


def test_a_selectors_values_are_read_as_the_types_of_the_cells() -> None:
    frame = tidy([record(key=f"k{i}", cell=cell) for i, cell in enumerate([{"t": "7"}, {"t": "007"}, {"t": None}])])
    assert narrow(frame, "toy[t=007]")["key"].tolist() == ["k1"]
    assert narrow(frame, "toy[t=7|none]")["key"].tolist() == ["k0", "k2"]
    flags = tidy([record(key="k0", cell={"flag": True, "d": 2}), record(key="k1", cell={"flag": False, "d": None})])
    assert narrow(flags, "toy[flag=false,d=none]")["key"].tolist() == ["k1"]
    assert narrow(flags, "toy[d=2.0]")["key"].tolist() == ["k0"]


def test_several_selectors_select_what_any_of_them_does() -> None:
    frame = tidy([record(key=f"{task}{d}", task=task, cell={"d": d}) for task in "ab" for d in (1, 2)])
    assert narrow(frame, "a[d=1],b")["key"].tolist() == ["a1", "b1", "b2"]
    assert narrow(frame, ["a[d=1]", "a[d=2]"])["key"].tolist() == ["a1", "a2"]


def test_groups_are_numbered_as_pandas_numbers_them_and_absent_values_are_equal() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "text": pd.array(rng.choice(["b", "a", None], 200), dtype="string"),
            "whole": pd.array(rng.choice([3, 1, None], 200), dtype="Int64"),
            "number": rng.choice([0.5, -1.0, np.nan], 200),
        }
    )
    names = list(frame.columns)
    expected = frame.groupby(names, sort=True, dropna=False).ngroup().tolist()
    assert group_numbers(frame, names).tolist() == expected
    numbers, first = distinct(frame, names)
    assert numbers[first].tolist() == list(range(len(first)))
    assert (~frame.duplicated(names)).to_numpy().nonzero()[0].tolist() == first.tolist()


CELLS = [{"d": 2, "rho": 0.5, "flag": True}, {"d": None, "rho": -1.5, "flag": False}, {"d": 2**62, "name": "x"}, {}]


@pytest.fixture
def coded() -> pd.DataFrame:
    """A frame of two tasks whose parameters, of every type, are coded."""
    records = [record(key=f"k{n}", cell=cell, seed=n % 2) for n, cell in enumerate(CELLS + CELLS)]
    others = [record(key=f"o{n}", task="other", cell={"d": n}, seed=0) for n in range(3)]
    return coded_columns(columns_of([*records, *others]))


def test_coded_parameters_are_the_plain_ones_in_few_bytes(coded: pd.DataFrame) -> None:
    plain = plain_frame(coded)
    assert {name: str(plain[name].dtype) for name in cell_columns(plain)} == {
        "d": "Int64",
        "rho": "float64",
        "flag": "boolean",
        "name": "string",
    }
    assert all(coded[name].array.nbytes < 2 * len(coded) + 64 for name in cell_columns(coded))
    toys = plain[plain["task"] == "toy"].drop_duplicates(["d", "rho", "flag", "name"])
    held = [
        {name: row[name] for name in row if not pd.isna(row[name])}
        for row in toys[cell_columns(toys)].to_dict("records")
    ]
    assert sorted(map(str, held)) == sorted(str({k: v for k, v in cell.items() if v is not None}) for cell in CELLS)


def test_coded_parameters_select_group_and_compare_as_the_plain_ones(coded: pd.DataFrame) -> None:
    plain = plain_frame(coded)
    for selector in ("toy[rho=0.5]", "toy[d=2|none,flag=true]", "toy[name=x]", "other[d=1],toy[d=4611686018427387904]"):
        assert plain_frame(narrow(coded, selector)).equals(narrow(plain, selector))
    assert all(ours.equals(theirs) for ours, theirs in zip(by_task(coded), by_task(plain), strict=True))
    groups = distinct(plain, ["task", *cell_columns(plain), "seed"])[0]
    for frame in (coded, plain):
        numbers = distinct_in_tasks(frame, ["seed"])
        assert len(set(zip(numbers.tolist(), groups.tolist(), strict=True))) == len(set(numbers.tolist())) == 7


def test_groups_of_more_columns_than_a_number_has_codes_for_stay_apart() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.integers(0, 100, (300, 20))).rename(columns=str)
    assert len(distinct(pd.concat([frame, frame]), list(frame.columns))[1]) == 300


def test_a_task_is_split_off_with_its_own_parameters_alone() -> None:
    records = [record(), record(task="other", cell={"n": 3}, key="k1")]
    other, toy = by_task(tidy(records))
    assert (cell_columns(other), cell_columns(toy)) == (["n"], ["d", "rho"])
    assert toy["value"].tolist() == [1.5]


def test_a_task_is_split_off_whether_or_not_its_rows_follow_each_other() -> None:
    records = [record(key=f"{task}{n}", task=task, cell={"d": n}) for task in "ab" for n in (1, 2, 3)]
    sorted_rows = tidy(records)
    shuffled = sorted_rows.iloc[[3, 0, 4, 1, 2, 5]]
    for frame in (sorted_rows, shuffled):
        for task, part in zip("ab", by_task(frame), strict=True):
            assert part.equals(frame[frame["task"] == task])
