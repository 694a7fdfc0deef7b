"""Claims about least-squares mutual information: the fit, its leave-one-out error, value, gradient, bad batches."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from mibench_ratio import LSMI, SmallBatchError, least_squares_mi, lsmi
from mibench_ratio.kernels import gaussian, squared_distances, units
from mibench_ratio.lsmi import MEASURED, LSMIParams, choose, fitted_ratio, leave_one_out_errors
from ratio_cases import correlated, crossed, generator, normal, problem
from torch import Tensor
from torch.testing import assert_close

from mibench import probe

FIXED = LSMIParams(width=0.7, regularisation=0.01)


def grams(x: Tensor, y: Tensor, precision: float) -> tuple[Tensor, Tensor]:
    return tuple(gaussian(squared_distances(block, block), precision) for block in (x, y))  # pyright: ignore[reportReturnType]


def test_the_fitted_ratio_is_that_of_the_densratio_package() -> None:
    """Version 0.4.0: all n^2 pairs as denominator, every pair a centre, alpha 0, sigma .8, lambda .05."""
    case = correlated(40, 2, 3)
    in_x, in_y = grams(case.x, case.y, 1 / 0.64)
    ratio = fitted_ratio(in_x, in_y, 0.05)
    expected = [0.8208955737848493, 0.9708935145769486, 0.9904748790637231, 1.693190560465307, 1.9153167342985338]
    assert ratio[:5].tolist() == pytest.approx(expected, rel=1e-10)
    assert ratio.log().mean().item() == pytest.approx(0.15560540190263436, rel=1e-10)


def test_rounding_exchanges_centres_where_pairs_are_more_than_they_and_then_alone() -> None:
    x, noise = (torch.randn(400, 1, generator=generator(seed), dtype=torch.float64) for seed in (0, 1))
    y = 0.8 * x + 0.6 * noise

    def values(n: int) -> Tensor:
        shaken = [1e-9 * k * torch.randn(n, 1, generator=generator(k), dtype=torch.float64) for k in range(30)]
        return torch.stack([least_squares_mi(x[:n] * (1 + 1e-9 * k), y[:n] + shake) for k, shake in enumerate(shaken)])

    all_of_them, some = values(200), values(400)
    assert all_of_them.max() - all_of_them.min() < 1e-6
    assert some.mean().item() == pytest.approx(0.55, abs=0.01)
    assert (some.max() - some.min()).item() == pytest.approx(0.014, rel=0.2)


def test_the_leave_one_out_error_is_that_of_fitting_again_without_each_pair() -> None:
    case, n, ridge = correlated(12, 1, 0), 12, 0.03
    in_x, in_y = grams(case.x, case.y, 1.3)
    features = in_x[:, None, :] * in_y[None, :, :]
    second = features.reshape(n * n, n).mT @ features.reshape(n * n, n) / n**2
    errors = []
    for i in range(n):
        left = [j for j in range(n) if j != i]
        first = torch.stack([features[j, j] for j in left]).mean(0)
        a = torch.linalg.solve(second + ridge * torch.eye(n).double(), first).clamp_min(0)
        errors.append(a @ second @ a / 2 - features[i, i] @ a)
    assert_close(leave_one_out_errors(in_x, in_y, (ridge,))[0], torch.stack(errors).mean())


def test_cross_validation_takes_the_smallest_error_replica_by_replica() -> None:
    x, y = torch.stack([normal(60, 1), normal(60, 1, seed=4)]), torch.stack([normal(60, 1) ** 3, normal(60, 1, seed=5)])
    x, y = units(x).standardise(x), units(y).standardise(y)
    chosen = choose(x, y)
    for width in (0.3, 0.7, 1.5):
        for ridge in (1e-4, 1e-2):
            assert (chosen.error <= choose(x, y, LSMIParams(width=width, regularisation=ridge)).error + 1e-12).all()
    assert chosen.width[0] != chosen.width[1] or chosen.regularisation[0] != chosen.regularisation[1]


@pytest.mark.parametrize(("rho", "tolerance"), [(0.0, 0.15), (0.6, 0.15), (0.9, 0.25)])
def test_the_value_is_near_the_truth_in_one_dimension(rho: float, tolerance: float) -> None:
    values = torch.stack([least_squares_mi(*correlated(256, 1, seed, rho)[:2]) for seed in range(6)])
    assert values.mean().item() == pytest.approx(-math.log(1 - rho**2) / 2, abs=tolerance)


def test_it_sees_dependence_without_correlation() -> None:
    values = torch.stack([least_squares_mi(*crossed(256, 1, seed)[:2]) for seed in range(4)])
    assert values.mean().item() == pytest.approx(0.408, abs=0.15)


def test_the_gradient_is_that_of_the_value() -> None:
    case, step = correlated(50, 2, 0), torch.zeros(50, 2).double()
    y = case.y.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(least_squares_mi(case.x, y, FIXED), y)
    step[7, 1] = 1e-6
    values = [least_squares_mi(case.x, case.y + sign * step, FIXED) for sign in (1, -1)]
    assert gradient[7, 1].item() == pytest.approx((values[0] - values[1]).item() / 2e-6, rel=1e-4)


def test_the_gradient_along_scale_and_translation_is_zero() -> None:
    case = correlated(50, 2, 0)
    y = case.y.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(least_squares_mi(case.x, y), y)
    assert_close(gradient.sum(0), torch.zeros(2).double(), rtol=0, atol=1e-10)


def test_value_and_surrogate_are_one_number() -> None:
    case = correlated(50, 2, 0)
    made = LSMI(LSMIParams(), problem(2, 2))
    assert made.mi(case.x, case.y) == made.surrogate(case.x, case.y)
    assert not made.mi(case.x, case.y.requires_grad_()).requires_grad


def test_units_order_and_neighbours_change_nothing() -> None:
    case, order = correlated(50, 2, 0), torch.randperm(50, generator=generator(0))
    value = least_squares_mi(case.x, case.y)
    assert_close(least_squares_mi(3 + 5 * case.x, case.y / 7 - 1), value)
    assert_close(least_squares_mi(1e200 * case.x, 1e-200 * case.y), value)
    assert_close(least_squares_mi(case.x[order], case.y[order]), value)
    assert_close(least_squares_mi(case.y, case.x), value)
    assert_close(least_squares_mi(torch.stack([case.x, case.y]), torch.stack([case.y, case.y]))[0], value)


def test_a_replica_that_is_not_finite_is_nan_and_no_other() -> None:
    x, y = normal(2, 30, 1), normal(2, 30, 1, seed=1)
    healthy = least_squares_mi(x, y)
    x[0, 3, 0] = math.inf
    y.requires_grad_()
    value = least_squares_mi(x, y)
    assert value[0].isnan()
    assert_close(value[1].detach(), healthy[1])
    (gradient,) = torch.autograd.grad(value.sum(), y)
    assert gradient[0].isnan().all()
    assert gradient[1].isfinite().all()


@pytest.mark.parametrize("constant", [0.0, 3.7, -1e5])
def test_a_constant_block_tells_nothing_and_leaves_other_replicas_alone(constant: float) -> None:
    x = normal(3, 40, 2)
    y = x + normal(3, 40, 2, seed=1)
    healthy, (of_x, of_y) = _value_and_gradients(x, y)
    x[0], y[1] = constant, constant
    value, gradients = _value_and_gradients(x, y)
    assert value[:2].tolist() == [0, 0]
    assert all((gradient[:2] == 0).all() for gradient in gradients)
    assert torch.equal(value[2], healthy[2])
    assert torch.equal(gradients[0][2], of_x[2])
    assert torch.equal(gradients[1][2], of_y[2])


def _value_and_gradients(x: Tensor, y: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
    x, y = x.clone().requires_grad_(), y.clone().requires_grad_()
    value = least_squares_mi(x, y)
    return value.detach(), torch.autograd.grad(value.sum(), (x, y))


def test_constants_and_duplicates_are_fine_and_tiny_batches_say_what_they_need() -> None:
    y = normal(30, 1)
    assert least_squares_mi(torch.ones(30, 1).double(), y) == 0
    assert least_squares_mi(y.repeat(2, 1), y.repeat(2, 1)).isfinite()
    with pytest.raises(SmallBatchError, match="at least 3, got 2"):
        least_squares_mi(y[:2], y[:2])


@pytest.mark.parametrize("n", [300, 1000])
def test_beyond_the_number_of_centres_every_pair_of_values_has_its_share_of_them(n: int) -> None:
    """Flips of a bit, of which the least-squares fit on all pairs of values is nearly exact."""
    x, flips = (torch.rand(n, 1, generator=generator(seed), dtype=torch.float64) for seed in (3, 4))
    x, flips = (x < 0.5).double(), (flips < 0.1).double()
    y = (x - flips).abs()
    q = flips.mean().item()
    truth = math.log(2) + q * math.log(q) + (1 - q) * math.log(1 - q)
    assert least_squares_mi(x, y).item() == pytest.approx(truth, abs=0.05)
    order = torch.randperm(n, generator=generator(5))
    assert_close(least_squares_mi(x[order], y[order]), least_squares_mi(x, y))


def test_x_and_y_may_change_places_beyond_the_number_of_centres() -> None:
    case = correlated(300, 2, 0)
    x, y = case.x.clone().requires_grad_(), case.y.clone().requires_grad_()
    there = least_squares_mi(x, y)
    back = least_squares_mi(y, x)
    assert_close(back, there)
    assert_close(torch.autograd.grad(back, (x, y)), torch.autograd.grad(there, (x, y)))


def test_the_gradient_of_rounded_samples_does_not_depend_on_their_order() -> None:
    case, order = correlated(100, 2, 0), torch.randperm(100, generator=generator(1))
    x = case.x.round()

    def slope(x: Tensor, y: Tensor) -> Tensor:
        x = x.clone().requires_grad_()
        return torch.autograd.grad(least_squares_mi(x, y), x)[0]

    assert_close(slope(x[order], case.y[order]), slope(x, case.y)[order])


def test_equal_pairs_have_equal_gradients_beyond_the_number_of_centres() -> None:
    x, y = (block.round() for block in correlated(300, 1, 0)[:2])
    order = torch.randperm(300, generator=generator(5))
    _, gradients = _value_and_gradients(x, y)
    _, of_others = _value_and_gradients(x[order], y[order])
    first = ((x == x[0]) & (y == y[0]))[:, 0]
    for gradient, other in zip(gradients, of_others, strict=True):
        assert_close(gradient[order], other, rtol=0, atol=1e-12)
        assert torch.equal(gradient[first], gradient[:1].expand(int(first.sum()), 1))


def test_the_gradient_of_weak_dependence_is_noisy_beside_labels_and_smooth_variables_alike() -> None:
    def slopes(estimate: Callable[[Tensor, Tensor], Tensor], *, labels: bool) -> Tensor:
        x, y = torch.zeros(2, 50, 256, 1, dtype=torch.float64)
        for seed, (noise, partner) in enumerate(zip(x, y, strict=True)):
            source = generator(seed)
            partner.bernoulli_(0.3, generator=source) if labels else partner.normal_(0, 0.21**0.5, generator=source)
            noise.normal_(generator=source)
        s = torch.ones(50, 1, 1, dtype=torch.float64, requires_grad=True)
        return torch.autograd.grad(estimate(y + s * x, y).sum(), s)[0]

    labelled = slopes(least_squares_mi, labels=True)
    assert labelled.mean().item() == pytest.approx(-0.23, abs=0.02)
    assert labelled.std().item() == pytest.approx(0.17, abs=0.02)
    assert slopes(least_squares_mi, labels=False).std().item() == pytest.approx(0.18, abs=0.02)
    assert slopes(probe("gauss", dx=1, dy=1).surrogate, labels=True).std().item() == pytest.approx(0.02, abs=0.01)


def test_beyond_so_many_pairs_the_median_distance_is_that_of_some_whatever_their_order() -> None:
    n = 3 * MEASURED
    case, order = correlated(n, 2, 0), torch.randperm(n, generator=generator(1))
    x, y = units(case.x).standardise(case.x), units(case.y).standardise(case.y)
    for_all, reordered = choose(x, y, FIXED).error, choose(x[order], y[order], FIXED).error
    assert_close(reordered, for_all)
    a, b = case.x.clone().requires_grad_(), case.y.clone().requires_grad_()
    value = least_squares_mi(a, b, FIXED)
    assert value.item() == pytest.approx(least_squares_mi(case.x[:MEASURED], case.y[:MEASURED], FIXED).item(), abs=0.05)
    (gradient,) = torch.autograd.grad(least_squares_mi(case.x[order], b[order], FIXED), b)
    assert_close(gradient, torch.autograd.grad(value, b)[0])


def test_no_matrix_of_all_pairs_of_samples_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def noted(points: Tensor, samples: Tensor) -> Tensor:
        sizes.append(points.shape[-2] * samples.shape[-2])
        return squared_distances(points, samples)

    monkeypatch.setattr(lsmi, "squared_distances", noted)
    case = correlated(3 * MEASURED, 1, 0)
    least_squares_mi(case.x, case.y, FIXED)
    assert max(sizes) <= MEASURED**2


@pytest.mark.parametrize("wrong", [{"centres": 0}, {"width": 0.0}, {"width": math.nan}, {"regularisation": -1.0}])
def test_parameters_that_fit_nothing_are_refused_by_name(wrong: dict[str, Any]) -> None:
    (name,) = wrong
    with pytest.raises(ValueError, match=f"`{name}` is"):
        LSMIParams(**wrong)
