"""A command is an estimator: it reads files and prints a number, and what goes wrong with it is said in one line."""

import json
import math
import os
import re
import shlex
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mibench_command import from_command

from mibench.contracts import Problem
from mibench.discovery.fingerprint import fingerprint
from mibench.errors import CommandError, UnfitError
from mibench.text import printable

CORRELATE = """
import json, sys, numpy as np
x, y = (np.load(name) for name in sys.argv[1:3])
print("a line that is no answer")
print({answer})
"""
VALUE = "-np.log(1 - np.corrcoef(x[:, 0], y[:, 0])[0, 1] ** 2) / 2"
GIVEN = Problem(
    dx=2, dy=1, replicas=(2,), generators=tuple(torch.Generator().manual_seed(s) for s in (0, 1)), dtype=torch.float64
)
X = torch.randn(2, 30, 2, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
Y = X[..., :1] + torch.randn(2, 30, 1, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
TRUTH = [-np.log(1 - np.corrcoef(x[:, 0], y[:, 0])[0, 1] ** 2) / 2 for x, y in zip(X.numpy(), Y.numpy(), strict=True)]


def made(command: str | list[str], folder: Path, parameters: dict[str, Any] | None = None, **declared: Any) -> Any:
    kind = from_command(command, name="c", folder=folder, parameters=parameters, **declared).load("c")
    return kind(kind.Params(), GIVEN)


def script(folder: Path, text: str, name: str = "a 'script'.py") -> list[str]:
    (folder / name).write_text(text)
    return [sys.executable, name]


def test_a_command_answers_for_each_replica(tmp_path: Path) -> None:
    command = [*script(tmp_path, CORRELATE.format(answer=VALUE)), "{x}", "{y}"]
    assert made(command, tmp_path).mi(X, Y).tolist() == pytest.approx(TRUTH)
    assert made(command, tmp_path, unit="bits").mi(X, Y).tolist() == pytest.approx([v * np.log(2) for v in TRUTH])


def test_a_command_is_summed_up_as_it_was_written() -> None:
    assert from_command("Rscript ksg.R {x} {y}", name="c").summary == "Rscript ksg.R {x} {y}"


def test_text_is_split_as_a_shell_does_and_nothing_more_of_a_shell_is_done(tmp_path: Path) -> None:
    python = shlex.quote(sys.executable)
    (tmp_path / "show.py").write_text(
        "import sys, json; print(json.dumps({'value': 1, 'arguments': sys.argv[3:]}), file=sys.stderr); sys.exit(1)"
    )
    command = f"{python} show.py {{x}} {{y}} '; touch broken' $HOME `id` '{{word}}'"
    with pytest.raises(CommandError) as error:
        made(command, tmp_path, {"word": "$(touch broken) 'a b'"}).mi(X, Y)
    assert '["; touch broken", "$HOME", "`id`", "$(touch broken) \'a b\'"]' in str(error.value)
    assert not (tmp_path / "broken").exists()


def test_parameters_are_given_as_they_are_spelled(tmp_path: Path) -> None:
    command = [*script(tmp_path, "import sys; print(sum(map(float, sys.argv[3:])))"), "{x}", "{y}", "{k}", "{scale}"]
    kind = from_command(command, name="c", folder=tmp_path, parameters={"k": 3, "scale": -0.5}).load("c")
    assert kind(kind.Params(k=7), GIVEN).mi(X, Y).tolist() == [6.5, 6.5]


def test_a_gradient_comes_in_files_of_the_scratch_folder(tmp_path: Path) -> None:
    save = "np.save(sys.argv[3] + '/gx.npy', 2 * x); np.save(sys.argv[3] + '/gy.npy', y)\nprint(json"
    text = CORRELATE.format(answer="json.dumps({'gradient': ['gx.npy', 'gy.npy']})").replace("print(json", save)
    command = [*script(tmp_path, text), "{x}", "{y}", "{scratch}"]
    estimator = made(command, tmp_path, estimates={"value", "gradient"})
    x, y = X.clone().requires_grad_(), Y.clone().requires_grad_()
    slopes = torch.autograd.grad(estimator.surrogate(x, y).sum(), (x, y))
    assert torch.equal(slopes[0], 2 * X)
    assert torch.equal(slopes[1], Y)


@pytest.mark.parametrize(("declared", "method"), [("value", "surrogate"), ("gradient", "mi")])
def test_what_a_command_does_not_declare_it_is_not_asked_for(declared: str, method: str, tmp_path: Path) -> None:
    estimator = made([*script(tmp_path, CORRELATE.format(answer=VALUE)), "{x}", "{y}"], tmp_path, estimates={declared})
    with pytest.raises(NotImplementedError):
        getattr(estimator, method)(X, Y)


@pytest.mark.parametrize("name", ["/etc/hostname", "../x.npy", "missing.npy"])
def test_a_gradient_is_read_from_no_other_folder(name: str, tmp_path: Path) -> None:
    answer = f"json.dumps({{'gradient': [{name!r}, 'gy.npy']}})"
    command = [*script(tmp_path, CORRELATE.format(answer=answer)), "{x}", "{y}"]
    with pytest.raises(CommandError, match=r"which is not in the folder|which cannot be read"):
        made(command, tmp_path, estimates={"gradient"}).surrogate(X, Y)


def test_a_pickle_is_not_read(tmp_path: Path) -> None:
    save = "np.save(sys.argv[3] + '/gx.npy', np.array([{}], dtype=object), allow_pickle=True)\nprint(json"
    text = CORRELATE.format(answer="json.dumps({'gradient': ['gx.npy', 'gx.npy']})").replace("print(json", save)
    with pytest.raises(CommandError, match="cannot be read"):
        made([*script(tmp_path, text), "{x}", "{y}", "{scratch}"], tmp_path, estimates={"gradient"}).surrogate(X, Y)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import sys; print('dying', file=sys.stderr); sys.exit(3)", r"exited with 3; its last words: dying$"),
        ("print('junk')", r"printed 'junk', which is no number"),
        ("pass", "printed nothing"),
        ("print()", "printed nothing"),
        ("print('[1, 2]')", "no `value` is a number"),
        ("print('null')", "no `value` is a number"),
        ("print('true')", "no `value` is a number"),
        ('print(\'{"value": "0.3"}\')', "no `value` is a number"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "was ended by SIGKILL"),
        ("import time; time.sleep(60)", r"gave no answer within 0.5 s"),
        ("import sys; sys.stderr.buffer.write(bytes(range(256)) * 9999); sys.exit(1)", "exited with 1"),
        ("print('x' * 10**7)", "is no number"),
        ("import os; os.kill(os.getpid(), 40)", "was ended by signal 40"),
        ("import sys; sys.stdout.buffer.write(bytes(range(256)))", "is no number"),
        ("import sys; sys.stdout.buffer.write('0.5'.encode('utf-16'))", "is no number"),
        ("print('[' * 200_000)", "is no number"),
        ("print('1' * 4000)", "no floating point number holds"),
        ("print('0.5 0.6')", "is no number"),
        ("print('1_0')", r"printed '1_0', which is no number"),
        ("print('{\"value\": [0.5]}')", "no `value` is a number"),
    ],
)
@pytest.mark.parametrize("keep", [False, True])
def test_what_goes_wrong_is_said_in_one_printable_line(text: str, message: str, keep: bool, tmp_path: Path) -> None:
    text = f"input()\n{text}" if keep else text
    command = script(tmp_path, text) if keep else [*script(tmp_path, text), "{x}", "{y}"]
    timeout = 0.5 if "sleep" in text else 60
    with pytest.raises(CommandError) as error:
        made(command, tmp_path, keep=keep, timeout=timeout).mi(X, Y)
    line = str(error.value)
    assert line == printable(line)
    assert "\n" not in line
    assert len(line) < 800
    assert keep or re.search(message, line)


def test_a_program_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"cannot run no-such-program: .*; is it installed"):
        made("no-such-program {x} {y}", tmp_path).mi(X, Y)
    with pytest.raises(CommandError, match="there is no folder"):
        made("true {x} {y}", tmp_path / "nowhere").mi(X, Y)


@pytest.mark.parametrize("name", ["folder", "a\nb $(touch broken) 'c' \"d\"", "--help"])
def test_a_program_that_is_none_is_named_in_one_line(name: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(CommandError, match="cannot run") as error:
        made([str(tmp_path / name), "{x}", "{y}"], tmp_path).mi(X, Y)
    assert str(error.value) == printable(str(error.value))
    assert not (tmp_path / "broken").exists()


@pytest.mark.parametrize("command", ["", [], [""], ["a\0b", "{x}", "{y}"]])
def test_a_command_that_names_no_program_is_refused_at_once(command: str | list[str]) -> None:
    with pytest.raises(ValueError, match="is empty, or holds a null character"):
        from_command(command, name="c", keep=True)


@pytest.mark.parametrize(
    ("timeout", "kind"),
    [(0, "above 0"), (-1, "above 0"), (math.nan, "a finite number"), (math.inf, "a finite number")],
)
def test_a_timeout_is_finite_and_above_zero(timeout: float, kind: str) -> None:
    with pytest.raises(ValueError, match=f"estimator 'c': `timeout` is {kind}, not {timeout}"):
        from_command("true {x} {y}", name="c", timeout=timeout)


def test_lines_before_the_answer_do_not_count_and_nan_stays_nan(tmp_path: Path) -> None:
    command = [*script(tmp_path, "print('{junk'); print('{\"value\": NaN}')"), "{x}", "{y}"]
    assert made(command, tmp_path).mi(X, Y).isnan().all()


def test_a_kept_command_that_prints_two_lines_for_a_question_is_not_believed(tmp_path: Path) -> None:
    """The second line would pass for the answer to the next question."""
    text = "import sys\nfor line in sys.stdin: print('0.5\\n0.7', flush=True)"
    with pytest.raises(CommandError, match="printed more than one line for a question"):
        made(script(tmp_path, text), tmp_path, keep=True).mi(X, Y)


SERVER = """
import json, os, sys, numpy as np
print(os.getpid(), file=open("started", "a"))
for line in sys.stdin:
    asked = json.loads(line)
    x, y = np.load(asked["x"]), np.load(asked["y"])
    print(json.dumps({"value": asked["k"] * float(x.mean())}), flush=True)
    if os.path.exists("stop"):
        break
"""


def test_a_kept_command_is_started_once_and_again_after_it_has_ended(tmp_path: Path) -> None:
    estimator = made(script(tmp_path, SERVER), tmp_path, {"k": 2}, keep=True)
    expected = [2 * x.mean().item() for x in X]
    assert estimator.mi(X, Y).tolist() == pytest.approx(expected)
    assert estimator.mi(X, Y).tolist() == pytest.approx(expected)
    pids = (tmp_path / "started").read_text().split()
    assert len(pids) == 1
    os.kill(int(pids[0]), 9)
    deadline = time.monotonic() + 60
    while (
        Path(f"/proc/{pids[0]}/stat").exists()
        and "Z" not in Path(f"/proc/{pids[0]}/stat").read_text().split()
        and time.monotonic() < deadline
    ):
        time.sleep(0.01)
    assert estimator.mi(X, Y).tolist() == pytest.approx(expected)
    assert len((tmp_path / "started").read_text().split()) == 2


@pytest.mark.parametrize(
    ("command", "parameters", "message"),
    [
        ("true {x}", {}, r"needs \{x\} and \{y\}"),
        ("true {x} {y} {k}", {}, r"is not given \{k\}, but x, y, seed or scratch"),
        ("awk '{print}' {x} {y}", {}, "braces that stand for themselves are doubled"),
        ("true {x} {y} {x.__class__}", {}, "is not given"),
        ("true {x} {y}", {"k": 3}, r"does not use parameter k; add \{k\}"),
        ("true {x {y}", {}, r"'\{x' in the command: .*braces that stand for themselves are doubled"),
        ("true {x} {y} {k:.2f}", {"k": 3.0}, "a name stands alone in braces"),
        ("true {x!r} {y}", {}, "a name stands alone in braces"),
        ("true '{x} {y}", {}, "is no words of a shell: No closing quotation"),
        ("true {x} {y}", {"x": 1}, "parameter 'x' has the name of what every command is given: x, y, seed or scratch"),
        ("true {x} {y} {a-b}", {"a-b": 1}, "parameter 'a-b' is no name of Python"),
        ("true {x} {y} {in}", {"in": 1}, "parameter 'in' is no name of Python"),
        ("true {x} {y} {k}", {"k": None}, "parameter 'k' cannot be None"),
    ],
)
def test_a_command_that_cannot_be_asked_is_refused_at_once(
    command: str, parameters: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^estimator 'c': .*{message}"):
        from_command(command, name="c", parameters=parameters)


@pytest.mark.parametrize("default", [[1], object()])
def test_a_parameter_of_another_type_is_refused_at_once(default: Any) -> None:
    with pytest.raises(TypeError, match=r"estimator 'c': `parameters\['k'\]` is .* not an? (list|object)"):
        from_command("true {x} {y} {k}", name="c", parameters={"k": default})


def test_a_value_that_looks_like_an_option_is_refused() -> None:
    kind = from_command("true {x} {y} {word}", name="c", parameters={"word": "a"}).load("c")
    with pytest.raises(ValueError, match="would be read as an option"):
        kind.Params(word="--output=/etc/passwd")
    assert (
        from_command("true {x} {y} --word={word}", name="c", parameters={"word": "-a"}).load("c").Params().word == "-a"
    )


def test_a_command_of_one_dimension_declines_more() -> None:
    kind = from_command("true {x} {y}", name="c", one_dimensional=True).load("c")
    with pytest.raises(UnfitError, match="one dimension"):
        kind(kind.Params(), GIVEN)


def test_an_edited_script_is_an_edited_estimator(tmp_path: Path) -> None:
    command = [*script(tmp_path, "print(1)"), "{x}", "{y}"]
    spec = from_command(command, name="c", folder=tmp_path)
    before = fingerprint(spec.target, spec.files)
    script(tmp_path, "print(2)")
    assert fingerprint(spec.target, spec.files) != before


def test_a_command_runs_through_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from mibench.cli import main

    script(tmp_path, SERVER, "server.py")
    (tmp_path / "my_command.py").write_text(
        "import mibench\nfrom mibench_command import from_command\n@mibench.hookimpl\ndef mibench_estimators():\n"
        f"    return [from_command({[sys.executable, 'server.py']!r}, name='c', keep=True, parameters={{'k': 2}})]\n"
    )
    monkeypatch.chdir(tmp_path)
    arguments = [
        "run",
        "-p",
        "./my_command.py",
        "-e",
        "c",
        "-t",
        "gaussian[d=1]",
        "--profile",
        "smoke",
        "--executor",
        "serial",
    ]
    with pytest.raises(SystemExit) as end:
        main([*arguments, "--format", "json"])
    assert end.value.code == 0
    assert json.loads(capfd.readouterr().out)
    assert len((tmp_path / "started").read_text().split()) == 1
