"""scikit-learn's mutual information as an estimator, from an environment of its own that uv builds."""

from mibench_command import from_command

import mibench
from mibench.specs import EstimatorSpec


@mibench.hookimpl
def mibench_estimators() -> list[EstimatorSpec]:
    """Declares the estimator."""
    return [
        from_command(
            "uv run --quiet --script wrap.py",
            name="scikit-learn",
            parameters={"k": 3},
            symmetric=True,
            one_dimensional=True,
            keep=True,
            summary="nearest neighbours, by scikit-learn 1.6.1",
            reference="Pedregosa et al., Scikit-learn: Machine Learning in Python, JMLR 12, 2011",
        )
    ]
