"""Gradients of mutual information from a fit of the log density ratio itself, in closed form.

Usable without the benchmark: `from mibench_ratio import ratio_gradient`. Names are imported on first use, so that
importing the package, as its plugin does, does not import torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mibench_ratio.lsmi import LSMI, least_squares_mi
    from mibench_ratio.margin import margin_score
    from mibench_ratio.ratio import Fit, ratio_fit, ratio_gradient
    from mibench_ratio.rsm import RSM
    from mibench_ratio.settings import Settings, SmallBatchError

__all__ = [
    "LSMI",
    "RSM",
    "Fit",
    "Settings",
    "SmallBatchError",
    "least_squares_mi",
    "margin_score",
    "ratio_fit",
    "ratio_gradient",
]

_MODULES = ("settings", "margin", "ratio", "rsm", "lsmi")


def __getattr__(name: str) -> Any:
    if name in __all__:
        for module in map(import_module, (f"{__name__}.{module}" for module in _MODULES)):
            if hasattr(module, name):
                return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
