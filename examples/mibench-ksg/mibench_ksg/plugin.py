"""What this package brings to mibench: an estimator, a task, and reference numbers. Imports no torch."""

from mibench import EstimatorSpec, Profile, ReferenceSpec, TaskSpec, hookimpl

_PAPER = "Kraskov, Stoegbauer & Grassberger, Estimating Mutual Information, Phys. Rev. E 69, 066138, 2004"


@hookimpl
def mibench_estimators() -> list[EstimatorSpec]:
    """Nearest neighbours."""
    return [
        EstimatorSpec(
            name="ksg-tree",
            target="mibench_ksg.ksg:KSG",
            estimates={"value"},
            symmetric=True,
            summary="nearest neighbours by scipy's trees: assumes no density, suited to few dimensions",
            reference=f"{_PAPER}, Eq. 8",
        )
    ]


@hookimpl
def mibench_tasks() -> list[TaskSpec]:
    """A family that is far from Gaussian, with known mutual information."""
    return [
        TaskSpec(
            name="ksg-gamma-exponential",
            target="mibench_ksg.gamma_exponential:GammaExponential",
            requires={"value"},
            replicable={"theta"},
            summary="value of I(X;Y) where x is Gamma and y exponential with rate x: skewed, with heavy tails",
            reference="Darbellay & Vajda, IEEE Trans. Inf. Theory 46, 2000; Kraskov et al. 2004, section III",
            profiles={
                "smoke": Profile(seeds=1, sweep={"theta": [1.0], "n": [64], "steps": [5]}),
                "quick": Profile(seeds=5, sweep={"theta": [0.5, 1.0, 3.0, 10.0]}),
                "paper": Profile(seeds=20, sweep={"theta": [0.5, 1.0, 2.0, 3.0, 10.0], "log": [True, False]}),
            },
        )
    ]


@hookimpl
def mibench_references() -> list[ReferenceSpec]:
    """What an independent implementation of the estimator gives on the task."""
    return [
        ReferenceSpec(
            name="ksg-scikit-learn",
            file="mibench_ksg:references.csv",
            summary="scikit-learn's nearest-neighbour estimates on the gamma-exponential family",
        )
    ]
