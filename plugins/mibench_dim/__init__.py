"""Deep InfoMax: encoders that learn without labels, and what probes read off them. Names load lazily."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mibench_dim.encoder import load_encoder as load_encoder
    from mibench_dim.probes import probe_encoder as probe_encoder

_HOMES = {"load_encoder": "encoder", "probe_encoder": "probes"}


def __getattr__(name: str) -> Any:
    """Imports a function when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """Lists them along with what is loaded."""
    return sorted({*globals(), *_HOMES})
