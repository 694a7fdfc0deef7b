"""Claims about the estimator: its surrogate's gradient, the three circumstances, standardisation, calibrated scale."""

import math
from typing import Any

import pytest
import torch
from mibench_mige import MIGE, entropy_surrogate, mi_surrogate, squared_distances, ssge_score, stein_score
from mibench_mige.calibration import calibrate
from mibench_mige.mige import MIGEParams
from mige_cases import correlated, estimator, gaussian_conditional, generator, normal, problem
from torch import Tensor
from torch.distributions import Independent, Laplace
from torch.testing import assert_close

from mibench.errors import UnfitError

HALF = torch.tensor(0.5, dtype=torch.float64)


def gradients(made: MIGE, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    x, y = x.detach().clone().requires_grad_(), y.detach().clone().requires_grad_()
    in_x, in_y = torch.autograd.grad(made.surrogate(x, y).sum(), (x, y), materialize_grads=True)
    return in_x, in_y


def scale_gradient(made: MIGE, x: Tensor, y: Tensor) -> float:
    """The surrogate's gradient along y -> c y at c = 1."""
    c = torch.ones((), dtype=y.dtype, requires_grad=True)
    (gradient,) = torch.autograd.grad(made.surrogate(x, c * y).sum(), c)
    return gradient.item()


def test_mi_surrogate_gradient_is_the_mean_score_difference() -> None:
    z = normal(2, 10, 3).requires_grad_()
    joint, marginal = normal(2, 2, 10, 3, seed=1)
    (gradient,) = torch.autograd.grad(mi_surrogate(z, joint, marginal).sum(), z)
    assert_close(gradient, (joint - marginal) / 10)


@pytest.mark.parametrize("rho", [-0.7, 0.2, 0.9])
def test_mi_surrogate_with_exact_scores_has_the_exact_gradient(rho: float) -> None:
    n, d = 100_000, 2
    parameter = torch.full((1000,), rho, dtype=torch.float64, requires_grad=True)
    x, y = correlated(parameter, n // 1000, d, 0)
    joint = (rho * x - y) / (1 - rho**2)
    mi_surrogate(y, joint, -y).sum().backward()
    assert parameter.grad is not None
    error = parameter.grad.mean() - rho * d / (1 - rho**2)
    assert error.abs() < 4 * parameter.grad.std() / math.sqrt(1000)


def test_entropy_surrogate_with_the_exact_score_of_a_scaled_normal_gives_one_over_scale() -> None:
    scale = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    z = scale * normal(100_000, 3)
    entropy_surrogate(z, -z / 4).backward()
    assert scale.grad is not None
    assert scale.grad.item() == pytest.approx(3 / 2, rel=0.02)


def test_entropy_surrogate_estimates_the_score_by_ssge_if_none_is_given() -> None:
    z = normal(20, 3).requires_grad_()
    (gradient,) = torch.autograd.grad(entropy_surrogate(z), z)
    assert_close(gradient, -ssge_score(z) / 20)


def test_surrogate_is_h_x_plus_h_y_minus_h_xy() -> None:
    x, y = correlated(HALF, 60, 3, 0)
    joint = ssge_score(torch.cat([x, y], -1))
    expected = (joint[:, :3] - ssge_score(x)) / 60, (joint[:, 3:] - ssge_score(y)) / 60
    assert_close(gradients(estimator(3), x, y), expected)


def test_stein_scores_can_replace_ssge() -> None:
    x, y = correlated(HALF, 60, 3, 0)
    joint = stein_score(torch.cat([x, y], -1), regularisation=0.05)[:, 3:]
    expected = (joint - stein_score(y, regularisation=0.05)) / 60
    assert_close(gradients(estimator(3, score="stein", regularisation=0.05), x, y)[1], expected)


@pytest.mark.parametrize("params", [{}, {"calibration": "full"}, {"standardize": True}, {"rank": 9}])
def test_a_block_without_gradient_changes_nothing_for_the_other(params: dict[str, Any]) -> None:
    x, y = correlated(HALF, 60, 3, 0)
    in_x, in_y = gradients(estimator(3, **params), x, y)
    for moving in (x.clone().requires_grad_(), y.clone().requires_grad_()):
        pair, expected = ((moving, y), in_x) if torch.equal(moving, x) else ((x, moving), in_y)
        (gradient,) = torch.autograd.grad(estimator(3, **params).surrogate(*pair), moving)
        assert_close(gradient, expected)


def test_surrogate_of_pairs_that_carry_no_graph_is_zero() -> None:
    x, y = correlated(HALF, 20, 2, 0)
    assert estimator(2).surrogate(x, y).item() == 0


@pytest.mark.parametrize("params", [{}, {"calibration": "full"}, {"standardize": True, "score": "stein"}])
def test_x_and_y_are_treated_alike(params: dict[str, Any]) -> None:
    x, y = correlated(HALF, 60, 3, 0)
    assert_close(gradients(estimator(3, **params), x, y)[::-1], gradients(estimator(3, **params), y, x))


@pytest.mark.parametrize("conditional", ["joint", "score", "closed"])
@pytest.mark.parametrize("calibration", ["none", "full"])
def test_replicas_equal_one_at_a_time(conditional: str, calibration: str) -> None:
    rhos = torch.tensor([0.2, 0.6], dtype=torch.float64)
    x, y = correlated(rhos, 50, 2, 0)
    params = {"calibration": calibration, "conditional_samples": 12}
    known = None if conditional == "joint" else gaussian_conditional
    together = estimator(2, (2,), known and known(rhos), conditional=conditional, **params)
    alone = estimator(2, (), known and known(rhos[1]), seed=1, conditional=conditional, **params)
    (in_y,) = y_gradient(together, x, y)
    assert_close(in_y[1], y_gradient(alone, x[1], y[1])[0])


def y_gradient(made: MIGE, x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
    y = y.clone().requires_grad_()
    return torch.autograd.grad(made.surrogate(x, y).sum(), y)


@pytest.mark.parametrize("calibration", ["none", "full"])
def test_noise_of_a_fixed_width_leaves_the_gradient_of_the_margin_alone(calibration: str) -> None:
    x, y = correlated(HALF, 60, 3, 0)
    in_x, in_y = gradients(estimator(3, conditional="fixed", calibration=calibration), x, y)
    score = ssge_score(y)
    assert_close(in_y, -(calibrate(score, y, "full") if calibration == "full" else score) / 60)
    assert_close(in_x, torch.zeros_like(x))


def test_standardizing_gives_the_gradient_in_the_original_coordinates() -> None:
    x, y = correlated(HALF, 100, 3, 0)
    x, y = x / x.std(0), y / y.std(0)
    units = torch.tensor([10.0, 0.01, 300.0], dtype=torch.float64)
    in_x, in_y = gradients(estimator(3), x, y)
    expected = in_x / units, in_y * units
    assert_close(gradients(estimator(3, standardize=True), units * x, y / units), expected)


def test_one_width_fails_blocks_of_unequal_scale_and_standardizing_repairs_it() -> None:
    rho = torch.full((4,), 0.7, dtype=torch.float64, requires_grad=True)
    truth = 8 * 0.7 / (1 - 0.49)
    estimates = {}
    for standardize in (False, True):
        x, y = correlated(rho, 256, 8, 0)
        total = estimator(8, (4,), standardize=standardize).surrogate(10 * x, y).sum()
        estimates[standardize] = torch.autograd.grad(total, rho)[0].mean().item() / truth
    assert estimates[False] < 0.3
    assert estimates[True] == pytest.approx(1, abs=0.15)


OFFSET = [
    {"standardize": True},
    {"width": "each"},
    {"standardize": True, "width": "each", "calibration": "full"},
    {"standardize": True, "score": "stein"},
    {"standardize": True, "score": "nu", "kernel": "curl-free"},
    {"standardize": True, "landmarks": 20},
    {"standardize": True, "conditional": "score"},
    {"width": "each", "conditional": "fixed"},
]


@pytest.mark.parametrize("params", OFFSET, ids=str)
def test_an_offset_takes_no_digits_of_scaled_samples_in_single_precision(params: dict[str, Any]) -> None:
    x, y = (1e4 + block.float() for block in correlated(HALF, 60, 3, 0))
    single, double = (
        gradients(estimator(3, (), gaussian_encoder, **params), *(block.to(dtype) for block in (x, y)))
        for dtype in (torch.float32, torch.float64)
    )
    assert single[1].dtype == torch.float32
    assert_close(single[0].double(), double[0], rtol=0, atol=2e-5 * double[1].abs().max().item())
    assert_close(single[1].double(), double[1], rtol=0, atol=2e-5 * double[1].abs().max().item())


IN_UNITS = [
    {},
    {"width": "neighbours"},
    {"calibration": "full"},
    {"score": "stein"},
    {"score": "nu"},
    {"score": "kde"},
    {"score": "nu", "kernel": "imq"},
    {"score": "nu", "kernel": "curl-free"},
    {"landmarks": "auto"},
    {"landmarks": 20, "score": "nu"},
]
WITHOUT_UNITS = [
    {"standardize": True},
    {"width": "each"},
    {"width": "each", "landmarks": 20},
    {"standardize": True, "width": "each", "calibration": "full"},
    {"standardize": True, "calibration": "diagonal"},
    {"standardize": True, "score": "nu", "kernel": "curl-free"},
]


@pytest.mark.parametrize("params", WITHOUT_UNITS, ids=str)
def test_where_units_do_not_matter_no_scale_is_too_large_or_too_small(params: dict[str, Any]) -> None:
    x, y = correlated(HALF, 60, 2, 0)
    x = torch.cat([x, torch.zeros_like(x[:, :1])], -1)

    def told(of_x: float, of_y: float) -> list[Tensor]:
        both = (of_x * x).requires_grad_(), (of_y * y).requires_grad_()
        answers = torch.autograd.grad(MIGE(MIGEParams(**params), problem(3, 2)).surrogate(*both), both)
        return [(answer * scale)[:, :2] for answer, scale in zip(answers, (of_x, of_y), strict=True)]

    for scale in (1e160, 1e200, 1e-160, 1e-200):
        for of_x, of_y in ((scale, scale), (scale, 1.0), (1.0, scale), (scale, 1 / scale)):
            assert_close(told(of_x, of_y), told(1.0, 1.0), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("params", IN_UNITS, ids=str)
@pytest.mark.parametrize(("size", "said"), [(1e160, "overflow torch.float64"), (1e-170, "squares underflow")])
def test_samples_whose_squares_are_no_numbers_are_told_so(params: dict[str, Any], size: float, said: str) -> None:
    x = normal(50, 2)
    y = (size * (x + normal(50, 2, seed=1))).requires_grad_()
    with pytest.raises(ValueError, match=said) as caught:
        MIGE(MIGEParams(**params), problem(2, 2)).surrogate(size * x, y)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("params", IN_UNITS, ids=str)
def test_one_sample_whose_square_overflows_is_told_too_whether_it_is_a_landmark_or_not(params: dict[str, Any]) -> None:
    x = normal(50, 2)
    for outlier in range(0, 50, 7):
        far = x.clone()
        far[outlier] = 1e160
        with pytest.raises(ValueError, match=r"squares of samples as large as .*e\+1\d\d overflow torch.float64"):
            MIGE(MIGEParams(**params), problem(2, 2)).surrogate(far, normal(50, 2, seed=1).requires_grad_())


@pytest.mark.parametrize("params", IN_UNITS, ids=str)
def test_a_replica_whose_squares_overflow_is_nan_and_no_other(params: dict[str, Any]) -> None:
    x = normal(2, 50, 2)
    y = x + normal(2, 50, 2, seed=1)
    gradients: list[Tensor] = []
    for factor in (1.0, 1e160):
        scaled = (y * torch.tensor([1.0, factor], dtype=torch.float64)[:, None, None]).requires_grad_()
        surrogate = MIGE(MIGEParams(**params), problem(2, 2)).surrogate(x, scaled)
        gradients += torch.autograd.grad(surrogate.sum(), scaled)
    assert torch.equal(gradients[1][0], gradients[0][0])
    assert gradients[1][1].isnan().all()


def test_a_constant_coordinate_is_standardized_to_itself() -> None:
    x, y = correlated(HALF, 30, 3, 0)
    x[:, 1] = 4
    assert all(g.isfinite().all() for g in gradients(estimator(3, standardize=True), x, y))


@pytest.mark.parametrize("conditional", ["joint", "score", "closed"])
@pytest.mark.parametrize("calibration", ["diagonal", "full"])
def test_calibrated_gradient_along_a_rescaling_vanishes(conditional: str, calibration: str) -> None:
    x, y = correlated(HALF, 64, 5, 0)
    known = gaussian_conditional(HALF)
    made = estimator(5, (), known, conditional=conditional, calibration=calibration, conditional_samples=16)
    assert abs(scale_gradient(made, x, y)) < 1e-10


@pytest.mark.parametrize("calibration", ["diagonal", "full"])
def test_calibrated_gradient_along_a_rescaling_vanishes_far_from_the_origin_too(calibration: str) -> None:
    x, y = correlated(HALF, 64, 5, 0)
    assert abs(scale_gradient(estimator(5, calibration=calibration), x, y + 30)) < 1e-10


def test_plain_gradient_along_a_rescaling_does_not_vanish() -> None:
    x, y = correlated(torch.tensor(0.9, dtype=torch.float64), 64, 20, 0)
    known = gaussian_conditional(torch.tensor(0.9, dtype=torch.float64))
    assert abs(scale_gradient(estimator(20), x, y)) > 0.1
    assert scale_gradient(estimator(20, (), known, conditional="closed"), x, y) < -1


def test_closed_conditional_gradient_is_exact_but_for_the_marginal_score() -> None:
    x, y = correlated(HALF, 60, 3, 0)
    in_x, in_y = gradients(estimator(3, (), gaussian_conditional(HALF), conditional="closed"), x, y)
    score = (0.5 * x - y) / 0.75
    assert_close(in_y, (score - ssge_score(y)) / 60)
    assert_close(in_x, -0.5 * score / 60)


def test_estimated_and_closed_conditional_scores_agree_for_a_gaussian_encoder() -> None:
    x = normal(300, 2)
    y = x.tanh() + 0.3 * normal(300, 2, seed=1)
    known = gaussian_encoder
    closed = y_gradient(estimator(2, (), known, conditional="closed"), x, y)[0]
    scored = y_gradient(estimator(2, (), known, conditional="score", conditional_samples=128), x, y)[0]
    assert torch.cosine_similarity(closed.flatten(), scored.flatten(), 0) > 0.9
    assert scored.norm() == pytest.approx(closed.norm().item(), rel=0.15)


def gaussian_encoder(x: Tensor) -> Independent:
    return Independent(torch.distributions.Normal(x.tanh(), torch.full_like(x, 0.3)), 1)


@pytest.mark.parametrize("conditional", ["joint", "score", "closed"])
def test_every_circumstance_estimates_the_gradient_along_rho(conditional: str) -> None:
    rho = torch.full((4,), 0.6, dtype=torch.float64, requires_grad=True)
    x, y = correlated(rho, 256, 3, 0)
    known = gaussian_conditional(rho.detach())
    made = estimator(3, (4,), known, conditional=conditional, conditional_samples=64)
    (gradient,) = torch.autograd.grad(made.surrogate(x, y).sum(), rho)
    assert gradient.mean().item() == pytest.approx(3 * 0.6 / 0.64, rel=0.2)


@pytest.mark.parametrize("conditional", ["score", "closed"])
def test_nothing_reaches_the_parameters_of_the_conditional_but_through_y(conditional: str) -> None:
    rho = HALF.clone().requires_grad_()
    x, y = correlated(HALF, 20, 2, 0)
    made = estimator(2, (), gaussian_conditional(rho), conditional=conditional, conditional_samples=8)
    made.surrogate(x.requires_grad_(), y.requires_grad_()).backward()
    assert rho.grad is None
    assert y.grad is not None


def test_draws_from_the_conditional_belong_to_the_problems_generators() -> None:
    x, y = correlated(HALF, 20, 2, 0)
    state = torch.get_rng_state()
    made = [estimator(2, (), gaussian_conditional(HALF), seed, conditional="score") for seed in (0, 0, 1)]
    first, again, other = (y_gradient(m, x, y)[0] for m in made)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("conditional", ["score", "closed"])
def test_a_task_without_a_conditional_is_an_error(conditional: Any) -> None:
    with pytest.raises(UnfitError, match=rf"mige\[conditional={conditional}\] needs p\(y\|x\)"):
        MIGE(MIGEParams(conditional=conditional), problem(2, 2))


def test_a_conditional_that_is_no_diagonal_normal_is_an_error_that_names_the_closed_form() -> None:
    x, y = correlated(HALF, 10, 2, 0)
    made = estimator(2, (), lambda x: Independent(Laplace(x, torch.ones_like(x)), 1), conditional="score")
    with pytest.raises(ValueError, match=r"Independent.*use conditional=closed"):
        made.surrogate(x, y)


def test_it_estimates_no_value() -> None:
    x, y = correlated(HALF, 10, 2, 0)
    with pytest.raises(NotImplementedError, match="MIGE estimates no value"):
        estimator(2).mi(x, y)


def test_independent_pairs_have_no_gradient_on_average() -> None:
    rho = torch.zeros(20, dtype=torch.float64, requires_grad=True)
    x, y = correlated(rho, 64, 2, 3)
    (gradient,) = torch.autograd.grad(estimator(2, (20,)).surrogate(x, y).sum(), rho)
    assert gradient.mean().abs() < 3 * gradient.std() / math.sqrt(20)


def test_gradient_ascent_on_the_surrogate_learns_the_informative_rotation() -> None:
    """One linear unit of two inputs, of which one is noise and one is y: ascent on I finds the latter."""
    angle = torch.tensor(1.2, dtype=torch.float64)
    for step in range(40):
        angle.requires_grad_()
        signal, noise = normal(2, 64, 1, seed=step)
        z = angle.cos() * signal + angle.sin() * noise
        y = signal + 0.3 * torch.randn(64, 1, generator=generator(step + 99), dtype=torch.float64)
        (ascent,) = torch.autograd.grad(estimator(1).surrogate(y, z), angle)
        angle = (angle + 0.1 * ascent).detach()
    assert abs(math.sin(angle.item())) < 0.25


def test_kernel_inputs_are_the_blocks_themselves_by_default() -> None:
    x, y = correlated(HALF, 10, 2, 0)
    assert_close(squared_distances(estimator(2).kernel_inputs(x, y)[0]), squared_distances(x))


def test_a_width_by_neighbours_sees_the_noise_inside_clusters_where_the_median_is_blind() -> None:
    """Two clusters 10 deviations of the noise apart; nothing but the noise's scale s moves."""
    sign, inside, noise = normal(3, 6, 256, 1)
    x = 3 * sign.sign() + 0.5 * inside
    s = torch.full((6, 1, 1), 0.3, dtype=torch.float64, requires_grad=True)
    slopes: dict[str, float] = {}
    for width in ("blocks", "neighbours"):
        total = estimator(1, (6,), width=width).surrogate(x, x + s * noise).sum()
        slopes[width] = torch.autograd.grad(total, s)[0].mean().item()
    truth = 0.3 / (0.25 + 0.09) - 1 / 0.3  # given the cluster, which x and y both tell
    assert slopes["neighbours"] == pytest.approx(truth, rel=0.25)
    assert abs(slopes["blocks"]) < 0.2 * abs(truth)
