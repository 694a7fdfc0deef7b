"""`mibench check` teaches: an error that properties share is told once, with its place and what may be wrong."""

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import conformance_toys as toys
import pytest
from click.testing import CliRunner, Result

from mibench.cli import main
from mibench.executors import Executor, OverdueError
from mibench.executors.serial import SerialExecutor
from mibench.testing import PROPERTIES, Verdict, apart, make_subject

PLUGIN = """
from conformance_toys import spec, {toy}
from mibench import hookimpl

@hookimpl
def mibench_estimators():
    return [spec({toy}, name="toy")]
"""


def invoke(toy: type, folder: Path, *options: str) -> Result:
    plugin = folder / f"plugin_{toy.__name__}.py"
    plugin.write_text(PLUGIN.format(toy=toy.__name__))
    return CliRunner().invoke(main, ["check", "toy", "-p", str(plugin), *options])


def check(toy: type, folder: Path, *options: str) -> list[str]:
    """The lines that the command prints, each without its margin."""
    done = invoke(toy, folder, *options)
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


def test_with_a_time_limit_an_estimator_that_kills_its_process_fails_one_property(tmp_path: Path) -> None:
    lines = check(toys.KillsTheProcess, tmp_path, "--timeout", "300")
    assert "got the worker was killed by SIGKILL" in lines
    assert "direction not applicable not judged while 'capabilities' fails" in lines
    assert lines[-1].startswith("toy: 1 property failed: capabilities")


def test_a_property_that_takes_too_long_fails_with_those_that_need_it_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def submitted(executor: Executor, fn: Callable[..., Verdict], name: str, *args: object) -> "Future[Verdict]":
        asked.append(name)
        future: Future[Verdict] = Future()
        if name == "finite":
            future.set_exception(OverdueError("stopped after 5 s"))
        else:
            status = "failed" if name == "dtype" and "dtype" in broken else "passed"
            future.set_result(Verdict(name, status))
        return future

    monkeypatch.setattr(apart, "ProcessExecutor", SerialExecutor)
    monkeypatch.setattr(apart, "submitted", submitted)
    subject = make_subject(toys.spec(toys.Plain))
    broken: list[str] = []
    verdicts = {verdict.name: verdict for verdict in apart.verdicts_apart(PROPERTIES, subject, 5.0)}
    assert verdicts["finite"].status == "failed"
    assert verdicts["finite"].hint == "if it is only slow, raise --timeout or take smaller networks"
    assert "tiny-batch" not in asked
    assert verdicts["tiny-batch"].message == "not judged while 'finite' fails"
    assert verdicts["inputs"].status == "passed"
    broken.append("dtype")
    verdicts = {verdict.name: verdict for verdict in apart.verdicts_apart(PROPERTIES, subject, 5.0)}
    assert [name for name, verdict in verdicts.items() if verdict.status == "failed"] == ["dtype"]
    assert verdicts["finite"].message == verdicts["tiny-batch"].message == "not judged while 'dtype' fails"


def test_an_interruption_names_the_property_that_was_being_judged(tmp_path: Path) -> None:
    done = invoke(toys.IsInterrupted, tmp_path)
    assert (done.exit_code, done.stderr) == (130, "mibench: interrupted; 'capabilities' was being judged\n")


def test_a_family_is_proved_without_a_time_limit() -> None:
    done = CliRunner().invoke(main, ["check", "student", "--timeout", "9"])
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert "leave --timeout out" in done.stderr


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
