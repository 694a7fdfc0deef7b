"""The baselines are what their papers say."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import torch
from ib_cases import ends
from mibench_ib import baselines

import mibench
from mibench.contracts import Problem
from mibench.errors import UsageError

Run = Callable[..., pd.DataFrame]
PROBLEM = Problem(dx=2, dy=2, generators=(torch.Generator(),))
LOGITS = torch.tensor([[2.0, 0.0, -1.0], [0.5, 0.5, 0.5]], dtype=torch.float64)
LABELS = torch.tensor([0, 2])


def test_label_smoothing_mixes_labels_with_the_uniform_distribution() -> None:
    smooth = baselines.LabelSmoothing(baselines.WeightParams(weight=0.3), PROBLEM)
    target = 0.7 * torch.eye(3, dtype=torch.float64)[LABELS] + 0.1
    expected = -(target * LOGITS.log_softmax(-1)).sum(-1).mean()
    torch.testing.assert_close(smooth.loss(LOGITS, LABELS), expected)


def test_the_confidence_penalty_pays_for_entropy() -> None:
    p = LOGITS.softmax(-1)
    expected = -p.log()[[0, 1], LABELS].mean() + 0.3 * (p * p.log()).sum(-1).mean()
    penalty = baselines.ConfidencePenalty(baselines.WeightParams(weight=0.3), PROBLEM)
    torch.testing.assert_close(penalty.loss(LOGITS, LABELS), expected)


def test_baselines_learn_and_bottleneck_nothing(run: Run) -> None:
    frame = run("baseline,dropout,confidence-penalty,label-smoothing", epochs=10)
    assert set(frame["status"]) == {"ok"}
    assert (ends(frame)["error_rate"] < 80).all()
    assert not set(frame["measurement"]) & {"rate", "information", "mi"}
    assert ends(frame)["error_rate/raw"].nunique() > 1


def test_without_a_rate_dropout_is_the_baseline(run: Run) -> None:
    errors = ends(run("baseline,dropout[rate=0]"))["cross_entropy"]
    assert errors.nunique() == 1


def test_a_baseline_fits_no_other_task(tmp_path: Path) -> None:
    frame = mibench.run("baseline", "gaussian", profile="smoke", device="cpu", results=tmp_path)
    assert set(frame["status"]) == {"skipped"}


@pytest.mark.parametrize("selector", ["dropout[rate=1]", "label-smoothing[weight=2]", "confidence-penalty[weight=-1]"])
def test_a_strength_out_of_range_is_refused(run: Run, selector: str) -> None:
    with pytest.raises(UsageError, match=r"`(rate|weight)` is at least 0"):
        run(selector)
