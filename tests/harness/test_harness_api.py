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


def test_public_names_exist() -> None:
    assert all(getattr(mibench, name) is not None for name in mibench.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'rnu'"):
        _ = mibench.rnu
