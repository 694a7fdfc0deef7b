"""What this plugin brings: estimators of the value by nearest neighbours. Imports no torch."""

from mibench.hookspecs import hookimpl
from mibench.specs import EstimatorSpec


@hookimpl
def mibench_estimators() -> list[EstimatorSpec]:
    """Declares the estimators by nearest neighbours."""
    return [
        EstimatorSpec(
            name="ksg",
            target="mibench_neighbours.ksg:KSG",
            estimates={"value"},
            symmetric=True,
            growth=1.25,
            growth_from=500,
            growth_in_dimensions=0.75,
            summary="nearest neighbours in joint and marginal spaces: assumes no density, suited to few dimensions",
            reference="Kraskov, Stoegbauer & Grassberger, Estimating Mutual Information, Phys. Rev. E 69, 2004",
        ),
        EstimatorSpec(
            name="ksg-mixed",
            target="mibench_neighbours.mixed:MixedKSG",
            estimates={"value"},
            symmetric=True,
            growth=1.25,
            growth_from=200,
            growth_in_dimensions=0.75,
            summary="nearest neighbours where x and y may be discrete, continuous or both",
            reference="Gao, Kannan, Oh & Viswanath, Estimating Mutual Information for Discrete-Continuous Mixtures, "
            "NIPS 2017",
        ),
        EstimatorSpec(
            name="kl",
            target="mibench_neighbours.entropies:Entropies",
            estimates={"value"},
            symmetric=True,
            growth=2.0,
            growth_from=1000,
            growth_in_dimensions=1.0,
            summary="entropies of x, y and both by nearest neighbours, each with its own bias",
            reference="Kozachenko & Leonenko, Sample Estimate of the Entropy of a Random Vector, "
            "Probl. Inf. Transm. 23, 1987",
        ),
        EstimatorSpec(
            name="knn-kl",
            target="mibench_neighbours.divergence:Divergence",
            estimates={"value"},
            symmetric=True,
            growth=1.25,
            growth_from=500,
            growth_in_dimensions=0.5,
            summary="divergence of pairs from shuffled pairs by distances to nearest neighbours",
            reference="Perez-Cruz, Kullback-Leibler Divergence Estimation of Continuous Distributions, ISIT 2008",
        ),
    ]
