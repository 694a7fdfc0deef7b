"""What a chart shows is what was measured: no setting is mixed with another, and every statistic is what it says."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import report_cases as cases
from mibench_gaussian import summary

from mibench.charts import Axis, Chart
from mibench.frames import tidy
from mibench.reporting.charts.figure import figure
from mibench.reporting.charts.panels import MOST_EPOCHS, comparing, front, learning_curves, panels, settings


def frame(*records: list[cases.Record]) -> pd.DataFrame:
    return tidy([one for several in records for one in several])


def test_every_setting_that_differs_is_a_panel_of_its_own() -> None:
    found = panels(frame(cases.curves({"a": 0.1, "b": 0.2})), cases.CURVE)
    assert [panel.title for panel in found] == ["d = 2", "d = 8"]
    assert all(set(panel.series) == {"a", "b"} for panel in found)


def test_data_sets_and_devices_are_never_averaged() -> None:
    records = cases.curves({"a": 0.1}, dimensions=(2,))
    records[::2] = [replace(it, trial=replace(it.trial, data="sample")) for it in records[::2]]
    assert [panel.title for panel in panels(tidy(records), cases.CURVE)] == ["data = none", "data = sample"]


def test_several_measurements_are_panels_unless_x_tells_them_apart() -> None:
    records = frame(cases.trained(["a"]))
    by_beta = Chart(title="", kind="lines", x=Axis("beta"), y=Axis("accuracy/*"))
    names = ["accuracy/code", "accuracy/conv", "accuracy/fc"]
    assert [panel.title for panel in panels(records, by_beta)] == [f"measurement = {name}" for name in names]
    (first, *_) = panels(records, cases.BARS)
    assert first.categories == ("code", "conv", "fc")


def test_a_line_is_the_mean_over_seeds_with_its_deviation_and_the_truth_beside_it() -> None:
    records = frame(cases.curves({"a": 0.1}, dimensions=(8,)))
    (panel,) = panels(records, cases.CURVE)
    values = records.groupby("rho")["value"]
    assert [mark.y for mark in panel.series["a"]] == pytest.approx(values.mean().tolist())
    assert [mark.y_spread for mark in panel.series["a"]] == pytest.approx(values.std().tolist())
    assert {mark.seeds for mark in panel.series["a"]} == {3}
    assert [y for _, y in panel.truth] == pytest.approx(records.groupby("rho")["truth"].first().tolist())


def test_errors_are_those_of_the_gaussian_tables() -> None:
    shares = {"a": 0.1, "b": 0.3}
    records = frame(cases.curves(shares)).assign(steps=0, bend="none", rotate=False)
    expected = summary.curve_errors(records).groupby(["d", "estimator"])["relative_rmse"].agg(["mean", "std"])
    for panel in panels(records, cases.ERROR):
        for name, (mark,) in panel.series.items():
            d = int(panel.title.removeprefix("d = "))
            assert (mark.y, mark.y_spread) == pytest.approx(tuple(expected.loc[(d, name)]))
            assert mark.y == pytest.approx(shares[name] * 1.1)


def test_bias_and_deviation_are_rms_over_the_pooled_cells() -> None:
    records = frame(cases.curves({"a": 0.1})).assign(steps=0, bend="none", rotate=False)
    cells = summary.cell_errors(records)
    for panel in panels(records, cases.SPLIT):
        mine = cells[cells["d"] == int(panel.title.removeprefix("d = "))]
        (mark,) = panel.series["a"]
        assert mark.y == pytest.approx(math.sqrt(np.mean(mine["bias"] ** 2)))
        assert mark.x == pytest.approx(math.sqrt(np.mean(mine["std"] ** 2)))


def test_points_of_different_grids_say_so() -> None:
    coarse = frame(cases.curves({"a": 0.1}, dimensions=(8,)), cases.curves({"b": 0.1}, dimensions=(8,), rhos=9))
    (panel,) = panels(coarse, cases.ERROR)
    assert {name: mark.cells for name, (mark,) in panel.series.items()} == {"a": 5, "b": 9}
    shown = figure(coarse, cases.ERROR, {"a": 0, "b": 1})
    assert "Not all are of the same values of rho" in shown
    assert "9 values of rho" in shown
    assert "Not all" not in figure(frame(cases.curves({"a": 0.1, "b": 0.2})), cases.ERROR, {"a": 0, "b": 1})


def test_a_deviation_of_one_seed_is_not_shown() -> None:
    assert panels(frame(cases.curves({"a": 0.1}, seeds=1)), cases.SPLIT) == []


def test_points_along_a_parameter_are_one_series_in_its_order() -> None:
    (panel,) = panels(frame(cases.trained(["a", "b"])), cases.BOTTLENECK)
    assert [mark.label for mark in panel.series["a"]] == ["beta = 0.001", "beta = 0.01", "beta = 0.1"]
    assert [mark.x for mark in panel.series["a"]] == pytest.approx([40 / 1.3, 40 / 4, 40 / 31])


@pytest.mark.parametrize("x", ["lower", "higher"])
@pytest.mark.parametrize("y", ["lower", "higher"])
def test_nothing_beats_the_front_and_the_front_beats_the_rest(x: str, y: str) -> None:
    chart = Chart(title="", kind="points", x=Axis("rate", better=x), y=Axis("error_rate", better=y), along="beta")
    (panel,) = panels(frame(cases.trained(["a", "b", "c"])), chart)
    kept = front(panel, chart)

    def cost(mark: object) -> tuple[float, float]:
        return tuple((1 if better == "lower" else -1) * getattr(mark, axis) for axis, better in (("x", x), ("y", y)))

    def beaten(mark: object) -> bool:
        a, b = cost(mark)
        return any(c <= a and d <= b and (c, d) != (a, b) for c, d in map(cost, panel.marks))

    assert kept
    assert {id(mark) for mark in kept} == {id(mark) for mark in panel.marks if not beaten(mark)}


def test_learning_curves_need_no_declaration_and_long_ones_keep_their_last_epoch() -> None:
    records = frame(cases.trained(["a"], epochs=1000))
    (chart,) = learning_curves(records)
    (panel, *_) = panels(records, chart)
    assert chart.y.of == "loss"
    assert len(panel.series["a"]) <= MOST_EPOCHS
    assert max(mark.x for mark in panel.series["a"]) == 1000


def test_learning_curves_that_begin_alike_are_one_chart() -> None:
    names = ["accuracy/conv", "accuracy/fc", "loss", "lossless", "rate/bits"]
    records = [cases.record("trained", "a", {}, 0, [(name, 1.0, None, epoch) for name in names]) for epoch in (1, 2)]
    charts = learning_curves(tidy(records))
    assert [chart.y.of for chart in charts] == ["accuracy/*", "loss", "lossless", "rate/bits"]
    assert [len(panels(tidy(records), chart)) for chart in charts] == [2, 1, 1, 1]


def test_a_data_set_that_the_cell_decides_is_not_a_setting_of_its_own() -> None:
    records = [
        cases.record("trained", "a", {"dataset": name}, seed, [("rate", 1.0)], data=f"{name}: official")
        for name in ("mnist", "digits")
        for seed in (0, 1)
    ]
    assert settings(tidy(records)) == ["dataset"]
    records[0] = replace(records[0], trial=replace(records[0].trial, data="mnist: another"))
    assert settings(tidy(records)) == ["dataset", "data"]


def test_a_chart_of_what_was_not_measured_is_not_drawn() -> None:
    records = frame(cases.curves({"a": 0.1}))
    assert [panels(records, chart) for chart in (cases.BOTTLENECK, cases.BARS)] == [[], []]
    assert panels(records, Chart(title="", kind="lines", x=Axis("width"), y=Axis("mi"))) == []


def test_panels_of_one_point_give_way_to_those_that_compare() -> None:
    records = frame(cases.curves({"a": 0.1}), cases.curves({"b": 0.2}, dimensions=(8,)))
    found = panels(records, cases.ERROR)
    assert [panel.title for panel in comparing(found, cases.ERROR)] == ["d = 8"]
    alone = panels(frame(cases.curves({"a": 0.1})), cases.ERROR)
    assert comparing(alone, cases.ERROR) == alone


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "pies"},
        {"kind": "lines", "along": "beta"},
        {"kind": "bars", "front": True},
    ],
)
def test_a_wrong_declaration_is_refused_when_it_is_made(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="chart 'Curve'"):
        Chart(title="Curve", x=Axis("rho"), y=Axis("mi"), **wrong)
    with pytest.raises(ValueError, match="no statistic 'median'"):
        Axis("mi", statistic="median")
    with pytest.raises(ValueError, match="better is lower or higher, not 'low'"):
        Axis("mi", better="low")
