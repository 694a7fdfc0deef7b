"""Coordinates that are functions of another one of their block: found, and left out of a fit."""

from collections.abc import Callable

import pytest
import torch
from mibench_ratio import FitOptions, ratio_fit, ratio_gradient
from mibench_ratio.determined import determined
from mibench_ratio.many import many_gradient
from ratio_cases import generator, normal
from torch import Tensor
from torch.nn.functional import one_hot
from torch.testing import assert_close

N, S = 256, 0.5
FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "square": torch.square,
    "cube": lambda w: w**3,
    "exponential": torch.exp,
    "steep": lambda w: (5 * w).tanh(),
    "wave": lambda w: (2 * w).sin(),
    "fold": torch.abs,
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("n", [64, N, 3000])
def test_a_function_of_a_coordinate_is_found_whichever_comes_first(name: str, n: int) -> None:
    w, other = normal(n, 1, seed=1), normal(n, 1, seed=2)
    value = FUNCTIONS[name](w)
    assert determined(torch.cat([w, other, value], 1)).sum() == 1
    assert determined(torch.cat([value, other, w], 1)).tolist()[1] is False
    assert determined(torch.cat([value, other, w], 1)).sum() == 1


def test_of_several_powers_one_is_left_and_of_a_circle_with_its_double_angle_the_circle() -> None:
    w = normal(N, 1)
    assert determined(w ** torch.arange(1, 5)).tolist() == [False, True, True, True]
    angle = 10 * w
    waves = torch.cat([angle.cos(), angle.sin(), (2 * angle).cos()], 1)
    assert determined(waves).tolist() == [False, False, True]


def test_replicas_are_judged_one_by_one() -> None:
    w = normal(3, N, 1)
    blocks = torch.cat([w, torch.cat([w[:1] ** 2, normal(1, N, 1, seed=5), w[2:].exp()])], -1)
    assert determined(blocks).tolist() == [[False, True], [False, False], [False, True]]


def test_what_is_no_function_of_another_stays() -> None:
    w, label = normal(N, 1), torch.randint(5, (N,), generator=generator(0))
    blocks = {
        "normal": normal(N, 5),
        "with a little noise": torch.cat([w, w.square() + 0.05 * normal(N, 1, seed=1)], 1),
        "nearly collinear": torch.cat([w, w + 1e-5 * normal(N, 1, seed=1)], 1),
        "a circle": torch.cat([(9 * w).cos(), (9 * w).sin()], 1),
        "two branches": torch.cat([w.cos(), w.sin()], 1),
        "clusters": 3 * normal(5, 2)[label] + 0.005 * normal(N, 2, seed=1),
        "letters": one_hot(label, 5).double(),
        "its sign": torch.cat([w, w.sign()], 1),
        "few that are not 0": normal(N, 3) * (normal(N, 3, seed=1) > 1.5),
        "steps": normal(N, 3).cumsum(0),
        "constant": torch.ones(N, 3).double(),
        "few samples": torch.cat([w[:15], w[:15].square()], 1),
    }
    assert {name for name, block in blocks.items() if determined(block).any()} == set()


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name != "fold"])  # a fold does not determine y
def test_the_slope_is_that_without_what_is_determined(name: str) -> None:
    """y = x + s e beside a function of it: the gradient of the fit is that of y alone."""
    x, noise = normal(N, 1, seed=3), normal(N, 1, seed=4)
    alone = x + S * noise
    moving = alone.clone().requires_grad_()
    beside = torch.cat([moving, FUNCTIONS[name](moving)], 1)
    of_block = ratio_gradient(x, beside)
    (gradient,) = torch.autograd.grad((of_block * beside).sum(), moving)
    slope, expected = ((each * noise).sum() / N for each in (gradient, ratio_gradient(x, alone)))
    assert_close(slope, expected, rtol=0.1, atol=0)
    assert ((expected * S * (1 + S**2) + 1).abs() < 0.2).all()


def test_so_is_that_of_many_samples_and_not_without_leaving_out() -> None:
    x, noise = normal(3000, 1, seed=3), normal(3000, 1, seed=4)
    y = x + S * noise
    beside, velocity = torch.cat([y, y.square()], 1), torch.cat([noise, 2 * y * noise], 1)
    truth = -1 / (S * (1 + S**2))
    slopes = [
        (many_gradient(x, beside, options, "auto") * velocity).sum(-1).mean() / truth
        for options in (FitOptions(), FitOptions(surfaces="none"))
    ]
    assert abs(slopes[0] - 1) < 0.05
    assert abs(slopes[1] - 1) > 0.3


def test_what_is_left_out_has_no_gradient_there_or_at_other_points() -> None:
    x, w = normal(N, 2), normal(N, 1, seed=1)
    y = torch.cat([x[:, :1] + w, (x[:, :1] + w) ** 2], 1)
    fit = ratio_fit(x, y)
    assert fit.gradient[:, 1].eq(0).all()
    assert_close(fit.at(x, y), fit.gradient)
