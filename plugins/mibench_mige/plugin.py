"""What this plugin brings: `mige`, `mige-calibrated` and `mige-rp`. Imports no torch."""

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
            summary="gradient of mutual information from scores estimated by SSGE",
            reference=_PAPER,
        ),
        EstimatorSpec(
            name="mige-calibrated",
            target="mibench_mige.mige:CalibratedMIGE",
            estimates={"gradient"},
            needs={"continuous"},
            symmetric=True,
            growth=2.5,
            summary="MIGE with threshold .9999, Stein calibration and standardised coordinates",
            reference=f"{_PAPER}; calibration is this project's",
        ),
        EstimatorSpec(
            name="mige-rp",
            target="mibench_mige.mige_rp:MIGERP",
            estimates={"gradient"},
            needs={"continuous"},
            growth=2.5,
            summary="MIGE with kernel distances between random projections, for wide inputs",
            reference=f"{_PAPER}, Eq. 8",
        ),
    ]
