"""The numbers that `results/baseline` holds come out again: `pytest -m reference` measures them again and compares.

Judged by intervals and never bit for bit, so that another machine or another torch does not fail it, and a change that
makes an estimator worse does.
"""

from pathlib import Path

import pandas as pd
import pytest

import mibench
from mibench import frames
from mibench.comparison.baseline import SECONDS, compare_baseline
from mibench.discovery import load_plugins
from mibench.discovery.registry import Registry
from mibench.frames import cell_columns
from mibench.plan.selectors import spell_value

BASELINES = sorted((Path(__file__).resolve().parents[2] / "results" / "baseline").glob("*.csv"))


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry(load_plugins())


def selector(baseline: pd.DataFrame) -> str:
    """The task and cells that a baseline was measured on; they are a grid."""
    (task,) = baseline["task"].unique()
    values = {name: map(spell_value, baseline[name].unique().tolist()) for name in cell_columns(baseline)}
    cells = ",".join(f"{name}={'|'.join(texts)}" for name, texts in values.items())
    return f"{task}[{cells}]"


@pytest.mark.reference
@pytest.mark.parametrize("path", BASELINES, ids=lambda path: path.stem)
def test_nothing_is_worse_than_the_numbers_on_record(path: Path, registry: Registry, tmp_path: Path) -> None:
    baseline = frames.read(path)
    seeds = int(baseline["seed"].max()) + 1
    estimators = list(baseline["estimator"].unique())
    frame = mibench.run(
        estimators, selector(baseline), seeds=seeds, device="cpu", executor="process", workers=2, results=tmp_path
    )
    assert len(frame) == len(baseline)
    verdicts = compare_baseline(frame, baseline, registry, against=path.name)
    verdicts = verdicts[verdicts["measurement"] != SECONDS]
    worse = verdicts[verdicts["verdict"] == "worse"]
    assert worse.empty, worse.to_string()
    assert (verdicts["verdict"] == "match").mean() > 0.5, verdicts["verdict"].value_counts().to_string()


def test_every_estimator_is_on_record(registry: Registry) -> None:
    from mibench.specs import EstimatorSpec

    held = {name.partition("[")[0] for path in BASELINES for name in frames.read(path)["estimator"].unique()}
    estimators = {entry.name for entry in registry.entries(EstimatorSpec) if not entry.spec.baseline_of}
    assert estimators <= held


@pytest.mark.parametrize("path", BASELINES, ids=lambda path: path.stem)
def test_an_estimator_that_shrinks_more_would_be_found(path: Path, registry: Registry) -> None:
    """Takes a tenth off what should be near the truth, which is worse wherever it was below the truth before."""
    baseline = frames.read(path)
    spoilt = baseline.assign(value=baseline["value"].where(baseline["truth"].isna(), 0.9 * baseline["value"]))
    verdicts = compare_baseline(spoilt, baseline, registry)
    assert "worse" in set(verdicts["verdict"])
