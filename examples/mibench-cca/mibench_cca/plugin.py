"""What this package brings to mibench. Imports no torch, so that listing stays instant."""

from mibench import EstimatorSpec, hookimpl


@hookimpl
def mibench_estimators() -> list[EstimatorSpec]:
    """Canonical correlations."""
    return [
        EstimatorSpec(
            name="cca",
            target="mibench_cca.cca:CCA",
            estimates={"value", "gradient"},
            symmetric=True,
            summary="canonical correlations: closed form, unbiased for Gaussians, blind to all but second moments",
            reference="Kay, Feature discovery under contextual supervision using mutual information, IJCNN 1992",
        )
    ]
