"""Frames of estimators on the same data, made of the errors that they are to have."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from mibench.comparison.error_table import ErrorTable
from mibench.discovery import Plugin
from mibench.discovery.registry import Registry
from mibench.specs import EstimatorSpec, Profile, TaskSpec

TRUTH = 2.0


def registry(tasks: int = 60, estimators: Sequence[EstimatorSpec] = ()) -> Registry:
    """Tasks `t00`, ... whose `mi` and `mi_gradient` should be near their truth, `cost` low and `score` high."""
    better = {"mi": "truth", "mi/*": "truth", "mi_gradient": "truth", "cost": "lower", "score": "higher"}
    specs = [
        TaskSpec(name=f"t{task:02}", target="x:Y", profiles={"quick": Profile(seeds=1)}, better=better)
        for task in range(tasks)
    ]
    return Registry([Plugin("toys", "here", specs=[*specs, *estimators])])


def frame(errors: Mapping[str, np.ndarray], measurement: str = "mi", first_seed: int = 0) -> pd.DataFrame:
    """A tidy frame of `mi` that is off its truth by these errors.

    Args:
        errors: by estimator, tasks x cells x seeds; NaN for what is not there, infinite for a trial that failed.
        measurement: its name.
        first_seed: the number of the first seed.
    """
    rows = [
        {
            "task": f"t{task:02}",
            "d": cell,
            "estimator": estimator,
            "seed": first_seed + seed,
            "measurement": measurement if np.isfinite(error) else "",
            "epoch": None,
            "value": TRUTH + error if np.isfinite(error) else np.nan,
            "truth": TRUTH if np.isfinite(error) else np.nan,
            "unit": "nats",
            "status": "ok" if np.isfinite(error) else "failed",
            "seconds": 1.0,
            "device": "cpu",
            "data": "",
            "key": f"{estimator}{task}-{cell}-{seed}",
            "task_plugin": "toys",
            "estimator_plugin": "toys",
        }
        for estimator, values in errors.items()
        for (task, cell, seed), error in np.ndenumerate(values)
        if not np.isnan(error)
    ]
    return pd.DataFrame(rows).astype({"epoch": "Int64", "seed": "Int64", "value": "float64"})


def error_table(errors: Mapping[str, np.ndarray]) -> ErrorTable:
    """What `frame` becomes: a table of the same errors, tasks x cells x seeds, of which all are there."""
    tasks, cells, seeds = next(iter(errors.values())).shape
    names = np.repeat([f"t{task:02}" for task in range(tasks)], cells)
    return ErrorTable(
        quantity="mi",
        estimators=tuple(sorted(errors)),
        tasks=np.repeat(names, seeds),
        cells=np.repeat(np.arange(tasks * cells), seeds),
        seeds=np.tile(np.arange(seeds), tasks * cells),
        errors=np.column_stack([np.abs(errors[name]).ravel() for name in sorted(errors)]),
        places=pd.DataFrame({"task": names, "measurement": "mi", "cell": range(len(names)), "adversarial": False}),
        distances=True,
    )


def noise(rng: np.random.Generator, scales: Mapping[str, float], shape: tuple[int, int, int]) -> dict[str, np.ndarray]:
    """Normal errors of the given sizes."""
    return {name: scale * rng.standard_normal(shape) for name, scale in scales.items()}
