"""From what was asked for to trials: specs x cells x seeds, each with the key under which its record is kept."""

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mibench.datasets import DataFolder
from mibench.discovery.registry import Entry, Registry, load_params
from mibench.errors import PluginError, UsageError
from mibench.plan.selectors import Selector, combinations, field_values, parse_selector, parse_selectors, spell
from mibench.plan.trial import RESERVED, Batch, Trial, canonical_json
from mibench.specs import DatasetSpec, EstimatorSpec, TaskSpec, load_target
from mibench.text import suggestion


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that a command asks for."""

    batches: tuple[Batch, ...]
    task: TaskSpec

    @property
    def trials(self) -> list[Trial]:
        """All trials, the skipped ones too."""
        return [trial for batch in self.batches for trial in batch.trials]


def make_plan(
    registry: Registry,
    estimators: str | Sequence[str],
    task: str,
    *,
    profile: str = "quick",
    seeds: int | None = None,
    device: str = "cpu",
    dtype: str = "float32",
    batch_size: int = 1,
    data_dir: Path | None = None,
    download: bool = False,
) -> Plan:
    """Resolves selectors against what the plugins brought.

    Args:
        registry: the plugins' specs.
        estimators: selectors, comma-separated or one by one.
        task: one selector; its values go before the profile's.
        profile: the task's named setting.
        seeds: how many seeds, counted from 0; `None` for the profile's number.
        device: `cpu` or `cuda`.
        dtype: the name of torch's, e.g. `float32`.
        batch_size: how many trials of one shape to run at once.
        data_dir: the folder of data sets.
        download: whether data sets that are missing may be fetched.

    Raises:
        UsageError: a name, parameter or value does not exist or does not fit.
        PluginError: what was asked for cannot be imported.
    """
    selector = parse_selector(task.strip())
    task_entry = registry.find(TaskSpec, selector.name)
    specs = tuple(entry.spec for entry in registry.entries(DatasetSpec))
    folder = DataFolder(root=data_dir, download=download, specs=specs)
    cells = _cells(task_entry, selector, profile, folder)
    chosen = _seeds(task_entry, profile, seeds)
    files = tuple(plugin.origin for plugin in registry.plugins if plugin.specs and plugin.origin.endswith(".py"))
    batches: list[Batch] = []
    for entry, parameters in _estimators(registry, estimators, task_entry.spec):
        trials = [_trial(entry, parameters, task_entry, cell, seed, device, dtype) for cell in cells for seed in chosen]
        batches += [
            Batch(trials=group, estimator=entry.spec, task=task_entry.spec, files=files, folder=folder)
            for group in _groups(trials, task_entry.spec, batch_size)
        ]
    unique = {batch.trials[0].key: batch for batch in batches}
    return Plan(batches=tuple(unique[key] for key in sorted(unique)), task=task_entry.spec)


def misfit(estimator: EstimatorSpec, task: TaskSpec) -> str:
    """Why an estimator cannot be run on a task; empty if it can."""
    if estimator.baseline_of:
        if estimator.baseline_of == task.name:
            return ""
        return f"{estimator.name} is a baseline of {estimator.baseline_of} and estimates nothing"
    lacking = sorted(task.requires - estimator.estimates)
    if lacking:
        return f"{estimator.name} does not estimate the {' or the '.join(lacking)}, which {task.name} requires"
    if "conditional" in estimator.needs - task.offers:
        return f"{estimator.name} needs p(y|x), which {task.name} does not know"
    return ""


def _estimators(
    registry: Registry, text: str | Sequence[str], task: TaskSpec
) -> Iterable[tuple[Entry[EstimatorSpec], Any]]:
    selectors = parse_selectors(text)
    if not selectors:
        raise UsageError("no estimator was named; see `mibench list estimators`")
    for selector in selectors:
        entry = registry.find(EstimatorSpec, selector.name)
        settings = {name: [value] for name, value in task.settings.get(entry.spec.name, {}).items()}
        sweep = {**settings, **selector.sweep}
        for parameters in combinations(load_params(entry), sweep, f"estimator {entry.name}"):
            yield entry, parameters


def _cells(entry: Entry[TaskSpec], selector: Selector, profile: str, folder: DataFolder) -> list[tuple[Any, str]]:
    """Every cell that was asked for, and what data it is run on."""
    if profile not in entry.spec.profiles:
        raise UsageError(
            f"task {entry.name} has no profile {profile!r}; {suggestion(profile, list(entry.spec.profiles))}"
        )
    params = load_params(entry)
    clash = {field.name for field in dataclasses.fields(params)} & set(RESERVED)
    if clash:
        raise PluginError(f"task {entry.name}: a parameter may not be called {', '.join(sorted(clash))}")
    sweep = {**entry.spec.profiles[profile].sweep, **selector.sweep}
    cells = combinations(params, sweep, f"task {entry.name}")
    task = load_target(entry.spec.target, f"task {entry.name!r}")()
    return list(zip(cells, task.prepare(cells, folder), strict=True))


def _seeds(entry: Entry[TaskSpec], profile: str, seeds: int | None) -> range:
    count = entry.spec.profiles[profile].seeds if seeds is None else seeds
    if count < 1:
        raise UsageError(f"at least one seed is needed, not {count}")
    return range(count)


def _trial(
    entry: Entry[EstimatorSpec],
    parameters: Any,
    task: Entry[TaskSpec],
    cell: tuple[Any, str],
    seed: int,
    device: str,
    dtype: str,
) -> Trial:
    parameters_of_cell, data = cell
    return Trial(
        estimator=entry.spec.name,
        spelled=spell(entry.name, parameters),
        estimator_plugin=entry.plugin.name,
        estimator_version=entry.spec.version,
        parameters=field_values(parameters),
        task=task.spec.name,
        task_plugin=task.plugin.name,
        task_version=task.spec.version,
        cell=field_values(parameters_of_cell),
        seed=seed,
        device=device,
        dtype=dtype,
        data=data,
        skip=misfit(entry.spec, task.spec),
    )


def _groups(trials: Sequence[Trial], task: TaskSpec, size: int) -> Iterable[tuple[Trial, ...]]:
    """Trials that differ in the seed and in replicable parameters alone, at most `size` at a time."""
    alike: dict[str, list[Trial]] = defaultdict(list)
    for trial in trials:
        fixed = {name: value for name, value in trial.cell.items() if name not in task.replicable}
        alike[canonical_json([fixed, trial.skip])].append(trial)
    for group in alike.values():
        for start in range(0, len(group), size):
            yield tuple(group[start : start + size])
