"""A third party's plugin for tests of comparisons: a task that declares directions and a statistic, and references."""

import pandas as pd

from mibench.discovery import Plugin
from mibench.discovery.registry import Registry
from mibench.hookspecs import hookimpl
from mibench.specs import Better, Profile, ReferenceSpec, TaskSpec

BETTER: dict[str, Better] = {"accuracy/*": "higher", "error": "lower", "mi": "truth", "range(*)": "lower"}
NAMES = ["accuracy/conv", "error", "mi", "odd"]


@hookimpl
def mibench_tasks() -> list[TaskSpec]:
    return [
        TaskSpec(
            name="toy",
            target="comparison_toys:Nothing",
            profiles={"quick": Profile(seeds=2)},
            statistics="comparison_toys:ranges",
            better=BETTER,
        )
    ]


@hookimpl
def mibench_references() -> list[ReferenceSpec]:
    return [ReferenceSpec(name="toy-2025", file="comparison_toys_data:references.csv")]


def ranges(frame: pd.DataFrame) -> pd.DataFrame:
    """What lies between the smallest and the largest value over rho, seed by seed."""
    groups = frame.groupby(["task", "d", "estimator", "seed", "measurement"])["value"]
    table = (groups.max() - groups.min()).rename("value").reset_index()
    return table.assign(statistic="range", truth=0.0)


def registry() -> Registry:
    return Registry([Plugin("toys", "here", specs=[*mibench_tasks(), *mibench_references()])])


def frame(values: dict[str, list[float]], truth: float = float("nan"), **changes: object) -> pd.DataFrame:
    """One cell and estimator; of each measurement the values of seeds 0, 1, ..."""
    rows = [
        {
            "task": "toy",
            "d": 2,
            "rho": 0.5,
            "estimator": "steady",
            "seed": seed,
            "measurement": name,
            "epoch": None,
            "value": value,
            "truth": truth,
            "unit": "",
            "status": "ok",
            "seconds": 1.0,
            "device": "cpu",
            "data": "",
            "key": f"k{seed}",
            **changes,
        }
        for name, numbers in values.items()
        for seed, value in enumerate(numbers)
    ]
    return pd.DataFrame(rows).astype({"epoch": "Int64", "seed": "Int64", "value": "float64"})


def references(*rows: dict[str, object]) -> pd.DataFrame:
    common = {
        "task": "toy",
        "estimator": "steady",
        "statistic": "mean",
        "spread": float("nan"),
        "provenance": "paper",
        "source": "A, Table 1",
        "settings": {"d": 2},
        "note": "",
        "reference": "toy-2025",
    }
    return pd.DataFrame([common | row for row in rows])
