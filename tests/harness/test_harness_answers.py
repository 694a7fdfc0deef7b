"""An estimator that answers otherwise than the contract says is told so in one sentence, whatever the task."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import harness_toys
import mibench_mige
import pytest
import torch
from click.testing import Result

import mibench
from mibench import Problem
from mibench.errors import ContractError
from mibench.outcome import Measurement
from mibench.runner.answers import judge
from mibench.runner.checks import checked
from mibench.training import snapshot

PLUGIN = """
import torch
from mibench import Estimator, EstimatorSpec, hookimpl

@hookimpl
def mibench_estimators():
    return [EstimatorSpec(name="odd", target="{module}:Odd", estimates={{"{estimates}"}})]

class Odd(Estimator):
    def {method}(self, x, y):
        {body}
"""
WRONG = {
    "float": ("mi", "return 0.5", "shape (1,); got a float: keep it a tensor, without .item()"),
    "none": ("mi", "pass", "to give a tensor of shape (1,); got None: is there a `return`?"),
    "shape": ("mi", "return (x * y).mean(-1)", "to give a tensor of shape (1,); got one of shape (1, 64)"),
    "scalar": ("surrogate", "return (x * y).mean()", "to give a tensor of shape (1,); got one of shape ()"),
    "whole": ("mi", "return (x * y).sum((-2, -1)).long()", "to give real floating point numbers; got torch.int64"),
    "complex": ("mi", "return (x * y).mean((-2, -1)) * 1j", "to give real floating point numbers; got torch.complex64"),
    "whole-gradient": ("surrogate", "return (x * y).sum((-2, -1)).long()", "point numbers; got torch.int64"),
    "no-graph": ("surrogate", "return (x * y.detach()).mean((-2, -1))", "was it computed under torch.no_grad"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_answer_is_one_sentence_in_the_record_of_its_trial(wrong: str, tmp_path: Path) -> None:
    method, body, message = WRONG[wrong]
    module = f"odd_{wrong.replace('-', '_')}"
    plugin = tmp_path / f"{module}.py"
    estimates = "value" if method == "mi" else "gradient"
    plugin.write_text(PLUGIN.format(module=module, estimates=estimates, method=method, body=body))
    frame = mibench.run("odd", "gaussian", profile="smoke", device="cpu", results=tmp_path, plugins=[str(plugin)])
    assert set(frame["status"]) == {"failed"}
    (record,) = set(mibench.load(tmp_path, wide=True)["error"])
    assert message in record
    assert f"`{method}` of x (1, 64, " in record


def test_a_run_that_failed_ends_with_what_to_try(toy_cli: Callable[..., Result], results: Path) -> None:
    done = toy_cli("-e", "raiser,steady", "--results", str(results))
    assert done.exit_code == 1
    assert done.stderr.splitlines()[-1] == (
        f"  does raiser keep the contract? try `mibench check raiser -p {harness_toys.FILE}`"
    )


def test_what_did_not_fail_is_not_to_be_checked(toy_cli: Callable[..., Result], results: Path) -> None:
    done = toy_cli("-e", "lost,steady", "--results", str(results))
    assert "diverged" in done.stderr
    assert not re.search("mibench check", done.stderr)


def test_looking_at_answers_changes_neither_numbers_nor_state() -> None:
    x, y = torch.randn(2, 3, 16, 2, generator=torch.Generator().manual_seed(0))
    calls: list[tuple[Any, Any, str]] = []
    for kind in (mibench_mige.MIGE, checked(mibench_mige.MIGE)):
        problem = Problem(dx=2, dy=2, generators=(torch.Generator(),) * 3, replicas=(3,))
        estimator = kind(kind.Params(), problem)
        answer = estimator.surrogate(x, y.requires_grad_())
        calls.append((answer.tolist(), snapshot(estimator).keys(), repr(type(estimator))))
    assert calls[0] == calls[1]


TASK = """
from dataclasses import dataclass
from mibench import Measurement, Profile, Task, TaskSpec, hookimpl

@dataclass(frozen=True, kw_only=True)
class Cell:
    size: int = 1

class Odd(Task):
    Params = Cell
    def run(self, cells, context):
        {body}

@hookimpl
def mibench_tasks():
    return [TaskSpec(name="odd", target=Odd, profiles={{"quick": Profile(seeds=1)}})]
"""


@pytest.mark.parametrize(
    ("module", "body", "message"),
    [
        ("task_none", "return None", "expected `run` to give the measurements of each trial; got None: is"),
        ("task_flat", "return [Measurement('mi', 1.0)]", "expected the measurements of a trial; got a Measurement"),
        ("task_raise", "return 1 / 0", "ZeroDivisionError: division by zero"),
        ("task_yield", "yield 1 / 0", "ZeroDivisionError: division by zero"),
        ("task_empty", "return [[]]", "expected at least one measurement of a trial; got none: raise UnfitError where"),
        ("task_exit", "raise SystemExit(3)", "SystemExit: 3"),
        ("task_interrupt", "raise KeyboardInterrupt", "KeyboardInterrupt"),
    ],
)
def test_a_mistake_of_a_task_is_not_blamed_on_the_estimator(
    module: str, body: str, message: str, cli: Callable[..., Result], tmp_path: Path
) -> None:
    plugin = tmp_path / f"{module}.py"
    plugin.write_text(TASK.format(body=body))
    done = cli("run", "-e", "steady", "-t", "odd", "-p", harness_toys.FILE, "-p", str(plugin), "--executor", "serial")
    assert done.exit_code == 1
    assert f"1 x failed: steady: PluginError: task odd: {message}" in done.stderr
    assert "keep the contract" not in done.stderr


def test_a_checkpoint_that_cannot_be_written_is_not_blamed_on_the_estimator(
    cli: Callable[..., Result], tmp_path: Path
) -> None:
    plugin = tmp_path / "task_checkpoint.py"
    plugin.write_text(TASK.format(body="context.checkpoints[0].report(1, 2)"))
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "checkpoints").write_text("in the way")
    done = cli("run", "-e", "steady", "-t", "odd", "-p", harness_toys.FILE, "-p", str(plugin), "--executor", "serial")
    assert "1 x failed: steady: StoreError: cannot write" in done.stderr
    assert "keep the contract" not in done.stderr


def test_an_estimator_that_raises_in_a_task_is_to_be_checked(cli: Callable[..., Result], tmp_path: Path) -> None:
    plugin = tmp_path / "odd_caller.py"
    body = "context.estimator(1, 1).mi(*__import__('torch').ones(2, 1, 3, 1)); return [[]]"
    plugin.write_text(TASK.format(body=body))
    done = cli("run", "-e", "raiser", "-t", "odd", "-p", harness_toys.FILE, "-p", str(plugin), "--executor", "serial")
    assert "does raiser keep the contract?" in done.stderr


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"value": True}, "expected the value of mi to be a number; got a bool, True"),
        ({"value": torch.tensor(True)}, "expected the value of mi to be a number; got a Tensor"),
        ({"truth": False}, "expected the truth of mi to be a number; got a bool, False"),
        ({"truth_error": -1.0}, "expected the truth's error of mi not to be below 0; got -1"),
        ({"epoch": -1}, "expected the epoch of mi not to be below 0; got -1"),
        ({"name": "m\ni"}, "expected a measurement's name of one line"),
        ({"name": "mi\n"}, "expected a measurement's name of one line"),
        ({"unit": "na\nts"}, "expected a measurement's unit of mi of one line"),
    ],
)
def test_a_measurement_that_no_table_could_show_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ContractError, match=re.escape(message)):
        judge([replace(Measurement("mi", 1.0), **fields)])
