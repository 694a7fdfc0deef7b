"""What this package brings to mibench. Imports no torch, so that listing stays instant."""

from mibench import EstimatorSpec, hookimpl


@hookimpl
def mibench_estimators() -> list[EstimatorSpec]:
    """Canonical correlations."""
    return [
        EstimatorSpec(
            name="cca-ridge",
            target="mibench_cca.cca:CCA",
            estimates={"value", "gradient"},
            symmetric=True,
            sees="correlation",
            summary="canonical correlations with a ridge: a copy of x has a finite value",
            reference="Kay, Feature discovery under contextual supervision using mutual information, IJCNN 1992",
        )
    ]
