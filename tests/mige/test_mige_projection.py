"""Claims about random projection: distances are preserved, and MIGE on projections stays near MIGE."""

from dataclasses import replace

import pytest
import torch
from mibench_mige import MIGE, MIGERP, project, projection_matrix
from mibench_mige.mige import MIGEParams
from mibench_mige.mige_rp import MIGERPParams
from mige_cases import generator, normal, problem
from torch import Tensor
from torch.testing import assert_close


@pytest.mark.parametrize(("d", "k"), [(400, 100), (3000, 200)])
def test_projection_preserves_distances(d: int, k: int) -> None:
    x = normal(40, d, dtype=torch.float32) * torch.linspace(0, 3, d)
    ratios = torch.pdist(project(x, projection_matrix(d, k, generator(1)))) / torch.pdist(x)
    assert ratios.mean().item() == pytest.approx(1, abs=0.03)
    assert ratios.std().item() == pytest.approx((2 * k) ** -0.5, rel=0.3)


def test_rows_have_unit_length() -> None:
    assert_close(projection_matrix(50, 7, generator(0)).norm(dim=-1), torch.ones(7))


def test_projection_belongs_to_its_generator() -> None:
    first, again, other = (projection_matrix(50, 7, generator(seed)) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def gradients(estimator: MIGE, x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
    x, y = x.clone().requires_grad_(), y.clone().requires_grad_()
    return torch.autograd.grad(estimator.surrogate(x, y).sum(), (x, y))


def pairs(d: int) -> tuple[Tensor, Tensor]:
    x = normal(2, 100, d)
    return x, 0.6 * x[..., :4] + 0.8 * normal(2, 100, 4, seed=1)


def test_blocks_no_wider_than_k_are_left_alone() -> None:
    x, y = pairs(8)
    plain = MIGE(MIGEParams(), problem(8, 4, (2,)))
    projected = MIGERP(MIGERPParams(k=8), problem(8, 4, (2,)))
    assert_close(gradients(projected, x, y), gradients(plain, x, y))


def test_projected_gradients_are_near_the_plain_ones() -> None:
    x, y = pairs(300)
    plain = gradients(MIGE(MIGEParams(), problem(300, 4, (2,))), x, y)
    projected = gradients(MIGERP(MIGERPParams(k=128), problem(300, 4, (2,))), x, y)
    assert torch.cosine_similarity(plain[1].flatten(), projected[1].flatten(), 0) > 0.9


def test_scored_block_of_a_projected_x_is_ssge_of_the_projections() -> None:
    x, y = pairs(300)
    narrow = MIGERP(MIGERPParams(k=16), problem(300, 4, (2,)))
    seen, _ = narrow.kernel_inputs(x, y)
    on_projections = MIGE(MIGEParams(), problem(16, 4, (2,)))
    assert_close(gradients(narrow, x, y)[1], gradients(on_projections, seen, y)[1])


def test_each_replica_has_a_projection_of_its_own_whatever_its_neighbours() -> None:
    x, y = pairs(60)
    together = gradients(MIGERP(MIGERPParams(k=10), problem(60, 4, (2,))), x, y)
    alone = gradients(MIGERP(MIGERPParams(k=10), problem(60, 4, seed=1)), x[1], y[1])
    assert_close([g[1] for g in together], list(alone))


def test_an_offset_takes_no_digits_of_projections_in_single_precision() -> None:
    x, y = (1e4 + block.float() for block in pairs(300))
    single = gradients(MIGERP(MIGERPParams(k=64), replace(problem(300, 4, (2,)), dtype=torch.float32)), x, y)
    double = gradients(MIGERP(MIGERPParams(k=64), problem(300, 4, (2,))), x.double(), y.double())
    assert_close(single[1].double(), double[1], rtol=0, atol=1e-5 * double[1].abs().max().item())
