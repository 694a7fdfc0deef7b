"""What this plugin brings: the task `data`. Imports no torch."""

from mibench.hookspecs import hookimpl
from mibench.specs import Profile, TaskSpec


@hookimpl
def mibench_tasks() -> list[TaskSpec]:
    """The task that runs estimators on a file."""
    return [
        TaskSpec(
            name="data",
            target="mibench_data.own:OwnData",
            version=7,
            profiles={
                "smoke": Profile(seeds=1, sweep={"rows": [64], "steps": [5]}),
                "quick": Profile(seeds=1),
                "paper": Profile(seeds=1, sweep={"halvings": [10]}),
            },
            better={"mi": "truth", "mi_half": "truth", "mi_corrected": "truth"},
            work={"steps": "training", "rows": "samples", "halvings": "always"},
            summary="what estimators say of your own pairs, whose information nobody knows",
            reference="standard errors: Shao & Wu, A General Theory for Jackknife Variance Estimation, AoS 1989",
        )
    ]
