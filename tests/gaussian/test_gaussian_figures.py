from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mibench_gaussian import figures

import mibench
from mibench.discovery import load_plugins
from mibench.discovery.registry import Registry
from mibench.errors import UsageError
from mibench.figures import draw


@pytest.fixture(scope="module")
def frame(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    results = tmp_path_factory.mktemp("results")
    task = "gaussian[d=2|3,rho=-0.6|0.0|0.6,n=32,steps=3]"
    return mibench.run("mige,mine[hidden=8x8]", task, seeds=2, device="cpu", results=results)


def test_curves_have_a_column_a_dimension_a_row_a_quantity_and_the_truth_in_each(frame: pd.DataFrame) -> None:
    figure = figures.curves(frame)
    assert len(figure.axes) == 4
    for axes in figure.axes:
        (truth,) = (line for line in axes.lines if line.get_label() == "truth")
        rho, value = np.asarray(truth.get_xdata()), np.asarray(truth.get_ydata())
        assert rho[[0, -1]].tolist() == pytest.approx([-0.6, 0.6])
        assert value[100] == pytest.approx(0)


def test_curves_show_every_seed_and_their_mean(frame: pd.DataFrame) -> None:
    top = figures.curves(frame).axes[0]
    measured = frame[(frame["d"] == 2) & (frame["measurement"] == "mi")]
    drawn = [np.asarray(line.get_ydata()).tolist() for line in top.lines]
    for _, curve in measured.groupby("seed"):
        assert curve.sort_values("rho")["value"].tolist() in drawn
    assert measured.groupby("rho")["value"].mean().tolist() in drawn


@pytest.mark.parametrize("draw_one", [figures.curves, figures.bias_and_deviation, figures.error_and_seconds])
def test_no_figure_averages_over_settings(draw_one: Callable[[pd.DataFrame], object], frame: pd.DataFrame) -> None:
    mixed = pd.concat([frame, frame.assign(bend="half-cube")])
    with pytest.raises(UsageError, match=r'differ in bend \(none, half-cube\), .*, e.g. "gaussian\[bend=none\]"'):
        draw_one(mixed)


def test_one_seed_has_no_spread_to_show(frame: pd.DataFrame) -> None:
    figure = figures.bias_and_deviation(frame[frame["seed"] == 0])
    assert {text.get_text() for axes in figure.axes for text in axes.texts} == {"not enough seeds"}
    assert not any(axes.texts for axes in figures.bias_and_deviation(frame).axes)


def test_estimators_are_told_apart_without_colour() -> None:
    looks = figures.looks(f"estimator {i}" for i in range(20))
    assert len({(look.colour, look.dashes) for look in looks.values()}) == 20
    assert len({(look.colour, look.marker) for look in looks.values()}) == 20


def test_every_declared_figure_is_drawn_and_saved(frame: pd.DataFrame, tmp_path: Path) -> None:
    drawn = draw(frame, Registry(load_plugins()))
    assert set(drawn) == {"gaussian-curves", "gaussian-bias-and-deviation", "gaussian-error-and-seconds"}
    for name, figure in drawn.items():
        figure.savefig(tmp_path / f"{name}.svg")
        assert "<svg" in (tmp_path / f"{name}.svg").read_text()


def test_a_figure_that_does_not_exist_is_named(frame: pd.DataFrame) -> None:
    with pytest.raises(UsageError, match="no figure 'curve'; did you mean curves"):
        draw(frame, Registry(load_plugins()), ["curve"])
