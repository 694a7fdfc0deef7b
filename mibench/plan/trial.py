"""The unit that is keyed, run and recorded: one estimator on one cell with one seed."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from mibench.datasets import DataFolder
from mibench.specs import EstimatorSpec, Scalar, TaskSpec

KEY = 1
"""How keys are made: raised, every trial is measured again; `mibench.store.record.SCHEMA` is the layout of records."""
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
)
"""A frame's own columns, in their order; those of the cell stand after the first."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One estimator on one cell with one seed, in plain JSON-able values: the unit that is keyed, run and recorded."""

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

    @property
    def key(self) -> str:
        """16 hex digits of everything that decides the trial's numbers; never code, never the command's order."""
        parts = dataclasses.asdict(self) | {"schema": KEY}
        for name in ("spelled", "skip", *(() if self.data else ("data",))):
            del parts[name]
        return hashlib.sha256(canonical_json(parts).encode()).hexdigest()[:16]


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Trials of one estimator that a worker runs in one go, and where to import what they need."""

    trials: tuple[Trial, ...]
    estimator: EstimatorSpec
    task: TaskSpec
    files: tuple[str, ...] = ()
    folder: DataFolder = field(default_factory=DataFolder)

    def split(self) -> "list[Batch]":
        """Each trial as a batch of its own."""
        return [replace(self, trials=(trial,)) for trial in self.trials]


def canonical_json(value: object) -> str:
    """JSON with sorted keys and no spaces; refuses NaN and infinities."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
