"""The table stands beside Table 3 where the settings allow it, and every figure that is declared is drawn."""

import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from mibench_ib.figures import FEW
from mibench_ib.summary import error_table

from mibench.comparison.references import load_references
from mibench.discovery import load_plugins
from mibench.discovery.registry import Registry
from mibench.errors import UsageError
from mibench.figures import draw
from mibench.reporting.summary import summarise

Run = Callable[..., pd.DataFrame]
TABLE_3 = {
    "baseline": 1.38,
    "dropout": 1.34,
    "confidence-penalty": 1.36,
    "label-smoothing": 1.4,
    "dvb": 1.13,
    "mine": 1.11,
    "mige[threshold=0.94,conditional=score]": 1.05,
}


@pytest.fixture
def registry() -> Registry:
    return Registry(load_plugins())


def test_the_references_are_table_3_of_the_paper(registry: Registry) -> None:
    references = load_references(registry)
    paper = references[(references["task"] == "ib") & (references["provenance"] == "paper")]
    assert dict(zip(paper["estimator"], paper["value"], strict=True)) == TABLE_3
    assert set(paper["measurement"]) == {"error_rate"}


def test_published_rates_stand_beside_rows_of_their_settings_alone(run: Run, registry: Registry) -> None:
    references = load_references(registry)
    frame = run("dvb,baseline")
    alone = error_table(frame, references)
    assert not alone["published"].any()
    on_mnist = frame.assign(dataset="mnist", beta=1e-3, epochs=200, schedule="demo")
    table = error_table(on_mnist, references).set_index("estimator")
    assert table.loc["baseline", "published"] == "1.38 (paper)"
    assert table.loc["dvb", "published"] == "1.13 (paper), 1.21 (authors' code), 1.30 (third party)"
    assert table.loc["dvb", "seeds"] == 1
    assert "published: " in table.attrs["note"]
    assert {"published: ", "validation: "}.isdisjoint(re.findall(r"^\w+: ", alone.attrs["note"], re.MULTILINE))


def test_every_figure_is_drawn_of_a_sweep_over_beta(run: Run, registry: Registry, tmp_path: Path) -> None:
    frame = run("dvb,baseline,mige[conditional=closed]", beta="1e-3|1")
    drawn = draw(frame, registry)
    assert set(drawn) == {"ib-errors", "ib-curve", "ib-epochs", "ib-reliability"}
    for name, figure in drawn.items():
        figure.savefig(tmp_path / f"{name}.svg")
    (axes,) = drawn["ib-curve"].axes
    assert {text.get_text() for text in axes.texts} == {"beta=0.001", "beta=1"}
    points = next(drawn.get_offsets() for drawn in axes.collections if drawn.get_label() == "dvb")
    dvb = frame[(frame["estimator"] == "dvb") & frame["epoch"].isna() & (frame["measurement"] == "error_rate")]
    assert sorted(points[:, 1].tolist()) == sorted(dvb["value"])


def test_a_trial_that_diverged_is_in_no_mean_and_no_figure(run: Run, registry: Registry) -> None:
    frame = run("dvb,baseline")
    lost = frame["estimator"] == "dvb"
    diverged = frame.assign(status=frame["status"].mask(lost, "diverged"))
    table = summarise(diverged, registry)["ib"].set_index("estimator")
    assert table.loc["dvb", ["seeds", "error (%)", "not ok"]].tolist() == [0, "", 1]
    upper, lower = draw(diverged, registry, ["reliability"])["ib-reliability"].axes
    assert [name for name in upper.get_legend_handles_labels()[1] if "hollow" not in name] == ["baseline"]
    assert lower.get_legend_handles_labels()[1] == ["baseline"]
    nothing = diverged.assign(status="diverged")
    with pytest.raises(UsageError, match="nothing was measured of task ib that the figure reliability shows"):
        draw(nothing, registry, ["reliability"])


def test_bins_of_few_answers_are_hollow_in_the_picture_of_reliability(run: Run, registry: Registry) -> None:
    frame = run("baseline").query("epoch.isna()")
    parts = frame["measurement"].str.split("/", expand=True).reindex(columns=[0, 1, 2])
    bins = sorted(parts[parts[0] == "reliability"][1].unique())
    share = parts[1].map({place: FEW / 2 if place == bins[0] else 2 * FEW for place in bins})
    values = frame["value"].where(parts[2] != "share", share)
    figure = draw(frame.assign(value=values), registry, ["reliability"])["ib-reliability"]
    for axes in figure.axes:
        line, hollow = axes.lines[:2]
        assert len(line.get_xdata()) == len(bins)
        assert list(hollow.get_xdata()) == list(line.get_xdata())[:1]
        assert hollow.get_markerfacecolor() == "white"
    assert list(figure.axes[1].lines[0].get_ydata()) == [FEW / 2, *(2 * FEW for _ in bins[1:])]
    assert "1" in {label.get_text() for label in figure.axes[1].get_yticklabels()}
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["baseline", "hollow: below 0.5 % of the answers"]


def test_a_figure_that_would_average_over_settings_is_left_out_of_all_and_refused_by_name(
    run: Run, registry: Registry
) -> None:
    frame = run("dvb,baseline", beta="1e-3|1")
    mixed = pd.concat([frame, frame.assign(epochs=9)])
    said: list[str] = []
    assert set(draw(mixed, registry, say=said.append)) >= {"ib-errors", "ib-curve"}
    assert [
        sentence for sentence in said if sentence.startswith("ib-reliability: not drawn: ") and "epochs" in sentence
    ]
    with pytest.raises(UsageError, match="epochs"):
        draw(mixed, registry, ["reliability"])
