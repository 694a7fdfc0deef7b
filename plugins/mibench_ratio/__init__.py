"""Gradients of mutual information from a fit of the log density ratio itself, in closed form.

Usable without the benchmark: `from mibench_ratio import ratio_gradient`. Names are imported on first use, so that
importing the package, as its plugin does, does not import torch.
"""

import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mibench_ratio.lsmi import LSMI, least_squares_mi
    from mibench_ratio.margin import margin_score
    from mibench_ratio.options import FitOptions, SmallBatchError
    from mibench_ratio.ratio import Fit, ratio_fit, ratio_gradient
    from mibench_ratio.rsm import RSM

__all__ = [
    "LSMI",
    "RSM",
    "Fit",
    "FitOptions",
    "SmallBatchError",
    "least_squares_mi",
    "margin_score",
    "ratio_fit",
    "ratio_gradient",
]

_MODULES = ("options", "margin", "ratio", "rsm", "lsmi")


def __getattr__(name: str) -> Any:
    if name == "Settings":
        warnings.warn("mibench_ratio.Settings is now mibench_ratio.FitOptions", DeprecationWarning, stacklevel=2)
        name = "FitOptions"
    if name in __all__:
        for module in map(import_module, (f"{__name__}.{module}" for module in _MODULES)):
            if hasattr(module, name):
                return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
