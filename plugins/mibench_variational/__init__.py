"""Estimators that train a critic, for mibench. Names load lazily: `mibench_variational.plugin` costs no torch."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mibench_variational.barber_agakov import BarberAgakov as BarberAgakov
    from mibench_variational.club import Club as Club
    from mibench_variational.doe import Doe as Doe
    from mibench_variational.f_dime import FDime as FDime
    from mibench_variational.flo import Flo as Flo
    from mibench_variational.flow_matching import FlowMatching as FlowMatching
    from mibench_variational.i_alpha import IAlpha as IAlpha
    from mibench_variational.infonce import InfoNCE as InfoNCE
    from mibench_variational.infonce_anchor import AnchoredInfoNCE as AnchoredInfoNCE
    from mibench_variational.jsd import Jsd as Jsd
    from mibench_variational.l1out import L1Out as L1Out
    from mibench_variational.mine import Mine as Mine
    from mibench_variational.mine_f import MineF as MineF
    from mibench_variational.njee import Njee as Njee
    from mibench_variational.nwj import Nwj as Nwj
    from mibench_variational.smile import Smile as Smile
    from mibench_variational.tuba import Tuba as Tuba

_HOMES = {
    "AnchoredInfoNCE": "infonce_anchor",
    "BarberAgakov": "barber_agakov",
    "Club": "club",
    "Doe": "doe",
    "FDime": "f_dime",
    "Flo": "flo",
    "FlowMatching": "flow_matching",
    "IAlpha": "i_alpha",
    "InfoNCE": "infonce",
    "Jsd": "jsd",
    "L1Out": "l1out",
    "Mine": "mine",
    "MineF": "mine_f",
    "Njee": "njee",
    "Nwj": "nwj",
    "Smile": "smile",
    "Tuba": "tuba",
}


def __getattr__(name: str) -> Any:
    """Imports an estimator when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """Lists the estimators along with what is loaded."""
    return sorted({*globals(), *_HOMES})
