"""The table and the figures say what was measured, beside what the paper says."""

import itertools
from dataclasses import asdict, replace
from typing import Any

import pandas as pd
import pytest
from mibench_dim.infomax import Cell
from mibench_dim.plugin import SETTINGS
from mibench_dim.summary import KIND, NOT_SAID, table

from mibench.comparison.references import load_references
from mibench.discovery import load_plugins
from mibench.discovery.registry import Registry
from mibench.errors import UsageError
from mibench.figures import draw
from mibench.frames import tidy
from mibench.outcome import Measurement, Outcome, Status
from mibench.plan.selectors import combinations, field_values, spell, spell_value
from mibench.reporting.summary import summarise
from mibench.store.record import Record

REGISTRY = Registry(load_plugins([]))
REFERENCES = load_references(REGISTRY)
JSD = "jsd[hidden=512,embedding=512,gradient=objective]"
INFONCE = "infonce[hidden=512,embedding=512]"


def record(spelled: str = "mige", y: float = 50.0, seed: int = 0, **cell: Any) -> Record:
    measurements = [
        {"name": "accuracy/conv", "value": 60.0, "truth": None, "unit": "%", "epoch": None},
        {"name": "accuracy/fc", "value": 55.0, "truth": None, "unit": "%", "epoch": None},
        {"name": "accuracy/Y", "value": y, "truth": None, "unit": "%", "epoch": None},
        {"name": "x_dimension/image", "value": 3072.0, "truth": None, "unit": "", "epoch": None},
        *(
            {"name": name, "value": 1.0 + epoch, "truth": None, "unit": "", "epoch": epoch}
            for name in ("accuracy/conv", "accuracy/fc", "accuracy/Y", "std", "effective_rank")
            for epoch in (1, 2)
        ),
        *(
            {"name": f"confusion/{i}/{j}", "value": 50.0, "truth": None, "unit": "%", "epoch": None}
            for i in range(2)
            for j in range(2)
        ),
    ]
    (values,) = combinations(Cell, {name: [value] for name, value in cell.items()}, "cell")
    plain = {
        "task": "dim",
        "estimator": spelled.partition("[")[0],
        "key": f"{spelled}{seed}{sorted(cell.items())}",
        "cell": {name: list(v) if isinstance(v, tuple) else v for name, v in field_values(values, "a").items()},
        "spelled": spelled,
        "seed": seed,
        "status": "ok",
        "seconds": 1.0,
        "device": "cpu",
        "data": "cifar10: not the official files, sha256:12",
        "measurements": measurements,
    }
    return Record.from_json(plain)


def paper(estimator: str, dataset: str, mode: str, *, prior_matching: bool = False) -> list[float]:
    kind = {"dataset": dataset, "mode": mode, "prior_matching": prior_matching}
    rows = REFERENCES[(REFERENCES["task"] == "dim") & (REFERENCES["estimator"] == estimator)]
    fits = [kind.items() <= settings.items() for settings in rows["settings"]]
    by_layer = rows[fits].set_index("measurement")["value"]
    return [by_layer[f"accuracy/{layer}"] for layer in ("conv", "fc", "Y")]


def test_references_are_the_papers_tables() -> None:
    assert paper("mige", "cifar10", "global") == [57.95, 57.09, 53.75]
    assert paper(JSD, "cifar10", "global", prior_matching=True) == [52.2, 52.84, 43.17]
    assert paper(INFONCE, "cifar100", "global", prior_matching=True) == [25.51, 20.15, 15.35]
    assert paper(INFONCE, "cifar10", "local", prior_matching=True) == [75.21, 75.57, 69.13]
    assert paper("mige", "cifar100", "local") == [30.0, 28.96, 27.65]
    assert paper("mige-rp", "stl10", "global") == [52.0, 48.14, 44.89]


def test_references_name_estimators_as_runs_spell_them() -> None:
    from mibench.specs import EstimatorSpec
    from mibench.targets import load_target

    registry = Registry(load_plugins([]))
    for name, spelled in (("jsd", JSD), ("infonce", INFONCE)):
        params = load_target(registry.find(EstimatorSpec, name).spec.target, name).Params
        assert spell(name, params(**SETTINGS[name])) == spelled


def test_accuracies_stand_beside_the_papers_with_what_differs() -> None:
    frame = tidy([record(epochs=10), record(JSD, 40.0, epochs=10), record(epochs=10, mode="local")])
    shown = table(frame, REFERENCES)
    row = shown[(shown["estimator"] == "mige") & (shown["mode"] == "global")].iloc[0]
    assert row["Y"] == "50.00"
    assert row["Y (paper)"] == "53.75"
    assert row["conv - Y"] == "10.00"
    assert row["x"] == "image"
    assert shown[shown["mode"] == "local"].iloc[0]["Y (paper)"] == "54.01"
    assert shown.attrs["note"].splitlines() == [
        "published: epochs=1000, where ours is epochs=10.",
        "data: cifar10: not the official files, sha256:12.",
    ]


def test_what_published_numbers_do_not_say_is_told_where_it_is_not_the_default() -> None:
    changes_no_number = {"truth_every", "judge", "truth_images"}
    said = {*KIND, "epochs", "batch", *changes_no_number}
    assert {name: spell_value(value) for name, value in NOT_SAID.items()} == {
        name: spell_value(value) for name, value in asdict(Cell()).items() if name not in said
    }
    frame = tidy([record(), record(noise=2.0, epochs=4), record(noise=3.0, epochs=5, channels="8x16")])
    assert table(frame, REFERENCES).attrs["note"].splitlines()[:3] == [
        "published: epochs=1000, where ours is epochs=4 and epochs=5.",
        "published: noise is not said, where ours is noise=2 and noise=3.",
        "published: channels is not said, where ours is channels=8x16.",
    ]


def test_seeds_are_averaged_and_what_failed_is_named() -> None:
    failed = replace(record(seed=2), outcome=Outcome(Status.FAILED))
    shown = table(tidy([record(y=50.0), record(y=52.0, seed=1), failed]), REFERENCES)
    assert shown.loc[0, "Y"] == "51.00 ± 1.41"
    assert shown.loc[0, "conv - Y"] == "9.00 ± 1.41"
    assert shown.loc[0, "not ok"] == 1


def test_what_diverged_or_failed_while_it_learned_is_counted_and_in_no_mean() -> None:
    diverged = replace(record(seed=2, y=0.0), outcome=replace(record().outcome, status=Status.DIVERGED))
    along = Outcome(Status.CRASHED, [Measurement("loss", 1.0, epoch=1)])
    crashed = replace(record(seed=3), outcome=along)
    shown = summarise(tidy([record(y=50.0), record(y=52.0, seed=1), diverged, crashed]), REGISTRY)["dim"]
    assert shown.loc[0, ["Y", "seeds", "not ok"]].tolist() == ["51.00 ± 1.41", 2, 2]


def test_layers_are_subtracted_within_a_trial() -> None:
    frame = tidy([record(y=value, seed=seed) for seed, value in enumerate((50.0, 40.0, 30.0))])
    lost = {(0, "accuracy/conv"), (1, "accuracy/Y")}
    kept = [row not in lost for row in zip(frame["seed"], frame["measurement"], strict=True)]
    assert table(frame[kept], REFERENCES).loc[0, "conv - Y"] == "30.00"
    again = tidy([record(y=45.0)]).assign(data="cifar10: another file")
    assert table(pd.concat([frame, again]), REFERENCES).loc[0, "conv - Y"] == "18.75 ± 8.54"


@pytest.mark.parametrize("estimators", [["mige", JSD], ["mige", "mige-rp", "mige-rp[k=16]", "mige-rp[k=1024]"]])
def test_every_figure_is_drawn(estimators: list[str]) -> None:
    frame = tidy([record(spelled, 50.0 + seed, seed) for spelled in estimators for seed in range(2)])
    drawn = draw(frame, REGISTRY)
    projected = {"projections"} if "mige-rp" in estimators else set[str]()
    assert {*drawn} == {f"dim-{name}" for name in {"accuracy", "probe-curves", "deviation", "confusion", *projected}}
    for figure in drawn.values():
        figure.canvas.draw()


def test_figure_2_has_a_point_for_every_dimension() -> None:
    dimensions = {"mige-rp[k=16]": {"k": 16}, "mige-rp": {"k": 512}, "mige-rp[k=1024]": {"k": 1024}, "mige": {}}
    records = [record(name) for name in dimensions]
    records = [replace(it, trial=replace(it.trial, parameters=dimensions[it.trial.spelled])) for it in records]
    (axes,) = draw(tidy(records, wide=True), REGISTRY, ["projections"])["dim-projections"].axes
    assert [16, 512, 1024] in [list(line.get_xdata()) for line in axes.get_lines()]


def test_encoders_with_and_without_prior_stand_side_by_side() -> None:
    records = [record(JSD, 50.0 + matched, prior_matching=matched) for matched in (False, True)]
    (axes,) = draw(tidy(records), REGISTRY, ["accuracy"])["dim-accuracy"].axes
    assert [bars.get_label() for bars in axes.containers] == ["jsd", "jsd, prior_matching"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["conv", "fc", "Y"]


@pytest.mark.parametrize("encoders", [1, 5, 30])
def test_encoders_are_told_apart_in_rows_of_panels_and_those_beyond_24_are_counted(encoders: int) -> None:
    values = [str(1000 + place) for place in range(encoders)]
    cells = [record("mige", epochs=value, probe_epochs=value, learning_rate=value) for value in values]
    figure = draw(tidy(cells), REGISTRY, ["confusion"])["dim-confusion"]
    figure.draw_without_rendering()
    titles = [axes.title.get_window_extent() for axes in figure.axes if axes.get_title()]
    assert len(titles) == min(encoders, 24)
    for title, other in itertools.combinations(titles, 2):
        assert not title.overlaps(other)
    assert all(figure.bbox.containsx(edge) for title in titles for edge in (title.x0, title.x1))
    assert all(figure.bbox.containsy(title.y1) for title in titles)
    assert figure.get_supxlabel().startswith("24 of 30 panels are drawn" if encoders == 30 else "")


def test_without_a_confusion_matrix_there_is_no_figure_of_it() -> None:
    frame = tidy([record()])
    frame = frame[~frame["measurement"].str.startswith("confusion")]
    assert "dim-confusion" not in draw(frame, REGISTRY)
    with pytest.raises(UsageError, match="nothing was measured of task dim that the figure confusion shows"):
        draw(frame, REGISTRY, ["confusion"])
