"""A plugin for tests: estimators that leave processes behind or exit, and what such a run needs."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))

from harness_toys import Patience, Slow, Steady, mibench_tasks
from torch import Tensor

from mibench.hookspecs import hookimpl
from mibench.specs import EstimatorSpec

__all__ = ["mibench_estimators", "mibench_tasks"]
FILE = str(Path(__file__).resolve())


def leave_children() -> None:
    """Starts a child, a grandchild whose parent has ended, and one in a session of its own; writes down their ids."""
    file = Path(os.environ["TOYS_CHILDREN"])
    sleep, shell = [shutil.which("sleep") or "", "600"], [shutil.which("sh") or "", "-c"]
    children = [subprocess.Popen(sleep), subprocess.Popen(sleep, start_new_session=True)]
    forgotten = [*shell, "sleep 600 >/dev/null 2>&1 & echo $!"]
    orphan = subprocess.run(forgotten, capture_output=True, text=True, check=True)
    pids = [*(child.pid for child in children), int(orphan.stdout)]
    file.with_suffix(".new").write_text("\n".join(map(str, pids)))
    file.with_suffix(".new").replace(file)


def written(file: Path) -> list[int]:
    """The ids in a file."""
    return [int(line) for line in file.read_text().split()]


class Parent(Steady):
    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        leave_children()
        return super().mi(x, y)


class SlowParent(Slow):
    Params = Patience

    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        leave_children()
        return super().mi(x, y)


class Deaf:
    """Hears a signal where Python cannot raise."""

    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        sum(range(1000))  # the handler runs now


class SlowAndDeaf(Slow):
    """Is asked to stop while an object is deleted, and says so in a file."""

    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        Deaf()
        Path(os.environ["TOYS_CHILDREN"]).touch()
        return super().mi(x, y)


class Leaver(Steady):
    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        del x, y
        os._exit(0)


@hookimpl
def mibench_estimators() -> list[EstimatorSpec]:
    kinds = {"parent": Parent, "slow-parent": SlowParent, "leaver": Leaver, "slow": Slow, "steady": Steady}
    kinds |= {"slow-and-deaf": SlowAndDeaf}
    return [
        EstimatorSpec(name=name, target=f"{kind.__module__}:{kind.__name__}", estimates={"value"})
        for name, kind in kinds.items()
    ]
