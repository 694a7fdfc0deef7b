"""What a results folder holds that nothing needs any more: found first, removed only as found."""

import math
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from mibench.discovery.registry import Registry
from mibench.errors import StoreError
from mibench.files import SET_ASIDE
from mibench.specs import EstimatorSpec, TaskSpec
from mibench.store import Store
from mibench.store.record import InvalidRecord, Record, read_record

TEMPORARY_SECONDS = 3600
"""A temporary file that nothing has written to for so long is left over from a process that died."""
CHECKPOINT_SECONDS = 7 * 24 * 3600
"""A trial without a record whose checkpoint nothing has written to for so long is not under way any more."""


@dataclass(frozen=True)
class Orphan:
    """A file that nothing needs, and why."""

    path: Path
    reason: str


def orphans(store: Store, registry: Registry) -> tuple[list[Orphan], list[InvalidRecord]]:
    """Everything in a results folder that nothing needs any more, and what only lies in the wrong place.

    Needless are records of versions that no run reaches (an estimator's or a task's that has a higher one now) and the
    artifacts of their trials, files that are no records, what writers that died left behind, and checkpoints of trials
    that are done or given up. Records of plugins that are not here, of newer versions and of a newer mibench are kept.

    Args:
        store: the folder.
        registry: the present versions.

    Returns:
        What is needless, by path; and the records in the wrong place while none that is done lies in theirs.
    """
    now = time.time()
    needless: list[Orphan] = []
    invalid = [*_aside(store)]
    done: dict[str, float] = {}
    versions = _versions(registry)
    for path, record in store.files():
        if isinstance(record, InvalidRecord):
            invalid.append(record)
            continue
        if record.outcome.status.done:
            done[record.key] = _changed(path, now)
        if outdated := _outdated(record, versions):
            needless += [Orphan(file, outdated) for file in (path, *store.artifacts(record.trial).files())]
    astray = [file for file in invalid if _is_only_copy(store, file)]
    kept = {file.path for file in astray}
    needless += [Orphan(file.path, file.reason) for file in invalid if file.path not in kept and _is_waste(store, file)]
    needless += _temporary(store, now)
    needless += _checkpoints(store, done, now)
    return sorted(needless, key=lambda orphan: orphan.path), astray


def remove(needless: Iterable[Orphan]) -> Iterator[Orphan]:
    """Removes what was found, and nothing else; yields each as it goes.

    Raises:
        StoreError: the file system refuses.
    """
    for orphan in needless:
        try:
            orphan.path.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"cannot remove {orphan.path}: {error.strerror}") from error
        yield orphan


def _versions(registry: Registry) -> dict[tuple[str, str, str], int]:
    """By kind, plugin and name, the version that runs now."""
    estimators = {("estimator", e.plugin.name, e.spec.name): e.spec.version for e in registry.entries(EstimatorSpec)}
    return estimators | {("task", e.plugin.name, e.spec.name): e.spec.version for e in registry.entries(TaskSpec)}


def _outdated(record: Record, versions: dict[tuple[str, str, str], int]) -> str:
    trial = record.trial
    for kind, plugin, name, version in (
        ("estimator", trial.estimator_plugin, trial.estimator, trial.estimator_version),
        ("task", trial.task_plugin, trial.task, trial.task_version),
    ):
        now = versions.get((kind, plugin, name), version)
        if version < now:
            return f"measured with version {version} of {kind} {name}, which is now {now}"
    return ""


def _aside(store: Store) -> Iterator[InvalidRecord]:
    """What stood in the place of a record when that was written."""
    for path in store.records.glob(f"*/*/*{SET_ASIDE}"):
        file = read_record(path)
        if isinstance(file, InvalidRecord):
            yield replace(file, reason="stood in the place of a record")


def _is_only_copy(store: Store, file: InvalidRecord) -> bool:
    """Whether a file is a record in the wrong place while none that is done lies in its own."""
    if not file.place:
        return False
    there = read_record(store.records / file.place)
    return not (isinstance(there, Record) and there.outcome.status.done)


def _is_waste(store: Store, file: InvalidRecord) -> bool:
    """Whether a file is known to be of no use: a second copy of a record, or none where records lie."""
    among_records = file.path.parent.parent.parent == store.records
    return bool(file.place) or (among_records and not file.newer and not file.unread)


def _temporary(store: Store, now: float) -> Iterator[Orphan]:
    folders = store.records, store.checkpoints, store.artifacts_folder
    for path in chain.from_iterable(folder.rglob(".*.tmp") for folder in folders):
        if _age(path, now) > TEMPORARY_SECONDS:
            yield Orphan(path, "was being written by a process that died")


def _checkpoints(store: Store, done: Mapping[str, float], now: float) -> Iterator[Orphan]:
    """Checkpoints that no run goes on from; `done` says when the records of trials that are done were written.

    A checkpoint that is younger than its record is of a trial that is being run again. Damaged ones were set aside.
    """
    for path in (*store.checkpoints.glob("*.pt"), *store.checkpoints.glob("*.progress")):
        if _changed(path, now) <= done.get(path.stem, -math.inf):
            yield Orphan(path, "is the checkpoint of a trial that is done")
        elif _age(path, now) > CHECKPOINT_SECONDS:
            yield Orphan(path, "is the checkpoint of a trial that nobody has gone on with for a week")
    for path in store.checkpoints.glob(f"*{SET_ASIDE}"):
        yield Orphan(path, "stood in the place of a checkpoint")


def _age(path: Path, now: float) -> float:
    return now - _changed(path, now)


def _changed(path: Path, now: float) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return now  # its writer was done meanwhile
