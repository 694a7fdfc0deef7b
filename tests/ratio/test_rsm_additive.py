"""The error of additive regressions, and directions that hide what single coordinates add."""

import torch
from mibench_ratio.additive import additive_error
from mibench_ratio.directions import directions
from mibench_ratio.kernels import units
from mibench_ratio.pairs import Features
from ratio_cases import crossed, normal
from torch import Tensor
from torch.testing import assert_close


def standard(block: Tensor) -> Tensor:
    return units(block).standardise(block)


def test_the_error_is_that_of_fits_that_leave_one_sample_out() -> None:
    n = 20
    x, y = standard(normal(n, 2)), standard(normal(n, 1, seed=1) + normal(n, 2)[:, :1])
    columns = torch.cat([torch.ones(n, 1).double(), 3 * x, Features.of(x).waves.flatten(1)], 1)
    errors = []
    for ridge in (1e-2, 1e-3):
        left = torch.zeros(n).double()
        for i in range(n):
            others = [j for j in range(n) if j != i]
            system = columns[others].mT @ columns[others] + n * ridge * torch.eye(columns.shape[1]).double()
            weights = torch.linalg.solve(system, columns[others].mT @ y[others, 0])
            left[i] = y[i, 0] - columns[i] @ weights
        errors.append(left.square().mean())
    assert_close(additive_error(x, y), min(errors), rtol=1e-6, atol=1e-8)


def test_the_error_of_replicas_is_that_of_each() -> None:
    x, e = normal(2, 3, 100, 2)
    y = x.sin().sum(-1, keepdim=True) + 0.3 * e[..., :1]
    each = torch.stack([additive_error(*pair) for pair in zip(x, y, strict=True)])
    assert_close(additive_error(x, y), each)
    assert each.max() < 0.3


def sum_of_eight(seed: int) -> tuple[Tensor, Tensor]:
    x, e = normal(256, 8, seed=seed), normal(256, 1, seed=seed + 50)
    return x, (2 * x).tanh().sum(1, keepdim=True) + 0.4 * e


def test_a_sum_over_coordinates_is_not_turned_into_one_direction() -> None:
    for seed in range(3):
        x, y = map(standard, sum_of_eight(seed))
        assert directions(x, y) is None
        assert directions(y, x) is None
    case = crossed(256, 3, 0)
    turn = torch.linalg.qr(normal(3, 3, seed=9)).Q
    assert directions(standard(case.x @ turn), standard(case.y @ turn)) is not None
