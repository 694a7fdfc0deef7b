"""The estimators that train a critic, or a model of p(y|x). Imports no torch, so that listing them is instant."""

from mibench.hookspecs import hookimpl
from mibench.specs import EstimatorSpec, Quantity

BOTH: frozenset[Quantity] = frozenset({"value", "gradient"})
GROWTH = 0.75
"""Between 64 and 256 samples, where a step of training costs much that does not grow with them."""


@hookimpl
def mibench_estimators() -> list[EstimatorSpec]:
    """Bounds and plug-in estimates that a critic gives, and those of models of p(y|x)."""
    return [
        EstimatorSpec(
            name="mine",
            target="mibench_variational.mine:Mine",
            estimates=BOTH,
            needs={"training"},
            growth=GROWTH,
            symmetric=True,
            summary="Donsker-Varadhan bound",
            reference="Belghazi et al. 2018, Mutual Information Neural Estimation, Eq. 10",
        ),
        EstimatorSpec(
            name="mine-f",
            target="mibench_variational.mine_f:MineF",
            estimates=BOTH,
            needs={"training"},
            growth=GROWTH,
            bound="lower",
            symmetric=True,
            summary="f-divergence bound of MINE: no logarithm, higher variance",
            reference="Belghazi et al. 2018, Mutual Information Neural Estimation, section 2.2, Eq. 8",
        ),
        EstimatorSpec(
            name="nwj",
            target="mibench_variational.nwj:Nwj",
            estimates=BOTH,
            needs={"training"},
            growth=GROWTH,
            bound="lower",
            symmetric=True,
            summary="f-divergence bound, its critic read as the log ratio",
            reference="Nguyen, Wainwright and Jordan 2010, Estimating Divergence Functionals; Poole et al. 2019, Eq. 9",
        ),
        EstimatorSpec(
            name="tuba",
            target="mibench_variational.tuba:Tuba",
            estimates=BOTH,
            needs={"training"},
            growth=GROWTH,
            bound="lower",
            summary="unnormalised Barber-Agakov bound with a learnt baseline a(y)",
            reference="Poole et al. 2019, On Variational Bounds of Mutual Information, Eq. 8",
        ),
        EstimatorSpec(
            name="jsd",
            target="mibench_variational.jsd:Jsd",
            estimates=BOTH,
            needs={"training"},
            growth=GROWTH,
            bound="lower",
            symmetric=True,
            summary="trained on the Jensen-Shannon divergence, read in nats by the NWJ bound",
            reference="Hjelm et al. 2019, Deep InfoMax, Eq. 4; Poole et al. 2019, Eq. 9",
        ),
        EstimatorSpec(
            name="infonce",
            target="mibench_variational.infonce:InfoNCE",
            estimates=BOTH,
            needs={"training"},
            growth=GROWTH,
            bound="lower",
            summary="classifies the partner among the batch: low variance, at most log n",
            reference="van den Oord et al. 2018, Representation Learning with Contrastive Predictive Coding, Eq. 4",
        ),
        EstimatorSpec(
            name="smile",
            target="mibench_variational.smile:Smile",
            estimates=BOTH,
            needs={"training"},
            growth=GROWTH,
            symmetric=True,
            summary="Donsker-Varadhan with a clipped density ratio: trades variance for bias",
            reference="Song and Ermon 2020, Understanding the Limitations of Variational MI Estimators, section 5",
        ),
        EstimatorSpec(
            name="i-alpha",
            target="mibench_variational.i_alpha:IAlpha",
            estimates=BOTH,
            needs={"training"},
            growth=GROWTH,
            bound="lower",
            summary="between NWJ and InfoNCE: variance for bias, at most log((n - 1) / alpha)",
            reference="Poole et al. 2019, On Variational Bounds of Mutual Information, section 2.3",
        ),
        EstimatorSpec(
            name="infonce-anchor",
            target="mibench_variational.infonce_anchor:AnchoredInfoNCE",
            estimates=BOTH,
            needs={"training"},
            growth=GROWTH,
            summary="InfoNCE with a class for no partner, so that the critic is the log ratio: no ceiling",
            reference="Ryu et al. 2025, Contrastive Predictive Coding Done Right for Mutual Information Estimation",
        ),
        EstimatorSpec(
            name="flo",
            target="mibench_variational.flo:Flo",
            estimates=BOTH,
            needs={"training"},
            growth=GROWTH,
            bound="lower",
            summary="InfoNCE with the normaliser of each pair learnt: tight, at the variance of NWJ",
            reference="Guo et al. 2022, Tight Mutual Information Estimation With Contrastive Fenchel-Legendre "
            "Optimization",
        ),
        EstimatorSpec(
            name="f-dime",
            target="mibench_variational.f_dime:FDime",
            estimates=BOTH,
            needs={"training"},
            growth=GROWTH,
            symmetric=True,
            summary="mean log ratio of a critic trained on an f-divergence: low variance, no bound",
            reference="Letizia et al. 2024, Mutual Information Estimation via f-Divergence and Data Derangements",
        ),
        EstimatorSpec(
            name="club",
            target="mibench_variational.club:Club",
            estimates=BOTH,
            needs={"training"},
            growth=GROWTH,
            bound="upper",
            summary="contrastive upper bound, once its Gaussian q(y|x) has learnt p(y|x)",
            reference="Cheng et al. 2020, CLUB: A Contrastive Log-ratio Upper Bound, section 3.2",
        ),
    ]
