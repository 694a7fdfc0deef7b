"""The layout of records, and how those of an older mibench are read.

`SCHEMA` is the layout's number. When it changes, an upgrade from the number before goes into `UPGRADES`: it sees a
record as it is on disk, and returns it as the next layout has it. Keys stay, so what was measured is found again and
its file is left as it is. (`mibench.plan.KEY` is another number: raising that one asks for everything to be measured
anew.)
"""

from collections.abc import Callable
from typing import Any

SCHEMA = 1
UPGRADES: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}


def upgrade(record: dict[str, Any]) -> dict[str, Any]:
    """A record in the present layout.

    Raises:
        KeyError: nothing leads from its layout to the present one.
    """
    for schema in range(record["schema"], SCHEMA):
        record = {**UPGRADES[schema](record), "schema": schema + 1}
    return record
