"""Channels: the clusters of symbols that are mixed, and of classes, which few samples do not show."""

import torch
from mibench_ratio import FitOptions, ratio_fit, ratio_gradient
from mibench_ratio.channel import Channel, channel
from mibench_ratio.clusters import clusters_of
from mibench_ratio.kernels import units
from mibench_ratio.widths import Widths
from ratio_cases import generator, normal
from torch import Tensor
from torch.testing import assert_close

MIXES = normal(4, 4, seed=9)


def _symbols(n: int, seed: int) -> Tensor:
    """Four signs."""
    return torch.randint(2, (n, 4), generator=generator(seed)).double() * 2 - 1


def _sent(n: int, seed: int, scale: float = 0.5) -> tuple[Tensor, Tensor, Tensor]:
    """x, y = x A + s e, and e."""
    x, noise = _symbols(n, seed), normal(n, 4, seed=seed + 500)
    return x, x @ MIXES + scale * noise, noise


def _classes(n: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """One of twenty classes as an indicator, y = its centre + s e with three coordinates, and e."""
    which, noise = torch.randint(20, (n,), generator=generator(seed)), normal(n, 3, seed=seed + 500)
    x = torch.nn.functional.one_hot(which, 20).double()
    return x, x @ (1.5 * normal(20, 3, seed=4)) + 0.25 * noise, noise


def _slope(centres: Tensor, which: Tensor, noise: Tensor, scale: float) -> float:
    """Mean over samples of the exact gradient of the log ratio along e, equally likely centres."""
    y = centres[which] + scale * noise
    shares = torch.softmax(-torch.cdist(y, centres).square() / (2 * scale**2), -1)
    exact = (centres[which] - shares @ centres) / scale**2
    return float((exact * noise).sum(-1).mean())


def _along(x: Tensor, y: Tensor, noise: Tensor, options: FitOptions | None = None) -> float:
    return float((ratio_gradient(x, y, options) * noise).sum(-1).mean())


def _seen(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    return units(x).standardise(x), units(y).standardise(y)


def test_symbols_that_are_mixed_have_the_slope_of_the_exact_critic() -> None:
    alphabet = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0], dtype=torch.float64)] * 4) @ MIXES
    which = torch.randint(16, (100_000,), generator=generator(1))
    truth = _slope(alphabet, which, normal(100_000, 4, seed=2), 0.5)
    errors: list[list[float]] = []
    for seed in range(4):
        x, y, noise = _sent(256, seed)
        exact = _slope(alphabet, torch.cdist(x @ MIXES, alphabet).argmin(-1), noise, 0.5)
        found = exact, _along(x, y, noise), _along(x, y, noise, FitOptions(clusters="none"))
        errors.append([each / truth - 1 for each in found])
    oracle, told, plain = torch.tensor(errors).square().mean(0).sqrt()
    assert told < 2 * oracle
    assert told < plain / 2


def test_classes_of_a_dozen_samples_each_are_all_seen() -> None:
    centres, which = 1.5 * normal(20, 3, seed=4), torch.randint(20, (100_000,), generator=generator(1))
    truth = _slope(centres, which, normal(100_000, 3, seed=2), 0.25)
    ratios = torch.tensor([_along(*_classes(256, seed)) / truth for seed in range(4)])
    assert (ratios - 1).square().mean().sqrt() < 0.4


def test_a_number_for_each_class_does_as_well_as_an_indicator() -> None:
    x, y, _ = _classes(256, 0)
    numbers = (x @ torch.arange(20.0, dtype=torch.float64))[:, None]
    of_indicator, of_number = (channel(*_seen(block, y)) for block in (x, numbers))
    assert of_indicator is not None
    assert of_number is not None
    assert not of_indicator.grouped
    assert of_number.grouped
    assert_close(of_number.means, of_indicator.means, rtol=1e-8, atol=1e-8)


def test_continuous_x_noise_that_depends_on_x_and_single_clusters_have_no_channel() -> None:
    x, y, noise = _sent(256, 0)
    assert channel(*_seen(x + 0.1 * noise, y)) is None
    louder = channel(*_seen(x, x @ MIXES + (0.4 + 0.3 * x[:, :1]) * noise))
    assert louder is not None
    assert not louder.plain
    u, v = _seen(x, x @ MIXES + 3 * noise)
    alone = clusters_of(u, v, Widths.of(u, v, FitOptions()).aligned)
    assert alone is None or not any(isinstance(part, Channel) for part in alone.parts)


def test_the_score_at_a_sample_leaves_its_own_term_out() -> None:
    x, y = _seen(*_sent(64, 3)[:2])
    found = channel(x, y)
    assert found is not None

    def terms(points: Tensor) -> Tensor:
        away = points[:, None] - found.means
        return -((away @ found.precision) * away).sum(-1) / 2

    shares = torch.softmax(terms(y).fill_diagonal_(-torch.inf), -1)
    assert_close(found.margin(y)[0], (shares @ found.means - y) @ found.precision)
    nearby = (y + 1e-9).requires_grad_()
    (score,) = torch.autograd.grad(terms(nearby).logsumexp(-1).sum(), nearby)
    assert_close(found.margin(nearby.detach())[0], score)


def test_a_fit_is_its_gradient_at_the_samples_and_replicas_are_as_each_alone() -> None:
    x, y, _ = _sent(128, 0)
    fit = ratio_fit(x, y)
    assert_close(fit.at(x.clone(), y.clone()), fit.gradient, rtol=1e-6, atol=1e-6)
    other = normal(2, 128, 4, seed=6)
    together = ratio_gradient(torch.stack([x, other[0]]), torch.stack([y, other[0] + other[1]]))
    assert_close(together[0], fit.gradient, rtol=1e-6, atol=1e-8)
    assert_close(together[1], ratio_gradient(other[0], other[0] + other[1]), rtol=1e-6, atol=1e-8)


def test_units_and_the_order_of_samples_say_nothing() -> None:
    x, y, _ = _sent(128, 2)
    expected, order = ratio_gradient(x, y), torch.randperm(128, generator=generator(0))
    assert_close(ratio_gradient(3 * x - 1, 10 * y + 5) * 10, expected, rtol=1e-5, atol=1e-6)
    assert_close(ratio_gradient(x[order], y[order]), expected[order], rtol=1e-5, atol=1e-6)
