"""Training that was killed goes on where it was, with the numbers of training that was not."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from mibench.contracts import Measurement
from mibench.errors import DivergedError, StoreError, UnfitError
from mibench.files import Checkpoint, progress
from mibench.training import train


class KilledError(Exception):
    """Stands for whatever ends a process."""


class Walk:
    """A learner whose every epoch depends on all before it."""

    def __init__(self) -> None:
        self.generator = torch.Generator().manual_seed(0)
        self.position = torch.zeros(2)
        self.epochs: list[int] = []

    def epoch(self, number: int) -> list[Measurement]:
        self.epochs.append(number)
        self.position += torch.randn(2, generator=self.generator)
        return [Measurement("position", self.position.sum().item(), unit="", epoch=number)]


def killed(walk: Walk, in_epoch: int) -> Callable[[int], list[Measurement]]:
    def epoch(number: int) -> list[Measurement]:
        if number == in_epoch:
            raise KilledError
        return walk.epoch(number)

    return epoch


def test_killed_training_ends_with_the_numbers_of_training_that_was_not(tmp_path: Path) -> None:
    whole = Walk()
    expected = train(whole, whole.epoch, 6, Checkpoint())
    checkpoint = Checkpoint(tmp_path / "checkpoints" / "key")
    for killed_in in (2, 5):
        walk = Walk()
        with pytest.raises(KilledError):
            train(walk, killed(walk, killed_in), 6, checkpoint)
    walk = Walk()
    assert train(walk, walk.epoch, 6, checkpoint) == expected
    assert walk.epochs[-1] == 6
    assert len(walk.epochs) == 6  # what a checkpoint holds of the earlier ones, and those since
    assert dict(progress(tmp_path / "checkpoints")) == {"key": 1.0}
    checkpoint.clear()
    assert not list((tmp_path / "checkpoints").iterdir())


def test_a_checkpoint_knows_the_seconds_of_all_processes_whose_epochs_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "key"
    for killed_in, least in ((2, 0.0), (4, 0.2), (6, 1000.2)):
        walk, checkpoint = Walk(), Checkpoint(path)

        def slow(number: int, walk: Walk = walk, killed_in: int = killed_in) -> list[Measurement]:
            time.sleep(0.2)
            return killed(walk, killed_in)(number)

        with pytest.raises(KilledError):
            train(walk, slow, 6, checkpoint)
        assert least <= checkpoint.spent < least + 60
        state = Checkpoint(path).load()
        assert state["seconds"] >= checkpoint.spent + 0.2
        Checkpoint(path).save(state | {"seconds": 1000.2 if killed_in == 4 else state["seconds"]})


def test_a_checkpoint_without_seconds_is_resumed(tmp_path: Path) -> None:
    walk, checkpoint = Walk(), Checkpoint(tmp_path / "key")
    train(walk, walk.epoch, 1, checkpoint)
    state = checkpoint.load()
    del state["seconds"]
    checkpoint.save(state)
    later = Walk()
    assert len(train(later, later.epoch, 2, checkpoint)) == 2
    assert checkpoint.spent == 0


@pytest.mark.parametrize("kept", [0, 50, 1000])
def test_training_starts_again_where_its_checkpoint_is_damaged(
    kept: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    walk, checkpoint = Walk(), Checkpoint(tmp_path / "key")
    expected = train(walk, walk.epoch, 2, checkpoint)
    path = tmp_path / "key.pt"
    damaged = path.read_bytes()[:kept]
    path.write_bytes(damaged)
    again = Walk()
    assert train(again, again.epoch, 2, checkpoint) == expected
    (aside,) = tmp_path.glob("key.*.invalid")
    assert aside.read_bytes() == damaged
    line = f"mibench: the checkpoint {path} is damaged: it is kept as {aside.name}, and its trial starts again\n"
    assert capfd.readouterr().err == line


def test_a_checkpoint_that_memory_is_too_short_for_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory")

    checkpoint = Checkpoint(tmp_path / "key")
    checkpoint.save({"epoch": 1})
    with monkeypatch.context() as patch:
        patch.setattr(torch, "load", refuse)
        with pytest.raises(StoreError, match="cannot read the checkpoint"):
            checkpoint.load()
    assert checkpoint.load() == {"epoch": 1}


def test_a_checkpoint_holds_data_and_no_code(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    torch.save(Walk, tmp_path / "key.pt")
    assert Checkpoint(tmp_path / "key").load() is None
    assert "key.pt is damaged" in capfd.readouterr().err


def test_an_epoch_that_diverges_keeps_what_all_epochs_before_it_measured(tmp_path: Path) -> None:
    walk = Walk()

    def epoch(number: int) -> list[Measurement]:
        if number == 3:
            raise DivergedError("no longer finite", [Measurement("loss", float("nan"), epoch=3)])
        return walk.epoch(number)

    with pytest.raises(DivergedError) as diverged:
        train(walk, epoch, 5, Checkpoint(tmp_path / "c.pt"))
    assert [(measurement.name, measurement.epoch) for measurement in diverged.value.measurements] == [
        ("position", 1),
        ("position", 2),
        ("loss", 3),
    ]


@pytest.mark.parametrize(("last", "kind", "epochs"), [(1, UnfitError, []), (3, DivergedError, [1, 2])])
def test_training_that_comes_to_where_an_estimator_does_not_work_keeps_its_curves(
    tmp_path: Path, last: int, kind: type[Exception], epochs: list[int]
) -> None:
    walk = Walk()

    def epoch(number: int) -> list[Measurement]:
        if number == last:
            raise UnfitError("no noise is left")
        return walk.epoch(number)

    with pytest.raises(kind, match="no noise is left") as ended:
        train(walk, epoch, 5, Checkpoint(tmp_path / "c.pt"))
    assert [measurement.epoch for measurement in getattr(ended.value, "measurements", [])] == epochs
