"""A plugin for tests of many processes: trials that leave a line in a file when they begin and when they end."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from mibench.contracts import Context, Estimator, Measurement, Task
from mibench.hookspecs import hookimpl
from mibench.specs import EstimatorSpec, Profile, TaskSpec
from mibench.training import train

FILE = str(Path(__file__).resolve())
GATE = 4
"""The step in which a trial waits until a test lets it go on."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """`steps`, each of which takes as many seconds as the environment's `TOYS_PAUSE` says."""

    n: int = 0
    steps: int = 1


class Idle(Estimator):
    """Estimates nothing that is asked for."""


class Walk:
    """A learner whose every step depends on all before it."""

    def __init__(self, generator: torch.Generator) -> None:
        self.generator = generator
        self.position = torch.zeros(1)

    def step(self, number: int) -> list[Measurement]:
        mark(f"step {number}")
        time.sleep(float(os.environ.get("TOYS_PAUSE", "0")))
        if number == GATE:
            wait_for_gate()
        self.position += torch.randn(1, generator=self.generator)
        return [Measurement("position", self.position.item(), unit="", epoch=number)]


class Marked(Task):
    """Measures `draw`, the first number of the data, and how a walk goes that can be resumed."""

    Params = Cell

    def run(self, cells: Sequence[Cell], context: Context) -> list[list[Measurement]]:
        (cell,), (generator,), (checkpoint,) = cells, context.data, context.checkpoints
        trial = f"{cell.n}-{checkpoint.stem.name if checkpoint.stem else ''}"
        mark(f"begin {trial}")
        draw = torch.randn(1, generator=generator).item()
        walk = Walk(generator)
        positions = train(walk, walk.step, cell.steps, checkpoint)
        mark(f"end {trial}")
        return [[Measurement("draw", draw, unit=""), *positions]]


def mark(event: str) -> None:
    """Appends an event, with this process and its parent, to the file that `TOYS_EVENTS` names."""
    if "TOYS_EVENTS" in os.environ:
        handle = os.open(os.environ["TOYS_EVENTS"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(handle, f"{os.getpid()} {os.getppid()} {event}\n".encode())
        os.close(handle)


def wait_for_gate() -> None:
    """Waits for the file that `TOYS_GATE` names, if it names one."""
    gate = Path(os.environ.get("TOYS_GATE", "/"))
    while not gate.exists():
        time.sleep(0.02)


def happened(events: Path) -> list[list[str]]:
    """Each event of a file: process, parent, what, which."""
    return [line.split(maxsplit=3) for line in events.read_text().splitlines()] if events.exists() else []


@hookimpl
def mibench_estimators() -> list[EstimatorSpec]:
    return [EstimatorSpec(name="idle", target=f"{__name__}:Idle", estimates={"value"})]


@hookimpl
def mibench_tasks() -> list[TaskSpec]:
    quick = Profile(seeds=1, sweep={"n": list(range(8))})
    return [TaskSpec(name="marked", target=f"{__name__}:Marked", profiles={"quick": quick})]
