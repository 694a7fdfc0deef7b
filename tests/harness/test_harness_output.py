"""What commands write: results alone on standard output, and nothing that a terminal, spreadsheet or page acts upon."""

import contextlib
import csv
import io
import json
import os
import pty
import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import harness_toys
import numpy as np
import pandas as pd
import pytest
from click.testing import Result
from harness_sessions import COMMAND
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.table import Table
from rich.text import Text

import mibench
from mibench.cli import tables
from mibench.comparison.ranking import _endings
from mibench.outcome import Status
from mibench.reporting.summary import means
from mibench.text import printable, text

NOISY = f"""
import ctypes, os, sys
print("python at import")
os.write(1, b"descriptor at import\\n")
ctypes.CDLL(None).puts(b"C at import")
sys.path.append({str(Path(harness_toys.FILE).parent)!r})
import harness_toys
from harness_toys import Steady, Toy, mibench_tasks
from mibench import EstimatorSpec, hookimpl

class Noisy(Steady):
    def mi(self, x, y):
        print("python in a trial")
        os.write(1, b"descriptor in a trial\\n")
        ctypes.CDLL(None).puts(b"C in a trial")
        return super().mi(x, y)

@hookimpl
def mibench_estimators():
    return [EstimatorSpec(name="noisy", target=f"{{__name__}}:Noisy", estimates={{"value"}}, summary="a\\x1b[2Jb")]
"""


@pytest.fixture
def noisy(tmp_path: Path) -> str:
    file = tmp_path / "noisy_plugin.py"
    file.write_text(NOISY)
    return str(file)


def command(*args: str, cwd: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [COMMAND, *args], cwd=cwd, env=os.environ | environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("executor", ["serial", "process"])
def test_what_programs_read_parses_whatever_plugins_print(executor: str, noisy: str, tmp_path: Path) -> None:
    asked = ("run", "-p", noisy, "-e", "noisy", "-t", "toy", "--profile", "smoke", "--device", "cpu")
    done = command(*asked, "--executor", executor, "--workers", "1", "--format", "json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert {row["measurement"] for row in json.loads(done.stdout)} == {"mi", "draw"}
    for printed in ("python", "descriptor", "C"):
        assert f"{printed} at import\n" in done.stderr
        assert f"{printed} in a trial\n" in done.stderr


def in_shell(line: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    """A line of the shell, in which `mibench` is the command."""
    line = line.replace("mibench", shlex.quote(COMMAND), 1)
    return subprocess.run(["/bin/sh", "-c", line], cwd=cwd, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with results in it."""
    folder = tmp_path_factory.mktemp("measured")
    mibench.run("gauss,cca", "gaussian", profile="smoke", device="cpu", results=folder / "results")
    return folder


@pytest.mark.parametrize("words", ["show", "plugins", "--help", "show --help"])
def test_a_full_standard_output_is_one_line(words: str, measured: Path) -> None:
    done = in_shell(f"mibench {words} >/dev/full", measured)
    assert done.returncode == 2
    assert done.stderr == "mibench: cannot write to standard output: No space left on device; send it elsewhere\n"


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-", "2>/dev/full"])
def test_a_closed_descriptor_or_a_full_standard_error_costs_nothing(closed: str, measured: Path) -> None:
    done = in_shell(f"mibench rank {closed}", measured)
    assert done.returncode == 0, done.stderr
    assert ("gauss" in done.stdout) == (">&-" not in closed.split())
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("executor", ["serial", "process"])
@pytest.mark.parametrize("closed", ["2>&-", "2>/dev/full", ">/dev/full"])
def test_whatever_descriptors_are_like_all_is_measured(executor: str, closed: str, tmp_path: Path) -> None:
    printing = [line for line in NOISY.splitlines() if "os.write" not in line]
    (tmp_path / "noisy_plugin.py").write_text("\n".join(printing))
    asked = f"run -p noisy_plugin.py -e noisy -t toy --profile smoke --device cpu --executor {executor} --workers 1"
    done = in_shell(f"mibench {asked} {closed}", tmp_path)
    assert done.returncode == (2 if closed == ">/dev/full" else 0), done.stderr
    assert set(mibench.load(tmp_path / "results")["status"]) == {"ok"}
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", ["--help", "show --help", "archive add -h", "run -e gauss --help"])
def test_help_can_be_piped(words: str, tmp_path: Path) -> None:
    done = in_shell(f"mibench {words}", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage: mibench")


def test_a_reader_that_goes_costs_no_traceback(measured: Path) -> None:
    assert in_shell("mibench list estimators | head -1", measured).stderr == ""


def test_lists_and_frames_parse_whatever_plugins_print(noisy: str, tmp_path: Path) -> None:
    listed = command("list", "estimators", "--format", "json", "-p", noisy, cwd=tmp_path)
    facts = {row["name"]: row for row in json.loads(listed.stdout)}
    assert facts["noisy"]["summary"] == r"a\x1b[2Jb"
    assert facts["noisy"]["estimates"] == ["value"]
    assert facts["mine"]["plugin"] == "variational"
    assert "\x1b" not in command("list", "estimators", "-p", noisy, cwd=tmp_path).stdout
    asked = ("run", "-p", noisy, "-e", "noisy", "-t", "toy", "--profile", "smoke", "--device", "cpu")
    command(*asked, "--executor", "serial", cwd=tmp_path)
    shown = command("show", "--tidy", "--format", "csv", "-p", noisy, cwd=tmp_path)
    assert [row["estimator"] for row in csv.DictReader(io.StringIO(shown.stdout))] == ["noisy", "noisy"]


def test_completion_completes_whatever_plugins_print(noisy: str, tmp_path: Path) -> None:
    words = {"COMP_WORDS": f"mibench run -p {noisy} -e nois", "COMP_CWORD": "5"}
    done = command(cwd=tmp_path, _MIBENCH_COMPLETE="bash_complete", **words)
    assert done.stdout == "plain,noisy\n"


def test_a_run_in_a_terminal_says_that_it_starts_before_it_imports_what_takes_seconds(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text(
        "import sys; sys.stderr.write('torch is imported\\n'); raise ImportError('none')"
    )
    (tmp_path / "plugin.py").write_text(
        "import sys; sys.stderr.write('plugin is imported\\n')\n"
        "from mibench.hookspecs import hookimpl\n@hookimpl\ndef mibench_estimators(): return []\n"
    )
    asked = ["run", "-p", "plugin.py", "-e", "mige", "-t", "gaussian", "--profile", "smoke", "--workers", "1"]
    terminal, end = pty.openpty()
    running = subprocess.Popen(
        [COMMAND, *asked], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(tmp_path)}, stdout=end, stderr=end
    )
    os.close(end)
    said = b""
    with contextlib.suppress(OSError):  # how a terminal says that nobody writes to it any more
        while part := os.read(terminal, 4096):
            said += part
    os.close(terminal)
    assert running.wait() != 0
    lines = said.decode().splitlines()
    assert lines[0] == "mibench: starting"
    assert {"plugin is imported", "torch is imported"} <= {*lines}


def test_several_tables_are_one_document() -> None:
    tables_of = {"a": pd.DataFrame({"x": [1], "mean": [0.1]}), "b": pd.DataFrame({"mean": [float("inf")]})}
    assert json.loads(tables.render(tables_of, "json")) == [
        {"task": "a", "x": 1.0, "mean": 0.1},
        {"task": "b", "x": None, "mean": None},
    ]
    assert tables.render(tables_of, "csv") == "task,x,mean\na,1.0,0.1\nb,,inf\n"
    assert json.loads(tables.render({}, "json")) == []


@pytest.mark.parametrize("form", tables.FORMATS)
def test_notes_on_tables_are_below_them_or_on_standard_error(
    form: tables.Format, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = pd.DataFrame({"x": [1]})
    frame.attrs["note"] = "first\nsecond"
    tables.write({"a": frame, "b": pd.DataFrame({"x": [2]})}, form)
    said = capsys.readouterr()
    assert ("first\nsecond" in said.out) == (form == "table")
    assert said.err == ("" if form == "table" else "  first\n  second\n")


def test_each_of_several_tables_has_its_name_above_it_and_one_alone_has_none() -> None:
    one, two = {"a": pd.DataFrame({"x": [1]})}, {"a": pd.DataFrame({"x": [1]}), "b": pd.DataFrame({"y": [2]})}
    assert tables.render(two, "table") == "a\nx\n1\n\nb\ny\n2\n"
    assert tables.render(two, "md") == "**a**\n\n| x |\n| --- |\n| 1 |\n\n**b**\n\n| y |\n| --- |\n| 2 |\n"
    assert tables.render(one, "table") == tables.render(one["a"], "table") == "x\n1\n"


def test_a_run_shows_tasks_as_they_were_asked_for_and_show_by_name(cli: Callable[..., Result]) -> None:
    asked = (
        "-e",
        "gauss",
        "-t",
        "gaussian[d=2,rho=0.5,n=64]",
        "-t",
        "bpsk[d=1]",
        "--seeds",
        "1",
        "--executor",
        "serial",
    )
    lines = cli("run", *asked).stdout.splitlines()
    assert [line for line in lines if line in {"bpsk", "gaussian"}] == ["gaussian", "bpsk"]
    assert [line for line in cli("show").stdout.splitlines() if line in {"bpsk", "gaussian"}] == ["bpsk", "gaussian"]


@pytest.mark.parametrize(
    ("text", "table", "markdown", "spreadsheet"),
    [
        ("a\x1b[31mb\r\x9bc", r"a\x1b[31mb\x0d\x9bc", r"a\x1b[31mb\x0d\x9bc", r"a\x1b[31mb\x0d\x9bc"),
        ("\u202egnp.exe", r"\u202egnp.exe", r"\u202egnp.exe", r"\u202egnp.exe"),
        (os.fsdecode(b"/caf\xe9"), r"/caf\xe9", r"/caf\xe9", r"/caf\xe9"),
        ("=HYPERLINK(1)", "=HYPERLINK(1)", "=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("@SUM(A1)", "@SUM(A1)", "@SUM(A1)", "'@SUM(A1)"),
        ("-1+cmd|' /C calc'!A0", "-1+cmd|' /C calc'!A0", r"-1+cmd\|' /C calc'!A0", "'-1+cmd|' /C calc'!A0"),
        ("-0.045 ± 0.003", "-0.045 ± 0.003", "-0.045 ± 0.003", "-0.045 ± 0.003"),
        ("[here](https://x)", "[here](https://x)", r"[here]\(https://x)", "[here](https://x)"),
        ("<b>one | two", "<b>one | two", r"\<b>one \| two", "<b>one | two"),
    ],
)
def test_text_acts_on_no_terminal_page_or_spreadsheet(text: str, table: str, markdown: str, spreadsheet: str) -> None:
    frame = pd.DataFrame({"text": [text]}, dtype="object")
    assert tables.render(frame, "table") == f"text\n{table}\n"
    assert tables.render(frame, "md") == f"| text |\n| --- |\n| {markdown} |\n"
    assert list(csv.reader(io.StringIO(tables.render(frame, "csv")))) == [["text"], [spreadsheet]]
    assert json.loads(tables.render(frame, "json")) == [{"text": table}]


def test_a_pipe_that_asks_for_colour_gets_colour_and_no_folded_lines() -> None:
    script = "import pandas, mibench.cli.tables as t; print(t.render(pandas.DataFrame({'a': ['b' * 300]}), 'table'))"
    environment = os.environ | {"FORCE_COLOR": "1"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert "\x1b[1m" in done.stdout
    assert "b" * 300 in done.stdout


@given(
    st.lists(
        st.tuples(st.text("ab ρ±表\n\t", max_size=9), st.one_of(st.none(), st.floats()), st.text("x ", max_size=3)),
        max_size=5,
    )
)
def test_a_piped_table_is_laid_out_as_in_a_terminal_that_is_wide_enough(rows: list[tuple[str, float, str]]) -> None:
    frame = pd.DataFrame(rows, columns=["text", "a number", ""])
    table = Table(box=None, pad_edge=False)
    for name in frame.columns:
        table.add_column(Text(name), justify="right" if not tables._is_text(frame[name]) else "left")
    for row in frame.itertuples(index=False, name=None):
        table.add_row(*(Text(text(cell).expandtabs()) for cell in row))
    buffer = io.StringIO()
    Console(file=buffer, width=10_000).print(table)
    assert tables._table(frame) == "".join(f"{line.rstrip()}\n" for line in buffer.getvalue().splitlines())


def test_tabs_and_lines_stay() -> None:
    assert printable("a\tb\nc ± ρ") == "a\tb\nc ± ρ"


EMPTY = [("show", "gaussian"), ("show",), ("plot", "gaussian"), ("report",), ("compare",), ("export", "-o", "out.csv")]


@pytest.mark.parametrize("args", EMPTY, ids=" ".join)
def test_a_folder_without_records_is_one_line_and_exit_2(
    args: tuple[str, ...], cli: Callable[..., Result], tmp_path: Path
) -> None:
    for _ in range(2):
        done = cli(*args)
        assert done.exit_code == 2
        (line,) = done.stderr.splitlines()
        assert line.startswith("mibench: there are no re")
        assert line.endswith("`mibench run` makes some")
        assert done.stdout == ""
        (tmp_path / "results").mkdir(exist_ok=True)


def test_tables_count_every_status_that_is_not_ok() -> None:
    statuses = [status.value for status in Status]
    trials = pd.DataFrame({"status": statuses, "seed": range(len(statuses)), "seconds": 1.0, "estimator": "e"})
    frame = trials.assign(
        key=statuses, task="t", d=2, measurement="mi", epoch=np.nan, value=1.0, truth=1.0, unit="nats"
    )
    columns = ["task", "d", "estimator", "seed", "measurement", "epoch", "value", "truth", "unit", "status", "key"]
    (row,) = means(frame[columns]).to_dict("records")
    assert row["seeds"] == 1
    assert row["not ok"] == ", ".join(f"1 {status}" for status in sorted(statuses) if status != "ok")
    endings = _endings(Counter(statuses), len(trials))
    assert endings["failed"] + endings["diverged"] + endings["skipped"] == len(statuses) - 1


def test_a_repeated_option_is_the_union(toy_cli: Callable[..., Result], cli: Callable[..., Result]) -> None:
    assert toy_cli("-e", "steady", "-e", "steady[scale=2],steady[scale=3]", "--profile", "smoke").exit_code == 0
    show = ("show", "--tidy", "--format", "json", "-p", harness_toys.FILE)
    shown = cli(*show, "-e", "steady", "-e", "steady[scale=2.0]")
    assert {row["estimator"] for row in json.loads(shown.stdout)} == {"steady", "steady[scale=2.0]"}
    for args in ((), ("-e", "all")):
        everything = cli(*show, *args)
        assert len({row["estimator"] for row in json.loads(everything.stdout)}) == 3
