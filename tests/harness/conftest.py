"""What the harness's tests share: toy runs, the command line in this process and as a real one, real distributions."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import harness_toys
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from harness_sessions import COMMAND, MARK, Install, session, started_in

import mibench
from mibench.cli import main
from mibench.discovery import load_plugins
from mibench.discovery.registry import Registry
from mibench.plan.request import RunRequest
from mibench.runner import Job, prepare


@pytest.fixture(autouse=True)
def _quiet_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MIBENCH_STRICT", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def registry() -> Registry:
    return Registry(load_plugins([harness_toys.FILE]))


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return tmp_path / "results"


@pytest.fixture
def run(results: Path) -> Callable[..., pd.DataFrame]:
    """`mibench.run` with the toys, in this process."""

    def run(estimators: str = "steady", task: str = "toy", **options: object) -> pd.DataFrame:
        asked = {"results": results, "device": "cpu", "plugins": [harness_toys.FILE]} | options
        return mibench.run(estimators, task, **asked)

    return run


@pytest.fixture
def plan(results: Path) -> Callable[..., Job]:
    """`mibench.runner.prepare` with the toys: what a run would do."""

    def plan(estimators: str = "steady", task: str = "toy", **options: object) -> Job:
        asked = {"results": results, "device": "cpu", "plugins": [harness_toys.FILE]} | options
        return prepare(RunRequest(estimators=estimators, tasks=task, **asked))

    return plan


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """The command line in this process, in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def invoke(*args: str) -> Result:
        return CliRunner().invoke(main, args)

    return invoke


@pytest.fixture
def toy_cli(cli: Callable[..., Result]) -> Callable[..., Result]:
    """`mibench run` with the toys, serially, in this process."""

    def invoke(*args: str) -> Result:
        return cli("run", "--executor", "serial", "--device", "cpu", "-p", harness_toys.FILE, "-t", "toy", *args)

    return invoke


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """The real command in a session of its own; whatever is left of it ends with the test."""
    started: list[subprocess.Popen[str]] = []

    def start(*args: str, **environment: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [COMMAND, *args],
            cwd=tmp_path,
            env=os.environ | environment | {MARK: str(tmp_path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=_restore_signals,  # noqa: PLW1509 - it only sets handlers
        )
        started.append(process)
        return process

    yield start
    for process in started:
        for pid in session(process.pid) | started_in(
            tmp_path
        ):  # a child may have left the session, and holds the pipes open
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.communicate()


def _restore_signals() -> None:
    """Signals end the command also where the tests themselves were started with them ignored, as under `nohup`."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder of installed distributions, empty at first."""
    folder = tmp_path / "site"
    folder.mkdir()
    return folder


@pytest.fixture
def install(site: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Installs a distribution that consists of one module, as pip would lay it out; uninstalls it after the test."""
    monkeypatch.syspath_prepend(str(site))
    before = set(sys.modules)

    def install(name: str, source: str, *, plugin: str | None = None, entry: str | None = None) -> None:
        module = f"{name.replace('-', '_')}_module"
        info = site / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(entry or f"[mibench]\n{plugin or name} = {module}\n")
        (site / f"{module}.py").write_text(source)

    yield install
    for name in set(sys.modules) - before:
        if str(site) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
