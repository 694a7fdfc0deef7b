"""Trials that nobody runs, for what is said of records."""

from typing import Any

from mibench.plan.trial import Trial


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
