"""What a chart shows is what was measured: no setting is mixed with another, and every statistic is what it says."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import report_cases as cases
from mibench_gaussian import summary

from mibench.charts import Axis, Chart, End
from mibench.discovery import load_plugins
from mibench.discovery.registry import Registry
from mibench.frames import tidy
from mibench.reporting.charts.drawing import comparing, compose
from mibench.reporting.charts.figure import figure
from mibench.reporting.charts.panels import MOST_EPOCHS, MOST_SEED_POINTS, Mark, Panel, learning_curves, panels, varied
from mibench.reporting.charts.series import short_names, with_defaults
from mibench.reporting.charts.view import MOST_TRUTHS, front, good_end, views
from mibench.specs import TaskSpec
from mibench.style import Looks


def frame(*records: list[cases.Record]) -> pd.DataFrame:
    return tidy([record for several in records for record in several])


def test_every_setting_that_differs_is_a_panel_of_its_own() -> None:
    drawn = panels(frame(cases.curves({"a": 0.1, "b": 0.2})), cases.CURVE)
    assert [panel.title for panel in drawn] == ["d=2", "d=8"]
    assert all(set(panel.series) == {"a", "b"} for panel in drawn)


def test_data_sets_are_never_averaged() -> None:
    records = cases.curves({"a": 0.1}, dimensions=(2,))
    records[::2] = [replace(it, trial=replace(it.trial, data="sample")) for it in records[::2]]
    assert [panel.title for panel in panels(tidy(records), cases.CURVE)] == ["data=none", "data=sample"]


def test_devices_are_averaged_unless_seconds_are_drawn() -> None:
    records = [it for it in cases.trained(["a"]) if it.trial.cell == {"beta": 1e-3}]
    records[1:] = [replace(it, trial=replace(it.trial, device="cuda")) for it in records[1:]]
    by_seconds = Chart(title="", kind="points", x=Axis("seconds"), y=Axis("accuracy/code"))
    assert [panel.title for panel in panels(tidy(records), by_seconds)] == ["device=cpu", "device=cuda"]
    (panel,) = panels(tidy(records), replace(by_seconds, kind="bars", x=Axis("measurement")))
    assert [mark.seeds for mark in panel.series["a"]] == [2]


def test_several_measurements_are_panels_unless_x_tells_them_apart() -> None:
    records = frame(cases.trained(["a"]))
    by_beta = Chart(title="", kind="lines", x=Axis("beta"), y=Axis("accuracy/*"))
    names = ["code", "conv", "fc"]
    assert [panel.title for panel in panels(records, by_beta)] == names
    (first, *_) = panels(records, cases.BARS)
    assert first.categories == ("code", "conv", "fc")


def test_a_line_is_the_mean_over_seeds_with_its_deviation_and_the_truth_beside_it() -> None:
    records = frame(cases.curves({"a": 0.1}, dimensions=(8,)))
    (panel,) = panels(records, cases.CURVE)
    values = records.groupby("rho")["value"]
    assert [mark.y for mark in panel.series["a"]] == pytest.approx(values.mean().tolist())
    assert [mark.y_deviation for mark in panel.series["a"]] == pytest.approx(values.std().tolist())
    assert {mark.seeds for mark in panel.series["a"]} == {3}
    assert [y for _, y in panel.truth] == pytest.approx(records.groupby("rho")["truth"].first().tolist())


def test_errors_are_those_of_the_gaussian_tables() -> None:
    shares = {"a": 0.1, "b": 0.3}
    records = frame(cases.curves(shares)).assign(steps=0, bend="none", rotate=False)
    expected = summary.curve_errors(records).groupby(["d", "estimator"])["relative_rmse"].agg(["mean", "std"])
    for panel in panels(records, cases.ERROR):
        for name, (mark,) in panel.series.items():
            d = int(panel.title.removeprefix("d="))
            assert (mark.y, mark.y_deviation) == pytest.approx(tuple(expected.loc[(d, name)]))
            assert mark.y == pytest.approx(shares[name] * 1.1)


def test_bias_and_deviation_are_rms_over_the_pooled_cells() -> None:
    records = frame(cases.curves({"a": 0.1})).assign(steps=0, bend="none", rotate=False)
    cells = summary.cell_errors(records)
    for panel in panels(records, cases.SPLIT):
        mine = cells[cells["d"] == int(panel.title.removeprefix("d="))]
        (mark,) = panel.series["a"]
        assert mark.y == pytest.approx(math.sqrt(np.mean(mine["bias"] ** 2)))
        assert mark.x == pytest.approx(math.sqrt(np.mean(mine["std"] ** 2)))


def test_points_of_different_grids_say_so() -> None:
    coarse = frame(cases.curves({"a": 0.1}, dimensions=(8,)), cases.curves({"b": 0.1}, dimensions=(8,), rhos=9))
    (panel,) = panels(coarse, cases.ERROR)
    assert {name: mark.cells for name, (mark,) in panel.series.items()} == {"a": 5, "b": 9}
    drawing = compose(coarse, cases.ERROR, Looks())
    assert drawing is not None
    assert "Not all are of the same values of rho" in drawing.caption
    assert "9 values of rho" in str(figure(drawing).values)
    same = compose(frame(cases.curves({"a": 0.1, "b": 0.2})), cases.ERROR, Looks())
    assert same is not None
    assert "Not all" not in same.caption


def test_curves_that_lack_points_are_in_no_error_of_a_chart_as_in_no_table() -> None:
    records = frame(cases.curves({"a": 0.1, "b": 0.3}, dimensions=(8,))).assign(steps=0, bend="none", rotate=False)
    lost = (records["rho"] == 0.8) & (records["estimator"] == "a") & (records["seed"] > 0)
    diverged = records.assign(value=records["value"].mask(lost, 0.0), status=records["status"].mask(lost, "diverged"))
    failed = records.assign(
        value=records["value"].mask(lost),
        measurement=records["measurement"].mask(lost, ""),
        status=records["status"].mask(lost, "failed"),
    )
    for ended_badly in (diverged, failed):
        drawing = compose(ended_badly, cases.ERROR, Looks())
        assert drawing is not None
        (view,) = drawing.views
        (mark,) = view.panel.series["a"]
        (expected,) = summary.curve_errors(ended_badly).query("estimator == 'a'")["relative_rmse"]
        assert (mark.y, mark.seeds, mark.cells) == (pytest.approx(expected), 1, 5)
        assert (
            "In no error of a curve, since they lack points (trials failed or missing): 2 of 3 of a." in drawing.caption
        )
        assert "2 trials of a" in " ".join(drawing.left_out)
        split = compose(ended_badly, cases.SPLIT, Looks())
        assert split is not None
        assert list(split.views[0].panel.series) == ["b"]  # one seed has no deviation


def test_a_trial_that_diverged_is_in_no_mean_of_a_chart_and_counted() -> None:
    records = frame(cases.curves({"a": 0.1}, dimensions=(8,)))
    lost = (records["rho"] == 0.8) & (records["seed"] > 0)
    diverged = records.assign(value=records["value"].mask(lost, 0.0), status=records["status"].mask(lost, "diverged"))
    drawing = compose(diverged, cases.CURVE, Looks())
    assert drawing is not None
    last = drawing.views[0].panel.series["a"][-1]
    (kept,) = records.loc[(records["rho"] == 0.8) & (records["seed"] == 0), "value"]
    assert (last.y, last.seeds) == (pytest.approx(kept), 1)
    assert drawing.left_out == ["In no value, since they failed or diverged: 2 trials of a."]


def test_a_deviation_of_one_seed_is_not_shown() -> None:
    assert panels(frame(cases.curves({"a": 0.1}, seeds=1)), cases.SPLIT) == []


def test_points_along_a_parameter_are_one_series_in_its_order() -> None:
    (panel,) = panels(frame(cases.trained(["a", "b"])), cases.BOTTLENECK)
    assert [mark.label for mark in panel.series["a"]] == ["beta=0.001", "beta=0.01", "beta=0.1"]
    assert [mark.x for mark in panel.series["a"]] == pytest.approx([40 / 1.3, 40 / 4, 40 / 31])


@pytest.mark.parametrize("x", ["lower", "higher"])
@pytest.mark.parametrize("y", ["lower", "higher"])
def test_nothing_beats_the_front_and_the_front_beats_the_rest(x: End, y: End) -> None:
    (panel,) = panels(frame(cases.trained(["a", "b", "c"])), cases.BOTTLENECK)
    kept = front(panel, (x, y))

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
    assert varied(tidy(records)) == ["dataset"]
    records[0] = replace(records[0], trial=replace(records[0].trial, data="mnist: another"))
    assert varied(tidy(records)) == ["dataset", "data"]


def test_a_chart_of_what_was_not_measured_is_not_drawn() -> None:
    records = frame(cases.curves({"a": 0.1}))
    assert [panels(records, chart) for chart in (cases.BOTTLENECK, cases.BARS)] == [[], []]
    assert panels(records, Chart(title="", kind="lines", x=Axis("width"), y=Axis("mi"))) == []


def test_panels_of_one_point_give_way_to_those_that_compare() -> None:
    records = frame(cases.curves({"a": 0.1}), cases.curves({"b": 0.2}, dimensions=(8,)))
    drawn = panels(records, cases.ERROR)
    assert [panel.title for panel in comparing(drawn, cases.ERROR)] == ["d=8"]
    alone = panels(frame(cases.curves({"a": 0.1})), cases.ERROR)
    assert comparing(alone, cases.ERROR) == alone


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "pies"},
        {"kind": "lines", "along": "beta"},
        {"kind": "bars", "front": True},
        {"kind": "bars", "seeds": "lines"},
        {"kind": "lines", "seeds": "boxes"},
    ],
)
def test_a_wrong_declaration_is_refused_when_it_is_made(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="chart 'Curve'"):
        Chart(title="Curve", x=Axis("rho"), y=Axis("mi"), **wrong)
    with pytest.raises(ValueError, match="axis 'mi': `statistic` cannot be 'median'"):
        Axis("mi", statistic="median")
    with pytest.raises(ValueError, match="chart 'Curve': it has no y"):
        Chart(title="Curve", kind="lines", x=Axis("rho"), y=[])
    with pytest.raises(TypeError, match="`series` is a list"):
        Chart(title="Curve", kind="lines", x=Axis("rho"), y=Axis("mi"), series="d")


def test_what_is_better_follows_from_the_task() -> None:
    spec = TaskSpec(
        name="t",
        target="none:None",
        profiles=cases.QUICK,
        better={"accuracy/*": "higher", "rmse(*)": "higher", "*": "truth"},
    )
    axes = [Axis("accuracy/Y"), Axis("mi"), Axis("mi", statistic="rmse"), Axis("seconds")]
    assert [good_end(axis, spec) for axis in axes] == ["higher", "lower", "lower", "lower"]
    assert good_end(Axis("accuracy/Y"), None) == "lower"


def test_measurements_stand_in_the_order_that_the_axis_gives() -> None:
    axis = Axis("accuracy/*", order=["fc", "conv"])
    bars = Chart(title="", kind="bars", x=Axis("measurement"), y=axis)
    lines = Chart(title="", kind="lines", x=Axis("beta"), y=axis)
    records = frame(cases.trained(["a"]))
    assert panels(records, bars)[0].categories == ("fc", "conv", "code")
    assert [panel.title for panel in panels(records, lines)] == ["fc", "conv", "code"]


def test_parameters_may_be_series_beside_the_estimator_and_switches_say_their_name_where_they_are_on() -> None:
    records = [
        cases.record("trained", name, {"beta": beta, "prior": prior}, seed, [("rate", 1.0 + seed)])
        for name in ("a", "b")
        for beta in (1, 2)
        for prior in (False, True)
        for seed in (0, 1)
    ]
    chart = Chart(title="", kind="lines", x=Axis("seconds"), y=Axis("rate"), series=["prior", "beta"])
    by_beta = Chart(title="", kind="lines", x=Axis("beta"), y=Axis("rate"), series=["prior"])
    (panel,) = panels(tidy(records), by_beta)
    assert sorted(panel.series) == ["a", "a, prior", "b", "b, prior"]
    assert {mark.seeds for mark in panel.marks} == {2}
    both = Chart(title="", kind="bars", x=Axis("measurement"), y=Axis("rate"), series=["prior", "beta"])
    assert "a, prior, beta=2" in panels(tidy(records), both)[0].series
    assert panels(tidy(records), chart) == []


@pytest.mark.parametrize("series", [["beta"], []], ids=["series", "panels"])
def test_parameters_that_differ_beyond_nine_digits_are_drawn_apart(series: list[str]) -> None:
    betas = (0.12345678901, 0.12345678902)
    records = [
        cases.record("trained", "a", {"beta": beta}, seed, [("rate", beta)]) for beta in betas for seed in (0, 1)
    ]
    chart = Chart(title="", kind="bars", x=Axis("measurement"), y=Axis("rate"), series=series)
    drawn = panels(tidy(records), chart)
    names = [name for panel in drawn for name in panel.series] if series else [panel.title for panel in drawn]
    assert [name.removeprefix("a, ") for name in names] == ["beta=0.12345678901", "beta=0.12345678902"]


def test_an_estimator_at_a_default_stands_among_those_that_spell_the_parameter() -> None:
    chart = Chart(title="", kind="lines", x=Axis("estimator.k"), y=Axis("rate"))
    known = {"mige-rp": 512, "mige-rp[k=16]": 16, "mige": None, "of-nobody": None, "<no selector>": None}
    records = tidy([cases.record("t", name, {}, 0, [("rate", 1.0)]) for name in known])
    read = with_defaults(records, [chart], Registry(load_plugins()))
    assert dict(zip(read["estimator"], read["estimator.k"].replace({np.nan: None}), strict=True)) == known
    spells_none = records[records["estimator"] != "mige-rp[k=16]"]
    assert "estimator.k" not in with_defaults(spells_none, [chart], Registry(load_plugins()))


def test_estimators_are_called_as_one_types_them_for_the_task_unless_two_would_share_a_name() -> None:
    spec = TaskSpec(name="t", target="none:None", profiles=cases.QUICK, settings={"a": {"width": (8, 8), "rate": 0.5}})
    spelled = {
        "a[width=8x8,rate=0.5]": "a",
        "a[width=8x8,rate=0.1]": "a[rate=0.1]",
        "b[width=8x8]": "b[width=8x8]",
        "<no selector>": "<no selector>",
    }
    records = tidy([cases.record("t", name, {}, 0, [("rate", 1.0)]) for name in spelled])
    assert short_names(records, spec) == spelled
    records = tidy([cases.record("t", name, {}, 0, [("rate", 1.0)]) for name in ("a", "a[width=8x8,rate=0.5]")])
    assert short_names(records, spec) == {"a": "a", "a[width=8x8,rate=0.5]": "a[width=8x8,rate=0.5]"}


def test_a_parameter_of_any_name_does_not_mix_with_what_is_measured() -> None:
    names = ("x", "y", "deviation", "cells", "known", "along")
    for name in names:
        records = [cases.record("t", "a", {name: i, "z": z}, 0, [("rate", i + z)]) for i in (1, 2) for z in (1, 2, 3)]
        chart = Chart(title="", kind="lines", x=Axis("z"), y=Axis("rate"), seeds="lines")
        drawn = panels(tidy(records), chart)
        assert [panel.title for panel in drawn] == [f"{name}=1", f"{name}=2"]
        assert [[mark.y for mark in panel.series["a"]] for panel in drawn] == [[2, 3, 4], [3, 4, 5]]


def test_learning_curves_that_a_chart_declares_are_not_drawn_twice() -> None:
    names = ["accuracy/conv", "loss"]
    records = [cases.record("trained", "a", {}, 0, [(name, 1.0, None, epoch) for name in names]) for epoch in (1, 2)]
    declared = [Chart(title="", kind="lines", x=Axis("epoch"), y=Axis("accuracy/*"))]
    assert [chart.y for chart in learning_curves(tidy(records), declared)] == [Axis("loss")]
    elsewhere = [Chart(title="", kind="lines", x=Axis("beta"), y=Axis("loss"))]
    assert len(learning_curves(tidy(records), elsewhere)) == 2


def test_an_axis_reaches_to_twice_the_truth_and_what_lies_beyond_is_said_to_be_cut() -> None:
    truth = [(0.0, 1.0), (1.0, 5.0)]
    marks = [Mark(x, y, math.nan, math.nan, 1) for x, y in ((0.0, -200.0), (1.0, 300.0))]
    chart = Chart(title="", kind="lines", x=Axis("rho"), y=Axis("mi"))
    (view,) = views([Panel("", Axis("mi"), {"a": marks}, truth=truth)], chart)
    assert MOST_TRUTHS == 2
    assert -2 * 5 * 1.2 < view.y.low < -2 * 5
    assert 2 * 5 < view.y.high < 2 * 5 * 1.2
    assert view.cut
    (view,) = views([Panel("", Axis("mi"), {"a": [Mark(0.0, 9.9, math.nan, math.nan, 1)]}, truth=truth)], chart)
    assert not view.cut


def test_a_value_that_is_infinite_or_huge_leaves_the_panel_and_moves_no_other() -> None:
    values = [1.0, math.inf, 2.0, -1e308, 1e308]
    marks = [Mark(float(x), y, math.nan, math.nan, 1) for x, y in enumerate(values)]
    chart = Chart(title="", kind="lines", x=Axis("rho"), y=Axis("mi"))
    (view,) = views([Panel("", Axis("mi"), {"a": marks})], chart)
    assert 0 < view.y.low < view.y.high < 3
    assert all(math.isfinite(y) for _, y in (view.point("a", mark) for mark in marks))
    assert [view.y.low <= view.point("a", mark)[1] <= view.y.high for mark in marks] == [
        True,
        False,
        True,
        False,
        False,
    ]


def test_panels_of_a_shared_axis_reach_equally_far() -> None:
    records = frame(cases.curves({"a": 0.1}))
    for shared in (False, True):
        chart = Chart(title="", kind="lines", x=Axis("rho"), y=Axis("mi", shared=shared))
        low, high = views(panels(records, chart), chart)
        assert (low.y == high.y) == shared


def test_a_shared_axis_has_as_much_room_at_its_ends_as_any() -> None:
    chart = Chart(title="", kind="lines", x=Axis("rho"), y=Axis("mi", shared=True))
    records = frame(cases.curves({"a": 0.1}))
    flat = records["d"] == records["d"].max()
    records = records.assign(truth=float("nan"), value=records["value"].mask(flat, 90.0 + records["rho"]))
    shown = views(panels(records, chart), chart)
    greatest = max(mark.y for view in shown for mark in view.panel.marks)
    assert shown[0].y(greatest) < 0.96


def test_where_light_lines_would_be_too_many_bands_take_their_place() -> None:
    few, many = 20, MOST_SEED_POINTS // 5 + 1
    chart = Chart(title="", kind="lines", x=Axis("rho"), y=Axis("mi"), seeds="lines")
    base = frame(cases.curves({"a": 0.1}, seeds=1, dimensions=(2,)))
    for seeds in (few, many):
        rows = pd.concat([base.assign(seed=seed, key=str(seed)) for seed in range(seeds)], ignore_index=True)
        (panel,) = panels(rows, chart)
        assert sum(map(len, panel.seeds.values())) == (few if seeds == few else 0)


def test_points_of_several_measurements_share_their_x() -> None:
    chart = Chart(title="", kind="points", x=Axis("rate"), y=Axis("accuracy/*"), along="beta")
    drawn = panels(frame(cases.trained(["a"])), chart)
    assert [panel.title for panel in drawn] == ["code", "conv", "fc"]
    assert [[mark.x for mark in panel.series["a"]] for panel in drawn] == [
        pytest.approx([40 / 1.3, 40 / 4, 40 / 31])
    ] * 3
