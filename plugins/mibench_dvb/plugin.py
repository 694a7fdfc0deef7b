"""What the DVB plugin brings to mibench."""

from mibench.hookspecs import hookimpl
from mibench.specs import EstimatorSpec


@hookimpl
def mibench_estimators() -> list[EstimatorSpec]:
    """The variational upper bound of the deep variational bottleneck."""
    return [
        EstimatorSpec(
            name="dvb",
            target="mibench_dvb.dvb:DVB",
            estimates={"value", "gradient"},
            needs={"conditional"},
            bound="upper",
            growth_from=1000,
            summary="rate of a known p(y|x) against a standard normal: exact where that is the marginal of y",
            reference="Alemi et al., Deep Variational Information Bottleneck, ICLR 2017, Eq. 14",
        )
    ]
