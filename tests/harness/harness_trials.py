"""Trials that nobody runs, for what is said of records."""

import json
from pathlib import Path
from typing import Any

from mibench.plan.trial import Trial, key_of


def recorded_as(path: Path, **changes: Any) -> Path:
    """The record of another trial beside one that differs from it in these fields alone."""
    record = json.loads(path.read_text()) | changes
    record["key"] = key_of(record)
    beside = path.with_name(f"{record['key']}.json")
    beside.write_text(json.dumps(record))
    return beside


def trial_of(estimator: str = "e", task: str = "t", seed: int = 0, **cell: Any) -> Trial:
    """A trial of a cell with these parameters."""
    return Trial(
        estimator=estimator,
        spelled=estimator,
        estimator_plugin="p",
        estimator_version=1,
        parameters={},
        task=task,
        task_plugin="p",
        task_version=1,
        cell=cell,
        seed=seed,
        device="cpu",
        dtype="float32",
    )
