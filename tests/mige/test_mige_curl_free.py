"""Claims about curl-free kernels: the formulas, the exact scores of known densities, and what they bring to MIGE."""

from typing import Any

import pytest
import torch
from mibench_mige import MIGE, ssge_score
from mibench_mige.curl_free import curl_free_score
from mibench_mige.kernels import median_width, squared_distances
from mige_cases import correlated, estimator, normal, problem
from torch import Tensor
from torch.testing import assert_close


def relative(a: Tensor, b: Tensor) -> float:
    return ((a - b).norm() / b.norm()).item()


def potential(r: Tensor, width: float) -> Tensor:
    return width**2 / (1 + r.square().sum() / width**2).sqrt()


def explicit(x: Tensor, width: float) -> tuple[Tensor, Tensor]:
    """The n d x n d matrix of K / n, and -Z, by automatic differentiation of the potential."""
    n, d = x.shape

    def hessian(r: Tensor) -> Tensor:
        return torch.autograd.functional.hessian(lambda v: potential(v, width), r, create_graph=True)  # type: ignore[return-value]

    def laplacian(r: Tensor) -> Tensor:
        return hessian(r).trace()

    blocks = [[-hessian(x[i] - x[j]) / n for j in range(n)] for i in range(n)]
    matrix = torch.cat([torch.cat(row, 1) for row in blocks], 0).detach()
    gradients = [
        sum((torch.func.grad(laplacian)(x[i] - x[j]) for j in range(n)), torch.zeros(d, dtype=x.dtype))
        for i in range(n)
    ]
    return matrix, -torch.stack(gradients).flatten().detach() / n


def test_landwebers_iteration_is_that_of_the_explicit_kernel() -> None:
    x, width, steps = normal(6, 2), 1.3, 9
    matrix, wanted = explicit(x, width)
    expected = torch.zeros_like(wanted)
    for _ in range(steps):
        expected = expected + wanted - matrix @ expected
    assert_close(curl_free_score(x, steps=steps, width=width, accelerated=False).flatten(), expected)


def test_many_steps_solve_the_equation_of_the_explicit_kernel() -> None:
    x, width = normal(5, 2), 0.8
    matrix, wanted = explicit(x, width)
    assert relative(curl_free_score(x, steps=3000, width=width).flatten(), torch.linalg.solve(matrix, wanted)) < 1e-4


@pytest.mark.parametrize(("d", "error"), [(2, 0.5), (5, 0.4), (20, 0.3)])
def test_the_score_of_a_normal_density_is_found_and_better_from_more_samples(d: int, error: float) -> None:
    errors = [relative(curl_free_score(normal(3, n, d), steps=10), -normal(3, n, d)) for n in (64, 512)]
    assert errors[1] < 0.8 * errors[0]
    assert errors[1] < error


def test_in_many_dimensions_it_is_closer_than_ssge() -> None:
    x = normal(3, 256, 20)
    assert relative(curl_free_score(x, steps=10), -x) < 0.6 * relative(ssge_score(x), -x)


def test_the_score_of_a_mixture_is_found() -> None:
    """Two normals of deviation 1 at -2.5 and 2.5 in the first of two coordinates."""
    x = normal(1000, 2)
    x[:, 0] += 2.5 * normal(1000, seed=1).sign()
    exact = -x.clone()
    exact[:, 0] += 2.5 * torch.tanh(2.5 * x[:, 0])
    assert relative(curl_free_score(x, steps=20), exact) < 0.35


@pytest.mark.parametrize("accelerated", [False, True])
def test_rotations_and_scales_carry_over(accelerated: bool) -> None:
    x = normal(40, 3)
    rotation = torch.linalg.qr(normal(3, 3, seed=1)).Q
    expected = curl_free_score(x, accelerated=accelerated)
    assert_close(curl_free_score(5 * x @ rotation + 7, accelerated=accelerated), expected @ rotation / 5)


@pytest.mark.parametrize("accelerated", [False, True])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["double", "single"])
def test_directions_in_which_samples_do_not_vary_change_nothing(accelerated: bool, dtype: torch.dtype) -> None:
    """Constants, and samples on a plane that lies askew in five dimensions."""
    x, plane = normal(60, 2), torch.linalg.qr(normal(5, 2, seed=1)).Q.mT
    expected = curl_free_score(x, accelerated=accelerated)
    constants = curl_free_score(torch.cat([x, torch.full((60, 3), 0.1)], -1).to(dtype), accelerated=accelerated)
    askew = curl_free_score((x @ plane + 1).to(dtype), accelerated=accelerated)
    assert_close(constants[:, :2].double(), expected, rtol=1e-5, atol=1e-5)
    assert_close(constants[:, 2:], torch.zeros_like(constants[:, 2:]))
    assert_close(askew.double(), expected @ plane, rtol=1e-5, atol=1e-5)


def test_replicas_of_full_rank_are_the_same_beside_others_that_are_not() -> None:
    x = normal(4, 30, 3)
    whole = curl_free_score(x)
    x[1, :, 2], x[2, :, 0], x[3, 4, 1] = x[1, :, 0] - x[1, :, 1], 0.1, torch.nan
    scores = curl_free_score(x)
    assert torch.equal(scores[0], whole[0])
    assert_close(scores[1:3], torch.stack([curl_free_score(x[1]), curl_free_score(x[2])]))
    assert scores[3].isnan().all()


def test_as_few_samples_as_dimensions_are_none_of_a_subspace_but_where_coordinates_are_constant() -> None:
    x = normal(4, 5)
    _, wanted = explicit(x, 3.0)
    assert_close(curl_free_score(x, steps=1, width=3.0, accelerated=False).flatten(), wanted)
    within = torch.cat([x, torch.ones(4, 2)], -1)
    assert_close(curl_free_score(within, width=3.0)[:, :5], curl_free_score(x, width=3.0))


def test_replicas_equal_one_at_a_time_and_a_nan_costs_its_own_alone() -> None:
    x = normal(3, 30, 2)
    x[1, 4, 0] = torch.nan
    scores = curl_free_score(x)
    assert scores[1].isnan().all()
    assert_close(scores[2], curl_free_score(x[2]))


def test_single_precision_samples_get_single_precision_scores_without_a_graph() -> None:
    score = curl_free_score(normal(20, 2, dtype=torch.float32).requires_grad_())
    assert (score.dtype, score.requires_grad) == (torch.float32, False)


@pytest.mark.parametrize(
    "params", [{}, {"standardize": True}, {"width": "neighbours"}, {"score": "landweber"}], ids=str
)
def test_mige_takes_both_blocks_from_one_joint_score(params: dict[str, Any]) -> None:
    x, y = correlated(torch.tensor(0.5, dtype=torch.float64), 60, 2, 0)
    x, y = (block / block.std(0) for block in (x, y))
    x, y = x.requires_grad_(), y.requires_grad_()
    settings: dict[str, Any] = {"score": "nu", "kernel": "curl-free"} | params
    made = estimator(2, **settings)
    of_x, of_y = torch.autograd.grad(60 * made.surrogate(x, y), (x, y))

    def score(samples: Tensor) -> Tensor:
        distances = squared_distances(samples)
        width = distances.kthvalue(8, -1).values.median().sqrt() if "width" in params else median_width(distances)
        return curl_free_score(samples, width=width, accelerated="score" not in params)

    joint = score(torch.cat([x, y], 1))
    assert_close(of_x, joint[:, :2] - score(x))
    assert_close(of_y, joint[:, 2:] - score(y))


def test_mige_finds_the_slope_of_correlated_gaussians() -> None:
    rho = torch.full((4,), 0.6, dtype=torch.float64, requires_grad=True)
    x, y = correlated(rho, 256, 2, 0)
    made = estimator(2, (4,), score="nu", kernel="curl-free", steps=60)
    (slope,) = torch.autograd.grad(made.surrogate(x, y).sum(), rho)
    assert slope.mean().item() == pytest.approx(2 * 0.6 / 0.64, rel=0.12)


@pytest.mark.parametrize("score", ["nu", "landweber"])
def test_copies_and_constants_beside_x_leave_the_gradient_in_y(score: Any) -> None:
    x, y = correlated(torch.tensor(0.6, dtype=torch.float64), 128, 2, 0)
    unit = x / 2**0.5
    wide = torch.cat([unit, torch.full_like(x, 0.1), unit], -1)
    slopes: list[Tensor] = []
    for block in (x, wide):
        made = MIGE(MIGE.Params(score=score, kernel="curl-free"), problem(block.shape[-1], 2))
        moving = y.clone().requires_grad_()
        slopes += torch.autograd.grad(made.surrogate(block, moving), moving)
    assert_close(slopes[1], slopes[0])


@pytest.mark.parametrize("settings", [{}, {"score": "kde"}, {"score": "nu", "landmarks": "auto"}], ids=str)
def test_what_has_no_curl_free_form_is_named(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="kernel=curl-free"):
        estimator(1, kernel="curl-free", **settings)
