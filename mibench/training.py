"""Epochs that survive a kill: the loop of every task that trains for minutes or days."""

import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

import torch

from mibench.checkpoints import Checkpoint
from mibench.contracts import Measurement
from mibench.errors import DivergedError
from mibench.snapshots import restore, snapshot

_SHARE = 0.05
"""Most of the time that may go into writing checkpoints."""


def train(
    learner: Any,
    epoch: Callable[[int], Iterable[Measurement]],
    epochs: int,
    checkpoint: Checkpoint,
    device: torch.device | str = "cpu",
) -> list[Measurement]:
    """Runs epochs from where the checkpoint is, and returns what all of them measured.

    Everything that an epoch changes must be found in `learner`: networks, optimisers, averages, generators. Then a run
    that was killed goes on with the numbers of one that was not. A checkpoint follows the first epoch, and every later
    one before which enough time has passed that writing takes a twentieth of it.

    Args:
        learner: what is trained, whose state is kept by `mibench.snapshots`.
        epoch: trains for one epoch, counted from 1, and measures.
        epochs: how many there are.
        checkpoint: where state and progress are kept.
        device: where tensors go when they come back.

    Raises:
        StoreError: the checkpoint cannot be written or read.
        DivergedError: an epoch raised it; it then carries what all epochs measured.
    """
    done, measured = _resume(learner, checkpoint, device)
    written, cost = time.perf_counter(), 0.0
    for number in range(done + 1, epochs + 1):
        try:
            measured += epoch(number)
        except DivergedError as error:
            error.measurements[:0] = measured
            raise
        checkpoint.report(number, epochs)
        clock = time.perf_counter()
        if clock - written > cost / _SHARE:
            checkpoint.save(
                {"epoch": number, "learner": snapshot(learner), "measured": [asdict(one) for one in measured]}
            )
            written = time.perf_counter()
            cost = written - clock
    return measured


def _resume(learner: Any, checkpoint: Checkpoint, device: torch.device | str) -> tuple[int, list[Measurement]]:
    saved = checkpoint.load()
    if saved is None:
        return 0, []
    restore(learner, saved["learner"], device)
    return saved["epoch"], [Measurement(**one) for one in saved["measured"]]
