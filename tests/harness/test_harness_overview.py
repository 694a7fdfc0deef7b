"""Pictures of several tasks together: what they show is what was measured, in a report and by matplotlib alike."""

import numpy as np
import pandas as pd
import pytest
import rivals_toys as toys
from matplotlib.patches import Rectangle

from mibench.charts import Axis
from mibench.errors import UsageError
from mibench.figures import draw_overview
from mibench.reporting.charts.drawing import Drawing, compose
from mibench.reporting.charts.figure import figure
from mibench.reporting.charts.mpl import render
from mibench.reporting.overview import PROFILE, THRESHOLDS, pictures
from mibench.reporting.sections import overview
from mibench.style import Looks

RNG = np.random.default_rng(0)
SHAPE = (3, 2, 4)
ERRORS = {
    "bad": 0.5 * RNG.standard_normal(SHAPE),
    "good": 0.1 * RNG.standard_normal(SHAPE),
    "same": np.full(SHAPE, 0.2),
}
ERRORS["twin"] = ERRORS["same"]


def drawn(frame: pd.DataFrame, name: str) -> Drawing:
    charts = {chart.slug: (chart, rows) for chart, rows in pictures(frame, toys.registry())}
    drawing = compose(charts[name][1], charts[name][0], Looks())
    assert drawing is not None
    return drawing


def values(drawing: Drawing, name: str) -> dict[float, float]:
    (view,) = drawing.views
    return {mark.x: mark.y for mark in view.panel.series[name]}


def test_the_profile_is_the_share_of_cells_whose_error_is_below() -> None:
    shares = values(drawn(toys.frame(ERRORS), "profile"), "good")
    errors = np.sqrt((ERRORS["good"] ** 2).mean(axis=2)).ravel() / toys.TRUTH
    assert list(shares) == pytest.approx(THRESHOLDS)
    assert list(shares.values()) == pytest.approx([(errors <= threshold).mean() for threshold in THRESHOLDS])


def test_a_cell_that_failed_is_below_no_error_and_one_without_a_truth_is_in_no_profile() -> None:
    failed = {**ERRORS, "bad": ERRORS["bad"].copy()}
    failed["bad"][0, 0, 1] = np.inf
    assert max(values(drawn(toys.frame(failed), "profile"), "bad").values()) == pytest.approx(5 / 6)
    frame = toys.frame(ERRORS)
    frame.loc[frame["d"] == 0, "truth"] = 0.0
    frame.loc[frame["d"] == 0, "value"] = 1.0
    assert drawn(frame, "profile").views[0].panel.series["same"][-1].y == 1


def test_the_profile_says_how_many_cells_each_has_where_they_differ() -> None:
    few = {**ERRORS, "bad": ERRORS["bad"].copy()}
    few["bad"][1:] = np.nan
    assert "2 (bad) to 6 cells (good)" in drawn(toys.frame(few), "profile").caption
    assert "Shares are of" not in drawn(toys.frame(ERRORS), "profile").caption
    assert PROFILE.note in drawn(toys.frame(ERRORS), "profile").caption


def test_of_a_pair_both_shares_add_up_to_all_runs_and_twins_are_even() -> None:
    drawing = drawn(toys.frame(ERRORS), "pairs-mi")
    (view,) = drawing.views
    names = list(view.panel.categories)
    shares = {name: {names[int(mark.x)]: mark.y for mark in marks} for name, marks in view.panel.series.items()}
    assert list(view.panel.series) == names == ["good", "same", "twin", "bad"]
    assert all(shares[a][b] + shares[b][a] == pytest.approx(1) for a in names for b in names if a != b)
    assert shares["same"]["twin"] == 0.5
    ahead = np.abs(ERRORS["good"]) < np.abs(ERRORS["bad"])
    assert shares["good"]["bad"] == pytest.approx(ahead.mean())


def test_a_matrix_has_the_same_cells_and_shades_in_a_report_and_by_matplotlib() -> None:
    drawing = drawn(toys.frame(ERRORS), "pairs-mi")
    (view,), (axes,) = drawing.views, render(drawing).axes
    page = figure(drawing)
    cells = {(round(patch.get_x() + 0.5), round(patch.get_y() + 0.5)): patch for patch in axes.patches}
    marks = [(view.point(name, mark), view.level(mark)) for name, row in view.panel.series.items() for mark in row]
    assert len(cells) == len(marks) == 12
    assert all(isinstance(patch, Rectangle) for patch in cells.values())
    for (x, y), level in marks:
        assert cells[int(x), int(y)].get_facecolor()[3] == pytest.approx(0.1 * abs(level))
    drawn_cells = sum(shape.path.count("M") for _, shapes in page.panels[0].svg.series for shape in shapes)
    assert drawn_cells == len(marks)
    texts = [label.text for label in page.panels[0].svg.labels if label.kind == "in"]
    assert sorted(texts) == sorted(text.get_text() for text in axes.texts)
    assert page.legend == []
    assert {"good", "bad"} <= {label.get_text() for label in axes.get_yticklabels()}


def test_families_have_a_panel_each_with_the_truth() -> None:
    drawing = drawn(toys.frame(ERRORS), "families-mi")
    assert [view.panel.title for view in drawing.views] == ["family=t00", "family=t01", "family=t02"]
    assert all(list(view.panel.truth) == [(toys.TRUTH, toys.TRUTH)] for view in drawing.views)
    assert drawing.views[1].panel.series["same"][0].y == pytest.approx(toys.TRUTH + 0.2)


def test_a_trial_that_diverged_is_in_no_estimate_against_the_truth_and_counted() -> None:
    frame = toys.frame(ERRORS)
    lost = (frame["estimator"] == "same") & (frame["task"] == "t01") & (frame["seed"] == 0)
    diverged = frame.assign(value=frame["value"].mask(lost, 1e6), status=frame["status"].mask(lost, "diverged"))
    drawing = drawn(diverged, "families-mi")
    assert drawing.views[1].panel.series["same"][0].y == pytest.approx(toys.TRUTH + 0.2)
    assert "In no value, since they failed or diverged: 2 trials of same." in drawing.caption


def test_an_estimator_whose_trials_failed_in_half_of_its_cells_has_no_median_and_is_named() -> None:
    failed = {**ERRORS, "bad": ERRORS["bad"].copy()}
    failed["bad"][:, 0, 0] = np.inf
    drawing = drawn(toys.frame(failed), "front")
    assert "bad" not in drawing.views[0].panel.series
    assert "No median where trials failed in half of the cells or more: bad." in drawing.caption
    assert "No median" not in drawn(toys.frame(ERRORS), "front").caption
    failed["bad"][0, 0, 0] = 0.1
    assert "bad" in drawn(toys.frame(failed), "front").views[0].panel.series


def test_seconds_of_a_quantity_are_those_of_the_trials_that_have_an_error_in_it() -> None:
    both = [toys.frame(ERRORS, name).assign(seconds=took) for name, took in (("mi", 1.0), ("mi_gradient", 100.0))]
    here = [rows[rows["task"].isin(tasks)] for rows, tasks in zip(both, (["t00", "t01"], ["t02"]), strict=True)]
    views = drawn(pd.concat(here, ignore_index=True), "front").views
    seconds = {view.panel.title: {mark.x for marks in view.panel.series.values() for mark in marks} for view in views}
    assert list(seconds.values()) == [{1.0}, {100.0}]


def test_error_against_n_is_drawn_where_n_differs() -> None:
    frame = toys.frame(ERRORS).rename(columns={"d": "n"})
    frame["n"] = 2.0 ** frame["n"]
    assert list(values(drawn(frame, "samples"), "same")) == [1.0, 2.0]
    assert "samples" not in {chart.slug for chart, _ in pictures(toys.frame(ERRORS), toys.registry())}


def test_what_is_drawn_of_nothing_comparable_is_said_in_one_line() -> None:
    with pytest.raises(UsageError, match="no task here says which way is good of two estimators"):
        draw_overview(toys.frame({"alone": ERRORS["good"]}), toys.registry())
    with pytest.raises(UsageError, match="no figure 'profil'; did you mean profile"):
        draw_overview(toys.frame(ERRORS), toys.registry(), ["profil"])


def test_a_figure_whose_axes_can_show_nothing_is_said_not_to_be_drawn() -> None:
    exact = {name: np.zeros(SHAPE) for name in ("a", "b")}
    with pytest.raises(UsageError, match="nothing was measured that the figure front shows on its axes"):
        draw_overview(toys.frame(exact), toys.registry(), ["front"])
    assert "profile" in draw_overview(toys.frame(exact), toys.registry())


def test_an_axis_whose_order_is_a_list_can_be_shared_between_panels() -> None:
    assert hash(Axis("accuracy/*", order=["Y", "conv"])) == hash(Axis("accuracy/*", order=("Y", "conv")))


def test_a_report_whose_estimators_have_too_few_cells_for_ranks_says_so_and_shows_its_pictures() -> None:
    errors = {"all": np.ones((4, 1, 3)), "few": np.full((4, 1, 3), np.nan)}
    errors["few"][0] = 1.0
    seen = overview(toys.frame(errors), toys.registry(), Looks())
    assert seen is not None
    assert seen.ranking is None
    assert "not ranked: few (1 cell)" in seen.left_out[0]
    assert seen.charts
