"""Claims about wide blocks: each is reduced to its principal components, beside the moving one and as that itself."""

from typing import Any

import pytest
import torch
from mibench_ratio import FitOptions, ratio_fit, ratio_gradient
from mibench_ratio.rsm import RSMParams
from ratio_cases import crossed, estimator, normal
from torch import Tensor
from torch.testing import assert_close

PLAIN: dict[str, Any] = {"tails": "none", "directions": "none", "clusters": "none", "ellipse_weight": 0.0}
"""What does not depend on the order and signs of the components, which samples leave open."""


def wide(n: int, d: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """x of d coordinates that two numbers make, up to noise, and y of two that follow them without correlation."""
    case = crossed(n, 2, seed)
    return case.x @ normal(2, d, seed=7) + 0.1 * normal(n, d, seed=seed + 1), case.y


def components(x: Tensor, count: int) -> Tensor:
    standard = (x - x.mean(0)) / x.std(0, correction=0)
    left, _, _ = torch.linalg.svd(standard, full_matrices=False)
    return left[:, :count] * len(x) ** 0.5


def test_the_gradient_is_that_of_the_leading_components() -> None:
    x, y = wide(120, 40)
    expected = ratio_gradient(components(x, 2), y, FitOptions(**PLAIN))
    assert_close(ratio_gradient(x, y, FitOptions(**PLAIN, components=2)), expected)


def test_the_moving_block_moves_along_its_leading_components() -> None:
    y, x = wide(120, 40)
    standard = (y - y.mean(0)) / y.std(0, correction=0)
    _, sizes, across = torch.linalg.svd(standard, full_matrices=False)
    onto = across[:2].mT * (len(y) ** 0.5 / sizes[:2])
    moved = ratio_gradient(x, standard @ onto, FitOptions(**PLAIN)) @ onto.mT / y.std(0, correction=0)
    assert moved.abs().max() > 0.01
    assert_close(ratio_gradient(x, y, FitOptions(**PLAIN, own_components=2)), moved)


@pytest.mark.parametrize("turn", ["auto", "none"])
def test_the_gradient_of_the_components_is_the_true_one_where_they_hold_all_information(turn: Any) -> None:
    """y is a scalar of unit variance that is seen forty times: dI along its scale against the noise of x is known."""
    n, rho = 2000, 0.8
    factor, noise = normal(n, 1, seed=3), normal(n, 1, seed=4)
    x = rho * factor + (1 - rho**2) ** 0.5 * noise
    y = factor.repeat(1, 40) + 0.01 * normal(n, 40, seed=5)
    gradient = ratio_gradient(x, y, FitOptions(own_components=1, directions=turn))
    along_noise = (gradient * noise.expand(n, 40)).sum(-1).mean()  # y -> y + t noise, at t = 0: the correlation rises
    wanted = rho * (1 - rho**2) ** 0.5 / (1 - rho**2)
    assert_close(along_noise, torch.tensor(wanted).double(), rtol=0.1, atol=0)


def test_fewer_samples_than_dimensions_are_enough_for_the_components() -> None:
    x, y = wide(60, 200)
    assert ratio_gradient(x, y, FitOptions(components=2)).isfinite().all()
    with pytest.raises(ValueError, match="in 202 dimensions needs at least 204 samples"):
        ratio_gradient(x, y)


def test_more_components_than_samples_and_constant_blocks_are_fine() -> None:
    options = FitOptions(linear="ridge", components=100, own_components=100)
    assert ratio_gradient(normal(30, 150), normal(30, 120, seed=1), options).isfinite().all()
    assert ratio_gradient(normal(30, 150), normal(30, 3, seed=1), options).isfinite().all()
    still = ratio_gradient(torch.ones(30, 150).double(), normal(30, 3, seed=1), options)
    assert_close(still, torch.zeros_like(still), rtol=0, atol=1e-8)


def test_a_block_that_is_no_wider_is_left_alone() -> None:
    case = crossed(60, 2, 0)
    options = FitOptions(components=2, own_components=2)
    assert torch.equal(ratio_gradient(case.x, case.y, options), ratio_gradient(case.x, case.y))


def test_at_the_samples_the_fit_is_its_gradient_and_replicas_are_apart() -> None:
    x, y = (torch.stack(blocks) for blocks in zip(wide(80, 20), wide(80, 20, 5), strict=True))
    for options, a, b in ((FitOptions(components=2), x, y), (FitOptions(own_components=2), y, x)):
        fit = ratio_fit(a, b, options)
        assert_close(fit.at(a, b), fit.gradient)
        assert_close(fit.gradient[1], ratio_gradient(a[1], b[1], options))


def test_each_block_is_reduced_beside_the_other_and_keeps_its_own_gradient() -> None:
    x, y = normal(50, 30).requires_grad_(), normal(50, 40, seed=1).requires_grad_()
    made = estimator(30, 40, components=4, own_components=4)
    in_x, in_y = torch.autograd.grad(made.surrogate(x, y), (x, y))
    assert (in_x.shape, in_y.shape) == (x.shape, y.shape)
    assert made.mi(normal(40, 30), normal(40, 40, seed=1)).isfinite()


def test_parameters_that_do_not_go_together_are_refused() -> None:
    with pytest.raises(ValueError, match="`components` is at least 1"):
        RSMParams(components=0)
    with pytest.raises(ValueError, match="`own_components` is at least 1"):
        RSMParams(own_components=0)
    for reduced in ({"components": 3}, {"own_components": 3}):
        with pytest.raises(ValueError, match="without components"):
            RSMParams(**reduced, landmarks="auto")
        with pytest.raises(ValueError, match="components and own_components go with conditional=joint"):
            RSMParams(**reduced, conditional="closed")
