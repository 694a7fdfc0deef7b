"""An executor of a plugin runs trials as ours do."""

from collections.abc import Callable
from pathlib import Path

import harness_toys
import pandas as pd
from click.testing import Result

from mibench import ExecutorSpec
from mibench.plugins import load_plugins
from mibench.registry import Registry, load_target

PLUGIN = """
from mibench import ExecutorSpec, hookimpl
from mibench.executors.serial import SerialExecutor

@hookimpl
def mibench_executors():
    return [ExecutorSpec(name="counting", target="executor_of_mine:Counting", summary="serial, and counts")]

class Counting(SerialExecutor):
    count = 0

    def submit(self, fn, /, *args, **kwargs):
        Counting.count += 1
        return super().submit(fn, *args, **kwargs)
"""


def test_an_executor_of_a_plugin_is_listed_and_runs_every_batch(
    tmp_path: Path, run: Callable[..., pd.DataFrame], cli: Callable[..., Result]
) -> None:
    file = tmp_path / "executor_of_mine.py"
    file.write_text(PLUGIN)
    assert "counting" in cli("list", "executors", "-p", str(file)).stdout
    frame = run(plugins=[harness_toys.FILE, str(file)], executor="counting")
    entry = Registry(load_plugins([str(file)])).find(ExecutorSpec, "counting")
    assert set(frame["status"]) == {"ok"}
    assert load_target(entry.spec.target, "executor").count == frame["key"].nunique()
