"""An estimator that answers otherwise than the contract says is told so in one sentence, whatever the task."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import harness_toys
import mibench_mige
import pytest
import torch
from click.testing import Result

import mibench
from mibench import Problem
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
