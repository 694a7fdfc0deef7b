"""A request refuses, in one line and before anything is loaded, whatever no run could do; it takes paths as paths."""

import ast
import dataclasses
import inspect
from pathlib import Path
from typing import Any

import harness_toys
import numpy as np
import pandas as pd
import pytest

import mibench
from mibench.cli.run import command
from mibench.discovery import Plugin
from mibench.discovery.registry import Registry
from mibench.errors import UsageError
from mibench.plan.request import RunRequest
from mibench.runner import Job, make_executor, make_limits, prepare
from mibench.specs import EstimatorSpec

TOYS = {"estimators": "steady", "tasks": "toy", "device": "cpu", "plugins": [harness_toys.FILE]}


def test_each_field_is_an_option_of_the_command_line_and_a_keyword_of_python() -> None:
    fields = {field.name for field in dataclasses.fields(RunRequest)}
    of_the_command_alone, as_python_calls_it = {"dry_run", "form"}, {"tasks": "task"}
    assert {parameter.name for parameter in command.params} - of_the_command_alone == fields, "mibench/cli/run.py"
    keywords = set(inspect.signature(mibench.run).parameters)
    assert keywords == {as_python_calls_it.get(name, name) for name in fields}, "mibench/api.py"


def test_each_field_has_an_effect() -> None:
    rooms = Path(mibench.__file__).parent
    sources = [*(rooms / "runner").glob("*.py"), *(rooms / "plan").glob("*.py")]
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in sources]
    read = {node.attr for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Attribute) and _is_of(node)}
    fields = {field.name for field in dataclasses.fields(RunRequest)}
    assert fields <= read, "a limit belongs into `make_limits` of mibench/runner/__init__.py, the rest where it acts"


def _is_of(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id in {"request", "self"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"estimators": ""}, "no estimator was named; see `mibench list estimators`"),
        ({"estimators": []}, "no estimator was named; see `mibench list estimators`"),
        ({"tasks": " , "}, "no task was named; see `mibench list tasks`"),
        (
            {"estimators": [harness_toys.Steady]},
            "`estimators` is text like 'name[field=value]', or a list of it, not a",
        ),
        ({"estimators": harness_toys.Steady}, "`estimators` is text like 'name[field=value]', or a list of it, not a"),
        ({"tasks": 3}, "`tasks` is text like 'name[field=value]', or a list of it, not 3"),
        ({"tasks": "toy[d=2,d=3]"}, "'toy[d=2,d=3]' sets d twice; write d=value|value for several"),
        ({"device": "gpu"}, "`device` cannot be 'gpu'; did you mean cpu?"),
        ({"rerun": "everything"}, "`rerun` cannot be 'everything'; there are: missing, failed, all"),
        ({"profile": 3}, "`profile` is text that is not empty, not 3"),
        ({"profile": ""}, "`profile` is text that is not empty, not ''"),
        ({"executor": ""}, "`executor` is text that is not empty, not ''"),
        ({"scheduler": " "}, "`scheduler` is text that is not empty, not ' '"),
        ({"data_dir": ""}, "`data_dir` is a path, not ''"),
        ({"batch": 0}, "`batch` is a whole number from 1 on, not 0"),
        ({"batch": None}, "`batch` is a whole number from 1 on, not None"),
        ({"batch": 2.0}, "`batch` is a whole number from 1 on, not 2.0"),
        ({"seeds": 0}, "`seeds` is a whole number from 1 on, not 0"),
        ({"seeds": np.int64(0)}, "`seeds` is a whole number from 1 on, not np.int64(0)"),
        ({"seeds": "3"}, "`seeds` is a whole number from 1 on, not '3'"),
        ({"seeds": True}, "`seeds` is a whole number from 1 on, not True"),
        ({"workers": -1}, "`workers` is a whole number from 1 on, not -1"),
        ({"timeout": 0}, "`timeout` is a number above 0, not 0"),
        ({"timeout": float("nan")}, "`timeout` is a number above 0, not nan"),
        ({"memory": float("inf")}, "`memory` is a number above 0, not inf"),
        ({"memory": 1e300}, "`memory` is a number of GiB below 8,589,934,592, which no machine has, not 1e+300"),
        ({"memory": 10**400}, "`memory` is a number of GiB below 8,589,934,592, which no machine has, not 1000"),
        ({"memory": "4G"}, "`memory` is a number above 0, not '4G'"),
        ({"results": ""}, "`results` is a path, not ''"),
        ({"results": 3}, "`results` is a path, not 3"),
        ({"results": __file__}, f"results go to a folder, and {__file__} is a file; choose another"),
        ({"data_dir": 3}, "`data_dir` is a path, not 3"),
        ({"plugins": 3}, "`plugins` is a list of files and modules, not 3"),
        ({"plugins": [3]}, "`plugins` is a list of files and modules, not 3"),
        ({"download": "yes"}, "`download` is True or False, not 'yes'"),
    ],
)
def test_what_no_run_could_do_is_refused_in_one_line(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        RunRequest(**({"estimators": "steady", "tasks": "toy"} | given))
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_numbers_of_numpy_are_taken_where_python_s_are(tmp_path: Path) -> None:
    whole = {"seeds": np.int64(2), "batch": np.int32(2), "workers": np.int64(1), "timeout": np.float32(100)}
    given: dict[str, Any] = {**whole, "executor": "process", "plugins": [harness_toys.FILE]}
    frame = mibench.run("steady", "toy", results=tmp_path, **given)
    assert sorted(frame["seed"].unique()) == [0, 1]


@pytest.mark.parametrize("given", [{"device": "gpu"}, {"batch": 0}, {"seeds": 0}, {"rerun": "none"}])
def test_python_refuses_what_the_command_line_refuses(given: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        mibench.run("steady", "toy", results=tmp_path, plugins=[harness_toys.FILE], **given)


def test_paths_are_taken_where_paths_are_meant(tmp_path: Path) -> None:
    file = Path(harness_toys.FILE)
    for plugins in (file, [file], str(file), (str(file),)):
        frame = mibench.run("steady", "toy", results=tmp_path, device="cpu", plugins=plugins)
        assert len(frame) == 8
    assert RunRequest(estimators="a", tasks="b", data_dir=tmp_path).data_folder == tmp_path


def test_the_data_folder_of_the_environment_counts_where_none_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIBENCH_DATA", str(tmp_path))
    assert RunRequest(estimators="a", tasks="b").data_folder == tmp_path
    assert RunRequest(estimators="a", tasks="b", data_dir=tmp_path / "own").data_folder == tmp_path / "own"
    monkeypatch.setenv("MIBENCH_DATA", "")
    assert RunRequest(estimators="a", tasks="b").data_folder is None


def prepared(registry: Registry, tmp_path: Path, estimators: str) -> Job:
    request = RunRequest(**(TOYS | {"estimators": estimators, "results": tmp_path}))
    return prepare(request, registry)


def test_a_plan_is_made_from_the_registry_that_is_given(registry: Registry, tmp_path: Path) -> None:
    spec = EstimatorSpec(name="added", target=harness_toys.Steady, estimates={"value"})
    more = Registry([*registry.plugins, Plugin("more", "here", specs=[spec])])
    assert {trial.estimator_plugin for trial in prepared(more, tmp_path, "added").plan.trials} == {"more"}
    with pytest.raises(UsageError, match="there is no estimator 'added'"):
        prepared(registry, tmp_path, "added")


def test_the_limits_of_a_run_are_those_of_its_request(tmp_path: Path) -> None:
    limits = make_limits(RunRequest(**TOYS, workers=3, timeout=2.5, memory=0.5, results=tmp_path))
    assert (limits.workers, limits.timeout, limits.memory, limits.device) == (3, 2.5, 2**29, "cpu")
    assert limits.scratch == tmp_path / "scratch"


def test_a_scheduler_is_one_of_dask_unless_another_executor_is_named(registry: Registry) -> None:
    assert RunRequest(**TOYS).executor_selector.name == "serial"
    assert RunRequest(**TOYS, scheduler="tcp://here:1").executor_selector.name == "dask"
    with pytest.raises(UsageError, match="executor serial has no parameter 'scheduler'"):
        make_executor(registry, RunRequest(**TOYS, executor="serial", scheduler="tcp://here:1"))


def test_several_tasks_give_one_frame_of_all(tmp_path: Path) -> None:
    asked = {"results": tmp_path, "device": "cpu", "plugins": [harness_toys.FILE]}
    both = mibench.run("steady", ["toy[d=2]", "toy[d=3]"], **asked)
    alone = [mibench.run("steady", f"toy[d={d}]", **asked) for d in (2, 3)]
    pd.testing.assert_frame_equal(both, pd.concat(alone, ignore_index=True))
