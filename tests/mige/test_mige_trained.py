"""Claims about the scores that are trained: their losses against theory, the gradient, and bad batches."""

import math
from typing import Any

import pytest
import torch
from mibench_mige import DenoisingMIGE, SlicedMIGE, denoising_loss, sliced_loss
from mibench_mige.span import within_span
from mibench_mige.trained import TrainedMIGE
from mige_cases import correlated, normal, problem
from torch import Tensor
from torch.testing import assert_close

from mibench.errors import SmallBatchError
from mibench.training import restore, snapshot, tensors

BOTH = pytest.mark.parametrize("kind", [DenoisingMIGE, SlicedMIGE])
COVARIANCE = torch.tensor([[1.0, 0.6], [0.6, 0.5]], dtype=torch.float64)


def estimator(kind: type[TrainedMIGE], d: int, replicas: tuple[int, ...] = (), seed: int = 0, **how: Any) -> Any:
    return kind(kind.Params(**{"hidden": (32, 32)} | how), problem(d, d, replicas, seed=seed))


def gradients(made: TrainedMIGE, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    x, y = x.clone().requires_grad_(), y.clone().requires_grad_()
    in_x, in_y = torch.autograd.grad(made.surrogate(x, y).sum(), (x, y))
    return in_x, in_y


def best_linear_score(loss: str, sigma: float) -> Tensor:
    """The matrix A for which the loss of z -> A z is least, among many samples; the loss is quadratic in A."""
    z = normal(60_000, 2) @ torch.linalg.cholesky(COVARIANCE).mT
    noise = normal(60_000, 2, seed=1)
    matrix = torch.zeros(2, 2, dtype=torch.float64, requires_grad=True)

    def slope(at: Tensor) -> Tensor:
        def score(points: Tensor) -> Tensor:
            return points @ at.mT

        total = denoising_loss(score, z, noise, sigma) if loss == "dsm" else sliced_loss(score, z, noise.sign())
        return torch.autograd.grad(total, at, create_graph=True)[0]

    at_zero = slope(matrix)
    rows = [torch.autograd.grad(each, matrix, retain_graph=True)[0].flatten() for each in at_zero.flatten()]
    return torch.linalg.solve(torch.stack(rows), -at_zero.detach().flatten()).reshape(2, 2)


def test_sliced_score_matching_is_minimal_at_the_score_of_a_gaussian() -> None:
    assert_close(best_linear_score("ssm", 0.0), -COVARIANCE.inverse(), rtol=0.02, atol=0.1)


FLAT = {
    "constant": torch.tensor([[1.0, 0.0], [0.0, 0.0]]),
    "collinear": torch.tensor([[1.0, -2.0], [0.0, 0.0]]),
    "a third as their sum": torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]]),
}


@pytest.mark.parametrize("kind", FLAT)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_the_sliced_loss_counts_directions_in_which_samples_vary_alone(kind: str, dtype: torch.dtype) -> None:
    """Of s = -A z, A symmetric and 100 across the span, the second term is minus the trace of A within the span."""
    flat = FLAT[kind].double()
    samples = (normal(400, 2) @ flat).to(dtype)
    span = flat.pinverse() @ flat
    matrix = flat.mT @ flat + 100 * (torch.eye(len(span), dtype=torch.float64) - span)
    loss = torch.stack(
        [
            sliced_loss(lambda z: -z @ matrix.to(dtype), samples, normal(400, len(span), seed=seed).sign().to(dtype))
            for seed in range(30)
        ]
    ).mean()
    norm = (samples.double() @ matrix).square().sum(-1).mean() / 2
    assert_close(norm - loss.double(), (matrix @ span).trace(), rtol=0.05, atol=0)


def test_slices_of_full_rank_are_what_they_were_to_the_last_bit_beside_a_replica_that_is_not() -> None:
    samples, vectors = normal(3, 40, 4), normal(3, 40, 4, seed=1)
    assert within_span(vectors, samples) is vectors
    samples[1, :, 3], samples[2, 7, 0] = samples[1, :, 0], math.nan
    within = within_span(vectors, samples)
    assert torch.equal(within[0], vectors[0])
    assert_close(within[1, :, 3], vectors[1][:, [0, 3]].mean(-1))
    few = within_span(vectors[0, :4], samples[1, :4] * torch.tensor([1, 1, 0, 1]))
    assert torch.equal(few, vectors[0, :4] * torch.tensor([1, 1, 0, 1]))


@pytest.mark.parametrize("sigma", [0.05, 0.3, 1.0])
def test_denoising_is_minimal_at_the_score_of_the_noisy_gaussian(sigma: float) -> None:
    noisy = COVARIANCE + sigma**2 * torch.eye(2, dtype=torch.float64)
    assert_close(best_linear_score("dsm", sigma), -noisy.inverse(), rtol=0.02, atol=0.1)


def test_the_denoising_loss_is_the_squared_distance_to_the_noise_less_its_constant() -> None:
    z, noise, sigma = normal(40, 3), normal(40, 3, seed=1), 0.4

    def score(points: Tensor) -> Tensor:
        return points.tanh() - points

    distances = [(score(z + sigma * e) + e / sigma).square().sum(-1).mean() / 2 for e in (noise, -noise)]
    constant = noise.square().sum(-1).mean() / (2 * sigma**2)
    assert_close(denoising_loss(score, z, noise, sigma), sum(distances) / 2 - constant)


def test_noise_in_pairs_keeps_the_variance_of_the_loss_as_the_noise_shrinks() -> None:
    z = normal(50, 2)
    losses = [
        torch.stack([denoising_loss(torch.neg, z, normal(50, 2, seed=seed), sigma) for seed in range(40)]).std()
        for sigma in (0.1, 0.001)
    ]
    assert losses[1] < 1.5 * losses[0]


@BOTH
def test_the_gradient_of_correlated_gaussians_is_learnt(kind: type[TrainedMIGE]) -> None:
    rho, made = torch.tensor(0.7, dtype=torch.float64), estimator(kind, 2)
    for step in range(150):
        made.update(*correlated(rho, 128, 2, step))
    slopes: list[float] = []
    for seed in range(6):
        at = rho.clone().requires_grad_()
        slopes += [torch.autograd.grad(made.surrogate(*correlated(at, 256, 2, 1000 + seed)), at)[0].item()]
    assert sum(slopes) / 6 == pytest.approx(2 * 0.7 / (1 - 0.49), rel=0.2)


@BOTH
@pytest.mark.parametrize("more", ["constant", "copy"])
def test_a_constant_or_a_copy_beside_x_leaves_the_gradient(kind: type[TrainedMIGE], more: str) -> None:
    rho, made = torch.tensor(0.8, dtype=torch.float64), kind(kind.Params(), problem(2, 1))

    def slope(seed: int) -> float:
        at = rho.clone().requires_grad_()
        x, y = correlated(at, 256, 1, seed)
        x = torch.cat([x, 0 * x + 0.1 if more == "constant" else 2 * x], -1)
        made.update(x, y.detach())
        return torch.autograd.grad(made.surrogate(x, y), at)[0].item()

    slopes = [slope(seed) for seed in range(120)]
    assert sum(slopes[-10:]) / 10 == pytest.approx(0.8 / 0.36, rel=0.2)


def test_much_noise_shortens_the_gradient() -> None:
    rho = torch.tensor(0.9, dtype=torch.float64)
    answers = []
    for noise in (0.05, 1.0):
        made = estimator(DenoisingMIGE, 1, noise=noise)
        for step in range(100):
            made.update(*correlated(rho, 128, 1, step))
        at = rho.clone().requires_grad_()
        answers.append(torch.autograd.grad(made.surrogate(*correlated(at, 512, 1, 1000)), at)[0].item())
    assert answers[1] < 0.5 * answers[0]


@BOTH
def test_a_block_enters_if_it_requires_a_gradient(kind: type[TrainedMIGE]) -> None:
    made, (x, y) = estimator(kind, 2), correlated(torch.tensor(0.5, dtype=torch.float64), 40, 2, 0)
    moving = y.clone().requires_grad_()
    (in_y,) = torch.autograd.grad(made.surrogate(x, moving), moving)
    assert_close(in_y, gradients(made, x, y)[1])
    assert made.surrogate(x, y).item() == 0


@BOTH
@pytest.mark.parametrize("scale", [3.0, 1e-200, 1e200])
def test_units_do_not_matter(kind: type[TrainedMIGE], scale: float) -> None:
    x, y = correlated(torch.tensor(0.5, dtype=torch.float64), 40, 2, 0)
    first, second = (estimator(kind, 2) for _ in range(2))
    first.update(x, y)
    second.update(scale * (x - 1), y / 8 + 5)
    in_x, in_y = gradients(second, scale * (x - 1), y / 8 + 5)
    assert_close((scale * in_x, in_y / 8), gradients(first, x, y))


@BOTH
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_replica_that_is_not_finite_leaves_the_others_bit_for_bit(kind: type[TrainedMIGE], value: float) -> None:
    x, y = correlated(torch.tensor([0.2, 0.5, 0.8], dtype=torch.float64), 40, 2, 0)
    answers = []
    for spoilt in (False, True):
        made, in_y = estimator(kind, 2, (3,)), y.clone()
        if spoilt:
            in_y[1, 3, 0] = value
        made.update(x, in_y)
        answers.append(gradients(made, x, in_y)[1])
    assert torch.equal(answers[0][[0, 2]], answers[1][[0, 2]])
    assert answers[0].isfinite().all()
    assert answers[1][1].isnan().all()


@BOTH
def test_constant_repeated_and_whole_numbered_coordinates_have_finite_gradients(kind: type[TrainedMIGE]) -> None:
    x = torch.nn.functional.one_hot(torch.arange(60) % 3).double()
    y = torch.stack([torch.full((60,), 1e6), torch.arange(60) % 7, torch.arange(60) % 7], 1).double()
    made = estimator(kind, 3)
    for _ in range(3):
        made.update(x, y)
    in_x, in_y = gradients(made, x, y)
    assert in_x.isfinite().all()
    assert in_y.isfinite().all()


@BOTH
def test_two_samples_are_finite_and_fewer_than_needed_are_refused(kind: type[TrainedMIGE]) -> None:
    """A single sample is standardised to zero, whatever it is."""
    x, y = normal(2, 2), normal(2, 2, seed=1)
    made = estimator(kind, 2)
    made.update(x, y)
    assert gradients(made, x, y)[1].isfinite().all()
    for ask in (made.update, lambda x, y: gradients(made, x, y)):
        with pytest.raises(SmallBatchError, match="at least 2 samples, not 1"):
            ask(x[:1], y[:1])
    with pytest.raises(ValueError, match="needs at least 8 samples, 2 a dimension, not 7"):
        gradients(estimator(kind, 2, calibration="full"), normal(7, 2), normal(7, 2, seed=1))


@BOTH
def test_training_goes_on_from_a_snapshot_with_the_same_numbers(kind: type[TrainedMIGE]) -> None:
    x, y = correlated(torch.tensor(0.5, dtype=torch.float64), 40, 2, 0)
    first, second = estimator(kind, 2), estimator(kind, 2, seed=9)
    first.update(x, y)
    restore(second, snapshot(first))
    for made in (first, second):
        made.update(x, y)
    assert all(torch.equal(a[1], b[1]) for a, b in zip(tensors(first), tensors(second), strict=True))


@pytest.mark.parametrize("noise", [0.0, -1.0, math.inf, math.nan])
def test_noise_that_is_not_positive_is_refused(noise: float) -> None:
    with pytest.raises(ValueError, match=r"`noise` is (above 0|a finite number), not"):
        DenoisingMIGE.Params(noise=noise)
