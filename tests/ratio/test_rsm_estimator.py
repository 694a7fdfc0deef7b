"""Claims about the estimator: surrogate, circumstances, value, and what it does with bad batches."""

import math
from typing import Any

import pytest
import torch
from mibench_ratio import SmallBatchError, margin_score, ratio_fit, ratio_gradient
from mibench_ratio.critic import contrastive_bound
from mibench_ratio.rsm import RSM, RSMParams
from ratio_cases import bpsk, correlated, crossed, estimator, generator, normal, problem
from torch import Tensor
from torch.distributions import Independent, Normal
from torch.testing import assert_close

from mibench.errors import UnfitError


def gradients(made: RSM, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    x, y = x.clone().requires_grad_(), y.clone().requires_grad_()
    in_x, in_y = torch.autograd.grad(made.surrogate(x, y).sum(), (x, y))
    return in_x, in_y


def channel(x: Tensor) -> Independent:
    return Independent(Normal(0.6 * x, torch.full_like(x, 0.8)), 1)


def test_the_surrogates_gradient_is_the_fit_of_each_block() -> None:
    case = crossed(60, 2, 0)
    expected = ratio_gradient(case.y, case.x) / 60, ratio_gradient(case.x, case.y) / 60
    assert_close(gradients(estimator(2, 2), case.x, case.y), expected)


def test_a_block_enters_if_it_requires_a_gradient() -> None:
    case = crossed(60, 2, 0)
    moving = case.y.clone().requires_grad_()
    (in_y,) = torch.autograd.grad(estimator(2, 2).surrogate(case.x, moving), moving)
    assert_close(in_y, gradients(estimator(2, 2), case.x, case.y)[1])
    assert estimator(2, 2).surrogate(case.x, case.y).item() == 0


def test_with_a_known_conditional_the_joint_score_is_exact() -> None:
    case = correlated(60, 2, 0)
    in_x, in_y = gradients(estimator(2, 2, (), channel, conditional="closed"), case.x, case.y)
    score = (0.6 * case.x - case.y) / 0.64
    assert_close(in_y, (score - margin_score(case.y)) / 60)
    assert_close(in_x, -0.6 * score / 60)


def test_a_task_without_a_conditional_is_unfit_for_the_closed_form() -> None:
    with pytest.raises(UnfitError, match=r"needs p\(y\|x\)"):
        RSM(RSMParams(conditional="closed"), problem(2, 2))


def test_answers_have_the_shape_of_the_replicas_and_the_dtype_of_the_samples() -> None:
    case = crossed(40, 2, 0)
    x, y = (z.float().expand(3, 2, 40, 2).clone().requires_grad_() for z in (case.x, case.y))
    made = estimator(2, 2, (3, 2))
    assert made.surrogate(x, y).shape == (3, 2)
    assert made.surrogate(x, y).dtype == torch.float32
    assert made.mi(x, y).shape == (3, 2)
    assert made.mi(x, y).dtype == torch.float32


@pytest.mark.parametrize(("family", "truth"), [(correlated, 0.4463), (crossed, 0.8169)])
def test_the_value_is_below_the_truth_on_average_and_above_zero(family: Any, truth: float) -> None:
    values = torch.stack([estimator(2, 2, seed=s).mi(*family(256, 2, s)[:2]) for s in range(8)])
    assert values.mean() - 4 * values.std() / 8**0.5 < truth
    assert values.mean() > 0.1


def test_the_value_never_exceeds_the_logarithm_of_half_the_batch() -> None:
    x = normal(64, 1)
    assert estimator(1, 1).mi(x, x + 1e-4 * normal(64, 1, seed=1)) <= math.log(32)


def test_the_bound_is_that_of_infonce() -> None:
    scores = normal(5, 5)
    expected = torch.stack([scores[i, i] - scores[i].exp().mean().log() for i in range(5)]).mean()
    assert_close(contrastive_bound(scores), expected)


def test_halves_are_drawn_from_the_problems_generators() -> None:
    case, state = bpsk(60, 1, 0), torch.get_rng_state()
    first, again, other = (estimator(1, 1, seed=seed).mi(case.x, case.y) for seed in (0, 0, 1))
    assert first == again != other
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_sample_that_is_not_finite_makes_its_replica_nan_and_no_other(value: float) -> None:
    x, y = torch.stack([crossed(40, 2, s).x for s in range(3)]), torch.stack([crossed(40, 2, s).y for s in range(3)])
    healthy, score = ratio_gradient(x, y), margin_score(y)
    x[1, 3, 0] = value
    spoilt = ratio_gradient(x, y)
    assert spoilt[1].isnan().all()
    assert_close(spoilt[[0, 2]], healthy[[0, 2]])
    y[0, 0, 1] = value
    assert margin_score(y)[0].isnan().all()
    assert_close(margin_score(y)[1:], score[1:])


@pytest.mark.parametrize("scale", [0.0, 7.0, 1e9 + 0.1, 1e17])
def test_a_constant_coordinate_has_no_gradient_and_changes_no_other(scale: float) -> None:
    case = crossed(60, 2, 0)
    constant = torch.full((60, 1), scale, dtype=torch.float64)
    wide = ratio_gradient(case.x, torch.cat([case.y, constant], 1))
    assert wide.isfinite().all()
    assert_close(wide[:, 2], torch.zeros(60, dtype=wide.dtype), rtol=0, atol=1e-6)
    assert case.slope(wide[:, :2]) == pytest.approx(case.slope(ratio_gradient(case.x, case.y)), rel=0.25)


@pytest.mark.parametrize("constant", [0.0, 1e9 + 0.1, 1e17])
def test_a_constant_coordinate_is_no_evidence_against_normality(constant: float) -> None:
    case = correlated(60, 2, 1)
    wide = ratio_fit(torch.cat([case.x, torch.full((60, 1), constant, dtype=torch.float64)], 1), case.y)
    assert wide.share == 0
    assert_close(wide.gradient, ratio_gradient(case.x, case.y))


def test_constant_blocks_have_no_gradient() -> None:
    y = normal(40, 2).exp()
    assert_close(ratio_gradient(torch.ones(40, 3).double(), y), torch.zeros_like(y), rtol=0, atol=1e-8)
    assert ratio_gradient(y, torch.ones(40, 1).double()).abs().max() < 1e-8


def test_duplicated_samples_are_weights_and_identical_ones_have_no_gradient() -> None:
    case = crossed(50, 2, 0)
    twice = ratio_gradient(case.x.repeat(2, 1), case.y.repeat(2, 1))
    assert twice.isfinite().all()
    assert_close(twice[:50], twice[50:])
    assert ratio_gradient(torch.ones(20, 2).double(), torch.zeros(20, 2).double()).abs().max() == 0


def test_a_repeated_coordinate_shares_its_gradient_and_is_finite() -> None:
    case = crossed(80, 1, 0)
    twice = ratio_gradient(case.x, torch.cat([case.y, case.y], 1))
    assert twice.isfinite().all()
    assert twice.sum(1).abs().max() < 1e3


def test_one_hot_labels_are_a_block_like_any_other() -> None:
    """Ten classes, y around their centres: the gradient in the noise's scale is near nought, I(X;Y) near log 10."""
    label = torch.arange(200) % 10
    x = torch.nn.functional.one_hot(label, 10).double()
    y = 6 * normal(10, 2)[label] + normal(200, 2, seed=1)
    assert ratio_gradient(x, y).isfinite().all()


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool])
def test_integers_are_a_type_error_that_says_what_to_do(dtype: torch.dtype) -> None:
    x = torch.ones(20, 2).to(dtype)
    with pytest.raises(TypeError, match=r"cast it with"):
        ratio_gradient(normal(20, 2), x)
    with pytest.raises(TypeError):
        margin_score(x)


def test_too_few_samples_are_an_error_of_one_line_that_names_the_smallest_batch() -> None:
    x, y = normal(8, 4), normal(8, 3, seed=1)
    with pytest.raises(
        SmallBatchError, match=r"^the linear part in 7 dimensions needs at least 9 samples, got 8"
    ) as caught:
        ratio_gradient(x, y)
    assert isinstance(caught.value, UnfitError)
    assert isinstance(caught.value, ValueError)
    assert ratio_gradient(normal(9, 4), normal(9, 3, seed=1)).isfinite().all()
    assert estimator(4, 3, linear="ridge").surrogate(x, y.requires_grad_()).isfinite()
    with pytest.raises(SmallBatchError, match=r"use batches of 9 or more$"):
        estimator(4, 3, landmarks=5).surrogate(x, y)


def test_a_value_of_too_few_samples_names_the_smallest_batch_that_has_one() -> None:
    with pytest.raises(
        SmallBatchError, match=r"each half of the batch.* at least 18 samples, got 17: use batches of 18"
    ):
        estimator(4, 3).mi(normal(17, 4), normal(17, 3, seed=1))
    assert estimator(4, 3).mi(normal(18, 4), normal(18, 3, seed=1)).isfinite()


def test_labels_against_the_same_labels_have_a_finite_gradient() -> None:
    labels = torch.nn.functional.one_hot(torch.arange(100) % 10).double()
    assert ratio_gradient(labels, labels.clone()).isfinite().all()
    levels = torch.randint(5, (100, 3), generator=torch.Generator().manual_seed(0)).double()
    assert ratio_gradient(levels, levels.flip(1)).isfinite().all()


def test_an_extreme_outlier_leaves_the_slope_of_the_others() -> None:
    case = crossed(200, 3, 0)
    y = case.y.clone()
    y[5, 1] = 1e12
    gradient = ratio_gradient(case.x, y)
    assert gradient.isfinite().all()
    velocity = case.velocity.clone()
    velocity[5] = 0
    assert (gradient * velocity).sum(1).mean().item() == pytest.approx(case.truth, rel=0.35)


def test_with_a_penalised_linear_part_more_dimensions_than_samples_are_fine() -> None:
    x, y = normal(40, 60), normal(40, 50, seed=1)
    y[:, 0] = x[:, 0] + 0.3 * y[:, 0]
    gradient = ratio_gradient(x, y, RSMParams(linear="ridge"))
    assert gradient.isfinite().all()
    assert (gradient[:, 0] * x[:, 0]).mean() > 0


def test_a_penalised_linear_part_has_a_value_too() -> None:
    case = correlated(200, 2, 0, rho=0.9)
    free, penalised = (estimator(2, 2, linear=how).mi(case.x, case.y).item() for how in ("free", "ridge"))
    assert penalised == pytest.approx(free, abs=0.15)
    assert estimator(30, 30, linear="ridge").mi(normal(40, 30), normal(40, 30, seed=1)).isfinite()


@pytest.mark.parametrize("values", [2, 5, 10])
@pytest.mark.parametrize("coded", ["one-hot", "integers"])
def test_moving_the_values_of_a_discrete_block_as_a_whole_changes_no_information(values: int, coded: str) -> None:
    label = torch.randint(values, (64,), generator=generator(3))
    y = torch.nn.functional.one_hot(label, values).double() if coded == "one-hot" else label[:, None].double()
    x = y @ normal(y.shape[1], 3) + normal(64, 3, seed=1)
    gradient = ratio_gradient(x, y)
    assert gradient.isfinite().all()
    if coded == "one-hot":
        to = normal(values, values, seed=2)[label]
        assert abs((gradient * to).sum(-1).mean()) < 1e-9 * gradient.abs().max()
    assert abs((gradient * y).sum(-1).mean()) < 1e-9 * gradient.abs().max()


def test_where_the_other_block_is_one_hot_the_gradient_is_near_the_exact_one() -> None:
    errors = []
    for seed in range(4):
        label = torch.randint(5, (256,), generator=generator(seed))
        x, centres = torch.nn.functional.one_hot(label, 5).double(), 1.5 * normal(5, 3, seed=9)
        y = centres[label] + normal(256, 3, seed=seed)
        pulls = centres - y[:, None]
        shares = (label.bincount(minlength=5).log() - pulls.square().sum(-1) / 2).softmax(1)
        exact = pulls[torch.arange(256), label] - (shares[..., None] * pulls).sum(1)
        slopes = [(g * centres[label]).sum(-1).mean() for g in (ratio_gradient(x, y), exact)]
        errors.append((slopes[0] / slopes[1] - 1).abs())
    assert torch.stack(errors).mean() < 0.15


@pytest.mark.parametrize("landmarks", [None, "auto"])
@pytest.mark.parametrize("kind", ["bits", "integers", "one-hot"])
def test_the_order_of_samples_changes_nothing_where_values_occur_many_times(kind: str, landmarks: Any) -> None:
    values = torch.randint(0, 2 if kind == "bits" else 3, (128, 1), generator=generator(5))
    x = torch.nn.functional.one_hot(values[:, 0]).double() if kind == "one-hot" else values.double()
    y = 2 * values + 0.4 * normal(128, 1, seed=6)
    made = RSM(RSMParams(landmarks=landmarks, normality=False), problem(x.shape[-1], 1))
    order = torch.randperm(128, generator=generator(0))
    there, moved = (gradients(made, *pairs)[1] for pairs in ((x, y), (x[order], y[order])))
    assert_close(moved, there[order], rtol=1e-6, atol=1e-6 * there.abs().max().item())


@pytest.mark.parametrize("normality", [True, False])
@pytest.mark.parametrize("noise", [1e-3, 1e-5, 2e-6])
def test_a_gradient_is_as_long_as_little_noise_makes_it(noise: float, normality: bool) -> None:
    """I of a linear channel is -log(noise) and a constant, so its slope in the noise is -1 / noise."""
    x, eps = normal(2, 128, 1, seed=41)
    y = x + noise * eps
    slope = gradients(RSM(RSMParams(normality=normality), problem(1, 1)), x, y)[1]
    assert (slope * eps).sum().item() * -noise == pytest.approx(1, abs=1e-3)


WRONG = [
    {"width": 0.0},
    {"block_width": -1.0},
    {"ridge": 0.0},
    {"score_ridge": math.nan},
    {"value_ridge": 0.0},
    {"iterations": 0},
    {"null_weight": -1.0},
    {"alignment": math.inf},
    {"components": 0},
    {"landmarks": 0},
]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_parameters_that_fit_nothing_are_refused_by_name(wrong: dict[str, Any]) -> None:
    (name,) = wrong
    with pytest.raises(ValueError, match=f"`{name}` is"):
        RSMParams(**wrong)


def test_a_value_of_replicas_that_the_problem_does_not_have_is_that_of_each() -> None:
    x, noise = normal(2, 3, 30, 1)
    alone = [estimator(1, 1).mi(x[i], x[i] + noise[i]) for i in range(3)]
    assert_close(estimator(1, 1).mi(x, x + noise), torch.stack(alone))


def test_a_fit_is_not_evaluated_in_other_coordinates() -> None:
    case = crossed(60, 2, 0)
    with pytest.raises(ValueError, match="2 coordinates of x, and the points have 1"):
        ratio_fit(case.x, case.y).at(case.x[:, :1], case.y)
