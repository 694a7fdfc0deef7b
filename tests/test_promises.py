"""What the pages of mibench 0.1 said can be imported still can, from where they said it."""

import importlib
import sys

import pytest

PROMISED = {
    "mibench": "Axis Chart Context DatasetSpec Estimator EstimatorSpec ExecutorSpec Measurement Problem Profile "
    "ReferenceSpec Task TaskSpec hookimpl load run",
    "mibench.adam": "Adam",
    "mibench.api": "load run",
    "mibench.baseline": "compare_baseline",
    "mibench.compare": "compare",
    "mibench.contracts": "Context Dataset Estimator Measurement Problem Split Task",
    "mibench.datasets": "DataFolder absent",
    "mibench.errors": "AbsentDataError ContractError DataError DivergedError MibenchError PluginError StoreError "
    "UnfitError UsageError",
    "mibench.executors": "Executor Limits OverdueError WorkerLostError",
    "mibench.figures": "draw",
    "mibench.frames": "narrow read write",
    "mibench.hookspecs": "hookimpl mibench_datasets mibench_estimators mibench_executors mibench_references "
    "mibench_tasks",
    "mibench.pytest_plugin": "mibench_check",
    "mibench.report.page": "render",
    "mibench.snapshots": "restore snapshot",
    "mibench.specs": "Axis Chart DatasetSpec EstimatorSpec ExecutorSpec Profile ReferenceSpec TaskSpec",
    "mibench.testing": "NonconformingError NotApplicable PROPERTIES Property Verdict check_estimator",
    "mibench.testing.gaussians": "conditional correlate log_ratio_gradient mutual_information slope",
    "mibench.testing.kit": "NonconformingError NotApplicable Property Verdict",
    "mibench.training": "train",
    "mibench.verdicts": "COLUMNS",
    "mibench_dim": "load_encoder probe_encoder",
    "mibench_mige": "ssge_score",
    "mibench_mige.calibration": "calibrate",
    "mibench_mige.score": "median_width ssge_score ssge_score_at stein_score",
}
"""By module, the names in docs/api.md, docs/versioning.md and the other pages of the first public version."""

MOVED = {
    "mibench.baseline": "mibench.comparison.baseline",
    "mibench.compare": "mibench.comparison",
    "mibench.report.page": "mibench.reporting",
    "mibench.snapshots": "mibench.training",
    "mibench.testing.gaussians": "mibench.gaussians",
    "mibench.verdicts": "mibench.comparison.verdicts",
}


@pytest.fixture
def import_again(monkeypatch: pytest.MonkeyPatch):
    """Imports a module as if for the first time, since a module warns when it is first imported."""

    def load(name: str):
        for old in [known for known in sys.modules if name.startswith(known) and known in {*MOVED, "mibench.report"}]:
            monkeypatch.delitem(sys.modules, old)
        return importlib.import_module(name)

    return load


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("module", PROMISED)
def test_every_name_that_was_promised_is_importable_from_where_it_was(module: str, import_again) -> None:
    loaded = import_again(module)
    assert [name for name in PROMISED[module].split() if not hasattr(loaded, name)] == []


@pytest.mark.parametrize(("module", "now"), MOVED.items(), ids=MOVED)
def test_a_module_that_has_moved_says_where_to(module: str, now: str, import_again) -> None:
    with pytest.warns(DeprecationWarning, match=rf"is now (part of )?{now}$"):
        import_again(module)


@pytest.mark.parametrize("name", ["Axis", "Chart"])
def test_what_is_drawn_says_that_it_has_left_the_specs(name: str) -> None:
    specs = importlib.import_module("mibench.specs")
    with pytest.warns(DeprecationWarning, match=rf"is now mibench\.{name}$"):
        assert getattr(specs, name) is getattr(importlib.import_module("mibench"), name)
    with pytest.raises(AttributeError, match="'Axes'"):
        _ = specs.Axes


@pytest.mark.parametrize("module", ["mibench.testing", "mibench.testing.kit"])
def test_the_error_of_the_kit_says_which_it_is_now(module: str) -> None:
    kit = importlib.import_module(module)
    with pytest.warns(DeprecationWarning, match=r"NonconformingError is now mibench\.errors\.ContractError$"):
        old = kit.NonconformingError
    assert old is importlib.import_module("mibench.errors").ContractError
    assert issubclass(old, AssertionError)


@pytest.mark.parametrize("module", sorted(set(PROMISED) - set(MOVED) - {"mibench.specs"}))
def test_a_module_that_has_not_moved_does_not_warn(module: str) -> None:
    for name in set(PROMISED[module].split()) - {"NonconformingError"}:
        getattr(importlib.import_module(module), name)
