"""`mibench check` teaches: an error that properties share is told once, with its place and what may be wrong."""

from pathlib import Path

import conformance_toys as toys
import pytest
from click.testing import CliRunner

from mibench.cli import main

PLUGIN = """
from conformance_toys import spec, {toy}
from mibench import hookimpl

@hookimpl
def mibench_estimators():
    return [spec({toy}, name="toy")]
"""


def check(toy: type, folder: Path) -> list[str]:
    """The lines that the command prints, each without its margin."""
    plugin = folder / f"plugin_{toy.__name__}.py"
    plugin.write_text(PLUGIN.format(toy=toy.__name__))
    done = CliRunner().invoke(main, ["check", "toy", "-p", str(plugin)])
    assert done.exit_code == 1, done.output
    return [" ".join(line.split()) for line in done.output.splitlines()]


def test_an_error_of_several_properties_is_told_once(tmp_path: Path) -> None:
    lines = check(toys.WithoutReplicaAxes, tmp_path)
    assert sum("RuntimeError: einsum()" in line for line in lines) == 1
    assert sum("it works without replica axes" in line for line in lines) == 1
    assert "replicas not applicable not judged while 'shapes' fails" in lines
    assert lines[-1].startswith("toy: 1 property failed: shapes")
    assert any(line.startswith("(conformance_toys.py:") for line in lines)


def test_weights_of_the_wrong_dtype_are_told_so_once(tmp_path: Path) -> None:
    lines = check(toys.InSinglePrecision, tmp_path)
    assert sum("make weights in `problem.dtype`" in line for line in lines) == 1
    assert "shapes not applicable not judged while 'capabilities' fails" in lines


def test_an_estimator_that_ends_the_program_fails_and_does_not_pass_for_sound(tmp_path: Path) -> None:
    lines = check(toys.Exits, tmp_path)
    assert any(line.startswith("got SystemExit: 0 (conformance_toys.py:") for line in lines)
    assert lines[-1].startswith("toy: 1 property failed: capabilities")


@pytest.mark.parametrize(
    ("toy", "got"),
    [
        (toys.AnswersNothing, "got None: is there a `return`?"),
        (toys.AnswersAFloat, "got a float: keep it a tensor, without .item()"),
        (toys.ForgetsTheGraph, "got a tensor without one: was it computed under torch.no_grad, or from detached"),
    ],
)
def test_a_wrong_answer_is_told_beside_what_was_expected(toy: type, got: str, tmp_path: Path) -> None:
    lines = check(toy, tmp_path)
    assert got in lines
    method = "surrogate" if toy is toys.ForgetsTheGraph else "mi"
    assert any(line.startswith(f"expected `{method}` of x (16, 3) and y (16, 2), torch.float64, to") for line in lines)
    assert lines[-1].startswith("toy: 1 property failed: capabilities")
