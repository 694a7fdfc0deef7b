"""Whatever a task returns or raises ends in its own record, in plain numbers and printable text."""

import decimal
import fractions
import json
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import harness_toys
import numpy as np
import pandas as pd
import pytest
import torch

from mibench.contracts import Context, Measurement
from mibench.store import Store
from mibench.store.record import Record

Run = Callable[..., pd.DataFrame]


def returning(monkeypatch: pytest.MonkeyPatch, answer: Callable[[], Any]) -> None:
    def run(self: object, cells: Sequence[Any], context: Context) -> Any:
        return answer()

    monkeypatch.setattr(harness_toys.Toy, "run", run)


def raising(error: BaseException) -> Callable[[], Any]:
    def raise_it() -> Any:
        raise error

    return raise_it


@pytest.fixture
def record(run: Run, results: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], Record]:
    """The record of one trial whose task gives an answer; it is read from disk, and its file is JSON."""

    def make(answer: Callable[[], Any]) -> Record:
        returning(monkeypatch, answer)
        run("steady", profile="smoke")
        (path,) = results.rglob("records/*/*/*.json")
        json.loads(path.read_text(), parse_constant=pytest.fail)
        assert path.stat().st_size < 500_000
        (only,), invalid = Store(results).read()
        assert invalid == []
        return only

    return make


@pytest.mark.parametrize(
    ("epochs", "got"), [((None, None), "one measurement of a in"), ((2, 1, 2), "one measurement of a at epoch 2 in")]
)
def test_a_measurement_that_is_there_twice_is_refused_and_not_averaged(
    epochs: tuple[int | None, ...], got: str, record: Callable[..., Record]
) -> None:
    written = record(lambda: [[Measurement("a", float(k), epoch=epoch) for k, epoch in enumerate(epochs)]])
    assert written.outcome.status == "failed"
    assert written.outcome.error is not None
    assert got in written.outcome.error.message


def test_a_measurement_at_each_epoch_and_at_the_end_is_kept(record: Callable[..., Record]) -> None:
    written = record(lambda: [[Measurement("a", 1.0, epoch=epoch) for epoch in (1, 2, None)]])
    assert [it.epoch for it in written.outcome.measurements] == [1, 2, None]


@pytest.mark.parametrize(
    ("measurement", "value", "epoch"),
    [
        (Measurement("a", 1.0, epoch=np.int64(2)), 1.0, 2),  # type: ignore[arg-type]
        (Measurement("a", np.float32(0.5)), 0.5, None),  # type: ignore[arg-type]
        (Measurement("a", np.int64(3)), 3.0, None),  # type: ignore[arg-type]
        (Measurement("a", np.array(0.5)), 0.5, None),  # type: ignore[arg-type]
        (Measurement("a", torch.tensor(0.5)), 0.5, None),  # type: ignore[arg-type]
        (Measurement("a", torch.tensor([0.5], requires_grad=True)), 0.5, None),  # type: ignore[arg-type]
        (Measurement("a", 1.0, epoch=torch.tensor(4)), 1.0, 4),  # type: ignore[arg-type]
        (Measurement("a", decimal.Decimal("0.25")), 0.25, None),  # type: ignore[arg-type]
        (Measurement("a", fractions.Fraction(1, 4)), 0.25, None),  # type: ignore[arg-type]
        (Measurement(np.str_("a"), 7), 7.0, None),
    ],
)
def test_any_kind_of_number_is_recorded_as_a_plain_one(
    measurement: Measurement, value: float, epoch: int | None, record: Callable[..., Record]
) -> None:
    written = record(lambda: [iter([measurement])])
    assert written.outcome.status == "ok"
    assert [(m.name, m.value, m.epoch) for m in written.outcome.measurements] == [("a", value, epoch)]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda: None, "`run` to give the measurements of each trial; got None: is there a `return`?"),
        (list, "`run` to give measurements 1 times, once a trial; got 0"),
        (lambda: [[], []], "`run` to give measurements 1 times, once a trial; got more"),
        (lambda: [None], "the measurements of a trial; got None: is there a `return`?"),
        (lambda: ["abc"], "a Measurement; got a str, 'a'"),
        (lambda: [[{"name": "a"}]], "a Measurement; got a dict"),
        (lambda: [[Measurement("a", "1")]], "the value of a to be a number; got a str, '1'"),
        (lambda: [[Measurement("a", None)]], "the value of a to be a number; got None: is there a `return`?"),
        (lambda: [[Measurement("a", 1j)]], "the value of a to be a number; got a complex, 1j"),
        (lambda: [[Measurement("a", 1.0, epoch=2.5)]], "the epoch of a to be a whole number; got a float, 2.5"),
        (lambda: [[Measurement("a", 1.0, epoch=10**30)]], "the epoch of a to be below 2**63; got a larger one"),
        (lambda: [[Measurement(3, 1.0)]], "a measurement's name to be text; got an int, 3"),
        (lambda: [[Measurement("", 1.0)]], "a measurement to have a name; got none"),
        (lambda: [[Measurement("a" * 10**6, 1.0)]], "a measurement's name of at most 200 characters; got 1,000,000"),
        (lambda: [iter(lambda: Measurement("a", 1), None)], "at most 100,000 measurements of a trial; got more"),
    ],
)
def test_what_is_no_measurement_fails_with_a_sentence(
    answer: Callable[[], Any], message: str, record: Callable[..., Record]
) -> None:
    written = record(answer)
    assert written.outcome.status == "failed"
    assert written.outcome.error
    assert written.outcome.error.type == "PluginError"
    assert written.outcome.error.message == f"task {written.trial.task}: expected {message}"


@pytest.mark.parametrize("value", [10**400, float("inf"), float("nan"), np.float32("inf"), decimal.Decimal("Infinity")])
def test_what_is_not_finite_diverged(value: Any, record: Callable[..., Record]) -> None:
    assert record(lambda: [[Measurement("a", value)]]).outcome.status == "diverged"


class MuteError(Exception):
    def __str__(self) -> str:
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (KeyboardInterrupt(), "KeyboardInterrupt", "(no message)"),
        (GeneratorExit(), "GeneratorExit", "(no message)"),
        (SystemExit(0), "SystemExit", "0"),
        (MuteError(), "MuteError", "(its message cannot be read: KeyboardInterrupt)"),
        (ValueError("cannot read " + os.fsdecode(b"/data/caf\xe9")), "ValueError", "cannot read /data/caf\\xe9"),
        (ValueError("\x1b[31mred\x00"), "ValueError", "\\x1b[31mred\\x00"),
    ],
)
def test_whatever_is_raised_fails_its_trial_alone(
    error: BaseException, kind: str, message: str, record: Callable[..., Record], run: Run
) -> None:
    written = record(raising(error))
    assert written.outcome.status == "failed"
    assert written.outcome.error
    assert (written.outcome.error.type, written.outcome.error.message) == (kind, message)


def test_a_message_of_megabytes_is_shortened_with_its_length(record: Callable[..., Record]) -> None:
    written = record(raising(ValueError("x" * 5 * 10**7)))
    assert written.outcome.error
    assert "[... 50,000,000 characters in all ...]" in written.outcome.error.message
    assert len(written.outcome.error.message) < 11_000


def test_ctrl_c_in_a_trial_ends_the_run_and_leaves_no_record(
    run: Run, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        returning(monkeypatch, lambda: os.kill(os.getpid(), signal.SIGINT))
        with pytest.raises(KeyboardInterrupt):
            run("steady", profile="smoke")
    finally:
        signal.signal(signal.SIGINT, handler)
    assert Store(results).read() == ([], [])
