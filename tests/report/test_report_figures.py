"""`mibench plot` and `mibench report` draw the same chart: the same panels, the same numbers, the same axes."""

from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import report_cases as cases
from matplotlib.axes import Axes

from mibench.charts import Axis, Chart
from mibench.discovery import Plugin
from mibench.discovery.registry import Registry
from mibench.errors import UsageError
from mibench.figures import draw
from mibench.frames import narrow, tidy
from mibench.reporting.charts import svg
from mibench.reporting.charts.drawing import Drawing, compose
from mibench.reporting.charts.figure import figure
from mibench.reporting.charts.mpl import render
from mibench.reporting.charts.series import Looks
from mibench.style import STYLE, looks

SEEDS = Chart(title="Seeds", kind="lines", x=Axis("rho"), y=Axis("mi", "nats"), seeds="lines")
LOSSES = Chart(title="Loss", kind="lines", x=Axis("epoch"), y=[Axis("loss"), Axis("rate", log=True)])


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return tidy([*cases.curves({"good": 0.1, "bad": 0.3}), *cases.trained(["good", "bad"])])


def composed(frame: pd.DataFrame, chart: Chart, task: str = "curves") -> Drawing:
    drawing = compose(narrow(frame, task), chart, Looks())
    assert drawing is not None
    return drawing


def shown(drawing: Drawing) -> list[Axes]:
    return [axes for axes in render(drawing).axes if axes.axison]


def test_long_titles_of_panels_side_by_side_do_not_meet() -> None:
    records = cases.curves({"good": 0.1, "bad": 0.3}, dimensions=(2,))
    names = [f"cifar10: not the official files, sha256:{digit * 16}" for digit in "ab"]
    records = [replace(it, trial=replace(it.trial, data=names[i % 2])) for i, it in enumerate(records)]
    drawn = render(composed(tidy(records), cases.CURVE))
    drawn.draw_without_rendering()
    first, second = (axes.title.get_window_extent() for axes in drawn.axes if axes.get_title())
    assert first.x1 < second.x0
    assert drawn.axes[0].get_title().split() == f"data={names[0]}".split()


@pytest.mark.parametrize(
    ("chart", "task"),
    [(cases.CURVE, "curves"), (cases.ERROR, "curves"), (cases.SPLIT, "curves"), (cases.BOTTLENECK, "trained")],
)
def test_both_renderers_have_the_same_panels_limits_and_ticks(frame: pd.DataFrame, chart: Chart, task: str) -> None:
    drawing = composed(frame, chart, task)
    page = figure(drawing)
    assert len(shown(drawing)) == len(page.panels) == len(drawing.views)
    for axes, panel, view in zip(shown(drawing), page.panels, drawing.views, strict=True):
        assert axes.get_xlim() == pytest.approx((view.x.low, view.x.high))
        assert axes.get_ylim() == pytest.approx((view.y.low, view.y.high))
        assert axes.get_title() == panel.title
        for axis, kind in ((axes.xaxis, "xt"), (axes.yaxis, "yt")):
            ticks = [label.get_text() for label in axis.get_ticklabels()]
            assert ticks == [label.text for label in panel.svg.labels if label.kind == kind]


def test_both_renderers_draw_a_line_through_the_same_points(frame: pd.DataFrame) -> None:
    drawing = composed(frame, cases.CURVE)
    for axes, panel in zip(shown(drawing), figure(drawing).panels, strict=True):
        drawn = {line.get_label(): line for line in axes.lines}
        for number, shapes in panel.svg.series:
            name = next(name for name, look in drawing.looks.items() if look == number)
            path = " L".join(
                f"{svg.coordinate(x)} {svg.coordinate(y)}"
                for x, y in map(panel.svg.place, zip(*drawn[name].get_data(), strict=True))
            ).replace(" L", "L")
            assert f"M{path}" in {shape.path for shape in shapes if shape.kind == "line"}


def test_each_vertical_axis_has_a_row_of_panels(frame: pd.DataFrame) -> None:
    chart = Chart(title="", kind="lines", x=Axis("rho"), y=[Axis("mi", "first"), Axis("mi", "second")])
    figure = render(composed(frame, chart))
    places = [axes.get_subplotspec().get_geometry() for axes in figure.axes]
    assert [(rows, columns, first) for rows, columns, first, _ in places] == [(2, 2, i) for i in range(4)]
    assert [axes.get_title() for axes in figure.axes] == ["d=2", "d=8", "", ""]
    assert [axes.get_ylabel() for axes in figure.axes] == ["first", "", "second", ""]
    assert [axes.get_xlabel() for axes in figure.axes] == ["", "", "rho", "rho"]


def test_every_seed_is_a_light_line_in_both_and_their_mean_a_full_one(frame: pd.DataFrame) -> None:
    drawing = composed(frame, SEEDS)
    curves = frame[(frame["task"] == "curves") & (frame["estimator"] == "good") & (frame["d"] == 2)]
    by_seed = [rows.sort_values("rho")["value"].tolist() for _, rows in curves.groupby("seed")]
    lines = [(np.asarray(line.get_ydata()).tolist(), line.get_alpha()) for line in shown(drawing)[0].lines]
    assert all((values, 0.2) in lines for values in by_seed)
    assert any(values == pytest.approx(np.mean(by_seed, axis=0)) and alpha is None for values, alpha in lines)
    panel = figure(drawing).panels[0]
    kinds = [shape.kind for _, shapes in panel.svg.series for shape in shapes]
    assert kinds.count("seed") == 2 * 3
    assert "band" not in kinds
    assert "single seeds" in drawing.caption


def test_the_truth_is_a_smooth_curve_through_what_is_known(frame: pd.DataFrame) -> None:
    (view, *_) = composed(frame, cases.CURVE).views
    ((*curve,),) = view.truth
    assert len(curve) > len(view.panel.truth)
    for x, y in view.panel.truth:
        assert min(abs(a - x) + abs(b - y) for a, b in curve) < 1e-9
    exact = [-2 / 2 * np.log1p(-(x**2)) for x, _ in curve]
    assert max(abs(y - truth) for (_, y), truth in zip(curve, exact, strict=True)) < 0.07 * max(exact)


def test_an_estimator_without_x_is_a_level_line_in_both(frame: pd.DataFrame) -> None:
    baseline = [cases.record("trained", "plain", {"beta": b}, 0, [("error_rate", 3.0)]) for b in (1e-3, 1e-2)]
    more = tidy([*cases.trained(["good"]), *baseline])
    drawing = compose(more, cases.BOTTLENECK, Looks())
    assert drawing is not None
    (axes,) = shown(drawing)
    assert any(list(line.get_ydata()) == [3.0, 3.0] and line.get_label() == "plain" for line in axes.lines)
    (panel,) = figure(drawing).panels
    assert [shape.kind for _, shapes in panel.svg.series for shape in shapes if shape.kind == "level"] == ["level"]
    assert "Level lines have no rate." in drawing.caption


def test_a_parameter_of_the_estimator_may_be_x_and_is_known_where_it_is_at_its_default() -> None:
    chart = Chart(title="", kind="lines", x=Axis("estimator.k"), y=Axis("error_rate"))
    widths = [("a[k=16]", 16), ("a", 512), ("a[k=1024]", 1024)]
    records = [
        cases.record("trained", name, {}, 0, [("error_rate", float(k))], parameters={"k": k}) for name, k in widths
    ]
    records.append(cases.record("trained", "other", {}, 0, [("error_rate", 1.0)], parameters={}))
    drawing = compose(tidy(records, wide=True), chart, Looks())
    assert drawing is not None
    (view,) = drawing.views
    assert [(mark.x, mark.y) for mark in view.panel.series["a"]] == [(16, 16), (512, 512), (1024, 1024)]
    assert {name: mark.y for name, mark in view.panel.levels.items()} == {"other": 1.0}


def test_points_of_several_values_are_labelled_where_there_is_no_pointer(frame: pd.DataFrame) -> None:
    (axes,) = shown(composed(frame, cases.BOTTLENECK, "trained"))
    assert {text.get_text() for text in axes.texts} == {"beta=0.001", "beta=0.01", "beta=0.1"}


def test_estimators_are_told_apart_without_colour() -> None:
    told = looks(f"estimator {i}" for i in range(20))
    assert len({(look.colour, look.dashes) for look in told.values()}) == 20
    assert len({(look.colour, look.marker) for look in told.values()}) == 20


def picture(frame: pd.DataFrame) -> None:
    """A picture of a task of which nothing was measured."""
    del frame


def test_every_chart_is_drawn_by_its_name_and_what_was_not_measured_is_left_out(frame: pd.DataFrame) -> None:
    registry = cases.registry()
    curves = frame[frame["task"] == "curves"]
    assert list(draw(curves, registry)) == ["curves-curve", "curves-error-against-seconds", "curves-bias-and-deviation"]
    assert list(draw(curves, registry, ["curve"])) == ["curves-curve"]
    one_seed = curves[curves["seed"] == 0]
    assert list(draw(one_seed, registry)) == ["curves-curve", "curves-error-against-seconds"]
    with pytest.raises(UsageError, match="nothing was measured of task curves that the figure bias-and-deviation show"):
        draw(one_seed, registry, ["bias-and-deviation"])


def test_a_figure_that_does_not_exist_is_named(frame: pd.DataFrame) -> None:
    with pytest.raises(UsageError, match=r"task curves has no figure 'curves'; did you mean curve\?"):
        draw(frame[frame["task"] == "curves"], cases.registry(), ["curves"])


def test_two_plugins_that_bring_a_task_of_one_name_each_draw_their_own(frame: pd.DataFrame) -> None:
    other = cases.TaskSpec(name="curves", target="none:None", profiles=cases.QUICK, charts=[SEEDS])
    registry = Registry([Plugin("cases", "here", specs=[cases.CURVES]), Plugin("others", "there", specs=[other])])
    curves = frame[frame["task"] == "curves"].assign(task_plugin="others")
    assert list(draw(curves, registry)) == ["curves-seeds"]


def test_the_same_figure_is_the_same_file(frame: pd.DataFrame, tmp_path: Path) -> None:
    for name in ("one.svg", "two.svg"):
        drawing = composed(frame, cases.ERROR)
        with mpl.rc_context(STYLE):
            render(drawing).savefig(tmp_path / name, metadata={"Date": None})
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
