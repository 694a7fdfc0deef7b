"""A broken plugin costs one line and a row; everything else stays unharmed."""

import importlib
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import harness_toys
import numpy as np
import pytest
from click.testing import Result
from harness_sessions import COMMAND, Install

import mibench
from mibench.discovery import Plugin, load_plugins
from mibench.discovery.registry import Registry
from mibench.errors import PluginError, UsageError
from mibench.specs import EstimatorSpec, TaskSpec
from mibench.targets import load_target
from mibench.text import pluralise

HEAD = """
import sys
from mibench.hookspecs import hookimpl
from mibench.specs import EstimatorSpec, Profile, TaskSpec

def spec(name, **other):
    return EstimatorSpec(name=name, target="harness_toys:Steady", estimates={"value"}, **other)
"""
GOOD = f"{HEAD}\n@hookimpl\ndef mibench_estimators(): return [spec('healthy')]\n"
NAMESAKES = f"""{HEAD}
from mibench.specs import FamilySpec
@hookimpl
def mibench_tasks(): return [TaskSpec(name="a", target="a:A", profiles={{"quick": Profile(seeds=1)}})]
@hookimpl
def mibench_families(): return [FamilySpec(name="a", target="a:A")]
"""
BROKEN = {
    "missing-import": ("import no_such_module_anywhere", "ModuleNotFoundError: No module named 'no_such_module_any"),
    "syntax": ("def (", "SyntaxError"),
    "exits": (f"{HEAD}\nsys.exit('goodbye')", "SystemExit: goodbye"),
    "raises": (
        f"{HEAD}\n@hookimpl\ndef mibench_estimators(): raise RuntimeError('two\\nlines')",
        "RuntimeError: two lines",
    ),
    "misspelt": (f"{HEAD}\n@hookimpl\ndef mibench_estimator(): return []", "unknown hook 'mibench_estimator'"),
    "argument": (f"{HEAD}\n@hookimpl\ndef mibench_estimators(config): return []", "PluginValidationError"),
    "number": (
        f"{HEAD}\n@hookimpl\ndef mibench_estimators(): return 3",
        "returned an int, not a list of EstimatorSpec",
    ),
    "single": (f"{HEAD}\n@hookimpl\ndef mibench_estimators(): return spec('a')", "not a list of EstimatorSpec"),
    "unmarked": (f"{HEAD}\ndef mibench_estimators(): return [spec('a')]", "write @hookimpl, of mibench, above it"),
    "letters": (
        f"{HEAD}\n@hookimpl\ndef mibench_estimators(): return [EstimatorSpec(name='a', target='', estimates='value')]",
        "`estimates` is a set of names, e.g. {'value'}, not 'value'",
    ),
    "typo": (
        f"{HEAD}\n@hookimpl\ndef mibench_estimators(): return [spec('a', needs={{'trianing'}})]",
        "`needs` cannot be 'trianing'; did you mean training?",
    ),
    "names": (f"{HEAD}\n@hookimpl\ndef mibench_estimators(): return ['a']", "returned a str where an EstimatorSpec"),
    "other-spec": (
        f"{HEAD}\n@hookimpl\ndef mibench_tasks(): return [spec('a')]",
        "mibench_tasks returned an EstimatorSpec where a TaskSpec belongs",
    ),
    "traversal": (f"{HEAD}\n@hookimpl\ndef mibench_estimators(): return [spec('../x')]", "'../x' is no name"),
    "long": (
        f"{HEAD}\n@hookimpl\ndef mibench_estimators(): return [spec('a' * 101)]",
        "letters, digits, '-' and '_' only, at most 100 of them",
    ),
    "returns-none": (
        f"{HEAD}\n@hookimpl\ndef mibench_estimators(): [spec('a')]",
        "is there a `return`?",
    ),
    "nameless": (f"{HEAD}\n@hookimpl\ndef mibench_estimators(): return [spec(None)]", "`name` is text, not None"),
    "every": (
        f"{HEAD}\n@hookimpl\ndef mibench_estimators(): return [spec('all')]",
        "'all' is a word of the command line",
    ),
    "shipped": (f"{HEAD}\n@hookimpl\ndef mibench_estimators(): return [spec('shipped')]", "choose another name"),
    "every-family": (NAMESAKES.replace('name="a"', 'name="all"'), "'all' is a word of the command line"),
    "twice": (f"{HEAD}\n@hookimpl\ndef mibench_estimators(): return [spec('a'), spec('a')]", "returned a twice"),
    "namesakes": (
        NAMESAKES,
        "PluginError: a family is a task by its own name, and a is both; rename one of the two",
    ),
    "hookless": (f"{HEAD}\nname = 'a'", "PluginError: it brings nothing"),
    "misfield": (f"{HEAD}\n@hookimpl\ndef mibench_estimators(): return [spec('a', sumary='')]", "TypeError"),
}


def plugin_called(name: str, options: tuple[str, ...] = ()) -> Plugin:
    (named,) = [plugin for plugin in load_plugins(options) if plugin.name == name]
    return named


def estimators(options: tuple[str, ...] = ()) -> set[str]:
    return {entry.name for entry in Registry(load_plugins(options)).entries(EstimatorSpec)}


@pytest.mark.parametrize("fault", BROKEN)
def test_broken_distribution_is_a_row_and_one_line_and_harms_no_other(
    fault: str, install: Install, cli: Callable[..., Result]
) -> None:
    before = estimators()
    install(fault, BROKEN[fault][0])
    install("zzz-healthy", GOOD)
    plugin = plugin_called(fault)
    assert (plugin.status, plugin.origin, plugin.specs) == ("broken", fault, [])
    assert BROKEN[fault][1] in plugin.error
    assert "\n" not in plugin.error
    assert estimators() == before | {"healthy"}

    listing = cli("list", "estimators")
    assert listing.exit_code == 0
    (line,) = listing.stderr.splitlines()
    assert line == f"mibench: plugin {fault!r} ({fault}) is broken: {plugin.error}"

    rows = [row for row in cli("plugins").stdout.splitlines() if row.startswith(f"{fault} ")]
    assert len(rows) == 1
    assert "broken" in rows[0]
    assert "Traceback" not in cli("plugins").output
    assert "Traceback (most recent call last)" in cli("plugins", "-v").stdout


@pytest.mark.parametrize("fault", BROKEN)
def test_strict_raises_what_the_plugin_raised(fault: str, install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIBENCH_STRICT", "1")
    load_plugins()
    install(fault, BROKEN[fault][0])
    with pytest.raises(BaseException) as caught:  # noqa: PT011 - SystemExit is among them
        load_plugins()
    kind, _, message = BROKEN[fault][1].rpartition(": ")
    assert kind in {"", type(caught.value).__name__}
    assert message in f"{type(caught.value).__name__} {' '.join(str(caught.value).split())}"


@pytest.mark.parametrize("entry", ["[mibench]\nwithout-equals\n", "[mibench]\nodd = not a reference!\n"])
def test_malformed_entry_points_break_no_other_plugin(entry: str, install: Install) -> None:
    before = estimators()
    install("odd", "", entry=entry)
    install("zzz-healthy", GOOD)
    assert plugin_called("odd").status == "broken"
    assert estimators() == before | {"healthy"}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("not a module!!", "says 'not a module!!', which is no module"),
        ("", "names no module"),
        (".relative", "says '.relative', which is no module"),
        ("my-package.plugin", "says 'my-package.plugin', which is no module"),
        ("json:", "says 'json:', which is no module"),
    ],
)
def test_an_entry_point_that_names_no_module_says_so_and_whose_it_is(value: str, said: str, install: Install) -> None:
    install("odd", "", entry=f"[mibench]\nodd = {value}\n")
    start = "PluginError: entry point 'odd' of distribution odd "
    assert plugin_called("odd").error == f"{start}{said}: write package.module"


@pytest.mark.parametrize("metadata", ["importlib.metadata", "importlib_metadata"])
def test_distribution_without_metadata_still_works(metadata: str, install: Install, site: Path) -> None:
    importlib.import_module(metadata)  # the backport takes over and raises where the standard library returns None
    install("bare", GOOD)
    (site / "bare-1.0.dist-info" / "METADATA").unlink()
    assert plugin_called("bare").status == "ok"
    assert plugin_called("bare").origin


def test_every_broken_distribution_at_once_is_one_line_each_for_the_real_command(install: Install, site: Path) -> None:
    for fault, (source, _) in BROKEN.items():
        install(fault, source)
    install("zzz-healthy", GOOD)
    done = subprocess.run(
        [COMMAND, "list", "estimators"],
        env=os.environ | {"PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert len(done.stderr.splitlines()) == len(BROKEN)
    assert all(line.startswith("mibench: plugin ") for line in done.stderr.splitlines())
    assert {line.split()[0] for line in done.stdout.splitlines()} >= {"healthy", "mine", "mige"}


def test_two_plugins_with_one_name_stay_reachable_and_the_bare_name_names_both(install: Install) -> None:
    source = f"{HEAD}\n@hookimpl\ndef mibench_estimators(): return [spec('shared')]\n"
    install("first", source)
    install("second", source)
    registry = Registry(load_plugins())
    for plugin in ("first", "second"):
        entry = registry.find(EstimatorSpec, f"{plugin}:shared")
        assert (entry.plugin.name, entry.name) == (plugin, f"{plugin}:shared")
    with pytest.raises(UsageError, match="'shared' is ambiguous; say first:shared or second:shared"):
        registry.find(EstimatorSpec, "shared")


def test_two_distributions_that_call_their_plugin_alike_stay_reachable(install: Install) -> None:
    source = f"{HEAD}\n@hookimpl\ndef mibench_estimators(): return [spec('shared')]\n"
    install("first", source, plugin="alike")
    install("second", source, plugin="alike")
    registry = Registry(load_plugins())
    origins = {registry.find(EstimatorSpec, f"{name}:shared").plugin.origin for name in ("alike", "alike-2")}
    assert origins == {"first", "second"}


def test_a_distribution_that_calls_its_plugin_as_mibench_does_takes_no_name_from_it(install: Install) -> None:
    install("a-first", GOOD, plugin="gaussian")
    origins = {plugin.name: plugin.origin for plugin in load_plugins()}
    assert (origins["gaussian"], origins["gaussian-2"]) == ("mibench", "a-first")


def test_plugin_name_that_would_leave_the_results_folder_is_refused(install: Install) -> None:
    install("slashed", GOOD, plugin="../slashed")
    assert "'../slashed' is no name" in plugin_called("../slashed").error


def test_no_blocks_a_plugin_before_it_is_imported(install: Install) -> None:
    install("explosive", "raise SystemExit('imported')")
    assert plugin_called("explosive").status == "broken"
    blocked = plugin_called("explosive", ("no:explosive",))
    assert (blocked.status, blocked.error) == ("blocked", "")
    assert "mine" in estimators()
    assert "mine" not in estimators(("no:variational",))


def test_a_single_file_is_a_plugin(tmp_path: Path) -> None:
    file = tmp_path / "one_file_of_mine.py"
    file.write_text(GOOD)
    assert "healthy" in estimators((str(file),))
    assert plugin_called("one_file_of_mine", (str(file),)).origin == str(file.resolve())


def test_a_single_file_may_lie_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file_on_the_path.py"
    file.write_text(GOOD)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "healthy" in estimators((str(file),))


def test_a_module_that_is_installed_as_a_plugin_is_loaded_once(install: Install) -> None:
    install("healthy", GOOD)
    before = [plugin.name for plugin in load_plugins()]
    assert [plugin.name for plugin in load_plugins(["healthy_module"])] == before


def test_plugins_says_what_implements_a_hook_and_what_may(install: Install, cli: Callable[..., Result]) -> None:
    install("healthy", GOOD)
    install("raises", BROKEN["raises"][0])
    lines = cli("plugins", "-v", "--hook", "mibench_estimators").stdout.splitlines()
    assert {line.split()[0] for line in lines if not line.startswith(" ")} >= {"healthy", "raises", "mige"}
    assert "healthy      ok       healthy 1.0  1 estimator" in lines
    assert "  imports healthy_module" in lines
    assert "gaussian" not in {line.split()[0] for line in lines}
    install("kin", NAMESAKES.partition("@hookimpl")[0] + "@hookimpl" + NAMESAKES.rpartition("@hookimpl")[2])
    (line,) = (line for line in cli("plugins").stdout.splitlines() if line.startswith("kin "))
    assert line.endswith("  1 family")
    assert cli("plugins", "--hook", "mibench_colours").exit_code == 2


def test_a_trace_has_a_line_a_hook_call_on_stderr(
    install: Install, cli: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("raises", "number"):
        install(name, BROKEN[name][0])
    install("healthy", GOOD)
    untraced = cli("list", "estimators")
    monkeypatch.setenv("MIBENCH_TRACE_PLUGINS", "1")
    traced = cli("list", "estimators")
    assert traced.stdout == untraced.stdout
    lines = [" ".join(line.split()) for line in traced.stderr.splitlines() if "[hook]" in line]
    assert [line.partition("(")[0] for line in lines if "healthy" in line] == [
        "mibench: healthy: mibench_estimators [hook]",
        "mibench: healthy: finish mibench_estimators --> [[EstimatorSpec",
    ]
    assert [line for line in lines if "raises" in line] == ["mibench: raises: mibench_estimators [hook]"]
    assert "mibench: number: finish mibench_estimators --> [3] [hook]" in lines


@pytest.mark.parametrize(
    ("name", "source", "error"),
    [
        ("absent.py", None, "there is no file"),
        ("json.py", GOOD, "a module named 'json' exists already; rename the file"),
        ("spaced name.py", GOOD, "and ends in .py; rename 'spaced name.py'"),
        ("dot.ted.py", GOOD, "and ends in .py; rename 'dot.ted.py'"),
        ("na\xefve.py", GOOD, "and ends in .py; rename 'na\xefve.py'"),
        ("text.txt", GOOD, "and ends in .py; rename 'text.txt'"),
        ("absent", None, "there is no file"),
        ("broken_file_of_mine.py", "1 / 0", "ZeroDivisionError"),
    ],
)
def test_a_single_file_that_cannot_be_loaded_says_why(
    name: str, source: str | None, error: str, tmp_path: Path
) -> None:
    if source:
        (tmp_path / name).write_text(source)
    plugin = plugin_called(Path(name).stem, (str(tmp_path / name),))
    assert error in plugin.error


@pytest.mark.parametrize("option", ["json", "./hookless_{}.py"])
@pytest.mark.parametrize("command", [("check", "nope"), ("list", "estimators")])
def test_what_is_named_and_brings_nothing_is_one_line_and_exit_2(
    option: str, command: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Callable[..., Result]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(f"hookless_{command[0]}.py").write_text("x = 1")
    done = cli(*command, "-p", option.format(command[0]))
    assert done.exit_code == 2
    (line,) = done.stderr.splitlines()
    assert "PluginError: it brings nothing: write a function such as mibench_estimators, with @hookimpl above" in line


@pytest.mark.parametrize("folder", ["./folder_of_mine", "./folder_of_mine/"])
def test_a_folder_is_told_that_it_is_one(folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(folder).mkdir()
    said = f"PluginError: {tmp_path / 'folder_of_mine'} is a folder; name a file in it, or its module without a slash"
    assert plugin_called("folder_of_mine", (folder,)).error == f"{said} if it is a package"


def test_a_file_with_another_ending_is_no_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text.txt").write_text(GOOD)
    assert "rename 'text.txt'" in plugin_called("text", ("text.txt",)).error


def test_a_broken_distribution_costs_a_run_a_warning_and_no_trial(install: Install, run: Callable[..., object]) -> None:
    install("neighbour", "raise RuntimeError('broken')")
    with pytest.warns(UserWarning, match=r"^plugin 'neighbour' \(neighbour\) is broken: RuntimeError: broken$"):
        frame = run()
    assert set(frame["status"]) == {"ok"}


X, Y = np.random.default_rng(0).normal(size=(2, 30, 1))
ASKED: dict[str, Callable[..., object]] = {
    "run": partial(mibench.run, "of-broken-file", "gaussian", results="r"),
    "tune": partial(mibench.tune, "of-broken-file", "gaussian", results="r"),
    "estimate": partial(mibench.estimate, X, Y, results="r"),
    "probe": partial(mibench.probe, "of-broken-file", 2, 2),
    "check": partial(mibench.check, "of-broken-file"),
    **{name: getattr(mibench, name) for name in ("compare", "rank", "plot", "report")},
}


@pytest.mark.parametrize("function", ASKED)
def test_python_refuses_a_plugin_that_was_named_and_is_broken(
    function: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Callable[..., Result]
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "broken_file.py"
    path.write_text("raise RuntimeError('broken')")
    with pytest.raises(UsageError) as caught:
        ASKED[function](plugins="./broken_file.py")
    assert str(caught.value) == f"cannot load {path}: RuntimeError: broken"
    assert cli("list", "estimators", "-p", "./broken_file.py").stderr == f"mibench: {caught.value}\n"


@pytest.mark.parametrize("body", ["raise SystemExit(3)", "import no_such_module_anywhere", "Steady = 3", "pass"])
def test_target_that_cannot_be_used_is_one_line_and_exit_2(
    body: str, tmp_path: Path, install: Install, cli: Callable[..., Result]
) -> None:
    install("lazy", GOOD.replace("harness_toys:Steady", "lazy_target:Steady"))
    (tmp_path / "site" / "lazy_target.py").write_text(body)
    assert plugin_called("lazy").status == "ok"
    done = cli("run", "-e", "healthy", "-t", "toy", "-p", harness_toys.FILE, "--device", "cpu", "--executor", "serial")
    assert done.exit_code == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("mibench: estimator 'healthy' of plugin 'lazy': ")
    assert "lazy_target:Steady" in line


def test_load_target_names_the_owner() -> None:
    with pytest.raises(PluginError, match="the owner: cannot import 'json:no_such'"):
        load_target("json:no_such", "the owner")


def test_unknown_name_suggests_and_points_at_broken_plugins(install: Install) -> None:
    with pytest.raises(UsageError, match="there is no estimator 'mige2'; did you mean mige"):
        Registry(load_plugins()).find(EstimatorSpec, "mige2")
    with pytest.raises(UsageError, match=r"there is no task 'qqqqqqqqqq'; there are: .*gaussian"):
        Registry(load_plugins()).find(TaskSpec, "qqqqqqqqqq")
    install("missing-import", BROKEN["missing-import"][0])
    with pytest.raises(UsageError, match="may belong to a broken plugin: missing-import; see `mibench plugins`"):
        Registry(load_plugins()).find(EstimatorSpec, "mige2")


def test_blocking_a_plugin_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(UsageError, match="no plugin variatonal to block"):
        load_plugins(["no:variatonal"])


@pytest.mark.parametrize(
    ("kind", "declared", "message"),
    [
        (
            EstimatorSpec,
            {"estimates": {"gradients"}},
            "`estimates` cannot be 'gradients'; did you mean gradient?",
        ),
        (
            EstimatorSpec,
            {"estimates": {"value"}, "needs": {"gpu"}},
            "`needs` cannot be 'gpu'; there are: training, conditional",
        ),
        (EstimatorSpec, {"estimates": {"value"}, "bound": "uper"}, "cannot be 'uper'; did you mean upper?"),
        (
            TaskSpec,
            {"profiles": {}, "offers": ["conditionals"]},
            "`offers` cannot be 'conditionals'; did you mean conditional",
        ),
        (TaskSpec, {"profiles": {}, "requires": ["values"]}, "`requires` cannot be 'values'; did you mean value"),
    ],
)
def test_a_name_that_a_spec_does_not_know_is_refused(kind: type[Any], declared: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        kind(name="a", target="", **declared)


@pytest.mark.parametrize(("number", "said"), [(0, "0 trials"), (1, "1 trial"), (2, "2 trials")])
def test_numbers_agree_with_what_they_count(number: int, said: str) -> None:
    assert pluralise(number, "trial") == said


def test_importing_the_contracts_imports_no_plugin_finder() -> None:
    script = "import sys, mibench.contracts; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "mibench.contracts" in loaded
    assert not [name for name in loaded if name.startswith(("pluggy", "mibench.discovery", "mibench.hookspecs"))]


def test_a_plugin_imports_what_lies_beside_it_and_is_loaded_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Callable[..., Result]
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    package = tmp_path / "local_package"
    package.mkdir()
    (tmp_path / "beside_it_helper.py").write_text("NAME = 'helped'")
    source = GOOD.replace("'healthy'", "NAME")
    (tmp_path / "beside_it.py").write_text(f"from beside_it_helper import NAME\n{source}")
    (tmp_path / "linked_to_it.py").symlink_to("beside_it.py")
    (package / "inside.py").write_text(GOOD.replace("healthy", "inside"))
    for options in (["./beside_it.py", "./beside_it.py"], ["linked_to_it.py"]):
        assert "helped" in cli("list", "estimators", *(f"-p{option}" for option in options)).stdout
    named = "local_package.inside"
    assert "inside" in cli("list", "estimators", "-p", named, "-p", named).stdout


def test_the_package_lists_its_public_names() -> None:
    assert "EstimatorSpec" in dir(mibench)
    assert not [name for name in dir(mibench) if name.startswith("_")]
