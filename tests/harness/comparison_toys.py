"""A third party's plugin for tests of comparisons: a task that declares directions and a statistic, and references."""

import pandas as pd

from mibench.discovery import Plugin
from mibench.discovery.registry import Registry
from mibench.hookspecs import hookimpl
from mibench.specs import Better, Profile, ReferenceSpec, TaskSpec

BETTER: dict[str, Better] = {"accuracy/*": "higher", "error": "lower", "mi": "truth", "range(*)": "lower"}
NAMES = ["accuracy/conv", "error", "mi", "odd"]
NOISE = [-1.0, -0.5, 0.0, 0.5, 1.0]  # mean 0, standard deviation .79, half-width of the interval .98
LOW = [50 + value for value in NOISE]


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


def on_files(**values: list[float]) -> pd.DataFrame:
    """One cell on several data, by the name of each: the `error` of seeds 0, 1, ..."""
    return pd.concat(
        [frame({"error": numbers}, data=name, key=name) for name, numbers in values.items()], ignore_index=True
    )


def two_plugins() -> Registry:
    """Plugins `up` and `down` both bring a task `toy`, of which each declares another direction."""
    directions: dict[str, Better] = {"up": "higher", "down": "lower"}
    specs = {
        name: TaskSpec(name="toy", target="x:Y", profiles={"quick": Profile(seeds=1)}, better={"error": better})
        for name, better in directions.items()
    }
    return Registry([Plugin(name, "here", specs=[spec]) for name, spec in specs.items()])


def of_plugins(values: dict[str, list[float]], *, spelled: bool = True) -> pd.DataFrame:
    parts = [
        frame({"error": numbers}, task=f"{plugin}:toy" if spelled else "toy", task_plugin=plugin, key=plugin)
        for plugin, numbers in values.items()
    ]
    return pd.concat(parts)
