"""Claims about scores without eigenvalues: the nu-method, Landweber, kernel density estimates; widths; the preset."""

import pytest
import torch
from mibench_mige import kde_operator, nu_operator, squared_distances, stein_operator
from mibench_mige.kernels import radial
from mibench_mige.mige_calibrated import CalibratedMIGE, CalibratedParams
from mige_cases import correlated, estimator, normal, problem
from torch import Tensor
from torch.testing import assert_close


@pytest.mark.parametrize("kernel", ["rbf", "imq"])
def test_sums_of_kernel_gradients_are_those_of_autograd(kernel) -> None:
    x = normal(12, 3)
    moving = x.clone().requires_grad_()
    squares = (moving[:, None] - x).square().sum(-1)
    gram = torch.exp(-squares / 3.38) if kernel == "rbf" else (1 + squares / 1.69).rsqrt()
    (gradient,) = torch.autograd.grad(gram.sum(), moving)
    made = radial(squared_distances(x), kernel, 1.3)
    assert_close(made.gram, gram.detach())
    assert_close(made.laplacian() @ x, gradient)


def test_the_kde_score_is_the_gradient_of_the_log_density_estimate() -> None:
    x = normal(15, 2)
    moving = x.clone().requires_grad_()
    log_density = (-(moving[:, None] - x).square().sum(-1) / 2).logsumexp(1)
    (gradient,) = torch.autograd.grad(log_density.sum(), moving)
    assert_close(kde_operator(squared_distances(x), width=1.0) @ x, gradient)


@pytest.mark.parametrize("kernel", ["rbf", "imq"])
@pytest.mark.parametrize("accelerated", [True, False])
def test_the_iteration_converges_to_the_unregularised_solution(kernel, accelerated: bool) -> None:
    """Few samples far apart, so that the system is well conditioned."""
    x = 3 * normal(8, 6)
    made = radial(squared_distances(x), kernel, 2.0)
    exact = torch.linalg.solve(made.gram, made.laplacian())
    operator = nu_operator(squared_distances(x), steps=3000, kernel=kernel, width=2.0, accelerated=accelerated)
    assert_close(operator, exact, rtol=1e-3, atol=1e-3)


def residual(steps: int, *, accelerated: bool) -> float:
    x = normal(40, 2)
    made = radial(squared_distances(x), "rbf")
    operator = nu_operator(squared_distances(x), steps=steps, accelerated=accelerated)
    return ((made.gram @ operator - made.laplacian()) @ x).norm().item()


def test_the_nu_method_does_in_t_steps_what_takes_landweber_t_squared_over_four() -> None:
    for steps in (10, 20):
        assert residual(steps, accelerated=True) < residual(steps**2 // 4, accelerated=False)


def test_the_number_of_steps_regularises_as_a_ridge_does() -> None:
    x = normal(100, 2)
    ridge = (stein_operator(squared_distances(x), regularisation=100 / 20**2) @ x).norm()
    few, same, many = ((nu_operator(squared_distances(x), steps=t) @ x).norm() for t in (2, 20, 200))
    assert few < same < many
    assert same.item() == pytest.approx(ridge.item(), rel=0.25)


@pytest.mark.parametrize("score", ["nu", "landweber", "kde"])
@pytest.mark.parametrize("kernel", ["rbf", "imq"])
def test_mige_estimates_the_gradient_along_rho_with_any_score(score: str, kernel: str) -> None:
    rho = torch.full((4,), 0.6, dtype=torch.float64, requires_grad=True)
    x, y = correlated(rho, 128, 2, 0)
    made = estimator(2, (4,), score=score, kernel=kernel, calibration="full")
    (gradient,) = torch.autograd.grad(made.surrogate(x, y).sum(), rho)
    assert gradient.mean().item() == pytest.approx(2 * 0.6 / 0.64, rel=0.25)


def y_gradient(made, x: Tensor, y: Tensor) -> Tensor:
    y = y.clone().requires_grad_()
    return torch.autograd.grad(made.surrogate(x, y).sum(), y)[0]


def test_a_width_for_each_block_makes_the_estimate_independent_of_their_scales() -> None:
    x, y = correlated(torch.tensor(0.6).double(), 60, 3, 0)
    made = estimator(3, width="each")
    assert_close(y_gradient(made, 50 * x, y), y_gradient(made, x, y))
    assert_close(50 * y_gradient(made, x, 50 * y), y_gradient(made, x, y))
    assert not torch.allclose(y_gradient(estimator(3), 50 * x, y), y_gradient(estimator(3), x, y))


def test_the_preset_is_mige_with_these_parameters() -> None:
    x, y = correlated(torch.tensor(0.6).double(), 60, 3, 0)
    expected = estimator(3, threshold=0.9999, calibration="full", standardize=True)
    assert torch.equal(y_gradient(CalibratedMIGE(CalibratedParams(), problem(3, 3)), x, y), y_gradient(expected, x, y))


def test_steps_below_one_are_an_error() -> None:
    with pytest.raises(ValueError, match="steps must be at least 1, got 0"):
        nu_operator(squared_distances(normal(5, 2)), steps=0)
