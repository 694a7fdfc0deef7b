"""`exact` gives the information with a population and its gradient, against quadrature and against brute force."""

import dataclasses
import functools
import math

import numpy as np
import pytest
import torch
from mibench_population.components import require_each
from mibench_population.exact import Exact, ExactParams
from mibench_population.hashes import numbering
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal
from torch.nn.functional import softplus
from torch.testing import assert_close

from mibench.contracts import Conditional, Problem
from mibench.errors import UnfitError


def problem(
    population: Tensor | None, conditional: Conditional | None, dy: int = 1, dtype: torch.dtype = torch.float64
) -> Problem:
    return Problem(
        dx=1 if population is None else population.shape[-1],
        dy=dy,
        generators=(torch.Generator().manual_seed(0),),
        dtype=dtype,
        conditional=conditional,
        population=None if population is None else lambda: population,
    )


class Encoder:
    """A normal p(y|x) whose mean and width have weights."""

    def __init__(self, dx: int = 1, dy: int = 1) -> None:
        draw = torch.Generator().manual_seed(3)
        self.weights = torch.randn(2, dx, dy, generator=draw, dtype=torch.float64).requires_grad_()

    def __call__(self, x: Tensor) -> Distribution:
        return Independent(Normal(*self.moments(x)), 1)

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, width = x @ self.weights[0], softplus(x @ self.weights[1])
        return mean, 0.2 + width


def by_quadrature(population: Tensor, encoder: Encoder) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """I as a number with a graph; and every x with every node of its noise, and the weight of the pair."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    noise, weight = torch.tensor(nodes), torch.tensor(weights / weights.sum()) / len(population)
    mean, std = encoder.moments(population)
    y = mean + std * noise  # (N, nodes)
    logs = Normal(mean[:, None], std[:, None]).log_prob(y.flatten())
    marginal = logs[:, 0].logsumexp(0) if logs.ndim == 3 else logs.squeeze(1).logsumexp(0)
    marginal = (marginal - math.log(len(population))).reshape(y.shape)
    information = ((Normal(mean, std).log_prob(y) - marginal) * weight).sum()
    x = population.repeat_interleave(len(nodes), 0)
    return information, x, y.reshape(-1, 1), weight.repeat(len(population))


def test_value_and_gradient_are_those_of_quadrature() -> None:
    population, encoder = torch.linspace(-2, 3, 7, dtype=torch.float64)[:, None], Encoder()
    information, x, y, weight = by_quadrature(population, encoder)
    (expected,) = torch.autograd.grad(information, encoder.weights, retain_graph=True)
    estimator = Exact(ExactParams(), problem(population, encoder))
    values = torch.stack([estimator.mi(x[i : i + 1], y[i : i + 1].detach()) for i in range(len(x))])
    assert_close((values * weight).sum(), information.detach())
    leaf = y.detach().requires_grad_()
    (slope,) = torch.autograd.grad(estimator.surrogate(x, leaf), leaf)
    (measured,) = torch.autograd.grad(y, encoder.weights, slope * len(x) * weight[:, None])
    assert_close(measured, expected)


def test_a_part_of_the_population_stands_for_all_of_it() -> None:
    draw = torch.Generator().manual_seed(5)
    population, encoder = torch.randn(4000, 2, generator=draw, dtype=torch.float64), Encoder(2, 3)
    x = population[:2000]
    y = encoder(x).sample()
    whole = Exact(ExactParams(), problem(population, encoder, 3)).mi(x, y).item()
    part = Exact(ExactParams(components=500), problem(population, encoder, 3)).mi(x, y).item()
    assert part == pytest.approx(whole, abs=0.05)
    assert part != whole


def test_information_saturates_at_log_n_and_not_above() -> None:
    population = torch.arange(64, dtype=torch.float64)[:, None]
    far = Exact(ExactParams(), problem(population, functools.partial(noisy, 1e-3)))
    assert_close(far.mi(population, population + 1e-4), torch.tensor(math.log(64), dtype=torch.float64))


def slope(estimator: Exact, x: Tensor, y: Tensor) -> Tensor:
    return torch.autograd.grad(estimator.surrogate(x, y), y)[0]


@pytest.mark.parametrize(("drift", "anew"), [(0.05, True), (100.0, False)])
def test_components_are_made_anew_once_they_have_moved(drift: float, anew: bool) -> None:
    population, encoder = torch.linspace(-1, 1, 20, dtype=torch.float64)[:, None], Encoder()
    x = population[:5]
    y = encoder(x).sample().requires_grad_()
    estimator = Exact(ExactParams(drift=drift), problem(population, encoder))
    slope(estimator, x, y)
    with torch.no_grad():
        encoder.weights.mul_(1.5)
    fresh = slope(Exact(ExactParams(), problem(population, encoder)), x, y)
    assert slope(estimator, x, y).allclose(fresh) == anew


def correlated(x: Tensor) -> Distribution:
    return MultivariateNormal(x, torch.eye(1, dtype=x.dtype))


def noisy(std: float, x: Tensor) -> Distribution:
    return Independent(Normal(x, torch.full_like(x, std), validate_args=False), 1)


class Tilted(Normal):
    """A normal's moments, and another density."""

    def log_prob(self, value: Tensor) -> Tensor:
        return super().log_prob(value) - value.abs()


def tilted(x: Tensor) -> Distribution:
    return Independent(Tilted(x, torch.ones_like(x)), 1)


@pytest.mark.parametrize(
    ("conditional", "message"),
    [
        (tilted, r"not of an Independent\(Tilted\)"),
        (correlated, "normal with independent coordinates"),
        (functools.partial(noisy, 0.0), "information is infinite"),
        (functools.partial(noisy, 1e-18), "information is infinite"),
    ],
)
def test_a_conditional_whose_mixture_is_not_known_is_refused(conditional: Conditional, message: str) -> None:
    population = torch.linspace(1, 2, 5, dtype=torch.float64)[:, None]
    with pytest.raises(UnfitError, match=message):
        Exact(ExactParams(), problem(population, conditional))


@pytest.mark.parametrize("left", [1e-9, 1e-30])
def test_an_encoder_that_trains_its_noise_away_goes_on_with_log_n_and_no_gradient(left: float) -> None:
    population = torch.linspace(1, 2, 64)[:, None]
    width = torch.tensor(0.1)
    estimator = Exact(ExactParams(), problem(population, lambda x: noisy(width.item(), x), dtype=torch.float32))
    x = population[::4]
    y = x.clone().requires_grad_()
    assert slope(estimator, x, y).norm() > 0
    width.fill_(left)
    y = torch.nextafter(x, x + 1).requires_grad_()
    assert_close(estimator.mi(x, y), torch.tensor(math.log(64)))
    assert torch.equal(slope(estimator, x, y), torch.zeros_like(y))


def test_a_random_direction_has_the_size_of_the_exact_gradient_and_is_drawn_anew() -> None:
    population, encoder = torch.linspace(-1, 1, 500, dtype=torch.float64)[:, None], Encoder(1, 4)
    x = population[:300]
    y = encoder(x).sample().requires_grad_()
    exact = slope(Exact(ExactParams(), problem(population, encoder, 4)), x, y)
    random = Exact(ExactParams(direction="random"), problem(population, encoder, 4))
    first, second = slope(random, x, y), slope(random, x, y)
    assert_close(first.norm(), exact.norm())
    for other in (exact, second):
        assert torch.cosine_similarity(first.flatten(), other.flatten(), dim=0).abs() < 4 / math.sqrt(first.numel())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_samples_are_found_in_the_population_of_their_replica(dtype: torch.dtype) -> None:
    draw = torch.Generator().manual_seed(0)
    population = torch.randn(2, 50, 3, generator=draw, dtype=dtype)
    chosen = torch.randint(50, (2, 20), generator=draw)
    x = population.gather(1, chosen[..., None].expand(-1, -1, 3)).clone()
    x[:, 7] += 1e-5
    x[1, 3] = population[0, 4]
    expected = chosen.clone()
    expected[:, 7] = expected[1, 3] = -1
    assert torch.equal(numbering(population)(x), expected)
    assert torch.equal(numbering(population[0])(x[:1, :7]), chosen[:1, :7])


def test_a_task_without_a_population_is_refused() -> None:
    with pytest.raises(UnfitError, match="needs the population"):
        Exact(ExactParams(), problem(None, Encoder()))


BITS = torch.cartesian_prod(*[torch.arange(2)] * 9)  # all rows of nine bits


@pytest.mark.parametrize("values", [BITS, torch.eye(300), torch.arange(300)[:, None] / 16, -BITS])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_values_of_few_bits_are_told_apart(values: Tensor, dtype: torch.dtype) -> None:
    population = values.to(dtype)
    assert torch.equal(numbering(population)(population.abs() * values.sign()), torch.arange(len(values)))


def test_components_move_where_only_some_of_the_population_do() -> None:
    """The first hundred values are all but 0, and their components do not move with the encoder."""
    draw = torch.Generator().manual_seed(7)
    population = torch.randn(400, 4, generator=draw, dtype=torch.float64)
    population[:100] *= 1e-6
    weight = torch.ones((), dtype=torch.float64)

    def law(x: Tensor) -> Distribution:
        return noisy(0.3, x * weight)

    estimator, x = Exact(ExactParams(), problem(population, law, 4)), population[200:264]
    y = law(x).sample()
    estimator.mi(x, y)
    weight.mul_(1.5)
    y = law(x).sample()
    assert_close(estimator.mi(x, y), Exact(ExactParams(), problem(population, law, 4)).mi(x, y))


@pytest.mark.parametrize("factors", [(1.3, 1.001), (1.001, math.nan)])
def test_each_replica_has_its_components_made_anew_by_itself(factors: tuple[float, float]) -> None:
    draw = torch.Generator().manual_seed(7)
    population, weight = torch.randn(2, 100, 1, generator=draw, dtype=torch.float64), torch.ones(2, 1, 1).double()
    x = population[:, :20]
    y = x + 0.3 * torch.randn(2, 20, 1, generator=draw, dtype=torch.float64)

    def law(weight: Tensor, x: Tensor) -> Distribution:
        return Independent(Normal(x * weight, torch.full_like(x, 0.3), validate_args=False), 1, validate_args=False)

    alone = [problem(population[i], functools.partial(law, weight[i])) for i in range(2)]
    both = dataclasses.replace(
        alone[0],
        generators=tuple(torch.Generator().manual_seed(0) for _ in range(2)),
        replicas=(2,),
        conditional=functools.partial(law, weight),
        population=lambda: population,
    )
    together, apart = Exact(ExactParams(), both), [Exact(ExactParams(), of_one) for of_one in alone]
    for _ in range(2):
        expected = torch.stack([one.mi(x[i], y[i]) for i, one in enumerate(apart)])
        assert_close(together.mi(x, y), expected, equal_nan=True)
        weight.mul_(torch.tensor(factors).view(2, 1, 1))


def law_of(network: nn.Module) -> Conditional:
    """p(y|x) whose mean is a network's, with noise of .1."""
    return lambda x: noisy(0.1, network(x))


def perceptron(inputs: int, width: int, *between: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Linear(inputs, width), *between, nn.ReLU(), nn.Linear(width, 5))


def convolutional(channels: int, *between: nn.Module) -> nn.Module:
    first = nn.Conv2d(1, channels, 3, padding=1)
    return nn.Sequential(nn.Unflatten(-1, (1, 12, 12)), first, *between, nn.ReLU(), nn.Flatten(), nn.LazyLinear(5))


with torch.random.fork_rng():
    torch.manual_seed(0)
    BY_ROW = [
        perceptron(144, 8),
        perceptron(144, 1500, nn.LayerNorm(1500)),
        perceptron(144, 64, nn.BatchNorm1d(64), nn.Dropout(0.3)).eval(),
        convolutional(4),
        convolutional(48, nn.GroupNorm(4, 48)),
        convolutional(16, nn.BatchNorm2d(16), nn.Dropout2d(0.3)).eval(),
    ]
    MIXING = [
        perceptron(144, 64, nn.BatchNorm1d(64)),
        perceptron(144, 2000, nn.Dropout(0.01)),
        nn.Sequential(nn.Linear(144, 5), nn.BatchNorm1d(5, affine=False)),
        convolutional(16, nn.BatchNorm2d(16)),
        convolutional(16, nn.Dropout2d(0.5)),
        nn.Sequential(nn.Linear(144, 5), nn.Softmax(0)),
    ]


@pytest.mark.parametrize("size", [2, 3, 50, 700])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("network", BY_ROW)
def test_an_encoder_that_answers_for_each_x_by_itself_is_taken(
    network: nn.Module, size: int, dtype: torch.dtype
) -> None:
    x = torch.rand(size, 144, generator=torch.Generator().manual_seed(1)).to(dtype)
    require_each(law_of(network.to(dtype)), x)


@pytest.mark.parametrize("size", [2, 3, 50, 700])
@pytest.mark.parametrize("network", MIXING)
def test_an_encoder_that_mixes_the_x_it_is_asked_of_is_refused(network: nn.Module, size: int) -> None:
    population = torch.rand(size, 144, generator=torch.Generator().manual_seed(1))
    with pytest.raises(UnfitError, match=r"answers for each x by itself: put an encoder .* in eval mode") as caught:
        Exact(ExactParams(), problem(population, law_of(network), 5, torch.float32))
    assert "\n" not in str(caught.value)


def test_a_noise_that_is_that_of_a_batch_is_refused() -> None:
    population = torch.rand(90, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    law = functools.partial(_noise_of_batch, 2)
    with pytest.raises(UnfitError, match="answers for each x by itself"):
        Exact(ExactParams(), problem(population, law, 3))


def _noise_of_batch(times: float, x: Tensor) -> Distribution:
    return Independent(Normal(x, (times * x.std(-2, keepdim=True)).expand_as(x)), 1)


def test_answers_of_two_letters_are_compared_in_another_mixture() -> None:
    letters = torch.eye(2).repeat(500, 1)
    with pytest.raises(UnfitError, match="answers for each x by itself"):
        Exact(
            ExactParams(), problem(letters, law_of(nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))), 3, torch.float32)
        )


def test_an_encoder_that_gives_nan_is_taken_as_it_is() -> None:
    population = torch.rand(40, 3, generator=torch.Generator().manual_seed(1))
    everywhere = Exact(ExactParams(), problem(population, lambda x: noisy(0.1, x * math.nan), 3, torch.float32))
    assert everywhere.mi(population, population).isnan()
    require_each(lambda x: noisy(0.1, x.where(x > 0.5, math.nan)), population)
