"""A program in C as an estimator: `cc -O3 -o ksg ksg.c -lm`, once, in this folder."""

from mibench_command import from_command

import mibench
from mibench.specs import EstimatorSpec


@mibench.hookimpl
def mibench_estimators() -> list[EstimatorSpec]:
    """Declares the estimator."""
    return [
        from_command(
            "./ksg {x} {y} {k}",
            name="c-ksg",
            parameters={"k": 3},
            symmetric=True,
            summary="nearest neighbours, in C",
            reference="Kraskov, Stoegbauer & Grassberger, Estimating Mutual Information, Phys. Rev. E 69, 2004",
        )
    ]
