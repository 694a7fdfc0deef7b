"""The estimators of torch-mist, which needs numpy 1, from an environment of its own that uv builds."""

from mibench_command import from_command

import mibench
from mibench.specs import EstimatorSpec


@mibench.hookimpl
def mibench_estimators() -> list[EstimatorSpec]:
    """Declares the estimator; `torch-mist[estimator=infonce]` is another of the package's."""
    return [
        from_command(
            "uv run --quiet --script wrap.py",
            name="torch-mist",
            parameters={"estimator": "smile", "iterations": 5000, "batch": 128, "hidden": (128, 128)},
            keep=True,
            timeout=3600,
            summary="an estimator of torch-mist 0.2.17, with its own training",
            reference="Federici, Ruhe & Forre, On the Effectiveness of Hybrid Mutual Information Estimation, "
            "arXiv 2306.00608, 2023",
        )
    ]
