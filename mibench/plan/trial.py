"""The unit that is keyed, run and recorded: one estimator on one cell with one seed."""

import dataclasses
import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mibench.datasets import DataFolder
from mibench.specs import EstimatorSpec, Scalar, TaskSpec

KEY = 1
"""Numbers the way in which keys are made; see `mibench.store.record` for what it has to do with a record's schema."""
TUNING_SEEDS = 1_000_000_000
"""Where the seeds of tunings begin. A run counts its seeds from 0 and takes `mibench.plan.MOST_TRIALS` trials at most,
so that no run ever sees the data of a tuning."""
RESERVED = (
    "task",
    "estimator",
    "seed",
    "measurement",
    "epoch",
    "value",
    "truth",
    "unit",
    "status",
    "seconds",
    "device",
    "data",
    "key",
    "task_plugin",
    "estimator_plugin",
    "estimator_version",
    "task_version",
)
"""A frame's own columns, in their order; those of the cell stand after the first."""
TRUTH_ERROR = "truth_error"
"""The column after them, in frames with truths that are not exact."""
TUNED = "tuned"
"""The column of frames that says which rows have parameters that a tuning tried; none where no row has."""
EDITED = "edited"
"""The column of frames that names the estimator and the task of a row that were edited after it, without raising their
versions; none where none was."""
ON_DATA = "on data"
"""The parameter that tells apart what one cell measured on several data: see `mibench.frames.origins`."""
WIDE = ("dtype", "started", "error")
"""The columns that only wide frames have, beside names with a dot."""
TAKEN = frozenset(
    {*RESERVED, TRUTH_ERROR, TUNED, EDITED, ON_DATA, *WIDE}
    | {"cell", "failed", "mean", "place", "relative", "rmse", "seeds", "statistic", "std"}
    | {"not ok", "published as", "adversarial"}
)
"""What no parameter of a task may be called: frames, comparisons and tables have columns of their own of these names,
beside those of the cell."""


@dataclass(frozen=True)
class Judge:
    """An estimator that a task has beside the one that it runs.

    Attributes:
        name: what it is called in measurements: the selector that names it.
        spec: its spec.
        parameters: all of them.
    """

    name: str
    spec: EstimatorSpec
    parameters: Mapping[str, Scalar]


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One estimator on one cell with one seed, in values that JSON can hold: the unit that is keyed, run and recorded.

    Attributes:
        estimator: its name, e.g. `mine`.
        spelled: the selector of the estimator with its parameters, e.g. `mine[learning_rate=0.001]`.
        estimator_plugin: the plugin that brought it.
        estimator_version: of its spec.
        parameters: all of the estimator's parameters.
        task: its name, e.g. `gaussian`.
        task_plugin: the plugin that brought it.
        task_version: of its spec.
        cell: all of the task's parameters.
        seed: counted from 0.
        device: `cpu` or `cuda`.
        dtype: of the samples, by torch's name.
        data: which files it is run on, as `Task.prepare` says it; empty for a task that reads none.
        skip: why it is not run; empty if it is.
    """

    estimator: str
    spelled: str
    estimator_plugin: str
    estimator_version: int
    parameters: Mapping[str, Scalar]
    task: str
    task_plugin: str
    task_version: int
    cell: Mapping[str, Scalar]
    seed: int
    device: str
    dtype: str
    data: str = ""
    skip: str = ""

    @functools.cached_property
    def key(self) -> str:
        """16 hex digits of everything that decides the trial's numbers; never code, never the command's order."""
        return key_of(vars(self))


KEYED = frozenset(it.name for it in dataclasses.fields(Trial)) - {"spelled", "skip"}
"""The fields that a trial's key is made of."""


def edited_after(name: str, count: int) -> str:
    """What is said where trials stay although what they are of was edited since."""
    return f"{name} was edited after {count} of these trials"


def key_of(values: Mapping[str, Any]) -> str:
    """The key of the trial whose fields have these values, by name; others are left out of it."""
    parts = {name: values[name] for name in KEYED if name != "data" or values[name]}
    parts["schema"] = KEY  # the name stays, or every key would change
    return hashlib.sha256(canonical_json(parts).encode()).hexdigest()[:16]


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Trials of one estimator that a worker runs in one go, and where to import what they need.

    Attributes:
        trials: at least one; they differ in the seed and in the task's replicable parameters alone.
        estimator: its spec.
        task: its spec.
        files: plugins that are single files, which a worker imports first.
        folder: data sets, by name.
        judges: further estimators that the task's cell names.
        candidate: whether a tuning tries these parameters; those of the default are none.
    """

    trials: tuple[Trial, ...]
    estimator: EstimatorSpec
    task: TaskSpec
    files: tuple[str, ...] = ()
    folder: DataFolder = field(default_factory=DataFolder)
    judges: tuple[Judge, ...] = ()
    candidate: bool = False

    def split(self) -> "list[Batch]":
        """Each trial as a batch of its own."""
        return [replace(self, trials=(trial,)) for trial in self.trials]


def canonical_json(value: object) -> str:
    """JSON with sorted keys and no spaces; refuses NaN and infinities."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
