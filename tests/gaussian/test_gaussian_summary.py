import json

import numpy as np
import pandas as pd
import pytest
from mibench_gaussian import summary

from mibench.comparison.references import load_references
from mibench.discovery import load_plugins
from mibench.discovery.registry import Registry
from mibench.reporting.curve_errors import Curves
from mibench.reporting.summary import summarise
from mibench.reporting.tables import good_ends
from mibench.specs import TaskSpec

SETTING = {
    "task": "gaussian",
    "n": 256,
    "steps": 200,
    "bend": "none",
    "rotate": False,
    "unit": "nats",
    "status": "ok",
    "seconds": 0.5,
    "device": "cpu",
}
_STAIRCASE = {"d": 20, "n": 64, "steps": 4000, "bend": "none", "status": "ok", "seed": 0, "key": "k"}
RHOS = [-0.8, -0.4, 0.0, 0.4, 0.8]


def frame(error: float, seeds: int = 2, estimator: str = "mige", d: int = 8) -> pd.DataFrame:
    """Curves whose gradient is off by the factor 1 - error (1 + seed)."""
    rows = [
        {
            **SETTING,
            "d": d,
            "rho": rho,
            "estimator": estimator,
            "seed": seed,
            "measurement": "mi_gradient",
            "truth": rho * d / (1 - rho**2),
            "value": (1 - error * (1 + seed)) * rho * d / (1 - rho**2),
            "key": f"{estimator}{seed}{rho}",
        }
        for seed in range(seeds)
        for rho in RHOS
    ]
    return pd.DataFrame(rows)


REGISTRY = Registry(load_plugins())


@pytest.fixture(scope="module")
def references() -> pd.DataFrame:
    return load_references(REGISTRY)


def test_a_shrunken_curve_has_the_shrinkage_as_its_relative_error() -> None:
    errors = summary.curve_errors(frame(0.1))
    assert errors["relative_rmse"].tolist() == pytest.approx([0.1, 0.2])
    assert errors["ratio"].tolist() == pytest.approx([0.9, 0.8])
    assert errors["cosine"].tolist() == pytest.approx([1, 1])


@pytest.mark.parametrize("name", ["value", "truth"])
def test_a_curve_that_is_zero_throughout_has_no_cosine_and_warns_of_nothing(
    name: str, references: pd.DataFrame
) -> None:
    flat = frame(0.1).assign(**{name: 0.0})
    assert summary.curve_errors(flat)["cosine"].isna().all()
    (row,) = summary.curve_table(flat, references).to_dict("records")
    assert "nan" not in " ".join(map(str, row.values()))


def test_roughness_ignores_what_is_linear_in_rho() -> None:
    truth = np.array([1.0, 4.0, 9.0, 16.0])
    errors = {"linear": np.arange(4.0), "in turns": np.arange(4.0) % 2, "two points": np.arange(2.0)}
    numbers = np.concatenate([np.full(len(error), number) for number, error in enumerate(errors.values())])
    truths = np.concatenate([truth[: len(error)] for error in errors.values()])
    apart = np.argsort(np.concatenate([np.arange(len(error)) for error in errors.values()]), kind="stable")
    value = truths + np.concatenate(list(errors.values()))
    roughness = summary.roughness(Curves(value[apart], truths[apart], numbers[apart]))
    assert roughness[:2].tolist() == pytest.approx([0, 2])
    assert np.isnan(roughness[2])


@pytest.mark.parametrize("size", [0.0, 1e-34, 1e-13])
def test_no_error_is_a_multiple_of_a_truth_that_is_0_but_for_rounding(size: float) -> None:
    errors = summary.curve_errors(frame(0.1).assign(truth=size))
    assert errors["rmse"].gt(0).all()
    assert errors[["relative_rmse", "ratio", "cosine"]].isna().all(axis=None)


def test_cell_errors_decompose_into_bias_and_standard_deviation() -> None:
    cells = summary.cell_errors(frame(0.1, seeds=3))
    assert len(cells) == len(RHOS)
    variance = cells["std"] ** 2 * (cells["seeds"] - 1) / cells["seeds"]
    assert (cells["bias"] ** 2 + variance).tolist() == pytest.approx((cells["rmse"] ** 2).tolist())
    assert cells.loc[cells["rho"] != 0, "ratio"].tolist() == pytest.approx([0.8] * 4)


def test_the_table_shows_the_published_figure_only_where_settings_match(references: pd.DataFrame) -> None:
    rows = pd.concat([frame(0.1, d=8), frame(0.1, d=9), frame(0.1, estimator="mige[threshold=0.9]")])
    table = summary.curve_table(rows, references).set_index(["d", "estimator"])
    assert table.loc[(8, "mige"), "published"] == "0.059 (authors' code)"
    assert table.loc[(9, "mige"), "published"] == ""
    assert table.loc[(8, "mige[threshold=0.9]"), "published"] == ""
    assert table.loc[(8, "mige"), "dI/drho rel. RMSE"] == "0.150 ± 0.071"


def test_trials_that_failed_are_counted_and_do_not_enter_the_errors(references: pd.DataFrame) -> None:
    failed = frame(0.1, seeds=1).head(1).assign(value=np.nan, measurement="", status="failed", key="lost", seed=7)
    (row,) = summary.curve_table(pd.concat([frame(0.1, seeds=1), failed]), references).to_dict("records")
    assert row["not ok"] == 1
    assert row["dI/drho rel. RMSE"] == "0.100"


def on_some_rhos(rhos_of_seeds: list[list[float]], error: float = 0.1) -> pd.DataFrame:
    """Curves of seeds 0, 1, ... over these rhos, whose gradient is off by a share that grows with |rho|."""
    whole = frame(0.0, seeds=len(rhos_of_seeds))
    off = whole.assign(value=whole["truth"] * (1 + error * whole["rho"].abs()))
    kept = [rho in rhos_of_seeds[seed] for rho, seed in zip(off["rho"], off["seed"], strict=True)]
    return off[kept]


def test_curves_that_lack_points_are_in_no_error_and_counted(references: pd.DataFrame) -> None:
    whole, killed = on_some_rhos([RHOS] * 3), on_some_rhos([RHOS] * 3 + [[0.0, 0.4]] * 13)
    (row,) = summary.curve_table(killed, references).to_dict("records")
    (expected,) = summary.curve_table(whole, references).to_dict("records")
    assert row == expected
    assert (
        "lack points (trials failed or missing): 13 of 16 of mige."
        in summary.curve_table(killed, references).attrs["note"]
    )
    assert "lack points" not in summary.curve_table(whole, references).attrs["note"]
    assert sorted(summary.curve_errors(killed)["seed"]) == [0, 1, 2]


def test_a_trial_that_fails_lowers_no_error(references: pd.DataFrame) -> None:
    hard = on_some_rhos([RHOS] * 3)
    lost = hard["rho"] == RHOS[-1]
    failed = hard.assign(
        value=hard["value"].mask(lost),
        measurement=hard["measurement"].mask(lost, ""),
        status=hard["status"].mask(lost, "failed"),
    )
    table = summary.curve_table(failed, references)
    (row,) = table.to_dict("records")
    assert (row["dI/drho rel. RMSE"], row["not ok"]) == ("", 3)
    assert "3 of 3 of mige" in table.attrs["note"]
    assert summary.curve_statistics(failed).empty


def test_a_trial_that_diverged_lacks_its_point_whatever_it_measured(references: pd.DataFrame) -> None:
    hard = on_some_rhos([RHOS] * 3)
    lost = (hard["rho"] == RHOS[-1]) & (hard["seed"] > 0)
    diverged = hard.assign(value=hard["value"].mask(lost, 0.0), status=hard["status"].mask(lost, "diverged"))
    (table,) = summarise(diverged, REGISTRY).values()
    (row,) = table.to_dict("records")
    (expected,) = summary.curve_table(hard[hard["seed"] == 0], references).to_dict("records")
    assert row == {**expected, "not ok": 2}
    assert "2 of 3 of mige" in table.attrs["note"]
    assert set(summary.curve_statistics(diverged)["seed"]) == {0}
    assert summary.cell_errors(diverged)["seeds"].tolist() == [3, 3, 3, 3, 1]


def test_seconds_are_those_of_trials_that_ended_well() -> None:
    slow = frame(0.1).assign(key=lambda rows: rows["key"] + "slow", seed=7, seconds=100.0, status="timeout")
    (table,) = summarise(pd.concat([frame(0.1), slow]), REGISTRY).values()
    assert table["s/trial"].tolist() == ["0.5"]


def test_a_point_that_was_skipped_is_none(references: pd.DataFrame) -> None:
    measured = on_some_rhos([RHOS[:-1]] * 2)
    skipped = on_some_rhos([RHOS[-1:]] * 2).assign(value=np.nan, measurement="", status="skipped")
    table = summary.curve_table(pd.concat([measured, skipped]), references)
    assert "lack points" not in table.attrs["note"]
    assert table["dI/drho rel. RMSE"].all()


def test_notes_are_those_of_the_references_in_the_table(references: pd.DataFrame) -> None:
    own = references.head(1).assign(
        task="gaussian",
        estimator="mige",
        measurement="mi_gradient",
        statistic="relative_rmse",
        value=0.1,
        note="of mine",
    )
    own["settings"] = [{"d": 8}]
    assert summary.curve_table(frame(0.1), own).attrs["note"] == "published of mige: of mine."
    notes = summary.curve_table(frame(0.1), references).attrs["note"].splitlines()
    assert notes == ["published of mige: one curve over 32 values of rho in [-0.8 0.8].", summary.COARSER]
    assert not summary.curve_table(frame(0.1, d=9), references).attrs["note"]


def test_a_table_of_failures_alone_is_still_a_table(references: pd.DataFrame) -> None:
    failed = frame(0.1, seeds=1).assign(value=np.nan, measurement="", status="failed")
    (row,) = summary.curve_table(failed, references).to_dict("records")
    assert row["not ok"] == len(RHOS)


def test_the_staircase_table_puts_references_under_their_estimator(references: pd.DataFrame) -> None:
    name = "infonce[hidden=256x256,learning_rate=0.0005,critic=joint]"
    setting = {
        "d": 20,
        "n": 64,
        "steps": 4000,
        "bend": "none",
        "estimator": name,
        "status": "ok",
        "seed": 0,
        "key": "k",
    }
    rows = [
        {**setting, "measurement": m, "value": v, "truth": 1.386} for m, v in [("mi/1.386", 1.2), ("mi_std/1.386", 0.1)]
    ]
    ours, theirs = summary.staircase_table(pd.DataFrame(rows), references).to_dict("records")
    assert ours["I = 1.386"] == "1.200"
    assert theirs["I = 1.386"] == "1.24"
    assert "mi_std" not in json.dumps(list(ours))


def test_the_staircase_is_ranked_by_its_error_over_all_levels(references: pd.DataFrame) -> None:
    rows = [
        {**_STAIRCASE, "estimator": name, "measurement": f"mi/{level:.3f}", "value": level + error, "truth": level}
        for name, errors in {"near": (0.3, -0.3), "far": (-0.4, -0.2)}.items()
        for level, error in zip((1.386, 2.773), errors, strict=True)
    ]
    table = summary.staircase_table(pd.DataFrame(rows), references)
    errors = {row["estimator"]: (row["RMSE (nats)"], row["bias"]) for row in table.to_dict("records")}
    assert errors == {"near": ("0.300", "0.000"), "far": ("0.316", "-0.300")}
    spec = Registry(load_plugins([])).find(TaskSpec, "gaussian-staircase").spec
    assert good_ends(table, spec) == {"RMSE (nats)": "lower"}


def test_a_staircase_counts_the_trials_that_are_in_none_of_its_errors() -> None:
    trials = [(0, "ok", 1.5), (1, "diverged", 0.0), (2, "failed", np.nan)]
    rows = [
        {"task": "gaussian-staircase", **_STAIRCASE, "estimator": "e", "seed": seed, "status": status, "key": str(seed)}
        | {"measurement": "" if np.isnan(value) else "mi/1.386", "value": value, "truth": 1.386}
        for seed, status, value in trials
    ]
    (table,) = summarise(pd.DataFrame(rows), REGISTRY).values()
    shown = table[["source", "I = 1.386", "RMSE (nats)", "not ok"]]
    assert shown.to_numpy().tolist() == [["ours, 1 seed", "1.500", "0.114", 2]]


def test_every_reference_row_names_a_setting_and_a_source(references: pd.DataFrame) -> None:
    rows = references[references["task"].str.startswith("gaussian")]
    assert len(rows) > 40
    assert all(rows["settings"].map(bool))
    assert all(rows["source"].str.len() > 0)
