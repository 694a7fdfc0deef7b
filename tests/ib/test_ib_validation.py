"""Images that are held out choose beta: no network learns from them, and all trials hold out the same."""

import dataclasses
from collections.abc import Callable

import pandas as pd
import pytest
import torch
from mibench_ib.samples import hold_out

from mibench.contracts import Split

Run = Callable[..., pd.DataFrame]
IMAGES = Split(torch.arange(60, dtype=torch.uint8).reshape(20, 1, 1, 3), torch.arange(20))


def test_a_held_out_image_is_in_one_split_alone() -> None:
    left, held = hold_out(IMAGES, 6)
    assert (len(left), len(held)) == (14, 6)
    assert sorted([*left.labels.tolist(), *held.labels.tolist()]) == list(range(20))
    for split in (left, held):
        assert torch.equal(split.images, IMAGES.images[split.labels])


def test_which_are_held_out_does_not_depend_on_the_trial() -> None:
    assert torch.equal(hold_out(IMAGES, 6)[1].labels, hold_out(dataclasses.replace(IMAGES), 6)[1].labels)
    assert set(hold_out(IMAGES, 3)[1].labels.tolist()) < set(hold_out(IMAGES, 6)[1].labels.tolist())


def test_nothing_held_out_leaves_the_images_in_their_order() -> None:
    left, held = hold_out(IMAGES, 0)
    assert torch.equal(left.labels, IMAGES.labels)
    assert len(held) == 0


def test_the_error_of_what_is_held_out_is_measured_by_epoch_and_at_the_end(run: Run) -> None:
    frame = run("dvb,baseline", validation=300, epochs=2)
    errors = frame[frame["measurement"] == "error_rate/validation"]
    assert errors.groupby("estimator")["epoch"].apply(lambda epochs: sorted(epochs.dropna())).tolist() == [[1, 2]] * 2
    assert errors["epoch"].isna().sum() == 2
    assert errors["value"].between(0, 100).all()
    step = 100 / 300
    assert ((errors["value"] / step) - (errors["value"] / step).round()).abs().max() == pytest.approx(0, abs=1e-6)


def test_without_validation_nothing_of_it_is_measured(run: Run) -> None:
    frame = run("dvb", epochs=1)
    assert not frame["measurement"].str.contains("validation").any()
