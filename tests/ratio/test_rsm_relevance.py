"""How much each coordinate of x matters to y: precisions that make the samples likeliest."""

import torch
from mibench_ratio import ratio_gradient
from mibench_ratio.kernels import units
from mibench_ratio.relevance import Restricted, block_kernel, learnt_precisions
from mibench_ratio.ridge import one_and
from ratio_cases import normal
from torch import Tensor
from torch.testing import assert_close

SCALE = 0.3


def _product(n: int, seed: int, idle: int = 10) -> tuple[Tensor, Tensor, Tensor]:
    """Coordinates of which the first two matter, y = x_1 x_2 + s e, and e."""
    x, noise = normal(n, 2 + idle, seed=seed), normal(n, 1, seed=seed + 500)
    return x, x[:, :1] * x[:, 1:2] + SCALE * noise, noise


def _criterion(logs: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Less the logarithm of the restricted likelihood, in an orthonormal basis of what the free columns leave."""
    free = one_and(x)
    rest = torch.linalg.qr(free, mode="complete").Q[:, free.shape[1] :]
    kernel = block_kernel(x, x, logs[:, :-1].exp())
    covariance = rest.mT @ kernel @ rest + logs[:, -1].exp() * torch.eye(rest.shape[1], dtype=x.dtype)
    left = rest.mT @ y
    fits = (left * torch.linalg.solve(covariance, left)).sum(0)
    return (torch.logdet(covariance) + rest.shape[1] * fits.log().mean()) / 2


def test_slopes_are_the_derivatives_of_the_restricted_likelihood() -> None:
    x, y = normal(40, 3), normal(40, 2, seed=1)
    logs = torch.tensor([[0.3, -1.2, -3.0, -0.7]], dtype=torch.float64, requires_grad=True)
    (expected,) = torch.autograd.grad(_criterion(logs, x, y), logs)
    assert_close(Restricted(x, y).slope(logs.detach().exp()), -expected, rtol=1e-8, atol=1e-8)


def test_coordinates_that_do_not_matter_get_next_to_no_precision() -> None:
    for seed in range(3):
        x, y, _ = _product(256, seed)
        found = learnt_precisions(units(x).standardise(x), y)[0]
        assert found[2:].max() < found[:2].min() / 3
        assert found[2:].median() < found[:2].min() / 30


def test_replicas_and_order_change_no_precision() -> None:
    x, y, _ = _product(300, 0, idle=2)
    alone = learnt_precisions(x, y)
    other, waves = normal(300, 4, seed=3), normal(300, 1, seed=4)
    assert_close(learnt_precisions(torch.stack([x, other]), torch.stack([y, waves]))[0], alone)
    assert_close(learnt_precisions(x.flip(0), y.flip(0)), alone)


def test_what_says_nothing_changes_no_precision() -> None:
    """A coordinate of x that is 0, one of y that is 0, and one that is linear in x."""
    x, y, _ = _product(200, 0, idle=2)
    alone, nothing = learnt_precisions(x, y), torch.zeros_like(y)
    assert_close(learnt_precisions(torch.cat([x, nothing], -1), y)[..., :4], alone)
    for other in (nothing, x[:, 2:3] - x[:, :1]):
        assert_close(learnt_precisions(x, torch.cat([y, other], -1)), alone)


def test_a_product_among_ten_idle_coordinates_has_the_slope_of_the_exact_critic() -> None:
    means = _product(4_000, 77)[0]
    means = means[:, :1] * means[:, 1:2]
    _, y, noise = _product(20_000, 79)
    shares = torch.softmax(-(y - means.mT).square() / (2 * SCALE**2), -1)
    truth = ((-noise / SCALE - (shares @ means - y) / SCALE**2) * noise).mean()
    batches = (_product(256, seed) for seed in range(4))
    errors = [(ratio_gradient(x, y) * noise).sum(-1).mean() / truth - 1 for x, y, noise in batches]
    assert torch.stack(errors).square().mean().sqrt() < 0.2
