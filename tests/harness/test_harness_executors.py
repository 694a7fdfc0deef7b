"""Executors come through the same door as everything: by the hook, with options in the language of selectors."""

import dataclasses
import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import harness_toys
import pandas as pd
import pytest
from click.testing import Result

import mibench
from mibench.discovery import load_plugins
from mibench.discovery.registry import Registry
from mibench.errors import UsageError
from mibench.plan.request import RunRequest
from mibench.runner import make_executor

THREADS = '''
"""Somebody else's executor, in one file."""

import concurrent.futures
from dataclasses import dataclass

from mibench import hookimpl
from mibench.executors import Executor
from mibench.specs import ExecutorSpec


@hookimpl
def mibench_executors():
    return [ExecutorSpec(name="threads", target=f"{__name__}:ThreadExecutor", summary="threads of this process")]


class ThreadExecutor(Executor):
    @dataclass(frozen=True, kw_only=True)
    class Params:
        size: int = 2
        greeting: str = ""

    def __init__(self, limits, params):
        super().__init__(limits, params)
        self.slots = params.size
        self.pool = concurrent.futures.ThreadPoolExecutor(params.size)
        self.submit = self.pool.submit

    def shutdown(self, wait=True, *, cancel_futures=False):
        self.pool.shutdown(wait, cancel_futures=cancel_futures)
        print(self.params.greeting)
'''


@pytest.fixture
def threads(tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """The plugin in a file of its own, since a module of one name is imported once."""
    file = tmp_path / f"threads_{abs(hash(request.node.name))}.py"
    file.write_text(THREADS)
    return str(file)


def test_a_third_party_brings_an_executor_by_the_hook(
    threads: str, cli: Callable[..., Result], run: Callable[..., pd.DataFrame], results: Path, tmp_path: Path
) -> None:
    assert "threads of this process" in cli("list", "executors", "-p", threads).stdout
    plugins = ("-p", threads, "-p", harness_toys.FILE)
    asked = ("-e", "steady[scale=1|2],raiser", "-t", "toy", "--device", "cpu", "--results", str(results))
    done = cli("run", *plugins, *asked, "--executor", "threads[size=3,greeting=done]")
    assert done.exit_code == 1
    assert "mibench: 12 trials: 4 failed, 8 ok" in done.stderr
    assert "done" in done.stderr.splitlines()
    alone = run("steady[scale=1|2],raiser", results=tmp_path / "serial").drop(columns="seconds")
    pd.testing.assert_frame_equal(mibench.load(results).drop(columns="seconds"), alone)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--executor", "threads[siez=3]"], "executor threads has no parameter 'siez'; did you mean size"),
        (["--executor", "threads[size=many]"], "executor threads: size is an integer, not 'many'"),
        (["--executor", "threads[size=1|2]"], "executor threads takes one value an option, not 'threads[size=1|2]'"),
        (["--executor", "threads", "--scheduler", "tcp://host:1"], "executor threads has no parameter 'scheduler'"),
        (
            ["--executor", "process", "--scheduler", "tcp://host:1"],
            "executor process has no parameter 'scheduler'; there are: none",
        ),
    ],
)
def test_an_option_that_does_not_fit_is_one_line(
    options: list[str], error: str, threads: str, cli: Callable[..., Result]
) -> None:
    done = cli("run", "-p", threads, "-p", harness_toys.FILE, "-e", "steady", "-t", "toy", *options)
    assert done.exit_code == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"mibench: {error}")


@pytest.mark.parametrize(("name", "library"), [("dask", "distributed"), ("slurm", "submitit")])
def test_an_executor_whose_library_is_missing_says_what_to_install(
    name: str, library: str, cli: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.delitem(sys.modules, f"mibench.executors.{name}", raising=False)
    done = cli("run", "-p", harness_toys.FILE, "-e", "steady", "-t", "toy", "--executor", name)
    assert done.exit_code == 2
    assert done.stderr.splitlines()[-1].endswith(f"the {name} executor needs {library}; install mibench[{name}]")


def test_every_executor_of_ours_declares_its_options() -> None:
    registry = Registry(load_plugins())
    with make_executor(registry, RunRequest(estimators="any", tasks="any", executor="serial")) as serial:
        assert serial.submit(int).result() == 0
    for name in ("dask", "slurm"):
        module = importlib.import_module(f"mibench.executors.{name}")
        assert getattr(module, f"{name.title()}Executor").Params() is not None


@pytest.mark.parametrize(
    "limit", [{"workers": 2}, {"memory": 0.5}, {"timeout": 60.0}], ids=lambda limit: next(iter(limit))
)
def test_an_executor_refuses_the_limits_that_it_does_not_keep(
    limit: dict[str, Any], threads: str, tmp_path: Path
) -> None:
    asked = RunRequest(estimators="steady", tasks="toy", results=tmp_path, plugins=[threads], device="cpu", **limit)
    registry, (name,) = Registry(load_plugins([threads])), limit
    for executor, kept in {"serial": set[str](), "threads": {"workers"}}.items():
        request = dataclasses.replace(asked, executor=executor)
        if name in kept:
            make_executor(registry, request).shutdown()
        else:
            with pytest.raises(UsageError, match=f"the {executor} executor keeps no {name}"):
                make_executor(registry, request)
