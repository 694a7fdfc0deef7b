"""The task draws what it says, and `ksg-tree` measures on it what scikit-learn measured."""

from pathlib import Path

import pytest
import torch
from mibench_ksg.gamma_exponential import Cell, draw, mutual_information

import mibench
from mibench.comparison.references import load_references, matching
from mibench.discovery import load_plugins
from mibench.discovery.registry import Registry

PLUGINS = ["mibench_ksg.plugin"]


def drawn(theta: float, **other: bool) -> tuple[torch.Tensor, torch.Tensor]:
    return draw(Cell(theta=theta, n=200_000, **other), torch.Generator().manual_seed(0))


@pytest.mark.parametrize("theta", [0.5, 1.0, 3.0])
def test_the_truth_is_the_mean_log_ratio_of_what_is_drawn(theta: float) -> None:
    """log p(y|x) - log p(y) with p(y) = theta / (1 + y)^(theta + 1)."""
    x, y = drawn(theta, log=False)
    ratios = x.log() - x * y - torch.tensor(theta).log() + (theta + 1) * y.log1p()
    error = ratios.std().item() / len(ratios) ** 0.5
    assert ratios.mean().item() == pytest.approx(mutual_information(Cell(theta=theta)), abs=4 * error)


def test_the_margin_of_x_is_gamma() -> None:
    x, _ = drawn(3.0, log=False)
    assert x.mean().item() == pytest.approx(3.0, abs=0.02)
    assert x.var().item() == pytest.approx(3.0, abs=0.06)


def test_logarithms_show_the_same_pairs() -> None:
    torch.testing.assert_close(drawn(1.0)[1], drawn(1.0, log=False)[1].log())


def test_dependence_is_finite_and_falls_with_theta() -> None:
    truths = [mutual_information(Cell(theta=theta)) for theta in (0.5, 1.0, 3.0, 10.0)]
    assert truths == sorted(truths, reverse=True)
    assert mutual_information(Cell(theta=1.0)) == pytest.approx(1 - 0.5772156649)
    assert mutual_information(Cell(theta=1.0, d=3)) == pytest.approx(3 * (1 - 0.5772156649))


def test_a_cell_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="`theta` is above 0"):
        Cell(theta=0.0)


def test_ksg_measures_what_scikit_learn_measured(tmp_path: Path) -> None:
    task = "ksg-gamma-exponential[theta=1|3]"
    frame = mibench.run("ksg-tree", task, seeds=20, results=tmp_path, device="cpu", plugins=PLUGINS)
    references = load_references(Registry(load_plugins(PLUGINS)))
    for theta, rows in frame.groupby("theta"):
        cell = {"theta": theta, "d": 1, "n": 1000, "log": True}
        (reference,) = matching(references, cell, task="ksg-gamma-exponential", estimator="ksg-tree").to_dict("records")
        assert rows["value"].mean() == pytest.approx(reference["value"], abs=1e-3)
        assert rows["value"].std() == pytest.approx(reference["spread"], abs=1e-3)


def test_estimators_of_the_gradient_alone_are_skipped_and_others_run(tmp_path: Path) -> None:
    both = ["ksg-tree", "mige", "infonce[hidden=8x8]"]
    frame = mibench.run(both, "ksg-gamma-exponential", profile="smoke", results=tmp_path, plugins=PLUGINS)
    statuses = dict(zip(frame["estimator"], frame["status"], strict=True))
    assert statuses == {"ksg-tree": "ok", "mige": "skipped", "infonce[hidden=8x8]": "ok"}
