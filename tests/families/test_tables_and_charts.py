"""What a reader sees of families: a table with every column, that fits, and charts along every theta."""

import dataclasses
import re
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

import mibench
from mibench.charts import Axis, Chart
from mibench.cli import main
from mibench.curves.cells import family_task
from mibench.discovery import load_plugins
from mibench.discovery.registry import Registry
from mibench.families import Family
from mibench.figures import draw
from mibench.frames import narrow
from mibench.reporting.charts.named import named_charts
from mibench.reporting.curves import statistics, table
from mibench.reporting.summary import summarise

COLUMNS = [
    "estimator",
    "dI rel. RMSE",
    "oracle",
    "ratio",
    "cosine",
    "dI direction",
    "I bias",
    "I sd",
    "n seen",
    "s/trial",
]
COLUMNS += ["not ok"]
REGISTRY = Registry(load_plugins())


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("families")
    tasks = ["ring[kappa=2|4,copies=1|2]", "inliers[strength=1|2,pairs=1]", "inliers[theta=alpha,alpha=0.2|0.5]"]
    mibench.run("oracle,gauss,mige", [f"{task[:-1]},n=32]" for task in tasks], results=folder, seeds=2)
    return folder


def of(results: Path, task: str) -> pd.DataFrame:
    frame = mibench.load(results)
    return frame[frame["task"] == task]


def test_a_table_has_every_column_whatever_the_parameters_are_called(results: Path) -> None:
    for task, settings in (("ring", ["copies"]), ("inliers", ["alpha", "strength", "pairs", "theta"])):
        shown = table(of(results, task), pd.DataFrame())
        assert set(COLUMNS) <= set(shown.columns)
        assert set(shown.columns) <= {*COLUMNS, *settings}
        assert (shown["n seen"] == "32").all()


@pytest.mark.parametrize("name", ["ratio", "n", "steps", "samples", "copies", "bend", "rotate", "theta"])
def test_no_parameter_may_be_called_like_a_column_or_like_one_that_all_families_have(name: str) -> None:
    fields = [(name, float, dataclasses.field(default=1.0))]
    params = dataclasses.make_dataclass("Params", fields, frozen=True, kw_only=True)
    with pytest.raises(mibench.errors.PluginError, match=f"may not be called {name},"):
        family_task(type("Odd", (Family,), {"Params": params, "theta": (name,)}))


def test_what_all_rows_say_of_theta_stands_below(results: Path) -> None:
    assert table(of(results, "ring"), pd.DataFrame()).attrs["note"] == "in all rows: kappa 2 values; seeds 2."


def test_curves_that_lack_points_are_in_no_error_and_counted(results: Path) -> None:
    whole = of(results, "ring").query("copies == 1")
    lost = (whole["kappa"] == 4) & (whole["seed"] == 1) & (whole["estimator"] == "mige")
    shown = table(whole[~lost], pd.DataFrame())
    alone = table(whole[whole["seed"] == 0], pd.DataFrame()).set_index("estimator")
    errors = shown.set_index("estimator")["dI rel. RMSE"]
    assert errors["mige"] == alone.loc["mige", "dI rel. RMSE"] != errors["gauss"]
    assert "lack points (trials failed or missing): 1 of 2 of mige." in shown.attrs["note"]


def test_the_interval_of_an_error_ends_at_0_and_pairs_are_counted_in_figures(results: Path) -> None:
    rows = of(results, "ring").query("copies == 1 and estimator == 'mige'")
    far = (rows["measurement"] == "mi_gradient") & (rows["seed"] == 1)
    rows = rows.assign(value=rows["value"].mask(far, 2 * rows["truth"]).mask(rows["measurement"] == "samples", 51200.0))
    (shown,) = table(rows, pd.DataFrame()).to_dict("records")
    assert re.fullmatch(r"\d\.\d+ \[0\.\d+, \d.*\]", shown["dI rel. RMSE"])
    assert shown["n seen"] == "51200"


def test_a_trial_that_diverged_is_in_no_column_but_the_count(results: Path) -> None:
    whole = of(results, "ring").query("copies == 1")
    lost = (whole["kappa"] == 4) & (whole["seed"] == 1) & (whole["estimator"] == "mige")
    diverged = whole.assign(value=whole["value"].mask(lost, 1e6), status=whole["status"].mask(lost, "diverged"))
    (shown,) = summarise(diverged, REGISTRY).values()
    alone = table(whole[whole["seed"] == 0], pd.DataFrame())
    ours, theirs = (each.set_index("estimator").loc["mige"] for each in (shown, alone))
    assert (ours["seeds"], ours["not ok"]) == (1, 1)
    columns = ["dI rel. RMSE", "ratio", "cosine", "I bias", "n seen"]
    assert ours[columns].tolist() == theirs[columns].tolist()
    assert "1 of 2 of mige" in shown.attrs["note"]
    (cosines,) = summarise(narrow(diverged, measurements="gradient_cosine"), REGISTRY).values()
    assert "seeds 2" in cosines.attrs["note"]  # of the trials that ended well, where no curve lacks a point
    assert cosines["cosine"].all()
    assert statistics(diverged).query("estimator == 'mige'")["seed"].unique().tolist() == [0]


@pytest.mark.parametrize("command", ["show", "run"])
def test_a_table_fits_into_100_columns(command: str, results: Path) -> None:
    more = ["-e", "oracle,gauss,mige", "--seeds", "2"] if command == "run" else []
    task = ["-t"] * (command == "run") + ["ring[kappa=2|4,copies=1|2,n=32]"]
    said = CliRunner().invoke(main, [command, *task, *more, "--results", str(results)])
    assert said.exit_code == 0, said.output
    assert max(map(len, said.stdout.splitlines())) <= 100


def test_a_chart_stands_along_each_parameter_that_a_gradient_was_taken_in(results: Path) -> None:
    assert set(draw(of(results, "inliers"), REGISTRY)) == {"inliers-curves-alpha", "inliers-curves-strength"}
    (figure,) = draw(of(results, "ring"), REGISTRY).values()
    assert [axes.get_title() for axes in figure.axes][:2] == ["copies=1", "copies=2"]
    assert {axes.get_ylabel() for axes in figure.axes} >= {"I(X;Y) in nats", "dI/dkappa in nats"}


def test_a_chart_is_about_the_rows_whose_theta_it_is_along(results: Path) -> None:
    declared = Chart(title="along {theta}", kind="lines", x=Axis("{theta}"), y=Axis("mi", "I against {theta}"))
    for chart, rows in named_charts(of(results, "inliers"), [declared]):
        assert set(rows["theta"]) == {chart.x.of}
        assert (chart.title, chart.rows[0].label) == (f"along {chart.x.of}", f"I against {chart.x.of}")


def test_one_value_is_no_curve(results: Path) -> None:
    frame = of(results, "ring")
    with pytest.raises(mibench.errors.UsageError, match="one value of each parameter"):
        draw(frame[frame["kappa"] == 2], REGISTRY)


def test_a_report_has_the_curves_of_every_family(results: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    assert CliRunner().invoke(main, ["report", "--results", str(results), "-o", str(page)]).exit_code == 0
    text = page.read_text()
    for name in ("kappa", "strength", "alpha"):
        assert f"I(X;Y) and its gradient in {name}" in text
