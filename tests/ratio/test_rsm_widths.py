"""Claims about the widths of kernels: narrower where the dependence is finer, and nowhere else."""

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from mibench_ratio import FitOptions, ratio_fit, ratio_gradient
from mibench_ratio.kernels import Coordinates
from mibench_ratio.many import many_gradient
from mibench_ratio.system import System
from mibench_ratio.widths import Widths
from ratio_cases import SPECIFICATION, Pairs, correlated, crossed, generator, normal
from torch import Tensor
from torch.testing import assert_close

WIDE = FitOptions(details="none")
CHOSEN = FitOptions()
PLAIN = FitOptions(clusters="none", means="none")


def standard(block: Tensor) -> Tensor:
    return (block - block.mean(-2, keepdim=True)) / block.std(-2, correction=0, keepdim=True)


def function_of_x(function: Callable[[Tensor], Tensor], n: int, d: int, seed: int) -> Pairs:
    """y = function(x) + s e at s = 0.4, x uniform in each coordinate; the truth by 8,000 draws of the exact critic."""
    x, y, noise, exact = _drawn(function, n, d, seed)
    *_, other, of_other = _drawn(function, 8000, 1, 99)
    return Pairs(x, y, noise, exact, d * (of_other * other).mean().item())


def _drawn(function: Callable[[Tensor], Tensor], n: int, d: int, seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    s, reach = 0.4, 1.7
    x = reach * (2 * torch.rand(n, d, generator=generator(seed), dtype=torch.float64) - 1)
    noise = normal(n, d, seed=seed + 1)
    y, means = function(x) + s * noise, function(reach * torch.linspace(-1, 1, 801, dtype=torch.float64))
    likely = torch.softmax(-((y[..., None] - means) ** 2) / (2 * s**2), -1)
    return x, y, noise, (function(x) - (likely * means).sum(-1)) / s**2


def wave(x: Tensor) -> Tensor:
    return torch.sin(4 * x)


def bump(x: Tensor) -> Tensor:
    return 2 * torch.exp(-4 * x**2)


def valleys(x: Tensor) -> Tensor:
    return (x**2 - 1.5) ** 2


def widths(x: Tensor, y: Tensor, options: FitOptions = CHOSEN) -> tuple[list[float], list[float]]:
    chosen = Widths.of(standard(x), standard(y), options)
    return chosen.of_x.flatten().tolist(), chosen.of_y.flatten().tolist()


@pytest.mark.parametrize("function", [wave, bump, valleys])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_x_gets_a_narrower_kernel_where_y_turns_back_in_it(function: Callable[[Tensor], Tensor], seed: int) -> None:
    x, y, *_ = function_of_x(function, 256, 1, seed)
    (of_x,), (of_y,) = widths(x, y)
    assert of_x < 1
    assert of_y == 1
    assert widths(torch.cat([normal(256, 1, seed=9), x], 1), y)[0] == [1, of_x]


@pytest.mark.parametrize("frequency", [7, 8, 9, 10])
def test_waves_of_all_frequencies_are_seen(frequency: int) -> None:
    """Between the nodes of Gauss and Hermite there were none."""

    def fast(x: Tensor) -> Tensor:
        return torch.sin(frequency * x)

    case = function_of_x(fast, 256, 1, 0)
    assert case.slope(ratio_gradient(case.x, case.y)) / case.truth == pytest.approx(1, abs=0.3)


@pytest.mark.parametrize("n", [60, 256, 2000])
def test_smooth_dependence_and_none_keep_kernels_as_wide_as_a_deviation(n: int) -> None:
    for seed in range(5):
        x, noise = normal(2, n, 3, seed=seed)
        for y in (noise, 0.9 * x + 0.4 * noise, x + 0.5 * noise.exp(), x.sign() + noise, x**3 + noise):
            assert widths(x, y) == ([1, 1, 1], [1, 1, 1])


def test_y_gets_one_where_it_has_thin_branches() -> None:
    angle = 2 * math.pi * torch.rand(400, 1, generator=generator(0), dtype=torch.float64)
    x, y = angle.cos() + 0.1 * normal(400, 1), angle.sin() + 0.1 * normal(400, 1, seed=1)
    assert widths(x, y) == ([0.5], [0.5])


@pytest.mark.parametrize("function", [wave, bump, valleys])
@pytest.mark.parametrize("d", [1, 3])
def test_gradients_of_fine_dependence_are_seen(function: Callable[[Tensor], Tensor], d: int) -> None:
    """Where no mixture and no regression does."""
    cases = [function_of_x(function, 256, d, seed) for seed in (0, 10, 20)]
    chosen, wide = (
        [case.slope(ratio_gradient(case.x, case.y, options)) / case.truth - 1 for case in cases]
        for options in (PLAIN, replace(PLAIN, details="none"))
    )
    errors = [torch.tensor(each).square().mean().sqrt().item() for each in (chosen, wide)]
    assert errors[0] < 0.15
    assert errors[0] < 0.7 * errors[1]


@pytest.mark.parametrize("n", [1000, 5000])
def test_fits_on_features_see_them_too(n: int) -> None:
    case = function_of_x(wave, n, 2, 3)
    assert case.slope(many_gradient(case.x, case.y, CHOSEN, "auto")) == pytest.approx(case.truth, rel=0.1)
    wide = replace(WIDE, means="none")
    assert case.slope(many_gradient(case.x, case.y, wide, "auto")) / case.truth < 0.9


def test_kernels_stay_as_wide_as_they_are_told_or_are_narrowed_from_there() -> None:
    x, y, *_ = function_of_x(wave, 256, 1, 0)
    (narrow,), _ = widths(x, y)
    assert widths(x, y, FitOptions(width=0.8, details="none")) == ([0.8], [0.8])
    assert widths(x, y, FitOptions(width=0.8)) == ([pytest.approx(0.8 * narrow)], [0.8])
    case = correlated(256, 2, 0)
    fits = [ratio_gradient(case.x, case.y, FitOptions(normality=False, details=each)) for each in ("auto", "none")]
    assert torch.equal(*fits)


def test_few_samples_for_their_dimensions_say_nothing_of_widths() -> None:
    x, y, *_ = function_of_x(wave, 64, 1, 0)
    rest = normal(64, 40, seed=4)
    assert min(widths(x, y)[0]) < 1
    assert min(widths(torch.cat([x, rest], 1), y)[0]) == 1


def test_every_replica_has_its_own() -> None:
    fine, smooth = function_of_x(wave, 256, 2, 0), crossed(256, 2, 0)
    x, y = torch.stack([fine.x, smooth.x]), torch.stack([fine.y, smooth.y])
    assert Widths.of(standard(x), standard(y), CHOSEN).of_x.amax(-1).squeeze(-1).tolist() == [0.25, 1]
    together = ratio_gradient(x, y)
    for k, case in enumerate((fine, smooth)):
        assert_close(together[k], ratio_gradient(case.x, case.y), rtol=1e-8, atol=1e-8)


def test_the_fit_elsewhere_is_the_fit_at_the_samples() -> None:
    case = function_of_x(wave, 256, 2, 0)
    fit = ratio_fit(case.x, case.y, PLAIN)
    assert fit.ratio is not None
    assert fit.ratio.system.widths.of_x.max() < 1
    assert_close(fit.at(case.x[:20], case.y[:20]), fit.gradient[:20], rtol=1e-6, atol=1e-6)


def test_rows_are_the_derivatives_of_kernels_of_these_widths() -> None:
    n, halved = 12, torch.tensor([[0.5, 1.0]], dtype=torch.float64)
    x, y, score = standard(normal(n, 1)), standard(normal(n, 2, seed=1)), normal(n, 2, seed=2)
    system = System.of(x, y, score, SPECIFICATION, Widths.of(x, y, SPECIFICATION), None)
    system = system._replace(widths=system.widths._replace(of_x=halved[:, :1], of_y=halved))
    for stack, pairs in system.pairs(x):
        kernel = torch.exp(-2 * (x - x.mT).square())
        centring = torch.eye(n, dtype=x.dtype) - 1 / n
        assert_close(pairs[0], centring @ kernel @ centring)
        own = Coordinates()
        own.move(y.mT[stack], y.mT[stack], system.precisions[stack])
        for k, precision in enumerate((4.0, 1.0)):
            assert_close(own.kernel[k], torch.exp(-precision * (y[:, k, None] - y[:, k]).square() / 2))
