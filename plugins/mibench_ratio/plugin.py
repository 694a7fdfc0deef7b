"""What this plugin brings: `rsm` and `lsmi`. Imports no torch."""

from mibench.hookspecs import hookimpl
from mibench.specs import EstimatorSpec


@hookimpl
def mibench_estimators() -> list[EstimatorSpec]:
    """Declares the estimators of the density ratio in closed form."""
    return [
        EstimatorSpec(
            name="rsm",
            target="mibench_ratio.rsm:RSM",
            estimates={"value", "gradient"},
            bound="lower",
            symmetric=True,
            growth=1.5,
            growth_from=400,
            growth_in_dimensions=0.75,
            version=21,
            summary="gradient of the log density ratio by score matching in closed form, without training",
            reference="this project; after Hyvarinen, Estimation of Non-Normalized Statistical Models, JMLR 2005",
        ),
        EstimatorSpec(
            name="lsmi",
            target="mibench_ratio.lsmi:LSMI",
            estimates={"value", "gradient"},
            symmetric=True,
            growth=1.5,
            growth_in_dimensions=0.0,
            linear_from=200,
            version=3,
            summary="mutual information from a density ratio fitted by least squares in closed form",
            reference="Suzuki et al., Approximating Mutual Information by Maximum Likelihood Density Ratio Estimation, "
            "FSDM 2008; Kanamori et al., A Least-squares Approach to Direct Importance Estimation, JMLR 2009",
        ),
    ]
