"""What the baselines bring to mibench."""

from mibench.hookspecs import hookimpl
from mibench.specs import EstimatorSpec


@hookimpl
def mibench_estimators() -> list[EstimatorSpec]:
    """The exact critic, and the two forms of a Gaussian."""
    return [
        EstimatorSpec(
            name="oracle",
            target="mibench_baselines.oracle:Oracle",
            estimates={"value", "gradient"},
            needs={"log_ratio"},
            growth_from=1000,
            growth_in_dimensions=0.0,
            summary="the exact log ratio: the noise floor of a cell",
            reference="Pinsker, Information and Information Stability of Random Variables and Processes, 1964",
        ),
        EstimatorSpec(
            name="gauss",
            target="mibench_baselines.gauss:Gauss",
            estimates={"value", "gradient"},
            symmetric=True,
            sees="correlation",
            growth_from=1000,
            growth_in_dimensions=0.0,
            summary="plug-in estimate of a Gaussian: linear regression",
            reference="Cover & Thomas, Elements of Information Theory, chapter 8",
        ),
        EstimatorSpec(
            name="cca",
            target="mibench_baselines.cca:CCA",
            estimates={"value", "gradient"},
            symmetric=True,
            sees="correlation",
            growth_from=1000,
            growth_in_dimensions=0.0,
            summary="canonical correlations: the plug-in Gaussian without its bias",
            reference="Hotelling 1936; Kay, IJCNN 1992",
        ),
    ]
