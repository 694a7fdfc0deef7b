"""What keeps a results folder from joining the archive: each reason with how many trials it is about."""

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import pandas as pd

from mibench.comparison.archive import read_shipped
from mibench.discovery.fingerprint import file_fingerprint, fingerprint
from mibench.discovery.registry import Entry, Registry
from mibench.frames import cell_columns, tidy
from mibench.specs import DatasetSpec, EstimatorSpec, TaskSpec
from mibench.store.record import Record
from mibench.text import pluralise

_OWN = "data of your own, which no installed plugin brings: such trials cannot join the archive"


def objections(records: Sequence[Record], registry: Registry) -> list[str]:
    """Why these records cannot join the archive as they are; nothing if they can.

    They can where installed plugins brought each estimator, task and data set, in these versions and with this code;
    where seeds count from 0; and where each estimator has a trial, however it ended, in every cell and seed of its
    task. Of trials on a user's own data nothing else is said: nobody else could repeat them.

    Args:
        records: of a results folder.
        registry: what the plugins brought.
    """
    brought = {entry.spec.name for entry in registry.entries(DatasetSpec)}
    own = [record for record in records if _data_set(record) not in {"", *brought}]
    shared = [record for record in records if _data_set(record) in {"", *brought}]
    reasons = _counted(f"task {record.trial.task} was run on {_OWN}" for record in own)
    if not shared:
        return reasons
    frame = tidy(shared)
    return [*reasons, *_counted(_strangers(shared, registry)), *_seeds(frame), *_missing(frame), *_conflicts(frame)]


def _data_set(record: Record) -> str:
    """The name of the data set that a trial was run on, as `DataFolder.identify` writes it; empty if it needs none."""
    return record.trial.data.partition(": ")[0]


def _strangers(records: Iterable[Record], registry: Registry) -> Iterator[str]:
    """For each trial that other code measured than is installed, what differs."""
    installed: list[tuple[str, Entry[EstimatorSpec] | Entry[TaskSpec]]] = [
        ("estimator", entry) for entry in registry.entries(EstimatorSpec)
    ]
    installed += [("task", entry) for entry in registry.entries(TaskSpec)]
    specs = {(kind, entry.plugin.name, entry.spec.name): entry.spec for kind, entry in installed}
    digests: dict[str, set[str]] = {}
    for record in records:
        trial = record.trial
        for kind, plugin, name, version in (
            ("estimator", trial.estimator_plugin, trial.estimator.rpartition(":")[2], trial.estimator_version),
            ("task", trial.task_plugin, trial.task.rpartition(":")[2], trial.task_version),
        ):
            spec = specs.get((kind, plugin, name))
            if spec is None:
                yield f"no installed plugin {plugin!r} brings {kind} {name}"
                continue
            if spec.version != version:
                yield f"{kind} {name} has version {spec.version}, not {version}: measure it again"
            elif record.sources.get(kind) not in digests.setdefault(spec.target, _digests(spec)):
                yield f"{kind} {name} is other code than what is installed: measure it again with `--rerun all`"


def _digests(spec: EstimatorSpec | TaskSpec) -> set[str]:
    files = spec.files if isinstance(spec, EstimatorSpec) else ()
    return {fingerprint(spec.target, files), file_fingerprint(spec.target)}


def _counted(reasons: Iterable[str]) -> list[str]:
    return [f"{reason} ({pluralise(count, 'trial')})" for reason, count in Counter(reasons).items()]


def _trials(frame: pd.DataFrame) -> pd.DataFrame:
    """One row a trial, with the number of its cell."""
    trials = frame.drop_duplicates("key")
    cells = [trials[name] for name in cell_columns(trials) if trials[name].notna().any()]
    return trials.assign(cell=trials.groupby([trials["task"], *cells], dropna=False).ngroup())


def _seeds(frame: pd.DataFrame) -> Iterator[str]:
    for (task, estimator), rows in _trials(frame).groupby(["task", "estimator"], sort=True):
        seeds = sorted(set(rows["seed"]))
        if seeds != list(range(len(seeds))):
            yield f"{estimator} on {task}: seeds are {', '.join(map(str, seeds[:10]))}, and do not count from 0"


def _missing(frame: pd.DataFrame) -> Iterator[str]:
    """Cells and seeds of the task in which an estimator has no trial, not even one that was skipped or failed."""
    trials = _trials(frame)
    for task, rows in trials.groupby("task", sort=True):
        cells, seeds = rows["cell"].nunique(), _counted_seeds(rows["seed"])
        whole = f"{pluralise(cells, 'cell')} x {pluralise(seeds, 'seed')}"
        for estimator, own in rows[rows["seed"] < seeds].groupby("estimator", sort=True):
            there = own[["cell", "seed"]].drop_duplicates()  # several versions of a trial are one
            if missing := cells * seeds - len(there):
                yield f"{estimator} on {task}: {pluralise(missing, 'trial')} missing of {whole}; run them too"


def _counted_seeds(seeds: Iterable[int]) -> int:
    """How many of the seeds that any estimator has count from 0."""
    there = {*seeds}
    return next(count for count in itertools.count() if count not in there)


def _conflicts(frame: pd.DataFrame) -> Iterator[str]:
    """Trials that the archive has already, with another value."""
    place = ["key", "measurement", "epoch"]
    both = frame.merge(read_shipped()[[*place, "value"]], on=place, suffixes=("", "_shipped"))
    other = both[(both["value"] - both["value_shipped"]).abs() > 1e-3 * both["value_shipped"].abs()]
    for (task, estimator), rows in other.groupby(["task", "estimator"], sort=True):
        count = pluralise(rows["key"].nunique(), "trial")
        yield f"{estimator} on {task}: {count} of the archive came out otherwise here, by more than rounding"
