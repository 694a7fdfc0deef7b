"""What this plugin brings: `mige` and its kin, with scores in closed form or of trained networks. Imports no torch."""

from mibench.hookspecs import hookimpl
from mibench.specs import EstimatorSpec

_PAPER = "Wen et al., Mutual Information Gradient Estimation for Representation Learning, ICLR 2020"


@hookimpl
def mibench_estimators() -> list[EstimatorSpec]:
    """Declares the score-based estimators of the gradient of mutual information."""
    return [
        EstimatorSpec(
            name="mige",
            target="mibench_mige.mige:MIGE",
            estimates={"gradient"},
            needs={"continuous"},
            symmetric=True,
            growth=2.5,
            growth_from=150,
            growth_in_dimensions=0.1,
            summary="gradient of mutual information from scores estimated by SSGE",
            reference=_PAPER,
        ),
        EstimatorSpec(
            name="mige-calibrated",
            target="mibench_mige.mige_calibrated:CalibratedMIGE",
            estimates={"gradient"},
            needs={"continuous"},
            symmetric=True,
            growth=2.5,
            growth_from=150,
            growth_in_dimensions=0.1,
            summary="MIGE with threshold .9999, Stein calibration and standardised coordinates",
            reference=f"{_PAPER}; calibration is this project's",
        ),
        EstimatorSpec(
            name="mige-rp",
            target="mibench_mige.mige_rp:MIGERP",
            estimates={"gradient"},
            needs={"continuous"},
            growth=3.0,
            growth_from=200,
            growth_in_dimensions=0.1,
            summary="MIGE with kernel distances between random projections, for wide inputs",
            reference=f"{_PAPER}, Eq. 8",
        ),
        EstimatorSpec(
            name="mige-dsm",
            target="mibench_mige.trained:DenoisingMIGE",
            estimates={"gradient"},
            needs={"training"},
            symmetric=True,
            growth_from=300,
            growth_in_dimensions=0.1,
            summary="MIGE whose scores are networks trained by denoising",
            reference=f"{_PAPER}; Vincent, A Connection Between Score Matching and Denoising Autoencoders, 2011",
        ),
        EstimatorSpec(
            name="mige-ssm",
            target="mibench_mige.trained:SlicedMIGE",
            estimates={"gradient"},
            needs={"training"},
            symmetric=True,
            growth=1.25,
            growth_from=300,
            growth_in_dimensions=0.0,
            summary="MIGE whose scores are networks trained by sliced score matching",
            reference=f"{_PAPER}; Song et al., Sliced Score Matching, UAI 2019",
        ),
    ]
