"""Scores from samples, and gradients of mutual information from scores (MIGE).

Usable without the benchmark: `from mibench_mige import ssge_score`. Names are imported on first use, so that importing
the package, as its plugin does, does not import torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mibench_mige.calibration import calibrate
    from mibench_mige.curl_free import curl_free_score
    from mibench_mige.iterated import kde_operator, nu_operator
    from mibench_mige.kernels import squared_distances
    from mibench_mige.mige import MIGE
    from mibench_mige.mige_rp import MIGERP
    from mibench_mige.projection import project, projection_matrix
    from mibench_mige.score import (
        ssge_operator,
        ssge_score,
        ssge_score_at,
        ssge_scorer,
        stein_operator,
        stein_score,
    )
    from mibench_mige.surrogates import entropy_surrogate, mi_surrogate
    from mibench_mige.trained import DenoisingMIGE, SlicedMIGE, denoising_loss, sliced_loss

__all__ = [
    "MIGE",
    "MIGERP",
    "DenoisingMIGE",
    "SlicedMIGE",
    "calibrate",
    "curl_free_score",
    "denoising_loss",
    "entropy_surrogate",
    "kde_operator",
    "mi_surrogate",
    "nu_operator",
    "project",
    "projection_matrix",
    "sliced_loss",
    "squared_distances",
    "ssge_operator",
    "ssge_score",
    "ssge_score_at",
    "ssge_scorer",
    "stein_operator",
    "stein_score",
]

_MODULES = (
    "kernels",
    "score",
    "iterated",
    "curl_free",
    "calibration",
    "projection",
    "surrogates",
    "mige",
    "mige_rp",
    "trained",
)


def __getattr__(name: str) -> Any:
    if name in __all__:
        for module in map(import_module, (f"{__name__}.{module}" for module in _MODULES)):
            if hasattr(module, name):
                return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
