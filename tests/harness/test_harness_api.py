"""mibench from Python: the same frames from a run, from disk, and from either spelling of what to run."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import mibench
from mibench.errors import UsageError

Run = Callable[..., pd.DataFrame]


def test_run_and_load_give_equal_frames(run: Run, results: Path) -> None:
    frame = run("steady[scale=1|2],lost,raiser,steep", "toy[d=2|3]", seeds=2)
    pd.testing.assert_frame_equal(mibench.load(results), frame)


def test_run_gives_what_was_asked_for_and_load_everything(run: Run, results: Path) -> None:
    run("lost")
    assert set(run("steady")["estimator"]) == {"steady"}
    assert set(mibench.load(results)["estimator"]) == {"steady", "lost"}


def test_a_list_and_a_text_of_selectors_are_alike(run: Run) -> None:
    pd.testing.assert_frame_equal(run("steady,lost"), run(["lost", "steady"]))


def test_wide_frames_extend_narrow_ones(run: Run, results: Path) -> None:
    narrow = run("steady,raiser")
    wide = mibench.load(results, wide=True)
    pd.testing.assert_frame_equal(wide[narrow.columns], narrow)
    assert "estimator.scale" in wide.columns


def test_errors_are_exceptions(run: Run) -> None:
    with pytest.raises(UsageError, match="did you mean steady"):
        run("stedy")


ALIEN = {"none": None, "a number": 5, "no columns": pd.DataFrame(), "other columns": pd.DataFrame({"a": [1]})}
FUNCTIONS = {name: getattr(mibench, name) for name in ("compare", "rank", "plot", "report")}


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("given", ALIEN)
def test_what_is_no_result_is_refused_in_one_line(given: str, function: str) -> None:
    with pytest.raises(
        UsageError, match=r"^`results` is (no tidy frame of mibench: it lacks task|a tidy frame)"
    ) as caught:
        FUNCTIONS[function](ALIEN[given])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_frames_that_no_run_gives_are_refused(function: str, run: Run) -> None:
    frame, ask = run("steady,lost"), FUNCTIONS[function]
    with pytest.raises(UsageError, match="columns in another order"):
        ask(frame[sorted(frame.columns)])
    with pytest.raises(UsageError, match="two columns 'value'"):
        ask(pd.concat([frame, frame[["value"]]], axis=1))
    with pytest.raises(UsageError, match="it lacks seed"):
        ask(frame.drop(columns="seed"))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_arguments_that_are_no_texts_or_choices_are_refused(function: str, run: Run) -> None:
    frame, ask = run("steady,lost"), FUNCTIONS[function]
    for wrong in ({"parameters": "foo"}, {"task": 3}, {"plugins": 3}, {"plugins": [3]}, {"plugins": ""}):
        with pytest.raises(UsageError, match=f"^`{next(iter(wrong))}` "):
            ask(frame, **wrong)


def test_arguments_of_a_comparison_are_refused_by_name(run: Run) -> None:
    frame = run("steady,lost")
    wrongs = [
        {"large": "x"},
        {"large": -1},
        {"large": True},
        {"rivals": 3},
        {"references": [3]},
        {"estimator": ["lost"]},
    ]
    for wrong in wrongs:
        with pytest.raises(UsageError, match=f"^`{next(iter(wrong))}` "):
            mibench.compare(frame, **wrong)  # pyright: ignore[reportArgumentType]
    with pytest.raises(UsageError, match="in the baseline is no such trial"):
        mibench.compare(frame, baseline=frame.iloc[:0])
    with pytest.raises(UsageError, match="in these results is no such measurement 'nosuch'"):
        mibench.compare(frame, baseline=frame, measurements="nosuch")
    with pytest.raises(UsageError, match="`generator` is a numpy"):
        mibench.rank(frame, generator=3)  # pyright: ignore[reportArgumentType]


def test_one_set_of_references_is_named_by_a_text(run: Run) -> None:
    frame = run("steady")
    named = mibench.compare(frame, references="mige-gaussian")
    pd.testing.assert_frame_equal(named, mibench.compare(frame, references=["mige-gaussian"]))
    with pytest.raises(UsageError, match="there is no reference 'nosuch'"):
        mibench.compare(frame, references="nosuch")


def test_load_names_a_folder_that_is_not_there_and_takes_an_empty_one(tmp_path: Path) -> None:
    assert mibench.load(tmp_path).empty
    (tmp_path / "x.npz").touch()
    for wrong, message in {
        tmp_path / "nosuch": "no such folder",
        tmp_path / "x.npz": "is a file",
        "": "results folder, not ''",
        None: "not None",
        5: "not 5",
    }.items():
        with pytest.raises(UsageError, match=message):
            mibench.load(wrong)  # pyright: ignore[reportArgumentType]


def test_public_names_exist() -> None:
    assert all(getattr(mibench, name) is not None for name in mibench.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'rnu'"):
        _ = mibench.rnu
