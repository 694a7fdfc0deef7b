"""A seed is a seed for anybody's code, and no plugin or trial changes another trial's numbers."""

import os
import random
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import harness_toys
import harness_vandals
import numpy as np
import pandas as pd
import pytest
import torch

import mibench
from mibench.discovery import load_plugins
from mibench.discovery.global_state import ENVIRONMENT, global_states
from mibench.runner import state

PLUGINS = [harness_toys.FILE, harness_vandals.FILE]
GLOBAL = "global-torch,global-numpy,global-python"
Start = Callable[..., "os.subprocess.Popen[str]"]


def numbers(estimators: str, results: Path, plugins: list[str] = PLUGINS, **options: object) -> pd.DataFrame:
    frame = mibench.run(estimators, "toy", results=results, device="cpu", plugins=plugins, **options)
    return frame.drop(columns="seconds")


def test_what_an_estimator_draws_globally_follows_from_its_seed(results: Path, tmp_path: Path) -> None:
    frame = numbers(GLOBAL, results, seeds=3)
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002
    random.seed(1)
    pd.testing.assert_frame_equal(numbers(GLOBAL, results, seeds=3, rerun="all"), frame)
    alone = numbers("global-numpy", tmp_path / "alone", seeds=3)
    pd.testing.assert_frame_equal(alone, frame[frame["estimator"] == "global-numpy"].reset_index(drop=True))
    drawn = frame[frame["measurement"] == "mi"].groupby("estimator")["value"]
    assert (drawn.nunique() == drawn.size()).all(), "each trial has a stream of its own"


def test_the_callers_random_numbers_go_on_as_if_nothing_had_run(results: Path) -> None:
    def draw() -> tuple[float, float]:
        return torch.rand(()).item(), np.random.rand()  # noqa: NPY002

    torch.manual_seed(5)
    np.random.seed(5)  # noqa: NPY002
    expected = draw()
    torch.manual_seed(5)
    np.random.seed(5)  # noqa: NPY002
    numbers(GLOBAL, results)
    assert draw() == expected
    before = random.getstate()  # which the checks of types in these tests draw from as well
    with state.known_state(3):
        first = random.random()
    with state.known_state(3):
        assert random.random() == first
    assert random.getstate() == before


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    return numbers("steady,global-torch", tmp_path_factory.mktemp("undisturbed"))


@pytest.mark.parametrize("act", harness_vandals.ACTS)
def test_a_trial_changes_nothing_for_those_after_it(act: str, results: Path, undisturbed: pd.DataFrame) -> None:
    there = global_states() | ENVIRONMENT
    before = {name: setting.read() for name, setting in there.items()}
    path = list(sys.path)
    descriptors = [os.fstat(descriptor).st_ino for descriptor in range(3)]
    assert set(numbers(f"vandal[act={act}]", results, seeds=1)["status"]) == {"ok"}
    assert {name: setting.read() for name, setting in there.items()} == before
    assert set(path) <= set(sys.path)
    assert [sys.stdout.closed, sys.stderr.closed] == [False, False]
    assert [os.fstat(descriptor).st_ino for descriptor in range(3)] == descriptors
    pd.testing.assert_frame_equal(numbers("steady,global-torch", results), undisturbed)


@pytest.mark.parametrize("act", sorted(set(harness_vandals.ACTS) - {"environment"}))
def test_a_plugin_that_is_only_loaded_changes_nothing(
    act: str, results: Path, tmp_path: Path, undisturbed: pd.DataFrame
) -> None:
    there = global_states()
    before = {name: setting.read() for name, setting in there.items()}
    descriptors = [os.fstat(descriptor).st_ino for descriptor in range(3)]
    plugin = tmp_path / f"loaded_{act.replace('-', '_')}.py"
    hook = "@hookimpl\ndef mibench_estimators(): return []\n"
    plugin.write_text(f"import harness_vandals\nfrom mibench import hookimpl\n{hook}harness_vandals.ACTS[{act!r}]()\n")
    frame = numbers("steady,global-torch", results, plugins=[*PLUGINS, str(plugin)])
    pd.testing.assert_frame_equal(frame, undisturbed)
    assert {name: setting.read() for name, setting in there.items()} == before
    assert [sys.stdout.closed, sys.stderr.closed] == [False, False]
    assert [os.fstat(descriptor).st_ino for descriptor in range(3)] == descriptors


def test_a_trial_starts_from_float32_on_the_cpu_whatever_the_caller_has_set(
    results: Path, undisturbed: pd.DataFrame
) -> None:
    try:
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
        pd.testing.assert_frame_equal(numbers("steady,global-torch", results), undisturbed)
        assert torch.get_default_dtype() == torch.float64
        assert not torch.is_grad_enabled()
    finally:
        torch.set_default_dtype(torch.float32)
        torch.set_grad_enabled(True)


def test_a_process_that_is_damaged_for_good_runs_no_other_trial(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "_damage", ["torch's sum is wrong now"])
    records = numbers("steady", results)
    assert set(records["status"]) == {"failed"}
    (error,) = set(mibench.load(results, wide=True)["error"])
    assert error.startswith("RuntimeError: other code has changed this process for good (torch's sum is wrong now)")


def test_a_worker_that_is_damaged_for_good_ends_and_costs_no_other_trial(
    start: Callable[..., object], results: Path, undisturbed: pd.DataFrame
) -> None:
    """An operator of torch is overridden in C++, in the only worker."""
    plugins = [word for file in PLUGINS for word in ("-p", file)]
    asked = ["run", "-e", "steady,vandal,global-torch", "-t", "toy", "--device", "cpu", "--workers", "1", *plugins]
    process = start(*asked, "--results", str(results))
    _, stderr = process.communicate(timeout=280)
    assert process.returncode == 0, stderr
    frame = mibench.load(results).drop(columns="seconds")
    assert set(frame["status"]) == {"ok"}
    others = frame[~frame["estimator"].str.startswith("vandal")].reset_index(drop=True)
    pd.testing.assert_frame_equal(others, undisturbed)


def test_a_trial_that_breaks_mibench_itself_in_a_worker_is_crashed_and_costs_no_other(
    start: Callable[..., "os.subprocess.Popen[str]"], results: Path, undisturbed: pd.DataFrame
) -> None:
    """In the only worker, between other estimators."""
    plugins = [word for file in PLUGINS for word in ("-p", file)]
    asked = ["run", "-e", "steady,vandal[act=records|workers],global-torch", "-t", "toy", "--device", "cpu", *plugins]
    process = start(*asked, "--workers", "1", "--results", str(results))
    _, stderr = process.communicate(timeout=280)
    assert process.returncode == 1, stderr
    assert "Traceback" not in stderr
    frame = mibench.load(results, wide=True)
    broken = frame[frame["estimator"] == "vandal[act=records]"]
    assert set(broken["status"]) == {"crashed"}
    assert set(broken["error"]) == {"TypeError: mibench itself failed: 'NoneType' object is not callable"}
    frame = mibench.load(results).drop(columns="seconds")
    others = frame[~frame["estimator"].str.startswith("vandal")].reset_index(drop=True)
    pd.testing.assert_frame_equal(others, undisturbed)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("raise KeyboardInterrupt", "KeyboardInterrupt: (no message)"),
        ("import os\nos._exit(0)", "SystemExit: os._exit(0) was called"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("raise GeneratorExit", "GeneratorExit: (no message)"),
        (
            "class Mute(Exception):\n    def __str__(self):\n        raise KeyboardInterrupt\nraise Mute",
            "Mute: (its message cannot be read: KeyboardInterrupt)",
        ),
        ("raise ValueError('x' * 10**7)", "ValueError: xxx"),
        ("import torch\ntorch.library = None\nraise ValueError('y')", "ValueError: y"),
    ],
)
def test_a_plugin_whose_import_fails_in_any_way_is_broken_and_no_other(
    source: str, message: str, tmp_path: Path
) -> None:
    plugin = tmp_path / "failing_import.py"
    plugin.write_text(source)
    plugins = {plugin.name: plugin for plugin in load_plugins([str(plugin), harness_toys.FILE])}
    assert plugins["failing_import"].error.startswith(message)
    assert len(plugins["failing_import"].error) < 3000
    assert plugins["harness_toys"].status == "ok"


def test_ctrl_c_while_a_plugin_is_imported_ends_the_command(tmp_path: Path) -> None:
    plugin = tmp_path / "slow_import.py"
    plugin.write_text(f"import os, signal\nos.kill(os.getpid(), {int(signal.SIGINT)})\n")
    with pytest.raises(KeyboardInterrupt):
        load_plugins([str(plugin)])
