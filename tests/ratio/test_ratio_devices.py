"""Steps ask nothing of the device, and where asking is not free they give the same numbers.

On tensors without numbers, whose numbers nobody can ask for, they go through.
"""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from mibench_mige import MIGE, DenoisingMIGE, SlicedMIGE
from mibench_mige.mige_calibrated import CalibratedMIGE
from mibench_ratio import LSMI, RSM, FitOptions, ratio_fit, ratio_gradient
from mibench_ratio.clustering import expectation_maximisation, farthest_first, k_means
from mibench_ratio.clusters import Clusters
from mibench_ratio.margin import fit_score
from mibench_ratio.mixture import Components, Mixture
from mibench_ratio.ratio import fit_ratio
from mibench_ratio.widths import Widths
from ratio_cases import correlated, crossed, normal
from torch import Tensor
from torch.testing import assert_close
from torch.utils._python_dispatch import TorchDispatchMode

import mibench.devices
from mibench.contracts import Problem

ON_A_CPU_ALONE = 2 * 6 + 8
"""Questions that no other device is asked: whether samples are enough for atoms; of each block, whether coordinates are
of extreme scale, redundant, bent, nearly collinear, and twice whether they vary; whether those of y are functions of
others, or on a shell, and four times there whether they vary; and whether any replica looks other than Gaussian."""
REPEATED = 1
"""Whether any pair occurs again."""
IDLE = 1
"""The question whether any coordinate says nothing; of these few samples it is not asked whether x has atoms."""
MEDIANS = 2
"""Median distances of a full fit, that on a CPU numpy finds."""
ON_A_QUADRIC = 2
"""Questions whether y lies on a quadric, of its coordinates and of their frame."""
NOTHING_ADAPTS = {"normality": False} | dict.fromkeys(
    ("clusters", "directions", "margins", "surfaces", "means", "atoms"), "none"
)


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        (MIGE, {}),
        (MIGE, {"score": "stein", "calibration": "diagonal", "width": "neighbours"}),
        (MIGE, {"score": "nu", "kernel": "curl-free"}),
        (CalibratedMIGE, {}),
        (DenoisingMIGE, {}),
        (SlicedMIGE, {}),
        (LSMI, {}),
        (RSM, NOTHING_ADAPTS),
        (RSM, NOTHING_ADAPTS | {"linear": "ridge", "tails": "none"}),
    ],
    ids=str,
)
@pytest.mark.parametrize("replicas", [(), (3,)])
def test_a_step_does_not_wait_for_the_device(kind: Any, params: dict[str, Any], replicas: tuple[int, ...]) -> None:
    generators = tuple(torch.Generator().manual_seed(seed) for seed in range(max(1, sum(replicas))))
    made = kind(
        kind.Params(**params),
        Problem(dx=2, dy=3, generators=generators, replicas=replicas, device=torch.device("meta")),
    )
    x = torch.empty(*replicas, 40, 2, device="meta", requires_grad=True)
    y = torch.empty(*replicas, 40, 3, device="meta", requires_grad=True)
    made.update(x.detach(), y.detach())
    in_x, in_y = torch.autograd.grad(made.surrogate(x, y).sum(), (x, y))
    assert (in_x.shape, in_y.shape) == (x.shape, y.shape)


class Waits(TorchDispatchMode):
    """Counts what a GPU would be waited for: numbers and shapes that are asked for, eigenvalues, copies to it."""

    ASKING = frozenset(
        ("_local_scalar_dense", "nonzero", "_unique2", "_linalg_eigh", "linalg_pinv", "_linalg_svd", "lift_fresh")
    )

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        masked = name == "index" and any(each is not None and each.dtype == torch.bool for each in args[1])
        self.count += name in self.ASKING or masked
        return func(*args, **(kwargs or {}))


def waits(x: Tensor, y: Tensor, options: FitOptions | None = None) -> int:
    """Of one gradient, after a first one has put its constants where they stay."""
    ratio_gradient(x, y, options)
    with Waits() as mode:
        ratio_gradient(x, y, options)
    return mode.count


def test_a_batch_that_looks_gaussian_takes_one_eigendecomposition() -> None:
    case = correlated(64, 5, 1)
    assert ratio_fit(case.x, case.y).ratio is None
    assert waits(case.x, case.y) == 1 + REPEATED + IDLE + ON_A_QUADRIC + ON_A_CPU_ALONE


def test_the_full_fit_waits_as_often_for_many_coordinates_and_replicas_as_for_few() -> None:
    options = FitOptions(clusters="none", directions="none", surfaces="none", atoms="none", means="none")
    few, many = crossed(64, 2, 0), crossed(64, 8, 0)
    alone = waits(few.x, few.y, options)
    assert alone < 8 + REPEATED + IDLE + ON_A_CPU_ALONE + MEDIANS
    assert waits(many.x, many.y, options) == alone
    assert waits(few.x.expand(3, -1, -1), few.y.expand(3, -1, -1), options) == alone


def test_a_fit_with_clusters_asks_nothing_of_the_device_once_the_clusters_are_chosen() -> None:
    x, y = torch.empty(2, 3, 100, 2, dtype=torch.float64, device="meta")
    z = torch.cat([x, y], -1)
    members = k_means(z, farthest_first(z, 6), [2, 3, 6])
    several, _ = expectation_maximisation(z, members, torch.empty(3, 1, dtype=torch.float64, device="meta"))
    chosen = Components(*(part[:, 0] for part in several))
    clusters = Clusters((Mixture(chosen, (2, 0, 2), torch.empty(3, dtype=torch.bool, device="meta")),))
    margin = fit_score(y, FitOptions(), clusters.margin(y))
    assert fit_ratio(x, y, margin, FitOptions(), Widths.of(x, y, FitOptions()), clusters).fitted.shape == y.shape


def behind(shape: Callable[[Tensor], Tensor], n: int = 100) -> tuple[Tensor, Tensor]:
    x, noise = normal(2, n, 2)
    return x, shape(x + 0.5 * noise)


def collinear(n: int = 100) -> tuple[Tensor, Tensor]:
    """Two coordinates of each block that are nearly one, which are whitened."""
    x, noise = normal(2, n, 2, seed=4)
    return x[:, :1] + 1e-3 * x * torch.tensor([0.0, 1.0], dtype=x.dtype), x[:, :1] + noise[:, :1] + 1e-3 * noise


def on_a_shell(n: int = 100) -> tuple[Tensor, Tensor]:
    x, noise = normal(2, n, 2, seed=5)
    x = torch.nn.functional.normalize(x, dim=1)
    return x, torch.nn.functional.normalize(x + 0.3 * noise, dim=1)


PAIRS = {
    "gaussian": (correlated(100, 2, 0).x, correlated(100, 2, 0).y),
    "crossed": (crossed(100, 2, 0).x, crossed(100, 2, 0).y),
    "skewed": behind(torch.exp),
    "folded": behind(torch.cos),
    "evened": behind(lambda y: torch.special.ndtr(y) ** 4),
    "heavy tails": behind(lambda y: (2 * y).sinh()),
    "determined": behind(lambda y: torch.cat([y[:, :1], y[:, :1] ** 3], 1)),
    "collinear": collinear(),
    "on a shell": on_a_shell(),
}
"""What charts do something else to, in two coordinates each."""


@pytest.mark.parametrize("name", PAIRS)
def test_where_asking_is_not_free_the_gradient_is_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    gradient = ratio_gradient(*PAIRS[name])
    monkeypatch.setattr(mibench.devices, "FREE", frozenset())
    assert_close(ratio_gradient(*PAIRS[name]), gradient, rtol=1e-8, atol=1e-8)


def test_replicas_of_all_kinds_together_are_as_they_are_alone() -> None:
    x, y = (torch.stack(blocks) for blocks in zip(*PAIRS.values(), strict=True))
    together = ratio_gradient(x, y)
    alone = torch.stack([ratio_gradient(*blocks) for blocks in PAIRS.values()])
    assert_close(together, alone, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("kind", [MIGE, CalibratedMIGE, LSMI, RSM], ids=lambda kind: kind.__name__)
def test_where_asking_is_not_free_a_step_is_the_same(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def step() -> tuple[Tensor, ...]:
        made = kind(kind.Params(), Problem(dx=2, dy=2, generators=(torch.Generator().manual_seed(0),)))
        x, y = (block.clone().requires_grad_() for block in PAIRS["crossed"])
        return torch.autograd.grad(made.surrogate(x, y), (x, y))

    usual = step()
    monkeypatch.setattr(mibench.devices, "FREE", frozenset())
    assert_close(step(), usual, rtol=1e-8, atol=1e-8)
