"""A plugin for tests: a task that asks little, an estimator that behaves, and one for every way to misbehave."""

import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from mibench.contracts import Context, Estimator, Measurement, Problem, Task
from mibench.hookspecs import hookimpl
from mibench.specs import EstimatorSpec, Profile, TaskSpec

FILE = str(Path(__file__).resolve())
VALUE = frozenset({"value"})


@dataclass(frozen=True, kw_only=True)
class Steadiness:
    scale: float = 1.0
    widths: tuple[int, ...] = (8, 8)
    rank: int | None = None
    kind: Literal["near", "far"] = "near"
    centred: bool = False


class Steady(Estimator):
    """The mean product of the data, plus a draw of its own: it depends on both streams and on its parameters."""

    Params = Steadiness

    def __init__(self, params: Steadiness, problem: Problem) -> None:
        super().__init__(params, problem)
        self.own = problem.draw(lambda generator: torch.randn((), generator=generator))

    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        return (x * y).mean(dim=(-2, -1)) + self.params.scale * self.own


class Steep(Steady):
    """Estimates the gradient alone, which the toy task does not ask for."""


class Raiser(Steady):
    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        del x, y
        raise ValueError("as I was\nasked to")


class Lost(Steady):
    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        return super().mi(x, y) * float("nan")


class Quitter(Steady):
    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        del x, y
        sys.exit(3)


class Ender(Steady):
    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        del x, y
        os._exit(0)


class Killed(Steady):
    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        os.kill(os.getpid(), signal.SIGKILL)
        return super().mi(x, y)


class Glutton(Steady):
    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        eaten = [torch.empty(2**24) for _ in range(2**8)]  # 16 GiB of address space
        return super().mi(x, y) + len(eaten)


@dataclass(frozen=True, kw_only=True)
class Patience:
    seconds: float = 600.0


class Slow(Steady):
    """Takes its time, by default longer than any test waits, and leaves a file named by its process for the test."""

    Params = Patience

    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        if "TOYS_MARKS" in os.environ:
            Path(os.environ["TOYS_MARKS"], str(os.getpid())).touch()
        time.sleep(self.params.seconds)
        return (x * y).mean(dim=(-2, -1)) + self.own


@dataclass(frozen=True, kw_only=True)
class Cell:
    d: int = 2
    rho: float = 0.5


class Toy(Task):
    """Measures `mi`, and `draw`: the first number of the data."""

    Params = Cell

    def run(self, cells: Sequence[Cell], context: Context) -> list[list[Measurement]]:
        d = cells[0].d
        x, noise = torch.stack([torch.randn(2, 8, d, generator=g) for g in context.data], dim=1)
        values = context.estimator(d, d).mi(x, cells[0].rho * x + noise)
        return [
            [Measurement("mi", value, cell.rho), Measurement("draw", draw, unit="")]
            for cell, value, draw in zip(cells, values.tolist(), x[:, 0, 0].tolist(), strict=True)
        ]


ODD = {
    "raiser": Raiser,
    "lost": Lost,
    "quitter": Quitter,
    "ender": Ender,
    "killed": Killed,
    "glutton": Glutton,
    "slow": Slow,
}


@hookimpl
def mibench_estimators() -> list[EstimatorSpec]:
    odd = [EstimatorSpec(name=name, target=f"{__name__}:{it.__name__}", estimates=VALUE) for name, it in ODD.items()]
    return [
        EstimatorSpec(name="steady", target=f"{__name__}:Steady", estimates=VALUE, summary="behaves"),
        EstimatorSpec(name="steep", target=f"{__name__}:Steep", estimates={"gradient"}),
        *odd,
    ]


@hookimpl
def mibench_tasks() -> list[TaskSpec]:
    return [
        TaskSpec(
            name="toy",
            target=f"{__name__}:Toy",
            requires=VALUE,
            profiles={
                "quick": Profile(seeds=2, sweep={"rho": [-0.5, 0.5]}),
                "smoke": Profile(seeds=1, sweep={"rho": [0.5]}),
                "other": Profile(seeds=1, sweep={"rho": [0.5], "d": [2]}),
            },
        )
    ]
