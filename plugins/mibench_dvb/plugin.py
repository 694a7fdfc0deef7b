"""What the DVB plugin brings to mibench. Imports no torch."""

from mibench.hookspecs import hookimpl
from mibench.specs import EstimatorSpec


@hookimpl
def mibench_estimators() -> list[EstimatorSpec]:
    """The upper bounds of the deep variational and of the nonlinear information bottleneck."""
    return [
        EstimatorSpec(
            name="dvb",
            target="mibench_dvb.dvb:DVB",
            estimates={"value", "gradient"},
            needs={"conditional"},
            bound="upper",
            growth_from=1000,
            growth_in_dimensions=0.0,
            summary="rate of a known p(y|x) against a standard normal: exact where that is the marginal of y",
            reference="Alemi et al., Deep Variational Information Bottleneck, ICLR 2017, Eq. 14",
        ),
        EstimatorSpec(
            name="pairwise-kl",
            target="mibench_dvb.pairwise_kl:PairwiseKL",
            estimates={"value", "gradient"},
            needs={"conditional"},
            bound="upper",
            growth=2.0,
            growth_from=500,
            growth_in_dimensions=0.25,
            summary="divergences between a known p(y|x) of all pairs of samples: at most log n",
            reference="Kolchinsky, Tracey and Wolpert, Nonlinear Information Bottleneck, Entropy 21, 2019",
        ),
    ]
