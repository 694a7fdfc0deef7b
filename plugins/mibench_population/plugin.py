"""What the plugin of finite populations brings to mibench."""

from mibench.hookspecs import hookimpl
from mibench.specs import EstimatorSpec


@hookimpl
def mibench_estimators() -> list[EstimatorSpec]:
    """Estimators that are handed the population of x."""
    return [
        EstimatorSpec(
            name="exact",
            target="mibench_population.exact:Exact",
            estimates={"value", "gradient"},
            needs={"conditional", "population"},
            version=3,
            summary="the exact log ratio where x is one of finitely many known values, as training images are",
            reference="the definition; p(y|x) as in Alemi et al., Deep Variational Information Bottleneck, ICLR 2017",
        )
    ]
