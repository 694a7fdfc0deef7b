"""`ksg-tree` keeps the contract, agrees with an independent implementation, and is near the truth."""

import math
from collections.abc import Callable

import pytest
import torch
from mibench_ksg.ksg import KSG, KSGParams, kraskov
from mibench_ksg.plugin import mibench_estimators
from torch import Tensor

import mibench
from mibench import gaussians

(SPEC,) = mibench_estimators()


def pairs(n: int, d: int = 1, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x, noise = torch.randn(2, n, d, generator=generator, dtype=torch.float64)
    return x, gaussians.correlate(torch.tensor(0.6, dtype=torch.float64), x, noise)


def by_definition(x: Tensor, y: Tensor, k: int) -> float:
    """Eq. 8 with every distance written out."""
    x, y = x / x.std(0, correction=0), y / y.std(0, correction=0)
    in_x, in_y = (torch.cdist(z, z, p=math.inf) for z in (x, y))
    farthest = torch.maximum(in_x, in_y).kthvalue(k + 1, dim=-1, keepdim=True).values
    counts = [(distances < farthest).sum(-1) - 1 for distances in (in_x, in_y)]
    n = torch.tensor([k, len(x)], dtype=torch.float64)
    return float(n.digamma().sum() - sum((count + 1.0).double().digamma().mean() for count in counts))


def test_keeps_the_contract(mibench_check: Callable[..., None]) -> None:
    mibench_check(SPEC)


@pytest.mark.parametrize(("d", "k"), [(1, 1), (1, 3), (2, 3), (3, 7)])
def test_trees_give_what_the_definition_gives(d: int, k: int) -> None:
    x, y = pairs(120, d)
    assert kraskov(x.numpy(), y.numpy(), k) == pytest.approx(by_definition(x, y, k), abs=1e-12)


def test_scikit_learn_gives_the_same() -> None:
    selection = pytest.importorskip("sklearn.feature_selection", reason="scikit-learn is not installed")
    x, y = (side.numpy() for side in pairs(500))
    (theirs,) = selection.mutual_info_regression(x, y[:, 0], n_neighbors=3, random_state=0)
    assert kraskov(x, y, 3) == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize("d", [1, 2])
def test_gaussians_are_near_the_truth(d: int) -> None:
    drawn = [pairs(1000, d, seed) for seed in range(10)]
    values = torch.tensor([kraskov(x.numpy(), y.numpy(), 3) for x, y in drawn])
    truth = gaussians.mutual_information(torch.tensor(0.6), d, d).item()
    assert values.mean().item() == pytest.approx(truth, abs=4 * values.std().item() / math.sqrt(10))


def test_units_of_measurement_change_nothing() -> None:
    x, y = (side.numpy() for side in pairs(300, 2))
    assert kraskov(x * [1e3, 1e-3], y, 3) == pytest.approx(kraskov(x, y, 3), abs=1e-12)


@pytest.mark.parametrize("leading", [(), (3,), (2, 2)])
def test_replicas_come_back_in_their_places(leading: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(2, *leading, 50, 1, generator=generator)
    values = KSG(KSGParams(), mibench.Problem(dx=1, dy=1, generators=(generator,), replicas=leading)).mi(x, y)
    assert values.shape == leading
    for value, left, right in zip(values.flatten(), x.reshape(-1, 50, 1), y.reshape(-1, 50, 1), strict=True):
        assert value.item() == pytest.approx(kraskov(left.double().numpy(), right.double().numpy(), 3), rel=1e-6)


def test_too_few_pairs_and_no_neighbour_are_refused() -> None:
    x, y = (side.numpy() for side in pairs(3))
    with pytest.raises(ValueError, match="more than k = 3 pairs, not 3"):
        kraskov(x, y, 3)
    with pytest.raises(ValueError, match="`k` is at least 1"):
        KSGParams(k=0)
