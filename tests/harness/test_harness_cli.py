"""The command line: instant, one line an error, and the same data in every format."""

import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import harness_toys
import pandas as pd
import pytest
from click.testing import Result
from harness_sessions import COMMAND
from harness_trials import recorded_as

import mibench
from mibench import frames
from mibench.api import load
from mibench.cli import main
from mibench.errors import UsageError
from mibench.store.forecast import Expectation, Forecast

Cli = Callable[..., Result]
ERRORS = {
    "estimator": (["-e", "stedy"], "there is no estimator 'stedy'; did you mean steady"),
    "task": (["-e", "steady", "-t", "toi"], "there is no task 'toi'; did you mean toy"),
    "parameter": (["-e", "steady[scael=1]"], "estimator steady has no parameter 'scael'; did you mean scale"),
    "value": (["-e", "steady[scale=much]"], "estimator steady: scale is a number, not 'much'"),
    "choice": (["-e", "steady[kind=middling]"], "estimator steady: kind is near|far, not 'middling'"),
    "grammar": (["-e", "steady[scale"], "cannot read 'steady[scale'"),
    "profile": (["-e", "steady", "--profile", "papre"], "task toy has no profile 'papre'; there are: quick"),
    "executor": (["-e", "steady", "--executor", "seril"], "there is no executor 'seril'; did you mean serial"),
    "timeout": (["-e", "steady", "--timeout", "3"], "the serial executor keeps no timeout"),
}


@pytest.mark.parametrize("error", ERRORS)
def test_every_error_is_one_line_and_exit_2_and_a_traceback_on_request(error: str, toy_cli: Cli, cli: Cli) -> None:
    args, message = ERRORS[error]
    done = toy_cli(*args)
    assert done.exit_code == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"mibench: {message}")
    assert done.stdout == ""
    debugged = cli("--debug", "run", "--executor", "serial", "-p", harness_toys.FILE, "-t", "toy", *args)
    assert debugged.exit_code == 2
    assert "Traceback (most recent call last)" in debugged.stderr
    assert debugged.stderr.splitlines()[-1] == line


@pytest.mark.parametrize(
    "args",
    [
        ["run"],
        ["run", "-e", "steady", "-t", "toy", "--seeds", "0"],
        ["run", "-e", "steady", "-t", "toy", "--rerun", "some"],
        ["run", "-e", "steady", "-t", "toy", "--results", __file__],
        ["list", "estimates"],
        ["shwo"],
        ["--debgu"],
        ["-p", "plugin.py", "list", "tasks"],
        ["show", "--format", "xml"],
    ],
)
def test_usage_errors_of_options_are_one_line_and_exit_2(args: list[str], cli: Cli) -> None:
    done = cli(*args)
    assert done.exit_code == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("mibench: ")
    assert line.endswith("--help`)")
    assert "Traceback" not in done.output


@pytest.mark.parametrize(
    ("task", "estimator", "why"),
    [
        ("other", "", ": there is no task 'other' here; there are: toy"),
        ("tyo", "", ": there is no task 'tyo' here; did you mean toy?"),
        ("toy[d=99]", "", ": no record of toy here has d=99"),
        ("toy", "stedy", ": there is no estimator 'stedy' here; did you mean steady?"),
        ("toy[d=2]", "steady[scale=3.0]", ": there is no estimator 'steady[scale=3.0]' here; did you mean steady?"),
        ("toy[d=2,rho=0.25]", "", "; `mibench show` without arguments says what there is"),
    ],
)
def test_every_command_says_why_nothing_is_what_was_asked_for(
    task: str, estimator: str, why: str, cli: Cli, results: Path
) -> None:
    run = ["run", "--executor", "serial", "-p", harness_toys.FILE, "--results", str(results)]
    for name, cell in (("steady", "toy[d=2]"), ("steady[scale=3.0]", "toy[d=4,rho=0.25]")):
        assert cli(*run, "-e", name, "-t", cell).exit_code == 0
    asked = ["-e", estimator] if estimator else []
    for command in ("show", "plot", "report"):
        done = cli(command, task, *asked, "--results", str(results), "-p", harness_toys.FILE)
        assert (done.exit_code, done.stderr) == (2, f"mibench: no such records under {results}{why}\n")
    for command, begin in (("rank", "rank"), ("site", "rank"), ("compare", "compare"), ("export", "export")):
        more = ["-o", "all.csv"] if command == "export" else ["-p", harness_toys.FILE]
        done = cli(command, str(results), "-t", task, *asked, *more)
        assert (done.exit_code, done.stderr) == (2, f"mibench: nothing to {begin} in {results}{why}\n")


_ALONE = "stands without it here, right behind the command."


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        ("run --est mine", "No such option '--est'. Did you mean --estimators?"),
        ("run --tsak toy", "No such option '--tsak'. Did you mean --task?"),
        ("--debgu", "No such option '--debgu'. Did you mean --debug?"),
        ("rnu", "No such command 'rnu'. Did you mean run or rank?"),
        ("estimat x.npy", "No such command 'estimat'. Did you mean estimate?"),
        ("zzzz", "No such command 'zzzz'."),
        ("export --results shipped", f"No such option '--results'. RESULTS {_ALONE}"),
        ("show --task toy", f"No such option '--task'. TASK {_ALONE}"),
    ],
)
def test_an_option_or_command_that_is_misspelt_or_shortened_is_told_what_was_meant(
    asked: str, hint: str, cli: Cli
) -> None:
    done = cli(*asked.split())
    assert (done.exit_code, done.stderr.partition(" (see ")[0]) == (2, f"mibench: {hint}")


@pytest.mark.parametrize("empty", ["", " "])
@pytest.mark.parametrize("name", main.list_commands(click.Context(main)))
def test_an_option_or_argument_that_an_unset_variable_made_empty_is_refused(name: str, empty: str, cli: Cli) -> None:
    group = main.get_command(click.Context(main), name)
    commands = group.commands if isinstance(group, click.Group) else {"": group}
    for inner, command in commands.items():
        words = [name, inner] if inner else [name]
        assert command
        flags = [option for option in command.params if isinstance(option, click.Option) and not option.is_flag]
        spelled = [option for flag in flags for option in flag.opts]
        asked = [([word, empty], word) for word in spelled]
        asked += [([f"{word}={empty}"], word) for word in spelled if word.startswith("--")]
        for given, after in [*asked, ([empty], words[-1])]:
            done = cli(*words, *given)
            line = f"mibench: nothing stands after {after}; is a variable unset? write a value, or leave it out\n"
            assert (done.exit_code, done.stderr) == (2, line)
    assert not any(Path().iterdir())


def test_plot_refuses_a_task_without_figures_in_one_line(toy_cli: Cli, cli: Cli, results: Path) -> None:
    toy_cli("-e", "steady", "--results", str(results))
    done = cli("plot", "toy", "--results", str(results), "-p", harness_toys.FILE)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == "mibench: task toy declares no charts; `mibench report` shows its table\n"


def test_plot_refuses_a_file_as_its_folder(cli: Cli, tmp_path: Path) -> None:
    done = cli("plot", "gaussian", "--output", "a.png")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == "mibench: --output is a folder, and a.png names a file; say --output FOLDER --format png\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("asked", "end"),
    [
        (("run", "-e", "mige", "-t", "gaussian", "-p", "smoke"), "; did you mean --profile smoke?\n"),
        (("run", "-e", "mige", "-t", "gaussian", "-p", "paper"), "; did you mean --profile paper?\n"),
        (("run", "-e", "mige", "-t", "gaussian", "-p", "absent"), "No module named 'absent'\n"),
        (("show", "-p", "smoke"), "No module named 'smoke'\n"),
        (("compare", "mine"), "an estimator; did you mean `mibench compare mine --with all`?\n"),
        (("compare", "mine[hidden=8]"), "an estimator; did you mean `mibench compare mine[hidden=8] --with all`?\n"),
        (("compare", "absent"), "no such folder or file; `mibench run` makes some\n"),
    ],
)
def test_what_stands_in_the_wrong_place_is_told_where_it_belongs(asked: tuple[str, ...], end: str, cli: Cli) -> None:
    done = cli(*asked)
    assert (done.exit_code, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.endswith(end)


def test_the_same_figure_is_the_same_file(cli: Cli, results: Path, tmp_path: Path) -> None:
    asked = ["-e", "mige", "-t", "gaussian", "--profile", "smoke", "--executor", "serial", "--results", str(results)]
    assert cli("run", *asked).exit_code == 0
    for name in ("first", "second"):
        drawn = cli("plot", "gaussian", "--results", str(results), "--output", str(tmp_path / name), "--format", "svg")
        assert drawn.exit_code == 0
    files = sorted((tmp_path / "first").iterdir())
    assert [file.name for file in files] == ["gaussian-curves.svg", "gaussian-error-and-seconds.svg"]
    assert all(file.read_bytes() == (tmp_path / "second" / file.name).read_bytes() for file in files)


def test_a_file_that_ends_too_soon_is_named_and_not_only_aborted(
    cli: Cli, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ends(*_: object, **__: object) -> None:
        raise EOFError("Ran out of input")

    monkeypatch.setattr("mibench.cli.reading.read_frame", ends)
    done = cli("show", "toy", "--results", str(results))
    assert done.exit_code == 2
    assert done.stderr == "mibench: EOFError: Ran out of input; mibench --debug shows where\n"


def test_a_figure_is_drawn_inside_its_folder_whatever_its_name(
    toy_cli: Cli, cli: Cli, results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy_cli("-e", "steady", "--results", str(results))
    monkeypatch.setattr("mibench.figures.draw_asked", lambda *_: {"toy-../../evil": None})
    drawn = cli(
        "plot", "toy", "--results", str(results), "-p", harness_toys.FILE, "--output", str(tmp_path / "a" / "b")
    )
    assert (drawn.exit_code, drawn.stdout) == (2, "")
    assert "a figure called 'toy-../../evil.svg' would lie outside of" in drawn.stderr
    assert not list(tmp_path.rglob("*evil*"))


@pytest.mark.parametrize("name", ["./none.py", "none_such"])
def test_a_plugin_that_was_named_and_cannot_be_loaded_ends_the_command(name: str, cli: Cli) -> None:
    done = cli("run", "-e", "mige", "-t", "gaussian", "-p", name)
    assert done.exit_code == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("mibench: cannot load ")
    assert name.removeprefix("./") in line


def test_a_run_says_why_trials_were_skipped(toy_cli: Cli, results: Path) -> None:
    done = toy_cli("-e", "steady,steep", "--results", str(results))
    assert done.exit_code == 0
    assert done.stderr.splitlines()[-1] == "  4 x skipped: steep: steep does not estimate the value, which toy requires"
    assert "4 skipped" in done.stderr


def test_an_estimator_that_was_edited_is_said_to_be_and_run_again_on_request(
    cli: Cli, results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = """
from mibench import Estimator, EstimatorSpec, hookimpl

class Edited(Estimator):
    def mi(self, x, y):
        return 0.0 * x.sum((-2, -1))

@hookimpl
def mibench_estimators():
    return [EstimatorSpec(name="edited", target="edited_toy:Edited", estimates={"value"})]
"""
    file = tmp_path / "edited_toy.py"
    asked = ["run", "-p", str(file), "-e", "edited", "-t", "gaussian", "--profile", "smoke", "--executor", "serial"]
    asked += ["--results", str(results)]
    file.write_text(source)
    first = cli(*asked)
    assert "3 trials: 3 ok" in first.stderr
    assert "edited after" not in first.stderr
    assert "3 trials, 0 of them now: 3 ok" in cli(*asked).stderr
    file.write_text(source.replace("0.0 *", "1.0 *"))
    monkeypatch.delitem(sys.modules, "edited_toy")
    warning = (
        "mibench: edited was edited after 3 of these trials, which are not run again; if its numbers change, raise "
        "`version` in its spec or say --rerun all"
    )
    assert cli(*asked).stderr.splitlines()[0] == warning
    shown = ["show", "-p", str(file), "--results", str(results)]
    assert cli(*shown).stderr == ""
    more = cli(*asked, "--seeds", "4")
    assert more.stderr.splitlines()[0] == warning
    said = (
        "edited was edited after 3 of these trials; if its numbers change, raise `version` in its spec or run them "
        "again with --rerun all"
    )
    assert cli(*shown).stderr == f"mibench: {said}\n"
    frame = mibench.load(results)
    assert frame.groupby("edited")["key"].nunique().to_dict() == {"": 9, "edited": 3}
    with pytest.warns(UserWarning, match=f"^{said}$"):
        mibench.report(frame, plugins=str(file))
    assert "edited after" not in cli(*asked, "--rerun", "all").stderr
    assert "edited after" not in cli(*asked).stderr
    assert "edited after" not in cli(*shown).stderr


def test_help_list_and_plugins_import_neither_torch_nor_pandas() -> None:
    program = """
import sys
from mibench.cli import main
for args in sys.argv[1].split(","):
    main(args.split(), standalone_mode=False)
print([name for name in ("torch", "pandas", "numpy", "click") if name in sys.modules])
"""
    commands = "--help,run --help,list estimators,list tasks,list references,list executors,plugins -v"
    done = subprocess.run([sys.executable, "-c", program, commands], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "['click']"
    assert "mige" in done.stdout


def test_a_run_leaves_torch_to_its_workers(tmp_path: Path) -> None:
    program = """
import sys
from mibench.cli import main
main(sys.argv[1:], standalone_mode=False)
print("torch" in sys.modules)
"""
    asked = f"run -e mige -t gaussian --profile smoke --device cpu --workers 1 --results {tmp_path / 'results'}"
    done = subprocess.run([sys.executable, "-c", program, *asked.split()], capture_output=True, text=True, check=True)
    assert "3 ok" in done.stderr
    assert done.stdout.splitlines()[-1] == "False"


def test_dry_run_counts_and_writes_nothing(toy_cli: Cli, results: Path) -> None:
    args = ("-e", "steady,steep", "--seeds", "3", "--results", str(results))
    planned = toy_cli(*args, "--dry-run")
    assert planned.exit_code == 0
    assert planned.stdout.splitlines()[0] == "12 trials, 0 done, 12 to run"
    assert planned.stdout.splitlines()[-1] == "no estimate for steady: no timing on record yet"
    assert not results.exists()
    toy_cli("-e", "steady", "--results", str(results))
    partly = toy_cli(*args, "--dry-run").stdout
    assert partly.splitlines()[0] == "12 trials, 4 done, 8 to run"
    assert "not counting" not in partly
    assert "no estimate" not in partly
    assert partly.splitlines()[-1].endswith("on one worker (cpu)")
    shared = toy_cli(*args, "--dry-run", "--workers", "3").stdout.splitlines()[-1]
    seconds = r"(\S+ to )?\S+ s"  # a range where timings on record differ
    assert re.fullmatch(rf"about {seconds} on one worker, {seconds} on 3 \(cpu\)", shared)


def test_a_forecast_says_on_which_tasks_an_estimator_is_not_timed(toy_cli: Cli, results: Path) -> None:
    toy_cli("-e", "steady", "--results", str(results))
    planned = toy_cli("-e", "steady,steep", "-t", "bpsk", "--seeds", "3", "--dry-run", "--results", str(results))
    assert planned.stdout.splitlines()[-1] == "not counting steady on bpsk, steep: no timing on record yet"


def test_dry_run_keeps_guesses_out_of_the_estimate(toy_cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    hours = Expectation(kind=("steady", "toy", "cpu"), work=1.0, seconds=7200.0, guessed=True)
    said = Forecast(
        trials={"a": hours}, elsewhere={"steady": "dataset=a"}, unscaled={"steady": frozenset({"dataset"})}, unknown=()
    )
    monkeypatch.setattr("mibench.store.forecast.forecast", lambda *_: said)
    lines = toy_cli("-e", "steady", "--dry-run").stdout.splitlines()[2:]
    assert lines == [
        "steady takes 2.0 h at a guess, which its first trial will correct",
        "  steady is extrapolated from trials of dataset=a; how its time grows with dataset is not known",
    ]


def test_list_without_a_kind_lists_all_kinds_in_both_formats(cli: Cli) -> None:
    everything = json.loads(cli("list", "--format", "json").stdout)
    alone = {kind: json.loads(cli("list", kind, "--format", "json").stdout) for kind in everything}
    assert everything == alone
    assert {"estimators", "tasks", "families", "suites", "datasets", "references", "executors"} == set(everything)
    lines = cli("list").stdout.splitlines()
    assert [line for line in lines if not line.startswith("  ")] == [f"{kind}:" for kind in everything]
    assert len(lines) == sum(len(entries) + 1 for entries in everything.values())
    assert {entry["name"]: entry["growth"] for entry in everything["estimators"]}["mige"] > 1


@pytest.mark.parametrize(
    ("shared", "said"), [(0.05, "about 20 min on one worker (cpu)"), (0.5, "about 8 to 51 min on one worker (cpu)")]
)
def test_dry_run_says_a_range_where_the_forecast_is_not_sure(
    toy_cli: Cli, monkeypatch: pytest.MonkeyPatch, shared: float, said: str
) -> None:
    trial = Expectation(kind=("steady", "toy", "cpu"), work=1.0, seconds=600.0, shared=shared)
    expected = Forecast(trials={"a": trial, "b": trial}, elsewhere={}, unscaled={}, unknown=())
    monkeypatch.setattr("mibench.store.forecast.forecast", lambda *_: expected)
    assert toy_cli("-e", "steady", "--dry-run").stdout.splitlines()[-1] == said


def test_show_says_the_same_in_every_format(toy_cli: Cli, cli: Cli, results: Path) -> None:
    toy_cli("-e", "steady[scale=1|2],lost,steep", "--results", str(results))
    frame = load(results)

    def show(form: str) -> str:
        done = cli("show", "--results", str(results), "--tidy", "--format", form)
        assert (done.exit_code, done.stderr) == (0, "")
        return done.stdout

    from_csv = pd.read_csv(io.StringIO(show("csv")), dtype=frame.dtypes.to_dict(), keep_default_na=True)
    pd.testing.assert_frame_equal(from_csv.fillna({"measurement": "", "unit": "", "data": ""}), frame)
    rows = json.loads(show("json"))
    assert [list(row) for row in rows] == [list(frame.columns)] * len(frame)
    from_json = pd.DataFrame(rows).astype(frame.dtypes.to_dict())
    pd.testing.assert_frame_equal(from_json, frame, rtol=1e-12)
    markdown = show("md").splitlines()
    filled = [name for name in frame.columns if name not in {"epoch", "data"}]  # nothing to read stands in those
    assert markdown[0] == f"| {' | '.join(filled)} |"
    assert len(markdown) == len(frame) + 2
    assert {line.count("|") for line in markdown} == {len(filled) + 1}
    table = show("table").splitlines()
    assert table[0].split() == filled
    assert len(table) == len(frame) + 1


def test_the_summary_has_a_row_a_cell_estimator_and_measurement(toy_cli: Cli, results: Path) -> None:
    done = toy_cli("-e", "steady", "--results", str(results), "--format", "csv")
    table = pd.read_csv(io.StringIO(done.stdout))
    values = load(results).groupby(["rho", "measurement"])["value"]
    rows = table.set_index(["rho", "measurement"])
    assert rows["mean"].to_dict() == pytest.approx(values.mean().to_dict())
    assert rows["std"].to_dict() == pytest.approx(values.std().to_dict())
    assert set(rows["seeds"]) == {2}


def test_to_choose_measurements_hides_no_failure_and_misspells_none(toy_cli: Cli, cli: Cli, results: Path) -> None:
    assert toy_cli("-e", "steady,raiser,lost", "--results", str(results)).exit_code == 1
    here = ("--results", str(results), "-p", harness_toys.FILE)
    for name in ("mi", "draw"):
        shown = cli("show", "toy", *here, "--measurements", name, "--format", "csv")
        table = pd.read_csv(io.StringIO(shown.stdout), keep_default_na=False)
        assert {*zip(table["estimator"], table["seeds"], table["not ok"], strict=True)} == {
            ("lost", 0, "2 diverged"),
            ("raiser", 0, "2 failed"),
            ("steady", 2, ""),
        }
        assert cli("export", str(results), "-o", "chosen.csv", "--measurements", name).exit_code == 0
        exported = frames.read(Path("chosen.csv"))
        assert exported.drop_duplicates("key")["status"].value_counts().to_dict() == dict.fromkeys(
            ("ok", "failed", "diverged"), 4
        )
    alone = cli("show", "toy", *here, "-e", "raiser", "--measurements", "mi")
    assert (alone.exit_code, alone.stderr) == (0, "")
    assert "2 failed" in alone.stdout
    for command in (("show", "toy", *here), ("export", str(results), "-o", "none.csv")):
        refused = cli(*command, "-e", "raiser", "--measurements", "mo")
        (line,) = refused.stderr.splitlines()
        assert refused.exit_code == 2
        assert line.endswith("there is no measurement 'mo' here; did you mean mi?")


def test_failures_are_named_once_with_their_cell_and_counted(toy_cli: Cli) -> None:
    done = toy_cli("-e", "steady,raiser")
    lines = done.stderr.splitlines()
    kind = "failed: raiser: ValueError: as I was asked to"
    assert sum(line.startswith(f"{kind} (on toy[d=2,rho=") for line in lines) == 1
    assert lines[-3].startswith("mibench: 8 trials: 4 failed, 4 ok; records in ")
    assert lines[-2] == f"  4 x {kind}"
    assert "`mibench check raiser " in lines[-1]


def test_piped_output_has_no_escape_codes(toy_cli: Cli, cli: Cli, results: Path) -> None:
    outputs = [toy_cli("-e", "steady,raiser", "--results", str(results))]
    outputs += [cli("show", "--results", str(results), "--format", form) for form in ("table", "csv", "md", "json")]
    outputs += [cli("list", "estimators"), cli("plugins", "-v"), cli("--help"), cli("run", "--help")]
    assert all("\x1b" not in done.output for done in outputs)


def test_ctrl_c_while_imports_are_going_on_is_one_line(
    tmp_path: Path, start: Callable[..., "subprocess.Popen[str]"]
) -> None:
    slow_import = tmp_path / "slow_import_plugin.py"
    slow_import.write_text(f"import pathlib, time\npathlib.Path({str(tmp_path / 'up')!r}).touch()\ntime.sleep(600)\n")
    process = start("list", "estimators", "-p", str(slow_import))
    while not (tmp_path / "up").exists():
        assert process.poll() is None
    os.killpg(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=20)
    assert (process.returncode, stderr) == (130, "mibench: interrupted\n")


def test_the_command_is_installed() -> None:
    assert Path(COMMAND).is_file()


@pytest.mark.parametrize("command", ["show", "rank", "export", "compare"])
def test_parts_of_what_was_asked_for_that_select_nothing_are_named(
    command: str, cli: Callable[..., Result], toy_cli: Callable[..., Result], results: Path
) -> None:
    toy_cli("-e", "steady,steady[scale=3.0]", "--profile", "smoke", "--results", str(results))
    asked = ["-e", "steady,steady[scale=3]", "--measurements", "mi,mo"]
    if command == "show":
        asked += ["toy[d=2|99],other", "--results", str(results)]
    else:
        asked += [str(results), "-t", "toy[d=2|99],other", *(["-o", "all.csv"] if command == "export" else [])]
    if command == "compare":
        asked += ["--baseline", str(results)]
    done = cli(command, *asked, *([] if command == "export" else ["-p", harness_toys.FILE]))
    assert done.exit_code == (2 if command == "rank" else 0), done.output  # the toy does not say which way is good
    sentences = [
        "no record of toy here has d=99",
        "there is no task 'other' here; there are: toy",
        "there is no estimator 'steady[scale=3]' here; did you mean steady[scale=3.0] or steady?",
        f"there is no {'quantity' if command == 'rank' else 'measurement'} 'mo' here; did you mean mi?",
    ]
    if command == "rank":
        (line,) = done.stderr.splitlines()
        assert line.endswith("; ".join(["there is one estimator here, steady", *sentences]))
    else:
        assert done.stderr.splitlines()[:4] == [f"mibench: {sentence}" for sentence in sentences]


@pytest.mark.parametrize("asked", ["toy[d={}]", "toy[{}=1]", "{}", "toy[{}"])
def test_a_message_echoes_little_of_what_was_asked_for(asked: str, toy_cli: Callable[..., Result]) -> None:
    done = toy_cli("-e", "steady", "-t", asked.format("9" * 5000))
    assert done.exit_code == 2
    (line,) = done.stderr.splitlines()
    assert len(line) < 1000
    assert "characters in all" in line


def test_what_was_measured_again_is_shown_in_its_newest_version_alone(cli: Cli, tmp_path: Path) -> None:
    mibench.run("gauss,cca", "ring[kappa=1|2,n=64]", seeds=2, results=tmp_path / "results")
    older = sorted((tmp_path / "results" / "records").rglob("*.json"))
    for path in older:
        measured = [{**number, "value": 9.0} for number in json.loads(path.read_text())["measurements"]]
        recorded_as(path, estimator_version=99, measurements=measured)
    said = f"mibench: left out: {len(mibench.load('results')) // 2} rows of an older estimator version\n"
    shown, page = cli("show"), cli("report")
    assert (shown.stderr, page.stderr) == (said, said)
    html = Path("report.html").read_text("utf-8")
    for line in (["plot"], ["plot", "ring"], ["site"]):
        done = cli(*line)
        assert done.exit_code == 0, done.output
        assert done.stderr.startswith(said)
    for function in (mibench.report, mibench.plot):
        with pytest.warns(UserWarning, match="rows of an older estimator version"):
            function("results")
    assert cli("export", "-o", "all.csv").exit_code == 0
    assert mibench.rank("all.csv").equals(mibench.rank("results"))
    assert mibench.rank(mibench.load("results")).equals(mibench.rank("results"))
    assert set(mibench.compare(baseline="all.csv")["verdict"]) == {"match", "other settings"}
    whole = cli("show", "--tidy", "--format", "csv")
    assert (whole.stderr, len(whole.stdout.splitlines()) - 1) == ("", len(mibench.load("results")))
    for path in older:
        path.unlink()
    assert (cli("show").stdout, cli("report").stderr) == (shown.stdout, "")
    assert Path("report.html").read_text("utf-8") == html


def test_where_nothing_can_be_shown_the_reason_is_said(cli: Cli, tmp_path: Path) -> None:
    mibench.run("gauss", "ring[kappa=1,n=64]", seeds=1, results=tmp_path / "results")
    frame = mibench.load("results").assign(status="postponed")
    with pytest.raises(UsageError, match=r"nothing is left to show: left out: \d+ rows with an unknown status"):
        mibench.report(frame)


def test_an_error_is_the_only_line_though_a_part_of_what_was_asked_for_is_not_there(cli: Cli, results: Path) -> None:
    asked = ["-e", "steady", "-t", "toy", "-p", harness_toys.FILE, "--results", str(results)]
    assert cli("run", "--executor", "serial", *asked).exit_code == 0
    for command in ("rank", "site"):
        done = cli(command, str(results), "-t", "student", "-t", "toy", "-p", harness_toys.FILE)
        assert done.exit_code == 2
        (line,) = done.stderr.splitlines()
        assert line.startswith("mibench: there is nothing to rank: there is one estimator here, steady")
        assert line.endswith("there is no task 'student' here; there are: toy")
