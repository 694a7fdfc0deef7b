"""From what was asked for to trials: specs x cells x seeds, each with the key under which its record is kept."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mibench.datasets import DataFolder
from mibench.discovery.isolation import guarded
from mibench.discovery.registry import Entry, Registry, load_class, load_params
from mibench.errors import PluginError, UsageError
from mibench.plan.request import RunRequest
from mibench.plan.selectors import Selector, combinations, field_values, parse_selector, spell, split_outside
from mibench.plan.suites import expand, made_equal
from mibench.plan.tasks import refuse_absent, refuse_reserved
from mibench.plan.trial import Batch, Judge, Trial, canonical_json
from mibench.specs import EVERY, DatasetSpec, EstimatorSpec, Need, Scalar, TaskSpec
from mibench.text import pluralise, suggestion

DTYPE = "float32"
"""The precision that every trial is run in, by torch's name."""
MOST_TRIALS = 1_000_000
"""More trials than this are refused: a plan holds every trial in memory."""

KNOWLEDGE: Mapping[Need, str] = {
    "conditional": "p(y|x)",
    "log_ratio": "the exact log ratio",
    "population": "all values of x",
}
"""What an estimator may need to know, and few tasks do."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that was asked for.

    Attributes:
        batches: all trials, the skipped ones too, by the key of the first of each batch, so that a part of them is a
            fair sample of the whole.
        left_out: a sentence for each estimator that was asked for as one of all, and cannot be made, and for each suite
            of which parameters make several tasks one.
    """

    batches: tuple[Batch, ...]
    left_out: tuple[str, ...] = ()

    @property
    def trials(self) -> list[Trial]:
        """All trials, the skipped ones too."""
        return [trial for batch in self.batches for trial in batch.trials]

    def with_seeds_from(self, first: int) -> "Plan":
        """The same plan on seeds that are counted from another one than 0."""
        moved = [
            replace(batch, trials=tuple(replace(trial, seed=first + trial.seed) for trial in batch.trials))
            for batch in self.batches
        ]
        return replace(self, batches=_in_order(moved))


@dataclass(frozen=True)
class _Cell:
    """One point of a task's grid: its parameters, and what data it is run on."""

    values: Mapping[str, Scalar]
    data: str


def make_plan(registry: Registry, request: RunRequest, device: str = "cpu") -> Plan:
    """Resolves a request's selectors against what the plugins brought.

    Args:
        registry: the plugins' specs.
        request: what is wanted.
        device: `cpu` or `cuda`, where the request leaves it open.

    Raises:
        UsageError: a name, parameter or value does not exist or does not fit, or there are too many trials.
        PluginError: what was asked for cannot be imported.
    """
    count_trials(registry, request)
    specs = tuple(entry.spec for entry in registry.entries(DatasetSpec))
    folder = DataFolder(root=request.data_folder, download=request.download, specs=specs)
    files = tuple(plugin.origin for plugin in registry.plugins if plugin.specs and plugin.origin.endswith(".py"))
    batches: list[Batch] = []
    known: set[str] = set()
    left_out = dict.fromkeys(made_equal(registry, request.task_selectors))
    for selector in expand(registry, request.task_selectors):
        task = registry.find(TaskSpec, selector.name)
        cells, seeds = _cells(task, selector, request.profile, folder), _seeds(task, request)
        judges = _judges(registry, task.spec, cells)
        for entry, parameters in _estimators(registry, request.estimator_selectors, task.spec, left_out):
            trials = _new(_trials(_template(entry, parameters, task, device), cells, seeds), known)
            whole = Batch(trials=(), estimator=entry.spec, task=task.spec, files=files, folder=folder)
            batches += [
                replace(whole, trials=group, judges=judges.get(group[0].cell.get(task.spec.judges), ()))
                for group in _groups(trials, task.spec, request.batch)
            ]
    return Plan(batches=_in_order(batches), left_out=tuple(left_out))


def count_trials(registry: Registry, request: RunRequest) -> int:
    """How many trials a request asks for, without making them; those that it asks for twice count twice.

    Raises:
        UsageError: a name or profile does not exist, or there are more than `MOST_TRIALS`.
    """
    count = 0
    for selector in expand(registry, request.task_selectors):
        task = registry.find(TaskSpec, selector.name)
        cells = _combination_count(_cell_sweep(task, selector, request.profile)) * len(_seeds(task, request))
        for estimator in request.estimator_selectors:
            entries = _selected(registry, estimator, task.spec)
            count += cells * sum(_combination_count(_estimator_sweep(entry, estimator, task.spec)) for entry in entries)
    if count > MOST_TRIALS:
        raise UsageError(
            f"{count:,} trials are too many for one run, which takes {MOST_TRIALS:,} at most; split them over several "
            "runs with fewer values or seeds each, which may share one results folder"
        )
    return count


def misfit(estimator: EstimatorSpec, task: TaskSpec) -> str:
    """Why an estimator cannot be run on a task; empty if it can."""
    if estimator.baseline_of:
        if estimator.baseline_of == task.name:
            return ""
        return f"{estimator.name} is a baseline of {estimator.baseline_of} and estimates nothing"
    lacking = sorted(task.requires - estimator.estimates)
    if lacking:
        return f"{estimator.name} does not estimate the {' or the '.join(lacking)}, which {task.name} requires"
    for need, what in KNOWLEDGE.items():
        if need in estimator.needs - task.offers:
            return f"{estimator.name} needs {what}, which {task.name} does not know"
    return ""


def _in_order(batches: Iterable[Batch]) -> tuple[Batch, ...]:
    return tuple(sorted(batches, key=lambda batch: batch.trials[0].key))


def _estimators(
    registry: Registry, selectors: Iterable[Selector], task: TaskSpec, left_out: dict[str, None]
) -> Iterator[tuple[Entry[EstimatorSpec], Any]]:
    """Every estimator that is selected, with every combination of its parameters.

    One of `all` that cannot be made costs no other: why it is left out joins `left_out`, once for all tasks.
    """
    for selector in selectors:
        for entry in _selected(registry, selector, task):
            try:
                combined = _combinations(entry, _estimator_sweep(entry, selector, task))
            except PluginError as error:
                if selector.name != EVERY:
                    raise
                left_out[f"`{EVERY}` leaves out {error}"] = None
                continue
            yield from ((entry, parameters) for parameters in combined)


def _judges(registry: Registry, task: TaskSpec, cells: Iterable[_Cell]) -> dict[Scalar, tuple[Judge, ...]]:
    """The judges by the text that names them.

    Raises:
        UsageError: there is no such estimator, or it trains or does not fit the task.
    """
    texts = {cell.values.get(task.judges) for cell in cells} - {None, ""} if task.judges else set[Scalar]()
    judges: dict[Scalar, tuple[Judge, ...]] = {}
    for text in texts:
        try:
            judges[text] = tuple(_judge(registry, task, part) for part in split_outside(str(text), "+"))
        except UsageError as error:
            raise UsageError(f"task {task.name}: {task.judges}={text}: {error}") from error
    return judges


def _judge(registry: Registry, task: TaskSpec, text: str) -> Judge:
    selector = parse_selector(text)
    entry = registry.find(EstimatorSpec, selector.name)
    name = entry.name
    if entry.spec.trains:
        raise UsageError(f"{name} trains, and a judge does not learn from what it judges")
    if reason := misfit(entry.spec, task) or (entry.spec.baseline_of and f"{name} is a baseline of {task.name}"):
        raise UsageError(reason)
    if "gradient" not in entry.spec.estimates:
        raise UsageError(f"{name} does not estimate the gradient")
    instances = _combinations(entry, _estimator_sweep(entry, selector, task))
    if len(instances) > 1:
        raise UsageError(f"{text} stands for {len(instances)} estimators; name each, joined by +")
    return Judge(str(Selector(name, selector.sweep)), entry.spec, field_values(instances[0], f"estimator {name}"))


def _selected(registry: Registry, selector: Selector, task: TaskSpec) -> list[Entry[EstimatorSpec]]:
    entries = registry.entries(EstimatorSpec)
    if selector.name != EVERY:
        return [registry.find(EstimatorSpec, selector.name)]
    if selector.sweep:
        raise UsageError(f"{EVERY} takes no parameters; estimators have different ones")
    return [entry for entry in entries if not misfit(entry.spec, task)]


def _estimator_sweep(entry: Entry[EstimatorSpec], selector: Selector, task: TaskSpec) -> Mapping[str, Sequence[Scalar]]:
    """The values of an estimator's parameters: the task's settings, and what the user gives before them."""
    settings = {name: [value] for name, value in task.settings.get(entry.spec.name, {}).items()}
    return {**settings, **selector.sweep}


def _cell_sweep(entry: Entry[TaskSpec], selector: Selector, profile: str) -> Mapping[str, Sequence[Scalar]]:
    """The values of a task's parameters: the profile's, and what the user gives before them."""
    if profile not in entry.spec.profiles:
        hint = suggestion(profile, list(entry.spec.profiles))
        raise UsageError(f"task {entry.name} has no profile {profile!r}; {hint}")
    return {**entry.spec.profiles[profile].sweep, **selector.sweep}


def _combination_count(sweep: Mapping[str, Sequence[Scalar]]) -> int:
    return math.prod(map(len, sweep.values()))


def _combinations(entry: Entry[Any], sweep: Mapping[str, Sequence[Scalar]]) -> list[Any]:
    """Every combination of an estimator's or a task's parameters."""
    with guarded(entry.owner):
        return combinations(load_params(entry), sweep, f"{entry.spec.kind} {entry.name}")


def _cells(entry: Entry[TaskSpec], selector: Selector, profile: str, folder: DataFolder) -> list[_Cell]:
    """Every cell that was asked for."""
    sweep = _cell_sweep(entry, selector, profile)
    try:
        cells = _combinations(entry, sweep)
    except UsageError:
        _refuse_profile(entry, profile)
        raise
    params = load_params(entry)
    refuse_reserved(params, f"task {entry.name}")
    refuse_absent(entry.spec, params, entry.owner)
    with guarded(f"task {entry.name}, while it prepares"):
        identities = list(load_class(entry.spec, f"task {entry.name!r}")().prepare(cells, folder))
    if len(identities) != len(cells):
        raise PluginError(
            f"task {entry.name}: `prepare` gave {len(identities)} texts for {pluralise(len(cells), 'cell')}"
        )
    return [
        _Cell(field_values(cell, f"task {entry.name}"), str(identity))
        for cell, identity in zip(cells, identities, strict=True)
    ]


def _refuse_profile(entry: Entry[TaskSpec], profile: str) -> None:
    """Refuses a profile that has no cells whatever a user says.

    Raises:
        PluginError: the task does not have one of its parameters, or refuses a value.
    """
    try:
        _combinations(entry, entry.spec.profiles[profile].sweep)
    except UsageError as error:
        where = f"`profiles[{profile!r}]`, which of a family is its `grid`"
        raise PluginError(f"{entry.owner} ({entry.plugin.origin}): {where}: {error}") from error


def _seeds(entry: Entry[TaskSpec], request: RunRequest) -> range:
    return range(entry.spec.profiles[request.profile].seeds if request.seeds is None else request.seeds)


def _template(entry: Entry[EstimatorSpec], parameters: Any, task: Entry[TaskSpec], device: str) -> Trial:
    """What the trials of an estimator on a task have in common."""
    return Trial(
        estimator=entry.spec.name,
        spelled=spell(entry.name, parameters),
        estimator_plugin=entry.plugin.name,
        estimator_version=entry.spec.version,
        parameters=field_values(parameters, f"estimator {entry.name}"),
        task=task.spec.name,
        task_plugin=task.plugin.name,
        task_version=task.spec.version,
        cell={},
        seed=0,
        device=device,
        dtype=DTYPE,
        skip=misfit(entry.spec, task.spec),
    )


def _trials(template: Trial, cells: Iterable[_Cell], seeds: range) -> Iterator[Trial]:
    for cell in cells:
        for seed in seeds:
            yield replace(template, cell=cell.values, data=cell.data, seed=seed)


def _new(trials: Iterable[Trial], known: set[str]) -> list[Trial]:
    """The trials that are not known yet, by their keys; they are from here on."""
    fresh: list[Trial] = []
    for trial in trials:
        key = trial.key
        if key not in known:
            known.add(key)
            fresh.append(trial)
    return fresh


def _groups(trials: Sequence[Trial], task: TaskSpec, size: int) -> Iterator[tuple[Trial, ...]]:
    """Trials that differ in the seed and in replicable parameters alone, at most `size` at a time."""
    alike: dict[str, list[Trial]] = defaultdict(list)
    for trial in trials:
        fixed = {name: value for name, value in trial.cell.items() if name not in task.replicable}
        alike[canonical_json([fixed, trial.skip])].append(trial)
    for group in alike.values():
        for start in range(0, len(group), size):
            yield tuple(group[start : start + size])
