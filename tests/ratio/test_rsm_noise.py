"""Noise that is added to a function of many coordinates: scores of y and of what a regression leaves of it."""

import torch
from mibench_ratio import FitOptions, ratio_fit, ratio_gradient
from mibench_ratio.kernels import units
from mibench_ratio.noise import added_noise
from mibench_ratio.regression import Regression, regression
from ratio_cases import normal
from torch import Tensor
from torch.testing import assert_close

PLAIN = FitOptions(means="none")
SCALE = 0.3


def _surface(x: Tensor) -> Tensor:
    """Products and waves of three coordinates."""
    return (2 * x[..., :1]).sin() * x[..., 1:2].cos() + 0.5 * x[..., 1:2] * x[..., 2:3]


def _pairs(n: int, seed: int, scale: float = SCALE) -> tuple[Tensor, Tensor, Tensor]:
    """x, y = f(x) + s e, and e."""
    x, noise = normal(n, 3, seed=seed), normal(n, 1, seed=seed + 500)
    return x, _surface(x) + scale * noise, noise


def _truth() -> float:
    """dI/ds, from the exact scores of many samples, whose margin is the mean of 4,000 terms."""
    means, noise = _surface(normal(4_000, 3, seed=77)), normal(20_000, 1, seed=78)
    y = _surface(normal(20_000, 3, seed=79)) + SCALE * noise
    shares = torch.softmax(-(y - means.mT).square() / (2 * SCALE**2), -1)
    score = (shares @ means - y) / SCALE**2
    return float(((-noise / SCALE - score) * noise).mean())


def test_noise_on_a_surface_of_three_coordinates_has_the_slope_of_the_exact_critic() -> None:
    truth, errors = _truth(), []
    for seed in range(4):
        x, y, noise = _pairs(256, seed)
        errors.append([(ratio_gradient(x, y, how) * noise).sum(-1).mean() / truth - 1 for how in (FitOptions(), PLAIN)])
    told, plain = torch.tensor(errors).square().mean(0).sqrt()
    assert told < 0.12
    assert told < plain / 1.5


def _spiral(x: Tensor) -> Tensor:
    """Two coordinates of points at a distance and an angle."""
    return x[..., :1] * torch.cat([(1.5 * x[..., 1:]).cos(), (1.5 * x[..., 1:]).sin()], -1)


def _outputs(n: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """x, y = f(x) + s e of two coordinates, and e."""
    x, noise = normal(2, n, 2, seed=seed)
    return x, _spiral(x) + SCALE * noise, noise


def _exact(y: Tensor, noise: Tensor) -> Tensor:
    """The exact critic of `_outputs`, whose margin is the mean of 20,000 terms."""
    means = _spiral(normal(20_000, 2, seed=77))
    shares = torch.softmax((y @ means.mT - means.square().sum(-1) / 2) / SCALE**2, -1)
    return -noise / SCALE - (shares @ means - y) / SCALE**2


def test_noise_on_several_outputs_has_the_slope_of_the_exact_critic_and_half_the_error_at_single_samples() -> None:
    _, y, noise = _outputs(8_000, 79)
    truth = (_exact(y, noise) * noise).sum(-1).mean()
    slopes: list[list[float]] = []
    for seed in range(4):
        x, y, noise = _outputs(256, seed)
        exact, found = _exact(y, noise), [ratio_gradient(x, y, how) for how in (FitOptions(), PLAIN)]
        slopes.append([float((each * noise).sum(-1).mean() / truth - 1) for each in found])
        told, plain = ((each - exact).square().mean() for each in found)
        assert told < plain / 2
    told, plain = torch.tensor(slopes).square().mean(0).sqrt()
    assert told < 0.1
    assert told < plain / 1.5


def _spiky(n: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """x of one coordinate, y = x + e, and what of e is narrow: eight tenths are of deviation .1, the others of 1."""
    x, noise = normal(2, n, 1, seed=seed)
    wide = torch.rand(n, 1, generator=torch.Generator().manual_seed(seed + 900)) < 0.2
    return x, x + noise * torch.where(wide, 1.0, 0.1), noise.where(~wide, 0.0)


def _mixture_score(values: Tensor, narrow: float, wide: float) -> Tensor:
    """Of eight tenths of a normal density of the one deviation, and two of the other."""
    logits = torch.cat([0.8 * torch.ones_like(values), 0.2 * torch.ones_like(values)], -1).log()
    deviations = torch.tensor([narrow, wide], dtype=values.dtype)
    shares = torch.softmax(logits - deviations.log() - (values / deviations).square() / 2, -1)
    return -values * (shares / deviations.square()).sum(-1, keepdim=True)


def test_noise_with_a_narrow_core_is_seen_on_one_coordinate() -> None:
    errors: list[list[float]] = []
    for seed in range(4):
        x, y, core = _spiky(400, seed)
        exact = _mixture_score(y - x, 0.1, 1.0) - _mixture_score(y, 1.01**0.5, 2**0.5)
        found = (ratio_gradient(x, y, how) for how in (FitOptions(), PLAIN))
        wanted = (exact * core).mean()
        errors.append([float((each * core).mean() / wanted - 1) for each in found])
    told, plain = torch.tensor(errors).square().mean(0).sqrt()
    assert told < 0.25
    assert told < plain / 1.5
    x, noise = normal(2, 400, 1, seed=7)
    assert ratio_fit(x, x + 0.5 * noise).noise is None


def test_scores_of_what_is_left_have_no_mean_along_functions_of_x() -> None:
    x, y, _ = _pairs(200, 3)
    standard, unit = units(x).standardise(x), units(y)
    found = added_noise(standard, unit.standardise(y), FitOptions())
    assert found is not None
    of_left = found.fitted + found.of_y.score
    for column in (torch.ones_like(y), standard, found.regression.fitted):
        assert (of_left * column).mean(0).abs().max() < 1e-8


def test_the_gradient_along_a_linear_map_of_y_is_0_on_the_batch() -> None:
    for x, y, _ in (_pairs(256, 2), _outputs(256, 2), _spiky(400, 0)):
        assert ratio_fit(x, y).noise is not None
        gradient = ratio_gradient(x, y)
        assert gradient.mean(0).abs().max() < 1e-10
        assert (y.mT @ gradient).abs().max() / len(y) < 1e-10


def test_a_regression_is_its_fit_at_the_samples_and_near_the_mean_elsewhere() -> None:
    x, y, _ = _pairs(400, 0)
    mean, elsewhere = regression(x, y), normal(200, 3, seed=9)
    assert mean is not None
    assert_close(mean.at(x.clone()), mean.fitted, rtol=1e-8, atol=1e-8)
    assert (mean.at(elsewhere) - _surface(elsewhere)).square().mean() < 0.15 * _surface(elsewhere).var()
    assert abs(float((y - mean.fitted).mean())) < 1e-10
    assert ((y - mean.fitted).mT @ x).abs().max() < 1e-8


def test_of_many_samples_some_make_the_regression_in_any_order() -> None:
    x, y, _ = _pairs(1_500, 0)
    mean, order = regression(x, y), torch.randperm(1_500, generator=torch.Generator().manual_seed(1))
    assert mean is not None
    assert len(mean.x) == 1_024
    assert (mean.fitted - _surface(x)).square().mean() < 0.05 * _surface(x).var()
    shuffled = regression(x[order], y[order])
    assert shuffled is not None
    assert_close(shuffled.fitted, mean.fitted[order], rtol=1e-5, atol=1e-6)
    found = added_noise(x, y, FitOptions())
    assert found is not None
    assert_close(found.at(x.clone(), y.clone()), found.fitted, rtol=1e-6, atol=1e-6)


def test_the_errors_of_a_regression_of_some_samples_are_those_at_the_others() -> None:
    x, y, _ = _pairs(4_000, 0)
    mean = regression(x, y)
    assert mean is not None
    true = (mean.fitted - _surface(x)).square().mean()
    assert 0.4 * true < mean.errors.item() < 2 * true
    few = regression(x[:400], y[:400])
    assert few is not None
    assert few.errors.item() == 0


def test_a_linear_mean_and_few_samples_have_no_other_regression() -> None:
    x, noise = normal(200, 3), normal(200, 1, seed=1)
    assert regression(x, x[:, :1] + noise) is None
    assert regression(x, noise) is None
    assert regression(x[:6], _pairs(6, 0)[1]) is None


def test_replicas_have_each_its_own_kernel_and_one_without_a_regression_is_left_alone() -> None:
    (x, y, _), (other, _, noise) = _pairs(160, 0), _pairs(160, 1)
    waves = (2 * other).sin().sum(-1, keepdim=True) + 0.2 * noise
    linear = other[:, :1] + noise
    blocks = torch.stack([x, other, other]), torch.stack([y, waves, linear])
    together = ratio_gradient(*blocks)
    for found, one, its in zip(together, *blocks, strict=True):
        assert_close(found, ratio_gradient(one, its), rtol=1e-6, atol=1e-8)
    mean, alone = regression(*blocks), regression(other, waves)
    assert mean is not None
    assert alone is not None
    assert mean.kernel[0] != mean.kernel[1]
    assert_close(mean.fitted[1], alone.fitted, rtol=1e-6, atol=1e-8)


def test_a_fit_is_its_gradient_at_the_samples() -> None:
    x, y, noise = _outputs(256, 4)
    uneven = y + SCALE * (noise * noise.abs() - noise)
    for pairs in (_pairs(200, 3)[:2], (x, y), (x, uneven)):
        fit = ratio_fit(*pairs)
        assert fit.noise is not None
        assert fit.noise.share > 0
        assert_close(fit.at(*(block.clone() for block in pairs)), fit.gradient, rtol=1e-8, atol=1e-8)
    assert fit.noise.of_left.share == 1


def test_noise_that_depends_on_x_and_one_input_are_left_to_the_fit() -> None:
    x, y, noise = _pairs(256, 0)
    standard = units(x).standardise(x)

    def found(block: Tensor, other: Tensor) -> bool:
        unit = units(other)
        return added_noise(block, unit.standardise(other), FitOptions()) is not None

    assert found(standard, y)
    assert not found(standard, _surface(x) + SCALE * noise * (1 + 2 * (x[:, :1] > 0)))
    assert not found(standard[:, :1], (3 * x[:, :1]).sin() + 0.2 * noise)


def test_what_heavy_tails_leave_is_bent_and_units_say_nothing() -> None:
    x, _, noise = _pairs(200, 5)
    y = _surface(x) + 0.1 * noise / normal(200, 1, seed=8).abs().clamp_min(0.05)
    expected = ratio_gradient(x, y)
    assert_close(1e3 * ratio_gradient(5 - 7 * x, 1e3 * y), expected, rtol=1e-5, atol=1e-6)
    assert expected.isfinite().all()


def test_surfaces_of_a_batch_with_a_nan_are_those_of_the_others() -> None:
    (x, y, _), broken = _pairs(160, 0), _pairs(160, 1)[1].index_fill(0, torch.tensor([3]), torch.nan)
    together = ratio_gradient(x.expand(2, -1, -1), torch.stack([y, broken]))
    assert_close(together[0], ratio_gradient(x, y), rtol=1e-6, atol=1e-8)
    assert together[1].isnan().all()


def test_noise_that_x_makes_larger_is_no_mean() -> None:
    """Signs that nobody sees make y as large as x, and the mean is 0."""
    for seed in range(8):
        x, noise, sign = normal(3, 100, 2, seed=seed)
        y = 0.9 * sign.sign() * x + 0.44 * noise
        assert regression(x, y) is None


def test_a_regression_is_judged_by_what_it_would_leave_of_other_samples() -> None:
    x, y, _ = _outputs(256, 0)
    mean, straight = regression(x, y), Regression.straight(x, y)
    assert mean is not None
    inside = torch.linalg.det((y - mean.fitted).mT @ (y - mean.fitted) / 256).sqrt()
    assert mean.left(y) > 1.1 * inside
    assert mean.left(y) < 0.5 * straight.left(y)
    assert_close(straight.freedom, torch.full_like(straight.freedom, 3.0))
