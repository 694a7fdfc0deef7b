"""Samples on circles, spheres and ellipsoids: found, spread out without a loss of information, and carried back."""

import math

import pytest
import torch
from mibench_ratio import FitOptions, margin_score, ratio_fit, ratio_gradient
from mibench_ratio.critic import held_out_bound
from mibench_ratio.many import many_gradient
from mibench_ratio.shells import shells
from ratio_cases import generator, normal
from torch import Tensor
from torch.nn.functional import normalize, one_hot
from torch.testing import assert_close

N = 256


def sphere(d: int, seed: int = 0, n: int = N) -> Tensor:
    return normalize(normal(n, d, seed=seed), dim=1)


def thick(d: int, spread: float, seed: int = 0) -> Tensor:
    return sphere(d, seed) * (spread * normal(N, 1, seed=seed + 100)).exp()


def radius(y: Tensor, centre: Tensor | float = 0.0) -> Tensor:
    return (y - centre).norm(dim=1).log()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("d", [2, 3, 8, 20])
def test_a_sphere_is_filled_by_a_radius_that_says_nothing(d: int, dtype: torch.dtype) -> None:
    y = (3 * sphere(d)).to(dtype).double()
    on = shells(y)
    assert on is not None
    filled = radius(on.moved(y))
    assert_close(filled.std(), y.new_tensor(min(0.25, 0.6 * (2 * d) ** -0.5)), rtol=0.15, atol=0)
    assert (torch.corrcoef(torch.cat([filled[:, None], y, y.square()], 1).mT)[0, 1:].abs() < 0.25).all()
    assert_close(normalize(on.moved(y), dim=1), y / 3, rtol=0, atol=1e-6)


def test_each_of_several_shells_has_its_own_centre_scale_and_radius() -> None:
    circle, ellipsoid = sphere(2, 1), 5 + sphere(3, 2) * torch.tensor([1.0, 10.0, 0.1])
    y = torch.cat([circle, normal(N, 1, seed=3), ellipsoid], 1)
    on = shells(y)
    assert on is not None
    assert on.group.sum(0).tolist() == [2, 2, 0, 3, 3, 3]
    assert_close(on.centre[0, 3:], torch.full((3,), 5.0).double())
    assert_close(on.weight[0, 3:], y.new_tensor([1.0, 0.01, 100.0]))
    moved = on.moved(y)
    assert_close(moved[:, 2], y[:, 2], rtol=0, atol=0)
    both = torch.stack([radius(moved[:, :2]), radius((moved[:, 3:] - 5) / torch.tensor([1.0, 10.0, 0.1]))])
    assert_close(both.std(1), both.new_tensor([0.25, 0.6 / math.sqrt(6)]), rtol=0.15, atol=0)
    assert both.corrcoef()[0, 1].abs() < 0.2


def test_a_cap_of_a_sphere_is_seen_however_it_is_turned() -> None:
    cap = normalize(torch.cat([0.2 * normal(N, 2), torch.ones(N, 1)], 1), dim=1)
    for y in (cap, cap @ torch.linalg.qr(normal(3, 3))[0]):
        on = shells(y)
        assert on is not None
        assert_close(on.centre, torch.zeros(1, 3).double(), rtol=0, atol=1e-6)


@pytest.mark.parametrize("spread", [0.05, 1e-3])
def test_a_shell_with_some_thickness_is_stretched_and_gradients_follow_the_chain_rule(spread: float) -> None:
    y = torch.cat([thick(3, spread), normal(N, 1, seed=7)], 1)
    on = shells(y)
    assert on is not None
    moved = on.moved(y)
    assert_close(radius(moved[:, :3]).std(), y.new_tensor(0.6 / math.sqrt(6)), rtol=0.02, atol=0)
    weights, first = normal(N, 4, seed=8), y[:3].clone().requires_grad_()
    (expected,) = torch.autograd.grad((on.moved(first) * weights[:3]).sum(), first)
    assert_close(on.pull_back(y, weights)[:3], expected)
    jacobian = torch.stack([torch.autograd.functional.jacobian(on.moved, row[None])[0, :, 0] for row in y[:3]])
    assert_close(on.log_volume(y).sum(1)[:3], torch.linalg.slogdet(jacobian).logabsdet)
    (of_volume,) = torch.autograd.grad(on.log_volume(first).sum(), first)
    assert_close(on.log_volume_gradient(y)[:3], of_volume)


def test_what_is_on_no_shell_stays_as_it_is() -> None:
    label = torch.randint(5, (N,), generator=generator(0))
    turned, stretched = torch.linalg.qr(normal(5, 5))[0], torch.logspace(0, -5, 5, dtype=torch.float64)
    blocks = {
        "normal": normal(N, 5),
        "as many coordinates as are looked at": normal(N, 32),
        "one coordinate": normal(N, 1),
        "bits": normal(N, 8).sign(),
        "letters": one_hot(label, 5).double(),
        "shares": normal(N, 4).softmax(1),
        "heavy tails": normal(N, 3) / normal(N, 1, seed=1).abs(),
        "nearly collinear": normal(N, 5) * stretched @ turned,
        "a common factor": normal(N, 1) + 1e-3 * normal(N, 4, seed=1),
        "powers": normal(N, 1) ** torch.arange(1, 4),
    }
    assert {name for name, y in blocks.items() if shells(y) is not None} == set()


def test_few_clusters_which_always_lie_on_an_ellipse_are_not_stretched() -> None:
    kept, seen = [], 0
    for seed in range(12):
        label = torch.randint(4, (N,), generator=generator(seed))
        y = 2 * normal(4, 2, seed=seed)[label] + 0.1 * normal(N, 2, seed=seed + 50)
        seen += shells(y) is not None
        shell = ratio_fit(one_hot(label, 4).double(), y).chart_y.shells
        kept.append(shell is not None and bool((shell.stretch > 0).any()))
    assert seen > 1
    assert not any(kept)


def information_on_sphere(d: int, s: Tensor) -> Tensor:
    """I(X;Y) by quadrature, x uniform on a sphere and y = (x + s e) / |x + s e|."""
    r, angle = torch.linspace(0, 1 + 12 * s.item(), 2001).double()[1:], torch.linspace(0, math.pi, 2001).double()
    area, c = (d - 2) * angle[1:-1].sin().log(), angle[1:-1].cos()
    log = ((d - 1) * r.log() - (r.square() - 2 * r * c[:, None] + 1) / (2 * s.square())).logsumexp(1)
    log = log - (log + area).logsumexp(0) + area.logsumexp(0)  # the density against the uniform one
    return ((log + area).softmax(0) * log).sum()


def slope_on_sphere(d: int, s: float) -> float:
    at = torch.tensor(s, dtype=torch.float64, requires_grad=True)
    return torch.autograd.grad(information_on_sphere(d, at), at)[0].item()


def noisy(d: int, s: float, seed: int, n: int = N) -> tuple[Tensor, Tensor, Tensor]:
    """Unit vectors, their noisy copies of unit length, and the velocity of these along s."""
    x, noise = sphere(d, seed, n), normal(n, d, seed=seed + 1000)
    at = torch.tensor(s, dtype=torch.float64)
    y, velocity = torch.autograd.functional.jvp(lambda s: normalize(x + s * noise, dim=1), at, torch.ones_like(at))
    return x, y, velocity


@pytest.mark.parametrize(("d", "s"), [(2, 0.3), (3, 0.5), (4, 0.5), (8, 0.3)])
def test_the_slope_along_a_sphere_is_right_where_nothing_else_makes_it_so(d: int, s: float) -> None:
    truth = slope_on_sphere(d, s)

    def error(options: FitOptions) -> float:
        cases = [noisy(d, s, seed) for seed in range(6)]
        slopes = [(ratio_gradient(x, y, options) * velocity).sum(-1).mean() for x, y, velocity in cases]
        return (torch.stack(slopes) / truth - 1).square().mean().sqrt().item()

    assert error(FitOptions()) < 0.15
    if d < 8:
        assert error(FitOptions(surfaces="none")) > 0.3


def test_so_is_that_of_many_samples() -> None:
    x, y, velocity = noisy(3, 0.5, 0, 4000)
    slopes = [
        (many_gradient(x, y, options, "auto") * velocity).sum(-1).mean() / slope_on_sphere(3, 0.5)
        for options in (FitOptions(), FitOptions(surfaces="none"))
    ]
    assert abs(slopes[0] - 1) < 0.05
    assert abs(slopes[1] - 1) > 0.3


@pytest.mark.parametrize(("d", "s"), [(2, 0.3), (3, 0.5)])
def test_the_value_is_a_lower_bound_that_sees_most(d: int, s: float) -> None:
    truth = information_on_sphere(d, torch.tensor(s, dtype=torch.float64)).item()
    smooth = FitOptions(ridge=0.02, iterations=1, ellipse_weight=0.0, clusters="none")
    values = [
        held_out_bound(*noisy(d, s, seed)[:2], torch.randperm(N, generator=generator(seed)), smooth)
        for seed in range(5)
    ]
    assert 0.6 * truth < torch.stack(values).mean() < truth


def test_no_gradient_crosses_a_sphere() -> None:
    x, y, _ = noisy(3, 0.5, 0)
    gradient = ratio_gradient(x, y)
    assert ((gradient * y).sum(-1).abs() < 1e-6 * gradient.norm(dim=-1)).all()


def test_the_score_on_a_thick_shell_is_that_of_its_density() -> None:
    """A log-normal radius, and a direction that prefers one side. Along the shell, mean(s . w) = -mean(div w)."""
    spread, lean = 0.02, 1.5
    angle = torch.linspace(-math.pi, math.pi, 20001).double()
    weights = (lean * angle.cos()).exp()
    errors = []
    for seed in range(6):
        level = torch.rand(N, generator=generator(seed), dtype=torch.float64)
        angles = angle[torch.searchsorted(weights.cumsum(0) / weights.sum(), level)]
        r = (spread * normal(N, seed=seed + 50)).exp()
        y = torch.stack([r * angles.cos(), r * angles.sin()], 1)
        tangent = torch.stack([-angles.sin(), angles.cos()], 1)
        along = (margin_score(y) * tangent).sum(1) * r
        errors.append((along * angles.sin()).mean() / -angles.cos().mean() - 1)
    assert torch.stack(errors).square().mean().sqrt() < 0.1


def test_a_fit_follows_order_units_and_replicas() -> None:
    x, y, _ = noisy(3, 0.5, 0)
    expected = ratio_gradient(x, y)
    order = torch.randperm(N, generator=generator(2))
    assert_close(ratio_gradient(x[order], y[order]), expected[order], rtol=1e-6, atol=1e-8)
    assert_close(100 * ratio_gradient(x, 7 + 100 * y), expected, rtol=1e-4, atol=1e-4)
    others = normal(N, 3, seed=5), normal(N, 3, seed=6).exp()
    together = ratio_gradient(torch.stack([x, others[0]]), torch.stack([y, others[1]]))
    assert_close(together[0], expected, rtol=1e-6, atol=1e-8)
    assert_close(together[1], ratio_gradient(*others), rtol=1e-6, atol=1e-8)


def test_a_fit_says_the_same_of_its_samples_when_it_is_asked_again() -> None:
    x, y, _ = noisy(2, 0.3, 0)
    fit = ratio_fit(x, y)
    assert_close(fit.at(x, y), fit.gradient, rtol=1e-6, atol=1e-8)
