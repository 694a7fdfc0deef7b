"""A plugin for tests of tunings: an estimator whose error is known at every value of its parameters."""

import math
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import torch
from torch import Tensor

from mibench.contracts import Context, Estimator, Measurement, Task
from mibench.errors import UnfitError
from mibench.hookspecs import hookimpl
from mibench.search import Search
from mibench.specs import EstimatorSpec, Profile, TaskSpec

FILE = str(Path(__file__).resolve())
TRUTH = 2.0


@dataclass(frozen=True, kw_only=True)
class Knobs:
    rate: Annotated[float, Search(1e-5, 1e-1, log=True)] = 1e-1
    width: Annotated[int, Search(1, 8)] = 1
    kind: Annotated[Literal["near", "far"], Search()] = "far"
    centred: bool = False


class Tunable(Estimator):
    """Off by what its parameters say, and a little by the data; it is exact at rate=1e-3, width=4, kind=near."""

    Params = Knobs

    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        if marks := os.environ.get("TOYS_MARKS"):
            with Path(marks).open("a") as file:
                file.write("measured\n")
        off = abs(math.log10(self.params.rate) + 3) + abs(self.params.width - 4) + 2 * (self.params.kind == "far")
        return TRUTH + 0.1 * off + 0.01 * (x * y).mean((-2, -1))


class Fragile(Tunable):
    """Fails where the rate is large."""

    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        answer = super().mi(x, y)
        if 1e-4 < self.params.rate < 1e-1:
            raise ValueError("too fast")
        return answer


class Late(Tunable):
    """Takes longer than any test waits, but at its default."""

    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        if self.params != Knobs():
            time.sleep(600)
        return super().mi(x, y)


class Broken(Tunable):
    """Fails at every value of its parameters."""

    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        raise ValueError("nothing works")


class Plain(Tunable):
    """Declares no range."""

    @dataclass(frozen=True, kw_only=True)
    class Params:
        rate: float = 1e-2
        width: int = 1
        kind: str = "near"


@dataclass(frozen=True, kw_only=True)
class Paired:
    low: Annotated[int, Search(1, 9)] = 1
    high: Annotated[int, Search(1, 9)] = 9

    def __post_init__(self) -> None:
        if self.low >= self.high:
            raise ValueError(f"low is below high, unlike {self.low} and {self.high}")


class Ordered(Estimator):
    """Has parameters that do not all fit together."""

    Params = Paired

    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        return TRUTH + 0.1 * (self.params.high - self.params.low) + 0 * (x + y).mean((-2, -1))


class Misfit(Tunable):
    """Fits no cell."""

    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        raise UnfitError("toys are not for me")


@dataclass(frozen=True, kw_only=True)
class Cell:
    d: int = 1


class Known(Task):
    """Measures `mi` beside its truth, and counts what was seen."""

    Params = Cell

    def run(self, cells: Sequence[Cell], context: Context) -> list[list[Measurement]]:
        d = cells[0].d
        x, y = torch.stack([torch.randn(2, 8, d, generator=g) for g in context.data], dim=1)
        values = context.estimator(d, d).mi(x, y).tolist()
        draws = x[:, 0, 0].tolist()
        return [
            [Measurement("mi", value, TRUTH), Measurement("draw", draw), Measurement("samples", 8, unit="pairs")]
            for value, draw in zip(values, draws, strict=True)
        ]


class Uncounted(Known):
    """Measures `mi` beside its truth alone."""

    def run(self, cells: Sequence[Cell], context: Context) -> list[list[Measurement]]:
        return [row[:1] for row in super().run(cells, context)]


class Truthless(Known):
    """Measures something whose truth nobody knows."""


@hookimpl
def mibench_estimators() -> list[EstimatorSpec]:
    kinds = {"tunable": Tunable, "fragile": Fragile, "broken": Broken, "plain": Plain, "late": Late}
    kinds |= {"ordered": Ordered, "unfit": Misfit}
    return [
        *(EstimatorSpec(name=name, target=kind, estimates={"value"}) for name, kind in kinds.items()),
        EstimatorSpec(name="sloped", target=Tunable, estimates={"gradient"}),
    ]


@hookimpl
def mibench_tasks() -> list[TaskSpec]:
    profiles = {"quick": Profile(seeds=2, sweep={"d": [1, 2]})}
    return [
        TaskSpec(name="known", target=Known, profiles=profiles, better={"mi": "truth"}, requires={"value"}),
        TaskSpec(name="uncounted", target=Uncounted, profiles=profiles, better={"mi": "truth"}),
        TaskSpec(name="truthless", target=Truthless, profiles=profiles, better={"draw": "higher"}),
    ]
