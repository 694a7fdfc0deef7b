"""Executors come through the same door as everything: by the hook, with options in the language of selectors."""

import dataclasses
import importlib
import resource
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
from mibench.errors import StoreError, UsageError
from mibench.executors.hosted import WorkerContext
from mibench.plan.request import RunRequest
from mibench.runner import loop, make_executor, worker
from mibench.store import Store

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


FAULTY = '''
"""Executors that do not keep their contract, in one file."""

import concurrent.futures

from mibench import hookimpl
from mibench.executors import Executor
from mibench.specs import ExecutorSpec


class Faulty(Executor):
    """Runs one batch well, and goes wrong at the next."""

    submitted = 0

    def submit(self, fn, /, *args, **kwargs):
        self.submitted += 1
        future = concurrent.futures.Future()
        if self.submitted > 1:
            return self.go_wrong(future)
        future.set_result(fn(*args, **kwargs))
        return future


class Raises(Faulty):
    def go_wrong(self, future):
        raise RuntimeError("no cluster\\nanywhere")


class Forgets(Faulty):
    def go_wrong(self, future):
        pass


class Loses(Faulty):
    def go_wrong(self, future):
        future.set_exception(ValueError("lost"))
        return future


class Empty(Faulty):
    def go_wrong(self, future):
        future.set_result(None)
        return future


class Other(Faulty):
    def go_wrong(self, future):
        future.set_result(["done"])
        return future


class Cancels(Faulty):
    def go_wrong(self, future):
        future.cancel()
        return future


class NoSubmit(Executor):
    pass


class NoSlots(Faulty):
    slots = 0


class Unmade(Executor):
    def __init__(self, limits, params):
        raise OSError("no key")


class Foreign:
    Params = Executor.Params


@hookimpl
def mibench_executors():
    kinds = [Raises, Forgets, Loses, Empty, Other, Cancels, NoSubmit, NoSlots, Unmade, Foreign]
    return [ExecutorSpec(name=kind.__name__.lower(), target=kind) for kind in kinds]
'''
FAULTS = {
    "raises": ": `submit` raised RuntimeError: no cluster anywhere",
    "forgets": ": `submit` is to return a concurrent.futures.Future, not None: is there a `return`?",
    "loses": " gave no records of a batch, but ValueError: lost; nothing measured before is lost",
    "empty": " gave no records of a batch, but None: is there a `return`?; nothing measured before is lost",
    "other": " gave no records of a batch, but a list; nothing measured before is lost",
    "cancels": " cancelled a batch; nothing measured before is lost",
}
"""Executors that go wrong after one batch, and what is said of them."""
UNUSABLE = {
    "nosubmit": " has no `submit`, which runs a call and returns its future",
    "noslots": ": `slots` is a whole number from 1, not an int, 0",
    "unmade": ": OSError: no key",
    "foreign": ": faulty_foreign:Foreign is no subclass of mibench.executors.Executor",
}
"""Executors that can run nothing, and what is said of them."""


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


@pytest.mark.parametrize("name", [*FAULTS, *UNUSABLE])
def test_an_executor_at_fault_ends_the_run_in_one_line_that_names_it_and_what_was_measured_is_kept(
    name: str, cli: Callable[..., Result], results: Path, tmp_path: Path
) -> None:
    plugin = tmp_path / f"faulty_{name}.py"
    plugin.write_text(FAULTY)
    asked = ("-e", "steady", "-t", "toy", "--device", "cpu", "--results", str(results))
    done = cli("run", "-p", str(plugin), "-p", harness_toys.FILE, *asked, "--executor", name)
    assert done.exit_code == 2
    assert isinstance(done.exception, SystemExit)
    assert (
        done.stderr.splitlines()[-1]
        == f"mibench: executor {name!r} of plugin 'faulty_{name}'" + (FAULTS | UNUSABLE)[name]
    )
    statuses = [] if name in UNUSABLE else ["ok"]
    assert [record.outcome.status for record in Store(results).read()[0]] == statuses


def test_locks_that_cannot_be_written_are_said_as_what_they_are_and_no_plugin_is_blamed() -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        with pytest.raises(StoreError) as caught:
            WorkerContext().RLock()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert str(caught.value).startswith("cannot write a lock of the workers into shared memory: File too large")
    assert "nothing measured before is lost" in str(caught.value)


def test_a_trial_that_breaks_mibench_itself_is_not_the_fault_of_another_executor(
    threads: str, cli: Callable[..., Result], results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise TypeError("broken by a trial")

    monkeypatch.setattr(worker, "make_record", broken)
    monkeypatch.setattr(loop, "write_records", lambda *_, **__: [])
    plugins = ("-p", threads, "-p", harness_toys.FILE)
    done = cli("run", *plugins, "-e", "steady", "-t", "toy", "--results", str(results), "--executor", "threads")
    assert "executor" not in done.stderr
    assert "4 missing" in done.stderr
