"""A coordinate that says nothing changes nothing: constants, copies and functions of others."""

from collections.abc import Callable

import pytest
import torch
from mibench_ratio import FitOptions, ratio_fit, ratio_gradient
from mibench_ratio.critic import held_out_bound
from mibench_ratio.many import many_gradient
from ratio_cases import Pairs, crossed, normal
from torch import Tensor
from torch.testing import assert_close

N = 120
CONSTANT = torch.full((N, 1), 3.7, dtype=torch.float64)
IDLE: dict[str, Callable[[Tensor], Tensor]] = {
    "constant": lambda _: CONSTANT,
    "copy": lambda block: block[:, :1],
    "sum": lambda block: block.sum(1, keepdim=True) - 2,
}


def _steps(seed: int) -> Pairs:
    """A count and noise that hangs on it, whose fit is another one in two coordinates."""
    x, noise = normal(2, N, 1, seed=seed)
    count = (x.exp() * 2).floor()
    y = count + 0.5 * noise
    return Pairs(count, y, noise, torch.zeros_like(y), 0.0)


def _missing(seed: int) -> Pairs:
    """As few samples as atoms of two coordinates of x are marked for; a third has none."""
    x, noise = normal(N // 3, 2, seed=seed).relu(), normal(N // 3, 1, seed=seed + 9)
    return Pairs(x, x[:, :1] + noise, noise, torch.zeros_like(noise), 0.0)


def _value(x: Tensor, y: Tensor) -> Tensor:
    return held_out_bound(x, y, torch.arange(N).expand(*x.shape[:-2], -1), FitOptions())


CASES = pytest.mark.parametrize("case", [_steps(0), crossed(N, 1, 0), crossed(N, 2, 0)], ids=["counts", "one", "two"])


@CASES
@pytest.mark.parametrize("idle", IDLE.values(), ids=list(IDLE))
def test_an_idle_coordinate_of_either_block_changes_no_number(case: Pairs, idle: Callable[[Tensor], Tensor]) -> None:
    x, y = case.x, case.y
    expected = ratio_gradient(x, y)
    assert_close(ratio_gradient(torch.cat([x, idle(x)], 1), y), expected)
    wide = ratio_gradient(torch.cat([x, idle(x)], 1), torch.cat([y, CONSTANT], 1))
    assert_close(wide, torch.cat([expected, torch.zeros_like(CONSTANT)], 1))


@pytest.mark.parametrize("idle", [IDLE["constant"], IDLE["copy"]], ids=["constant", "copy"])
def test_idle_coordinates_do_not_count_among_those_that_atoms_need_samples_for(
    idle: Callable[[Tensor], Tensor],
) -> None:
    case = _missing(0)
    expected = ratio_gradient(case.x, case.y)
    assert not torch.equal(expected, ratio_gradient(case.x, case.y, FitOptions(atoms="none")))
    more = idle(case.x)[: len(case.x)]
    assert_close(ratio_gradient(torch.cat([case.x, more], 1), case.y), expected)


@CASES
def test_so_it_is_at_other_points_and_of_the_value(case: Pairs) -> None:
    x, y = (torch.cat([CONSTANT, block], 1) for block in (case.x, case.y))
    inside, outside = ratio_fit(case.x, case.y), ratio_fit(x, y)
    at = inside.at(case.x[:9] + 0.1, case.y[:9])
    assert_close(outside.at(x[:9] + 0.1, y[:9]), torch.cat([torch.zeros(9, 1).double(), at], 1))
    assert_close(_value(x, y), _value(case.x, case.y))


@CASES
def test_so_it_is_of_many_samples(case: Pairs) -> None:
    x, y = torch.cat([CONSTANT, case.x], 1), torch.cat([case.y, CONSTANT], 1)
    expected = many_gradient(case.x, case.y, FitOptions(), 20)
    assert_close(many_gradient(x, y, FitOptions(), 20)[:, :-1], expected, rtol=1e-6, atol=1e-6)


def test_replicas_that_keep_other_coordinates_are_as_if_alone() -> None:
    """And one that is not finite leaves the others what they are."""
    first, second, third = (crossed(N, 2, seed) for seed in range(3))
    x = torch.stack([first.x, second.x, third.x, third.x])
    y = torch.stack([first.y, second.y, third.y, third.y])
    x[0, :, 1], y[1, :, 0], y[3, 0, 0] = 1.0, -2.0, torch.nan
    together = ratio_gradient(x, y)
    for i in range(3):
        assert_close(together[i], ratio_gradient(x[i], y[i]), rtol=1e-6, atol=1e-8)
    assert together[3].isnan().all()
    values = _value(x[:3], y[:3])
    assert_close(values, torch.stack([_value(x[i], y[i]) for i in range(3)]))


def _classes(seed: int) -> tuple[Tensor, Tensor]:
    """One-hot classes, of which any one is what the others leave, and in each half another may be."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.nn.functional.one_hot(torch.randint(4, (N,), generator=generator), 4).double()
    return x, x @ normal(4, 1, seed=seed) + 0.3 * normal(N, 1, seed=seed + 9)


def _gaps(seed: int) -> tuple[Tensor, Tensor]:
    """Gaps in a twentieth of x, which are enough to be an atom in some halves alone."""
    case = crossed(N, 2, seed)
    return case.x.where(case.x.abs() > 0.06, 0.0), case.y


@pytest.mark.parametrize("drawn", [_classes, _gaps], ids=["classes", "gaps"])
def test_halves_that_keep_other_coordinates_leave_the_value_of_replicas_as_if_alone(
    drawn: Callable[[int], tuple[Tensor, Tensor]],
) -> None:
    pairs = [drawn(seed) for seed in range(4)]
    together, order = [torch.stack(blocks) for blocks in zip(*pairs, strict=True)], torch.arange(N)
    plain = FitOptions(clusters="none", means="none")
    alone = torch.stack([held_out_bound(x, y, order, plain) for x, y in pairs])
    assert_close(held_out_bound(*together, order.expand(4, N), plain), alone, rtol=1e-6, atol=1e-8)
