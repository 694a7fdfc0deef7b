"""Claims about ratio score matching on features: it agrees with the fit on all pairs, and its error falls with n."""

import math
from typing import Any

import mibench_ratio.columns
import mibench_ratio.many
import pytest
import torch
from mibench_ratio import FitOptions, ratio_gradient
from mibench_ratio.many import feature_count, many_gradient
from mibench_ratio.rsm import VALUED
from mibench_ratio.waves import Pairs, Waves
from ratio_cases import Pairs as Case
from ratio_cases import bpsk, correlated, crossed, estimator, normal, outliers, sparse
from torch import Tensor
from torch.testing import assert_close

from mibench.plan.selectors import field_values

FULL = FitOptions(normality=False)
PRECISIONS = (torch.float32, torch.float64)
PAIRS = FitOptions(normality=False, ellipse_weight=0.0, clusters="none")


def many(case: Case, options: FitOptions = FULL, landmarks: Any = "auto") -> Tensor:
    return many_gradient(case.x, case.y, options, landmarks)


def error(gradient: Tensor, case: Case) -> float:
    return ((gradient - case.exact).norm() / case.exact.norm()).item()


@pytest.mark.parametrize("d", [1, 2])
def test_it_sees_what_the_fit_on_all_pairs_of_samples_sees(d: int) -> None:
    case = crossed(1024, d, seed=0)
    assert error(many(case, PAIRS), case) < 1.1 * error(ratio_gradient(case.x, case.y, PAIRS), case)
    assert case.slope(many(case)) == pytest.approx(case.truth, rel=0.15)


def test_it_sees_outliers_through_quadratic_forms() -> None:
    case = outliers(8000, 5, seed=3)
    assert case.slope(many(case)) == pytest.approx(case.truth, rel=0.05)
    assert case.slope(many(case, PAIRS)) < 0.9 * case.truth


def test_bits_have_no_radius_to_take_derivatives_along() -> None:
    case = bpsk(256, 1, seed=3)
    assert error(many(case), case) < 1


def test_it_turns_blocks_and_takes_noise_for_what_it_is_as_the_fit_on_all_pairs_does() -> None:
    x, noise = normal(1200, 5, seed=1), normal(1200, 1, seed=2)
    wave, product = (2 * x.mean(1, keepdim=True) * 5**0.5).sin(), x[:, :1] * x[:, 1:2] + x[:, 2:3] * x[:, 3:4]
    for mean, alone in ((wave, FitOptions(directions="none", means="none")), (product, FitOptions(means="none"))):
        y = mean + 0.5 * noise
        all_pairs, features, without = (
            ((gradient * mean).sum(-1).mean())
            for gradient in (
                ratio_gradient(x, y),
                many_gradient(x, y, FitOptions(), "auto"),
                many_gradient(x, y, alone, "auto"),
            )
        )
        assert_close(features, all_pairs, rtol=0.1, atol=0)
        assert without < 0.95 * features


@pytest.mark.parametrize("family", [crossed, bpsk])
def test_the_error_falls_as_samples_are_added(family: Any) -> None:
    cases = [family(n, 2, seed=3) for n in (256, 1500, 9000)]
    errors = [error(many(case, PAIRS), case) for case in cases]
    assert errors[1] < 0.8 * errors[0]
    assert errors[2] < 0.8 * errors[1]


def test_gaussian_samples_get_the_plug_in_gaussian() -> None:
    case = correlated(6000, 3, seed=0)
    assert_close(many(case, FitOptions()), ratio_gradient(case.x, case.y, FitOptions()), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(("n", "d"), [(1000, 10), (4000, 20)])
def test_one_pair_of_many_coordinates_is_seen(n: int, d: int) -> None:
    """Among 100 and 400 pairs that are independent: most batches looked Gaussian, and the answer was 0."""
    for seed in range(3):
        case = sparse(n, d, seed)
        assert case.slope(many(case, FitOptions())) == pytest.approx(case.truth, rel=0.15)


def test_the_linear_null_flow_is_zero_on_the_batch() -> None:
    case = crossed(600, 2, seed=0)
    flows = many(case).mT @ (case.y - case.y.mean(0)) / 600
    assert flows.abs().max() < 1e-5


def test_translation_scale_and_order_of_samples_change_nothing() -> None:
    case = crossed(500, 2, seed=1)
    units, shift = torch.tensor([30.0, 0.02], dtype=torch.float64), torch.tensor([5.0, -7.0], dtype=torch.float64)
    order = torch.randperm(500, generator=torch.Generator().manual_seed(0))
    expected = many(case)
    moved = many_gradient(case.x * units + shift, case.y / units, FULL, "auto")
    assert (moved / units - expected).norm() < 0.02 * expected.norm()
    assert_close(many_gradient(case.x[order], case.y[order], FULL, "auto"), expected[order], rtol=1e-5, atol=1e-6)


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    case = crossed(700, 2, seed=0)
    options = FitOptions(normality=False, clusters="none")
    expected = many(case, options)
    monkeypatch.setattr(mibench_ratio.columns, "ROWS", 100)
    assert_close(many(case, options), expected, rtol=1e-6, atol=1e-8)


def renamed(n: int, d: int, seed: int, s: float = 1.0) -> tuple[Case, Tensor]:
    """Six clusters of x, and y another cluster's centre for each, in noise of deviation s; and the clusters."""
    centres = 3 * torch.nn.functional.normalize(normal(6, d, seed=99), dim=1)
    label = torch.randint(6, (n,), generator=torch.Generator().manual_seed(seed))
    width, noise = normal(2, n, d, seed=seed)
    x, y = centres[label] + 0.3 * width, centres[label - 1] + s * noise
    pulls = (centres.roll(1, 0) - y[:, None]) / s**2
    of_y = -pulls.square().sum(-1) * s**2 / 2
    joint = of_y - (x[:, None] - centres).square().sum(-1) / 0.18
    exact = ((joint.softmax(1) - of_y.softmax(1))[..., None] * pulls).sum(1)
    return Case(x, y, noise, exact, (exact * noise).sum(-1).mean().item()), label


def test_clusters_may_be_sorted_and_fill_several_chunks() -> None:
    slopes = [case.slope(many(case)) / case.truth for case, _ in (renamed(9000, 3, seed=seed) for seed in range(3))]
    assert sum(slopes) / 3 == pytest.approx(1, rel=0.02)
    case, label = renamed(9000, 3, seed=1)
    order, gradient = label.argsort(stable=True), many(case)
    assert_close(many_gradient(case.x[order], case.y[order], FULL, "auto"), gradient[order], rtol=1e-5, atol=1e-5)


def test_two_partners_a_sample_are_enough_of_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """As there are of 50,000 samples."""
    case, _ = renamed(8000, 2, seed=2, s=0.8)
    expected = case.slope(many(case))
    monkeypatch.setattr(mibench_ratio.many, "pairings", lambda _: 2)
    assert case.slope(many(case)) == pytest.approx(expected, rel=0.05)


def test_a_value_of_many_samples_is_that_of_some() -> None:
    x, noise = normal(2, 6 * VALUED, 1)
    rsm = estimator(1, 1, landmarks="auto")
    assert math.log(VALUED / 2) - 1 < rsm.mi(x, x + 1e-3 * noise).item() <= math.log(VALUED / 2)


def test_replicas_equal_one_at_a_time_and_a_nan_costs_its_own_alone() -> None:
    cases = [crossed(300, 2, seed=seed) for seed in range(3)]
    x, y = (torch.stack(blocks) for blocks in zip(*((case.x, case.y) for case in cases), strict=True))
    y[1, 5, 0] = torch.nan
    together = many_gradient(x, y, FULL, "auto")
    assert together[1].isnan().all()
    assert_close(together[2], many(cases[2]))


def test_degenerate_coordinates_have_no_gradient_and_spoil_no_other() -> None:
    case = crossed(500, 2, seed=0)
    y = torch.cat([case.y, torch.ones(500, 1), (case.y[:, :1] > 0).double()], 1)
    gradient = many_gradient(case.x, y, FULL, "auto")
    assert gradient.isfinite().all()
    assert (gradient[:, 2] == 0).all()


def _code(case: Case) -> tuple[Tensor, Tensor]:
    code = torch.nn.functional.one_hot((2 * case.x[:, 0]).round().clamp(-2, 2).long() + 2, 5).double()
    return code, case.y


def _shares(case: Case) -> tuple[Tensor, Tensor]:
    return torch.cat([case.x, case.x[:, :1] * 0], 1).softmax(1), case.y


def _near_twin(case: Case) -> tuple[Tensor, Tensor]:
    return torch.cat([case.x, case.x[:, :1] + 1e-5 * normal(len(case.x), 1, seed=9)], 1), case.y


def _sum(case: Case) -> tuple[Tensor, Tensor]:
    return case.x, torch.cat([case.y, case.y.sum(1, keepdim=True)], 1)


@pytest.mark.parametrize("blocks", [_code, _shares, _near_twin, _sum])
@pytest.mark.parametrize("n", [250, 3000])
def test_collinear_coordinates_are_left_out_in_either_precision(blocks: Any, n: int) -> None:
    for seed in range(3):
        x, y = blocks(crossed(n, 2, seed=seed))
        single, double = (many_gradient(x.to(dtype), y.to(dtype), PAIRS, "auto").double() for dtype in PRECISIONS)
        assert (single - double).norm() < 0.02 * double.norm()
        whole = many_gradient(x.float(), y.float(), FULL, "auto")
        assert 0.5 < whole.norm() / ratio_gradient(x, y, FULL).norm() < 1.2


def test_the_estimator_takes_either_road_for_both_blocks() -> None:
    case = crossed(400, 2, seed=0)
    x, y = case.x.clone().requires_grad_(), case.y.clone().requires_grad_()
    made = estimator(2, 2, normality=False, landmarks=40)
    of_x, of_y = torch.autograd.grad(400 * made.surrogate(x, y), (x, y))
    assert_close(of_y, many(case, landmarks=40))
    assert_close(of_x, many_gradient(case.y, case.x, FULL, 40))


def test_waves_have_the_inner_products_of_their_kernel() -> None:
    points = normal(2000, 2).clamp(-2.6, 2.6)
    values = Waves.plain(points, 1.0).values(points)
    kernel = torch.exp(-(points.mT[:, :, None] - points.mT[:, None, :]).square() / 2)
    assert (values.mT @ values - kernel).abs().max() < 5e-3


def test_derivatives_of_waves_are_those_of_their_values() -> None:
    points, step = normal(50, 1), 1e-4
    waves = Waves.plain(normal(300, 1, seed=1), 0.8)
    below, at, above = (waves.values(points + shift) for shift in (-step, 0, step))
    first, second = waves.derivatives(points)
    assert_close(first, (above - below) / (2 * step), rtol=1e-4, atol=1e-5)
    assert_close(second, (above - 2 * at + below) / step**2, rtol=1e-3, atol=1e-2)


def test_the_products_that_are_kept_are_those_of_greatest_prior_variance() -> None:
    sizes, weights = torch.tensor([[0.5, 0.1]]).expand(2, 2), torch.tensor([[1.0, 0.0], [0.02, 1.0]])
    pairs = Pairs.strongest(sizes, sizes, weights, 3)
    assert pairs.of_x.tolist()[0][0] == 0
    assert {tuple(pair) for pair in torch.stack([pairs.of_x[1], pairs.of_y[1]], 1).tolist()} == {(2, 2), (2, 3), (3, 2)}
    assert_close(pairs.scales[1], torch.ones(3))


def test_the_number_of_features_grows_with_n() -> None:
    counts = [feature_count(n, 5, "auto") for n in (100, 10_000, 1_000_000)]
    assert counts == sorted(set(counts))
    assert feature_count(100, 5, 33) == 33


@pytest.mark.parametrize(
    ("params", "message"),
    [({"linear": "ridge"}, "landmarks go with conditional=joint and linear=free"), ({}, "is at least 1, not 0")],
)
def test_what_has_no_landmarks_is_named(params: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        estimator(1, 1, landmarks=0 if not params else 9, **params)


def test_the_key_of_an_estimator_without_landmarks_is_as_before() -> None:
    assert "landmarks" not in field_values(estimator(1, 1).params, "a")
