"""Claims about constant and redundant coordinates: the information and its gradient are those without them."""

import math

import pytest
import torch
from mibench_baselines.cca import CCA
from mibench_baselines.gauss import Gauss
from mibench_baselines.redundant import reduced, redundant, varying, without_constants
from mibench_baselines.scale import deviation, ordinary, power
from mibench_classical.kde import KDE
from mibench_classical.von_mises import VonMises
from sample_cases import correlated, normal
from torch import Tensor
from torch.nn.functional import one_hot
from torch.testing import assert_close

import mibench

ESTIMATORS = {"gauss": Gauss, "cca": CCA, "kde": KDE, "von-mises": VonMises}
every_estimator = pytest.mark.parametrize("name", ESTIMATORS)
every_precision = pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["double", "single"])


def answered(name: str, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The value, and its gradient in x and in y."""
    x, y = (z.detach().clone().requires_grad_() for z in (x, y))
    kind, generators = ESTIMATORS[name], (torch.Generator(),)
    asked = kind(kind.Params(), mibench.Problem(dx=x.shape[-1], dy=y.shape[-1], generators=generators, dtype=x.dtype))
    value = asked.surrogate(x, y)
    assert_close(asked.mi(x, y).detach(), value.detach(), rtol=0, atol=0, equal_nan=True)
    return value.detach(), *torch.autograd.grad(value.sum(), (x, y))


def letters(n: int, values: int, seed: int) -> tuple[Tensor, Tensor]:
    """One-hot letters, and their numbers with noise."""
    letter = torch.randint(values, (n,), generator=torch.Generator().manual_seed(seed))
    return one_hot(letter, values).double(), letter.double()[:, None] + normal(n, 1, seed=seed)


def wide(kind: str, n: int = 300) -> tuple[Tensor, Tensor]:
    """Samples of x with coordinates that others determine, and y."""
    if kind == "letters":
        return letters(n, 3, seed=7)
    x, y = correlated(n, 3)
    more = {
        "sums": [x[:, :1] + x[:, 1:2], x @ normal(3, 1, seed=5)],
        "copies of other units": [1e6 * x, -1e-6 * x],
        "nearly a copy before": [x[:, :1] + 1e-9 * normal(n, 1, seed=6)],
        "constants": [torch.full_like(y[:, :1], 0.1), torch.full_like(y[:, :1], 1e5)],
        "all of it": [x[:, :1] + 3, torch.zeros_like(y[:, :1]), x.sum(-1, keepdim=True)],
    }[kind]
    return torch.cat([more[0], x, *more[1:]], -1), y


KINDS = ["letters", "sums", "copies of other units", "nearly a copy before", "constants", "all of it"]


@every_precision
@every_estimator
@pytest.mark.parametrize("kind", KINDS)
def test_redundant_coordinates_change_nothing_and_have_no_gradient(name: str, kind: str, dtype: torch.dtype) -> None:
    x, y = (z.to(dtype) for z in wide(kind))
    value, of_x, of_y = answered(name, x, y)
    kept = (of_x != 0).any(0)
    assert kept.sum() == (2 if kind == "letters" else 3)
    without, of_kept, of_y_without = answered(name, x[:, kept], y)
    assert_close(value, without)
    assert_close(of_x[:, kept], of_kept)
    assert_close(of_y, of_y_without)


@every_estimator
@pytest.mark.parametrize("values", [2, 3])
def test_one_hot_letters_have_the_value_of_all_letters_but_one(name: str, values: int) -> None:
    x, y = (torch.stack(z) for z in zip(*(letters(200, values, seed) for seed in range(30)), strict=True))
    whole, without_first, without_last = (answered(name, block, y)[0] for block in (x, x[..., 1:], x[..., :-1]))
    assert_close(whole, without_first)
    assert_close(whole, without_last)


@every_estimator
def test_x_and_y_have_redundant_coordinates_alike(name: str) -> None:
    x, y = wide("sums")
    assert_close(answered(name, y, x)[0], answered(name, x, y)[0])
    plain = correlated(300, 3)
    assert_close(answered(name, x, torch.cat([y, y.sum(-1, keepdim=True)], -1))[0], answered(name, *plain)[0])


@every_precision
@every_estimator
def test_replicas_of_full_rank_are_the_same_beside_others_that_are_not(name: str, dtype: torch.dtype) -> None:
    x, y = (z.to(dtype) for z in correlated(5, 200, 3))
    whole = answered(name, x, y)
    x[1, :, 2], x[2, :, 0], x[3, 7, 1], y[4, :, 0] = x[1, :, 0] - x[1, :, 1], 0.1, math.nan, x[4].sum(-1)
    value, of_x, of_y = answered(name, x, y)
    assert value.isfinite().tolist() == [True, True, True, False, False]
    assert value[3].isnan()
    assert value[4] == math.inf
    assert of_y[:3].isfinite().all()
    assert value[0].equal(whole[0][0])
    assert of_x[0].equal(whole[1][0])
    assert of_y[0].equal(whole[2][0])
    for replica in (1, 2):
        alone = answered(name, x[replica], y[replica])
        assert_close((value[replica], of_x[replica], of_y[replica]), alone)


@every_precision
@every_estimator
def test_information_is_infinite_where_a_function_of_x_is_one_of_y_and_has_no_gradient(
    name: str, dtype: torch.dtype
) -> None:
    x, y = (z.to(dtype) for z in correlated(300, 3))
    y[:, 1] = y[:, 0] + x[:, 0] - 2 * x[:, 2]
    value, of_x, of_y = answered(name, x, y)
    assert value == math.inf
    assert of_x.isnan().all()
    assert of_y.isnan().all()


@every_precision
def test_the_gaussian_of_full_rank_is_the_formula_to_the_last_bit(dtype: torch.dtype) -> None:
    x, y = (z.to(dtype) for z in correlated(7, 40, 3))
    x[..., 2] = x[..., 0] + 1e-4 * x[..., 2]
    y[..., 1] = x[..., 1] + 1e-4 * y[..., 1]
    parts = []
    for block in (x, y, torch.cat([x, y], -1)):
        centred = block.double() - block.double().mean(-2, keepdim=True)
        parts.append(torch.linalg.slogdet(centred.mT @ centred / 40).logabsdet)
    assert answered("gauss", x, y)[0].equal((parts[0] + parts[1] - parts[2]).to(dtype) / 2)


@every_precision
@pytest.mark.parametrize(("n", "d", "rank"), [(64, 3, 2), (64, 30, 29), (500, 40, 7), (500, 40, 40), (20_000, 5, 3)])
@pytest.mark.parametrize("offset", [0.0, 1.0])
def test_a_block_keeps_as_many_coordinates_as_it_has_ranks(
    n: int, d: int, rank: int, offset: float, dtype: torch.dtype
) -> None:
    few, weights = (normal(5, n, rank) + offset).to(dtype), normal(5, rank, d, seed=1).to(dtype)
    whole = reduced(few @ weights, normal(5, n, 2, seed=2).to(dtype))
    assert whole.rank_x.tolist() == [rank] * 5
    assert whole.rank_y.tolist() == [2] * 5
    assert not whole.infinite.any()


def test_the_bias_of_canonical_correlations_is_that_of_the_coordinates_that_are_kept() -> None:
    x, y = correlated(30, 1)
    wider = torch.cat([x, -x, torch.ones_like(x)], -1)
    assert_close(answered("cca", wider, y)[0], answered("cca", x, y)[0])
    assert answered("gauss", x, y)[0] - answered("cca", x, y)[0] == pytest.approx(0.5 / 27, rel=0.1)


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_samples_decides_nothing_that_is_redundant(seed: int) -> None:
    x, _ = letters(60, 5, seed)
    x = torch.cat([x, x @ normal(5, 2, seed=1), normal(60, 1, seed=2)], 1)
    gone = redundant(x)
    assert gone.sum() == 3
    for other in range(10):
        order = torch.randperm(60, generator=torch.Generator().manual_seed(other))
        assert torch.equal(redundant(x[order]), gone)


@every_estimator
@pytest.mark.parametrize("kind", ["sums", "constants"])
def test_no_scale_is_too_large_or_too_small(name: str, kind: str) -> None:
    x, y = wide(kind, 60)
    of_one = answered(name, x, y)
    for scale in (1e160, 1e200, 1e-160, 1e-200, 1e300, 1e-300):
        for of_x, of_y in ((scale, scale), (scale, 1.0), (1.0, scale), (scale, 1 / scale)):
            value, in_x, in_y = answered(name, of_x * x, of_y * y)
            assert_close((value, of_x * in_x, of_y * in_y), of_one)


@every_estimator
def test_a_gradient_that_is_no_number_in_double_precision_is_infinite(name: str) -> None:
    x, y = correlated(60, 1)
    value, in_x, in_y = answered(name, 1e-310 * x, y)
    whole = answered(name, x, y)
    assert_close(value, whole[0])
    assert in_x.isinf().any()
    assert in_x[~in_x.isinf()].isfinite().all()
    assert_close(in_y, whole[2])


def test_samples_of_ordinary_scale_stay_as_they_are() -> None:
    z = normal(3, 20, 2) * torch.tensor([1e-70, 1e70])
    assert ordinary(z) is z
    assert torch.equal(ordinary(torch.cat([1e200 * z[..., :1], z], -1))[..., 1:], z)


@every_precision
def test_powers_are_those_of_two_and_deviations_those_of_any_scale(dtype: torch.dtype) -> None:
    z = (normal(40, 2) * torch.tensor([1.0, 0.0])).to(dtype)
    least, most = (-148, 126) if dtype == torch.float32 else (-1070, 1021)
    for exponent in range(least, most):
        scale = torch.tensor(2.0**exponent, dtype=dtype)
        size = power(scale * z)
        assert (torch.frexp(size).mantissa == 0.5).all()
        assert ((scale * z / size).abs() < 4).all()
        if exponent > least + 120:  # above which no product is rounded
            assert torch.equal(deviation(scale * z), scale * z.square().mean(-2, keepdim=True).sqrt())


@pytest.mark.parametrize("scale", [1e-200, 1e-100, 1e100, 1e200])
def test_units_decide_nothing_that_is_redundant(scale: float) -> None:
    x, y = wide("letters")
    assert_close(answered("gauss", scale * x, y)[0], answered("gauss", x, y)[0])
    assert torch.equal(redundant(scale * x), redundant(x))


BY_DEVIATIONS = [
    "gauss",
    "cca",
    "kde",
    "von-mises",
    "copula",
    "ksg",
    "ksg-mixed",
    "kl",
    "lsmi",
    "rsm",
    "mige",
    "mige-calibrated",
    "mige[score=nu,kernel=curl-free]",
]


def told(name: str, x: Tensor, y: Tensor) -> Tensor:
    """The gradients in x and y, of an estimator that has none its value."""
    x, y = (z.detach().clone().requires_grad_() for z in (x, y))
    asked = mibench.probe(name, x.shape[-1], y.shape[-1], dtype=x.dtype)
    try:
        return torch.cat(torch.autograd.grad(asked.surrogate(x, y), (x, y)), -1)
    except NotImplementedError:
        return asked.mi(x, y)


@every_precision
@pytest.mark.parametrize("name", BY_DEVIATIONS)
def test_what_varies_by_rounding_alone_is_constant_to_every_estimator(name: str, dtype: torch.dtype) -> None:
    x, y = (z.to(dtype) for z in correlated(100, 2))
    steps = torch.randint(-1, 2, (100, 1), generator=torch.Generator().manual_seed(1))
    for constant in (0.1, 1e5):
        exact = torch.full((100, 1), constant, dtype=dtype)
        rounded = exact * (1 + steps * torch.finfo(dtype).eps)
        answers = [told(name, torch.cat([x, column], -1), y) for column in (exact, rounded)]
        assert_close(*answers)
        assert answers[1].ndim == 0 or (answers[1][:, 2] == 0).all()


@pytest.mark.parametrize("name", BY_DEVIATIONS)
def test_what_varies_far_from_zero_is_constant_to_no_estimator(name: str) -> None:
    x, y = correlated(100, 2)
    far = x + 1e12
    assert_close(told(name, far, y), told(name, far - 1e12, y), rtol=0.01, atol=2e-3)


@every_precision
@pytest.mark.parametrize("n", [3, 1000, 100_000])
def test_coordinates_of_any_scale_vary_if_by_more_than_rounding(n: int, dtype: torch.dtype) -> None:
    powers = [-300, -100, 0, 100, 300] if dtype == torch.float64 else [-30, 0, 30]
    scale = torch.tensor([0.7 * 10.0**power for power in powers], dtype=dtype)
    steps = torch.randint(-1, 2, (n, len(powers)), generator=torch.Generator().manual_seed(0))
    eps = torch.finfo(dtype).eps
    assert varying(scale * normal(n, len(powers)).to(dtype)).all()
    assert varying(scale * (1 + 100 * eps * normal(n, len(powers))).to(dtype)).all()
    for constant in (scale.expand(n, -1), scale * (1 + eps * steps), 0 * scale.expand(n, -1)):
        assert not varying(constant).any()
        assert (without_constants(constant) == 0).all()
    assert varying(torch.tensor([[math.nan, math.inf], [1.0, 1.0]], dtype=dtype)).all()
