"""`mibench plot` and `mibench report` draw the same chart: the same panels, the same numbers, the same axes."""

import itertools
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import report_cases as cases
from matplotlib.axes import Axes
from matplotlib.text import Text

from mibench.charts import Axis, Chart
from mibench.discovery import Plugin
from mibench.discovery.registry import Registry
from mibench.errors import UsageError
from mibench.figures import draw
from mibench.frames import narrow, tidy
from mibench.reporting.charts import svg
from mibench.reporting.charts.drawing import MOST_PANELS, MOST_SERIES, Drawing, compose
from mibench.reporting.charts.figure import figure
from mibench.reporting.charts.mpl import render
from mibench.style import COLOURS, LOOKS, STYLE, Looks, look_of, looks

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


def test_long_titles_of_axes_side_by_side_do_not_meet(frame: pd.DataFrame) -> None:
    drawn = render(
        composed(
            frame,
            replace(
                cases.CURVE,
                x=Axis("rho", "the correlation of the first coordinates of x with those of y, which is rho"),
            ),
        )
    )
    drawn.draw_without_rendering()
    first, second = (axes.xaxis.label.get_window_extent() for axes in drawn.axes if axes.get_xlabel())
    assert first.x1 < second.x0


def test_a_caption_says_what_the_rings_and_the_line_of_a_front_are() -> None:
    records = [
        cases.record("curves", name, {"d": 2, "rho": 0.5}, seed, [("mi", mi), ("cost", cost)])
        for name, mi, cost in (("a", 1.0, 3.0), ("b", 2.0, 2.0), ("c", 2.5, 2.5))
        for seed in (0, 1)
    ]
    chart = Chart(title="Front", kind="points", x=Axis("cost"), y=Axis("mi"), front=True)
    assert "Ringed points, which a dashed line joins, are the Pareto front" in composed(tidy(records), chart).caption
    one = [record for record in records if record.trial.estimator != "a"]
    assert "Ringed points are the Pareto front" in composed(tidy(one), chart).caption


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


def test_labels_of_points_cover_neither_each_other_nor_points() -> None:
    betas = (1, 0.1, 0.01, 0.001, 0.0001)
    records = [
        cases.record("trained", name, {"beta": beta}, 0, [("rate", rate * shift), ("error_rate", 90.0 - rate)])
        for name, shift in (("a", 1.0), ("b", 1.01), ("c", 1.2))
        for beta, rate in zip(betas, (1.0, 30.0, 70.0, 70.5, 80.0), strict=True)
    ]
    drawn = composed(tidy(records), cases.BOTTLENECK, "trained")
    (axes,) = shown(drawn)
    axes.get_figure(root=True).draw_without_rendering()
    extents = [text.get_window_extent() for text in axes.texts]
    assert {"beta=1", "beta=0.1", "beta=0.0001"} <= {text.get_text() for text in axes.texts}
    assert not any(one.overlaps(other) for one, other in itertools.combinations(extents, 2))
    places = axes.transData.transform([place for place, _ in drawn.views[0].labels])
    assert not any(extent.contains(*place) for extent in extents for place in places)
    assert all(extent.x1 <= axes.bbox.x1 for extent in extents)


def test_the_texts_of_neighbouring_ticks_do_not_touch_in_a_small_panel() -> None:
    records = [
        cases.record("trained", name, {"beta": 1.0, "d": d}, 0, [("rate", rate), ("error_rate", 1.0)])
        for name, rate in (("a", 28.0), ("b", 2300.0))
        for d in range(3)
    ]
    chart = replace(cases.BOTTLENECK, x=Axis("rate", log=True))
    for axes in shown(composed(tidy(records), chart, "trained")):
        axes.get_figure(root=True).draw_without_rendering()
        texts = [label.get_window_extent() for label in axes.get_xticklabels()]
        assert len(texts) > 1
        assert not any(one.overlaps(other) for one, other in itertools.pairwise(texts))


def test_estimators_are_told_apart_without_colour() -> None:
    told = looks(f"estimator {i}" for i in range(20))
    assert len({(look.colour, look.dashes) for look in told.values()}) == 20
    assert len({(look.colour, look.marker) for look in told.values()}) == 20


VARIANTS = ["a", "a[k=1]", "a[k=1,l=2]", "a, dropout", "a (shipped)", "a-b", "a-b[k=1]", "c[k=1]"]


def test_an_estimator_has_one_colour_and_its_variants_other_dashes_markers_and_fills() -> None:
    told = looks(VARIANTS)
    colours = {name: look.colour for name, look in told.items()}
    assert len({colours[name] for name in VARIANTS[:5]}) == 1
    assert colours["a-b"] == colours["a-b[k=1]"]
    assert len({colours["a"], colours["a-b"], colours["c[k=1]"]}) == 3
    of_a = [told[name] for name in VARIANTS[:5]]
    assert len({look.dashes for look in of_a}) == len({look.marker for look in of_a}) == 5
    assert len({(look.fill, look.outline) for look in of_a}) == 5
    assert {told[name].dashes for name in ("a", "a-b", "c[k=1]")} == {"solid"}


def test_estimators_that_most_pages_show_have_one_colour_on_all() -> None:
    alone = {name: looks([name])[name].colour for name in ("mige", "mine", "infonce", "gauss")}
    assert len({*alone.values()}) == 4
    told = looks(["adaptive", "baseline", "ksg", "mige[k=1]", *alone])
    assert {name: told[name].colour for name in alone} == alone
    assert len({told[name].colour for name in ("adaptive", "baseline", "ksg", *alone)}) == 7
    chart = Looks().told_apart(["adaptive", "gauss", "mige"])
    assert [look_of(chart[name]).colour for name in ("gauss", "mige")] == [alone["gauss"], alone["mige"]]


def test_an_estimator_keeps_its_colour_when_one_of_those_that_most_pages_show_comes_later() -> None:
    numbers = Looks()
    first = numbers.told_apart(["ksg"])
    later = numbers.told_apart(["gauss", "ksg"])
    assert look_of(later["ksg"]).colour == look_of(first["ksg"]).colour
    assert look_of(later["gauss"]).colour == looks(["gauss"])["gauss"].colour


def test_variants_that_a_chart_meets_later_have_the_colour_of_their_estimator_too() -> None:
    numbers = Looks()
    numbers.meet(["jsd", "infonce", "mige[k=2]", "mige"])
    told = numbers.told_apart(["infonce", "infonce, prior_matching", "jsd", "jsd, prior_matching", "mige", "mige[k=2]"])
    colours = [look_of(number).colour for number in told.values()]
    assert colours[::2] == colours[1::2]
    assert len({*colours}) == 3
    assert [look_of(number).dashes for number in told.values()][::2] == ["solid"] * 3


def test_a_series_without_the_parameter_that_is_its_axis_is_the_first_of_its_colour() -> None:
    numbers = Looks()
    numbers.meet(["b", *(f"a[k={k}]" for k in range(7))])
    (alone,) = numbers.told_apart(["a"]).values()
    assert look_of(alone).dashes == "solid"
    assert {look_of(numbers.number(f"a[k={k}]")).colour for k in range(7)} == {look_of(alone).colour}
    assert look_of(numbers.number("b")).colour != look_of(alone).colour


def test_no_two_estimators_of_a_chart_share_a_colour_while_there_is_another() -> None:
    names = [f"estimator-{i}{variant}" for i in range(60) for variant in ("", "[k=1]")]
    assert len({look.colour for look in looks(names[: 2 * len(COLOURS)]).values()}) == len(COLOURS)
    numbers = Looks()
    numbers.meet(names)
    few = [f"estimator-{i}{variant}" for i in (0, 12, 24, 36, 1, 13) for variant in ("", "[k=1]")]
    told = [look_of(number) for number in numbers.told_apart(few).values()]
    assert [look.colour for look in told[::2]] == [look.colour for look in told[1::2]]
    assert len({look.colour for look in told}) == 6
    assert len({(look.colour, look.dashes) for look in told}) == 12


def test_more_variants_of_one_estimator_than_there_are_dashes_are_told_apart() -> None:
    told = looks(["b", *(f"a[k={k}]" for k in range(MOST_SERIES))])
    assert len({(look.colour, look.dashes) for look in told.values()}) == len(told)
    assert [name for name, look in told.items() if look.colour == told["b"].colour] == ["b"]


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


def many(count: int, kind: str = "lines") -> tuple[pd.DataFrame, Chart]:
    """So many estimators on one task, and a chart of a kind."""
    frame = tidy(cases.curves({f"estimator-{i}": i / 100 for i in range(count)}, seeds=2, rhos=3, dimensions=(2,)))
    return frame, replace(cases.ERROR if kind == "points" else cases.CURVE, kind=kind)


@pytest.mark.parametrize("kind", ["lines", "points", "bars"])
def test_as_many_series_as_are_drawn_look_different_without_colour_too(kind: str) -> None:
    drawn = composed(*many(MOST_SERIES + 20, kind))
    told = [look_of(number) for number in drawn.looks.values()]
    assert len(told) == MOST_SERIES
    ways = {"lines": lambda it: it.dashes, "points": lambda it: it.marker, "bars": lambda it: (it.fill, it.outline)}
    assert len({(look.colour, ways[kind](look)) for look in told}) == MOST_SERIES
    assert len({(entry.look, entry.swatch) for entry in figure(drawn).legend}) == MOST_SERIES


def test_a_chart_tells_its_series_apart_where_a_page_has_more_than_there_are_looks() -> None:
    numbers = Looks()
    for i in range(LOOKS + 3):
        numbers.number(f"estimator-{i}")
    told = numbers.told_apart(["estimator-1", f"estimator-{LOOKS + 1}", f"estimator-{LOOKS + 2}"])
    assert len({look_of(number) for number in told.values()}) == 3
    assert told["estimator-1"] == numbers.number("estimator-1")
    assert told[f"estimator-{LOOKS + 2}"] == LOOKS + 2


@pytest.mark.parametrize("form", ["png", "svg", "pdf"])
@pytest.mark.parametrize("kind", ["lines", "points", "bars", "matrix"])
def test_captions_stand_below_all_else_in_every_format(kind: str, form: str, tmp_path: Path) -> None:
    frame, chart = many(20, kind)
    drawing = composed(frame, replace(chart, note="A note of cost $x$ & more, " * 12))
    drawn = render(drawing)
    with mpl.rc_context(STYLE):
        drawn.savefig(tmp_path / f"figure.{form}")
    (caption,) = drawn.texts
    assert caption.get_text().split() == drawing.caption.split()
    box, edge = caption.get_window_extent(), drawn.bbox
    assert edge.x0 <= box.x0 < box.x1 <= edge.x1
    assert edge.y0 <= box.y0
    above = [axes.get_tightbbox() for axes in drawn.axes] + [it.get_window_extent() for it in drawn.legends]
    assert all(it is not None and box.y1 < it.y0 for it in above)
    for it in drawn.legends:
        assert all(it.get_window_extent().y1 <= axes.get_tightbbox().y0 for axes in drawn.axes)


def test_dollar_signs_are_no_mathematics(frame: pd.DataFrame) -> None:
    names = frame["estimator"].replace({"good": "mine[cost=$5]", "bad": "a_$x_1$"})
    drawn = render(composed(frame.assign(estimator=names), replace(cases.CURVE, title="Costs in $, and in $")))
    texts = [text for text in drawn.findobj(Text) if "$" in text.get_text()]
    assert len(texts) >= 2
    assert not any(text.get_parse_math() for text in texts)


def test_panels_without_a_point_that_can_be_drawn_are_left_out_before_panels_are_counted() -> None:
    records = cases.curves({"a": 0.1, "b": 0.2}, rhos=3, dimensions=tuple(range(1, MOST_PANELS + 5)))
    exact = [it if it.trial.cell["d"] > 4 else with_value(it, it.outcome.measurements[0].truth) for it in records]
    drawing = composed(tidy(exact), cases.ERROR)
    assert [view.panel.title for view in drawing.views] == [f"d={d}" for d in range(5, MOST_PANELS + 5)]
    assert drawing.left_out == ["4 panels without a point that axes can show are left out."]
    assert drawing.left_out[0] in drawing.caption
    nothing = [it for it in exact if it.trial.cell["d"] == 1]
    assert compose(tidy(nothing), cases.ERROR, Looks()) is None
    others = cases.curves({f"exact-{i}": 0.0 for i in range(MOST_SERIES)}, rhos=3, dimensions=(1,))
    some = composed(tidy([*others, *cases.curves({"last": 0.1, "worse": 0.2}, rhos=3, dimensions=(1,))]), cases.ERROR)
    assert {"last", "worse"} <= {*some.looks}
    assert len(some.looks) == MOST_SERIES


def test_of_too_many_series_estimators_as_they_come_are_drawn_before_those_with_parameters() -> None:
    errors = {f"a[k={k}]": 0.1 for k in range(MOST_SERIES)} | {"last": 0.1, "worse": 0.2}
    drawn = composed(tidy(cases.curves(errors, rhos=3, dimensions=(1,))), cases.ERROR)
    assert {"last", "worse"} <= {*drawn.looks}
    assert len(drawn.looks) == MOST_SERIES


def with_value(record: cases.Record, value: float | None) -> cases.Record:
    measured = [replace(it, value=value) for it in record.outcome.measurements]
    return replace(record, outcome=replace(record.outcome, measurements=measured))


def test_what_was_left_out_of_which_figure_is_said(frame: pd.DataFrame) -> None:
    records = cases.curves({"a": 0.1, "b": 0.2}, rhos=3, dimensions=tuple(range(1, MOST_PANELS + 3)))
    said: list[str] = []
    draw(tidy(records), cases.registry(), ["error-against-seconds"], said.append)
    of_how_many = f"{MOST_PANELS} of {MOST_PANELS + 2} panels are drawn; narrow the selection to see the others."
    assert said == [f"curves-error-against-seconds: {of_how_many}"]
    draw(frame[frame["task"] == "curves"], cases.registry(), ["error-against-seconds"], said.append)
    assert len(said) == 1


def test_what_stands_beside_axes_and_in_legends_is_different_for_different_estimators() -> None:
    names = [f"mine[hidden=256x256,learning_rate=0.0005,ema={ema}]" for ema in (0.9, 0.99)]
    for kind in ("bars", "matrix"):
        frame, chart = many(20, kind)
        frame["estimator"] = frame["estimator"].replace({"estimator-0": names[0], "estimator-1": names[1]})
        drawn = render(drawing := composed(frame, replace(chart, x=Axis("rho"))))
        legends = [[text.get_text() for text in it.get_texts()] for it in drawn.legends]
        rows = [label.get_text() for label in drawn.axes[0].get_yticklabels()] if kind == "matrix" else []
        page = [label.text for label in figure(drawing).panels[0].svg.labels if label.kind == "yt"]
        for texts in (*legends, rows, page if kind == "matrix" else []):
            assert len({*texts}) == len(texts)


def test_ticks_are_written_below_every_panel_of_another_scale_than_that_below_it() -> None:
    spans = {1: (0.0, 0.5), 2: (0.0, 0.5), 3: (0.0, 0.5), 4: (0.0, 0.5), 5: (0.0, 0.52)}
    records = [
        cases.record("curves", name, {"d": d, "rho": rho}, 0, [("mi", rho + i)])
        for d, ends in spans.items()
        for rho in np.linspace(*ends, 40).tolist()
        for i, name in enumerate("ab")
    ]
    drawing = composed(tidy(records), cases.CURVE)
    drawn = shown(drawing)
    places = [axes.get_subplotspec().get_geometry()[:3] for axes in drawn]
    assert places == [(3, 2, place) for place in range(5)]
    assert drawing.views[2].x_ticks == drawing.views[4].x_ticks
    assert drawn[2].get_xlim() != drawn[4].get_xlim()
    labelled = [axes.xaxis.get_tick_params()["labelbottom"] for axes in drawn]
    assert labelled == [False, False, True, True, True]


def test_estimators_of_which_nothing_is_within_the_axes_are_named() -> None:
    records = [
        cases.record("curves", name, {"d": 2, "rho": rho}, 0, [("mi", value, 1.0)])
        for name, value in (("near", 1.1), ("far", 40.0), ("further", -40.0))
        for rho in (0.1, 0.2)
    ]
    drawing = composed(tidy(records), cases.CURVE)
    assert "No value of far and further is within the axes." in drawing.caption
    assert "No value" not in composed(tidy(records[:2]), cases.CURVE).caption


def test_a_truth_that_is_known_at_one_place_is_a_dash() -> None:
    records = [cases.record("curves", "a", {"d": 2, "rho": 0.5}, seed, [("mi", 1.1, 1.0)]) for seed in (0, 1)]
    drawing = composed(tidy(records), cases.CURVE)
    (((left, low), (right, high)),) = drawing.views[0].truth
    assert left < 0.5 < right
    assert low == pytest.approx(1.0)
    assert high == pytest.approx(1.0)
    (shape,) = figure(drawing).panels[0].svg.truth
    assert "L" in shape.path
