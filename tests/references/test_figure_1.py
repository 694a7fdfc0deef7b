"""What Figure 1 of the paper shows holds for the curves that we measured; the figure prints no numbers."""

from pathlib import Path

import pandas as pd
import pytest
from mibench_gaussian.summary import curve_errors

from mibench import frames

RESULTS = Path(__file__).resolve().parents[2] / "results" / "gaussian.csv"
NEURAL = ["mine", "mine-f"]


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    whole = frames.read(RESULTS)
    return whole[(whole["bend"] == "none") & whole["d"].isin([5, 10, 20])]


@pytest.fixture(scope="module")
def errors(frame: pd.DataFrame) -> pd.DataFrame:
    gradient = curve_errors(frame).query("measurement == 'mi_gradient'")
    return gradient.groupby(["d", "estimator"])[["relative_rmse", "ratio", "roughness"]].mean()


def test_the_curves_are_those_of_the_paper(frame: pd.DataFrame) -> None:
    """Dimensions 5, 10, 20; MIGE twenty times; it gives no value."""
    assert set(frame["d"]) == {5, 10, 20}
    mige = frame[frame["estimator"] == "mige"]
    assert mige.groupby("d")["seed"].nunique().tolist() == [20, 20, 20]
    assert set(mige["measurement"]) == {"mi_gradient"}
    assert set(frame.loc[frame["estimator"].isin(NEURAL), "measurement"]) == {"mi", "mi_gradient"}


def test_in_five_dimensions_all_estimates_are_promising(errors: pd.DataFrame) -> None:
    assert (errors.loc[5].loc[["mige", *NEURAL], "ratio"] > 0.75).all()


def test_mige_is_tighter_in_every_dimension(errors: pd.DataFrame) -> None:
    for d in (5, 10, 20):
        at = errors.loc[d, "relative_rmse"]
        assert at["mige"] < min(at[NEURAL])


def test_mige_is_far_tighter_and_smoother_in_twenty_dimensions(errors: pd.DataFrame) -> None:
    at = errors.loc[20]
    assert at.loc["mige", "relative_rmse"] < min(at.loc[NEURAL, "relative_rmse"]) / 3
    assert at.loc["mige", "roughness"] < min(at.loc[NEURAL, "roughness"])


def test_mine_and_mine_f_fall_short_of_the_truth_more_in_more_dimensions(errors: pd.DataFrame) -> None:
    for name in NEURAL:
        assert errors.loc[(5, name), "ratio"] > errors.loc[(10, name), "ratio"] > errors.loc[(20, name), "ratio"]
