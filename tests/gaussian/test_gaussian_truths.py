import inspect
import math
import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.distributions import MultivariateNormal

from mibench import gaussians
from mibench.bends import BENDS
from mibench.families import Draws


def joint(d: int, rho: float) -> MultivariateNormal:
    eye = torch.eye(d, dtype=torch.float64)
    return MultivariateNormal(
        torch.zeros(2 * d, dtype=torch.float64),
        torch.cat([torch.cat([eye, rho * eye], 1), torch.cat([rho * eye, eye], 1)]),
    )


def pairs(d: int, rho: torch.Tensor, n: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(d)
    x, noise = torch.randn(2, n, d, dtype=torch.float64, generator=generator)
    return x, gaussians.correlate(rho, x, noise)


@pytest.mark.parametrize(("d", "rho"), [(1, 0.3), (4, -0.7), (20, 0.8)])
def test_mutual_information_is_entropies_of_the_gaussian(d: int, rho: float) -> None:
    marginals = 2 * MultivariateNormal(torch.zeros(d, dtype=torch.float64), torch.eye(d, dtype=torch.float64)).entropy()
    expected = marginals - joint(d, rho).entropy()
    assert torch.allclose(gaussians.mutual_information(torch.tensor(rho, dtype=torch.float64), d, d), expected)


def test_gradient_is_the_derivative_of_the_value() -> None:
    rho = torch.linspace(-0.95, 0.95, 39, dtype=torch.float64, requires_grad=True)
    (derivative,) = torch.autograd.grad(gaussians.mutual_information(rho, 7, 9).sum(), rho)
    assert torch.allclose(gaussians.slope(rho, 7, 9), derivative)


@pytest.mark.parametrize(("d", "nats"), [(20, 2.0), (5, 10.0), (1, 0.1)])
def test_correlation_inverts_mutual_information(d: int, nats: float) -> None:
    rho = torch.tensor(gaussians.correlation(nats, d, d + 1), dtype=torch.float64)
    assert gaussians.mutual_information(rho, d, d + 1).item() == pytest.approx(nats, rel=1e-12)


def test_no_information_is_a_correlation_of_zero() -> None:
    assert str(gaussians.correlation(0, 3, 2)) == "0.0"


@pytest.mark.parametrize(
    ("nats", "dx", "dy", "said"),
    [
        (-1.0, 3, 2, "I(X;Y) of 0 nats or more, and finite, is needed, not -1.0"),
        (math.nan, 3, 2, "I(X;Y) of 0 nats or more, and finite, is needed, not nan"),
        (math.inf, 3, 2, "I(X;Y) of 0 nats or more, and finite, is needed, not inf"),
        (
            40.0,
            1,
            1,
            "I(X;Y) of 40.0 nats takes correlations of 1 in 1 dimension: give fewer nats or more dimensions",
        ),
        (1.0, 0, 2, "dx and dy of at least 1 are needed, not 0 and 2"),
    ],
)
def test_information_that_no_correlation_has_is_refused_in_one_line(nats: float, dx: int, dy: int, said: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        gaussians.correlation(nats, dx, dy)


@pytest.mark.parametrize("function", [gaussians.mutual_information, gaussians.slope])
@pytest.mark.parametrize(
    ("rho", "dx", "said"),
    [
        (torch.tensor([0.5, 2.0]), 2, "rho lies between -1 and 1, not at 2"),
        (torch.tensor(0.5), -2, "dx and dy of at least 1 are needed, not -2 and 2"),
        (0.5, 2, "rho is a tensor of floating point numbers, not 0.5: use torch.tensor"),
    ],
)
def test_no_truth_is_told_of_what_is_no_gaussian(function: Callable[..., Any], rho: Any, dx: int, said: str) -> None:
    with pytest.raises((TypeError, ValueError), match=f"^{re.escape(said)}$"):
        inspect.unwrap(function)(rho, dx, 2)


def test_correlated_samples_have_the_stated_correlation_and_nothing_else() -> None:
    n, d, rho = 200_000, 3, 0.6
    x, y = pairs(d, torch.tensor(rho, dtype=torch.float64), n)
    correlations = torch.corrcoef(torch.cat([x, y], 1).T)
    eye = torch.eye(d, dtype=torch.float64)
    expected = torch.cat([torch.cat([eye, rho * eye], 1), torch.cat([rho * eye, eye], 1)])
    assert (correlations - expected).abs().max() < 5 / math.sqrt(n)


def test_log_ratio_is_that_of_the_densities() -> None:
    d, rho = 3, torch.tensor(-0.55, dtype=torch.float64)
    x, y = pairs(d, rho, 50)
    unit = MultivariateNormal(torch.zeros(d, dtype=torch.float64), torch.eye(d, dtype=torch.float64))
    expected = joint(d, rho.item()).log_prob(torch.cat([x, y], 1)) - unit.log_prob(x) - unit.log_prob(y)
    assert torch.allclose(gaussians.log_ratio(rho, x, y), expected)


@pytest.mark.parametrize(("dx", "dy"), [(5, 5), (5, 3), (2, 4)])
def test_log_ratio_gradient_is_its_derivative(dx: int, dy: int) -> None:
    rho, generator = torch.tensor([0.4, -0.8], dtype=torch.float64), torch.Generator().manual_seed(0)
    x, noise = (torch.randn(2, 9, d, dtype=torch.float64, generator=generator) for d in (dx, dy))
    y = gaussians.correlate(rho, x, noise).requires_grad_()
    (derivative,) = torch.autograd.grad(gaussians.log_ratio(rho, x, y).sum(), y)
    assert torch.allclose(gaussians.log_ratio_gradient(rho, x, y), derivative)


@pytest.mark.parametrize(("dx", "d"), [(4, 4), (4, 2), (3, 5)])
def test_conditional_and_marginal_make_the_log_ratio(dx: int, d: int) -> None:
    rho, generator = torch.tensor(0.7, dtype=torch.float64), torch.Generator().manual_seed(0)
    x, noise = (torch.randn(20, size, dtype=torch.float64, generator=generator) for size in (dx, d))
    y = gaussians.correlate(rho, x, noise)
    marginal = MultivariateNormal(torch.zeros(d, dtype=torch.float64), torch.eye(d, dtype=torch.float64)).log_prob(y)
    assert torch.allclose(gaussians.conditional(rho, x, d).log_prob(y) - marginal, gaussians.log_ratio(rho, x, y))


@pytest.mark.parametrize("name", ["none", "cubic", "asinh", "sinh", "half-cube", "normal-cdf"])
def test_bends_are_increasing_and_have_finite_derivatives_at_zero(name: str) -> None:
    z = torch.linspace(-4, 4, 4001, dtype=torch.float64, requires_grad=True)
    bent = BENDS[name].x(z)
    (derivative,) = torch.autograd.grad(bent.sum(), z)
    assert (bent.diff() > 0).all()
    assert derivative.isfinite().all()
    assert (derivative >= 0).all()


def test_rotations_keep_lengths_and_differ_by_generator() -> None:
    draws = Draws.seeded(0)
    first, second = draws.rotation(6), draws.rotation(6)
    assert torch.allclose(first @ first.T, torch.eye(6, dtype=torch.float64), atol=1e-12)
    assert not torch.allclose(first, second)


def test_rotations_are_uniform_over_all_orthogonal_matrices() -> None:
    """The moments of an entry under Haar's measure: 0, 1/d and 3/(d (d + 2)), for every entry alike."""
    d, n, draws = 4, 2000, Draws.seeded(0)
    drawn = torch.stack([draws.rotation(d) for _ in range(n)])
    for power, moment in ((1, 0.0), (2, 1 / d), (4, 3 / (d * (d + 2)))):
        means, errors = drawn.pow(power).mean(0), drawn.pow(power).std(0) / math.sqrt(n)
        assert ((means - moment).abs() < 4 * errors).all(), power
