"""Claims about the fits as mathematics: what vanishes, what is exact, what nothing changes."""

import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from mibench_ratio import FitOptions, margin_score, ratio_fit, ratio_gradient
from mibench_ratio.kernels import Coordinates, units
from mibench_ratio.pairs import alignment, gram_alignment, partners
from mibench_ratio.ratio import plug_in
from mibench_ratio.ridge import Free, Ridge, one_and
from mibench_ratio.spectra import Spectra
from mibench_ratio.system import System
from mibench_ratio.widths import Widths
from ratio_cases import SPECIFICATION, correlated, crossed, generator, normal
from torch import Tensor
from torch.testing import assert_close

FULL = FitOptions(normality=False)
"""The default, with the full fit on any batch."""
OPTIONS = [SPECIFICATION, FULL, FitOptions(), FitOptions(normality=False, linear="ridge")]


def standard(x: Tensor) -> Tensor:
    return units(x).standardise(x)


# n, d: norm of the gradient, its first entry and the slope, of an independent implementation of the specification
REFERENCE = {
    (60, 1): (30.490178090776052, -2.9150561456834785, 3.334431178345717),
    (80, 2): (73.04439637574202, -3.8692301471454984, 4.267245454970253),
    (90, 4): (77.14303526392146, 1.8012315062252866, 11.148909170062677),
}


@pytest.mark.parametrize(("n", "d"), REFERENCE)
def test_the_specification_gives_the_numbers_of_another_implementation(n: int, d: int) -> None:
    case = crossed(n, d, seed=7)
    gradient = ratio_gradient(case.x, case.y, SPECIFICATION)
    numbers = gradient.norm().item(), gradient[0, 0].item(), case.slope(gradient)
    assert numbers == pytest.approx(REFERENCE[n, d], rel=1e-8)


@pytest.mark.parametrize("iterations", [1, 3])
@pytest.mark.parametrize("n", [30, 64])
def test_the_ridge_solution_minimises_the_objective_over_explicit_features(n: int, iterations: int) -> None:
    """Systems of 64 rows are factored with more below them."""
    p, m, ridge = 3, 50, 1e-2
    free, features, b_free, b = normal(n, p), normal(n, m, seed=1), normal(p, seed=2), normal(m, seed=3)
    solution = Ridge(ridge, iterations).solve(features @ features.mT, features @ b, Free(free), b_free)
    every, linear = torch.cat([free, features], 1), torch.cat([b_free, b])
    penalty = torch.diag(torch.cat([torch.zeros(p), torch.ones(m)]).double()) * ridge
    coefficients = torch.zeros(p + m, dtype=free.dtype)
    for _ in range(iterations):
        coefficients = torch.linalg.solve(every.mT @ every / n + penalty, penalty @ coefficients - linear)
    assert_close(solution.fitted, every @ coefficients)
    assert_close(solution.alpha, coefficients[:p])
    assert_close(-(iterations * b + features.mT @ solution.total / n) / ridge, coefficients[p:])


def test_iterating_the_ridge_removes_shrinkage_from_what_the_data_determine() -> None:
    feature = normal(40, 1)
    answers = [
        Ridge(0.1, k).solve(feature @ feature.mT, feature[:, 0], Free(feature[:, :0]), feature[0, :0]).fitted
        for k in (1, 2, 20)
    ]
    exact = -feature[:, 0] / feature.square().mean()
    errors = [(answer - exact).norm() for answer in answers]
    assert errors[0] > 3 * errors[1]
    assert errors[2] < 1e-8


def test_stacks_of_fewer_matrices_than_the_first_are_solved_in_its_memory() -> None:
    grams, sums = normal(5, 64, 64), normal(5, 64, seed=1)
    grams = grams @ grams.mT
    free, moments, ridge = Free(normal(64, 2, seed=2)), normal(5, 2, seed=3), Ridge(0.1, 2)
    fitted = [ridge.solve(grams[some], sums[some], free, moments[some]).fitted for some in (slice(4), slice(4, 5))]
    alone = [Ridge(0.1, 2).solve(grams[k], sums[k], free, moments[k]).fitted for k in range(5)]
    assert_close(torch.cat(fitted), torch.stack(alone))


def test_kernel_derivatives_are_those_of_autograd() -> None:
    points, samples, weights = normal(5), normal(7, seed=1), normal(5, 7, seed=2)
    own = Coordinates()
    own.move(points[None], samples[None], 1.7)
    a, b = points[:, None].expand(5, 7).clone().requires_grad_(), samples.expand(5, 7).clone().requires_grad_()
    kernel = weights * torch.exp(-1.7 * (a - b).square() / 2)
    (in_b,) = torch.autograd.grad(kernel.sum(), b, create_graph=True)
    (second,) = torch.autograd.grad(in_b.sum(), a, create_graph=True)
    (third,) = torch.autograd.grad(second.sum(), b)
    score = normal(7, seed=3)
    assert_close((weights * own.kernel * own.curvature(1.7))[0], second)
    sums = own.sums(own.products(kernel.detach()[None]), second.detach()[None], 1.7, score[None])
    assert_close(sums[0], (third + second * score).sum(1).detach())


def pulled(x: Tensor, y: Tensor, score: Tensor, precision: Tensor) -> Tensor:
    """The linear term of the penalised part, as a function at fixed points."""
    system = System.of(x, y, score, SPECIFICATION, Widths.of(x, y, SPECIFICATION), None)._replace(
        block_precision=precision
    )
    points = standard(normal(6, x.shape[1], seed=9)), standard(normal(6, y.shape[1], seed=8))
    return torch.cat([sums for _, _, sums in system.rows(*points)]).mT


def test_the_linear_term_vanishes_on_average_over_pairings_whatever_the_margin_score() -> None:
    n = 15
    x, y, score = standard(normal(n, 2)), standard(normal(n, 3, seed=1)), 10 * normal(n, 3, seed=2)
    precision = torch.ones(1, 1, dtype=x.dtype)
    every = torch.stack([pulled(x.roll(shift, 0), y, score, precision) for shift in range(n)])
    assert every[0].norm() > 1
    assert_close(every.mean(0), torch.zeros_like(every[0]), rtol=0, atol=1e-11)


@pytest.mark.parametrize("how", [SPECIFICATION, FULL])
def test_under_independence_the_gradient_vanishes_in_expectation(how: FitOptions) -> None:
    x, y = normal(60, 80, 2), normal(60, 80, 2, seed=1).exp()
    gradient = ratio_gradient(x, y, how)
    for velocity in (x, x.tanh() * y, (x * y).sin()):
        slopes = (gradient * velocity).sum(-1).mean(-1)
        assert slopes.mean().abs() < 4 * slopes.std() / 60**0.5


def test_the_free_part_alone_is_the_plug_in_gaussian() -> None:
    x, y = standard(correlated(60, 2, 0).x), standard(normal(60, 3, seed=1) + 0.5 * normal(60, 1))
    score = -y @ torch.linalg.inv(y.mT @ y / 60)
    free = torch.cat([torch.ones(60, 1).double(), x, y], 1)
    moments = torch.zeros(6, 3).double()
    moments[1:3] = x.mT @ score / 60
    columns = [
        Ridge(1.0).solve(torch.zeros(60, 60).double(), torch.zeros(60).double(), Free(free), moments[:, j]).fitted
        for j in range(3)
    ]
    whole = torch.cat([x, y], 1)
    expected = -(whole @ torch.linalg.inv(whole.mT @ whole / 60))[:, 2:] - score
    assert_close(torch.stack(columns, 1), expected)
    assert_close(free @ plug_in(Spectra.of(x, y)), expected)


@pytest.mark.parametrize("params", [{"ridge": 1e-14}, {"score_ridge": 1e-11}, {"width": 1e-6}, {"block_width": 0.0}])
def test_parameters_of_which_a_fit_elsewhere_is_rounding_are_refused(params: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="is at least"):
        FitOptions(**params)


@pytest.mark.parametrize("how", OPTIONS[:3])
def test_the_gradient_along_linear_maps_of_y_is_zero_on_the_batch(how: FitOptions) -> None:
    case = crossed(80, 3, 0)
    flows = ratio_gradient(case.x, case.y, how).mT @ torch.cat([torch.ones(80, 1).double(), case.y], 1) / 80
    assert_close(flows, torch.zeros_like(flows), rtol=0, atol=1e-8)


def test_so_is_that_of_the_plug_in_gaussian_where_y_is_x() -> None:
    x = normal(64, 3)
    x = x - x.mean(0)
    gradient = one_and(x, x) @ plug_in(Spectra.of(x, x))
    assert (gradient.mT @ x).abs().max() < 1e-10


def test_the_margin_score_keeps_steins_identity_on_the_batch() -> None:
    y = normal(80, 3).exp() @ normal(3, 3, seed=1)
    moment = margin_score(y, FitOptions(tails="none")).mT @ y / 80
    assert_close(moment, -torch.eye(3, dtype=y.dtype), rtol=0, atol=1e-8)


@pytest.mark.parametrize("how", OPTIONS)
@settings(max_examples=8, deadline=None, phases=[Phase.generate])
@given(seed=st.integers(0, 2**16), scale=st.floats(1e-3, 1e3), shift=st.floats(-1e3, 1e3))
def test_translation_and_scale_of_each_coordinate_change_nothing_but_units(
    how: FitOptions, seed: int, scale: float, shift: float
) -> None:
    case = crossed(40, 2, seed)
    unit = torch.tensor([scale, 1 / scale], dtype=torch.float64)
    moved = ratio_gradient(shift + case.x * unit, case.y / unit - shift, how)
    assert_close(moved / unit, ratio_gradient(case.x, case.y, how), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("how", OPTIONS)
@settings(max_examples=8, deadline=None, phases=[Phase.generate])
@given(seed=st.integers(0, 2**16))
def test_the_order_of_the_samples_changes_nothing(how: FitOptions, seed: int) -> None:
    case, order = crossed(40, 2, seed), torch.randperm(40, generator=generator(seed))
    moved = ratio_gradient(case.x[order], case.y[order], how)
    assert_close(moved, ratio_gradient(case.x, case.y, how)[order], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("how", OPTIONS)
@pytest.mark.parametrize("d", [1, 3])
def test_at_the_samples_the_fit_is_its_gradient_and_elsewhere_it_is_continuous(how: FitOptions, d: int) -> None:
    case = crossed(60, d, 3)
    fit = ratio_fit(case.x, case.y, how)
    assert_close(fit.at(case.x.clone(), case.y.clone()), fit.gradient, rtol=1e-6, atol=1e-6)
    near = fit.at(case.x + 1e-8, case.y - 1e-8)
    assert 0 < (near - fit.gradient).abs().max() < 1e-3


def test_on_new_samples_the_fit_follows_the_exact_gradient() -> None:
    seen, new = crossed(512, 1, 0), crossed(512, 1, 1)
    gradient = ratio_fit(seen.x, seen.y).at(new.x, new.y)
    inside = (new.y.abs() < 2)[:, 0] & (new.x.abs() < 2)[:, 0]
    assert torch.corrcoef(torch.stack([gradient[inside, 0], new.exact[inside, 0]]))[0, 1] > 0.7


@pytest.mark.parametrize("how", OPTIONS)
def test_replicas_equal_one_at_a_time(how: FitOptions) -> None:
    first, second = crossed(50, 2, 0), correlated(50, 2, 1)
    x, y = torch.stack([first.x, second.x]), torch.stack([first.y, second.y])
    alone = torch.stack([ratio_gradient(case.x, case.y, how) for case in (first, second)])
    assert_close(ratio_gradient(x, y, how), alone, rtol=1e-7, atol=1e-7)
    assert_close(margin_score(y, how), torch.stack([margin_score(case.y, how) for case in (first, second)]))


def test_a_batch_that_looks_gaussian_gets_the_plug_in_gaussian_and_another_does_not() -> None:
    case, other = correlated(200, 2, 1), crossed(200, 2, 1)
    assert ratio_fit(case.x, case.y).share == 0
    assert ratio_fit(case.x, case.y).ratio is None
    assert ratio_fit(other.x, other.y).share == 1


def test_pairs_are_aligned_where_coordinates_depend_and_on_average_not_where_they_do_not() -> None:
    case = crossed(256, 3, 0)
    alignments = alignment(standard(case.x), standard(case.y))
    assert alignments.diagonal().min() > 5 * (alignments - alignments.diag().diag()).max()
    chance = alignment(normal(500, 50, 2), normal(500, 50, 2, seed=1).exp())
    assert chance.mean().abs() < 4 * chance.std() / 2000**0.5


def test_a_replica_is_the_same_to_the_last_bit_beside_one_that_needs_no_fit_or_is_not_finite() -> None:
    cases = crossed(100, 2, 0), crossed(100, 2, 2), correlated(100, 2, 1)
    x, y = (torch.stack(blocks) for blocks in zip(*((case.x, case.y) for case in cases), strict=True))
    together = ratio_gradient(x[[0, 1]], y[[0, 1]])[0]
    assert torch.equal(ratio_gradient(x[[0, 2]], y[[0, 2]])[0], together)
    assert torch.equal(ratio_gradient(x[[0, 1]], torch.stack([y[0], y[1] / 0]))[0], together)


def test_wide_blocks_are_aligned_a_few_coordinates_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = normal(2, 60, 7), normal(2, 60, 5, seed=1)
    together = alignment(x, y)
    monkeypatch.setattr("mibench_ratio.pairs._STORED", 3 * 12 * y[:, 0].numel() * 12)
    assert_close(alignment(x, y), together)


def test_the_features_alignment_is_that_of_the_gaussian_kernel() -> None:
    case = crossed(200, 1, 0)
    x, y = standard(case.x), standard(case.y)
    centring = torch.eye(200, dtype=x.dtype) - 1 / 200
    grams = [centring @ torch.exp(-(z - z.mT).square() / 2) @ centring for z in (x, y)]
    assert_close(gram_alignment(*grams)[0], alignment(x, y)[0], rtol=0.05, atol=0)


@pytest.mark.parametrize(("n", "count"), [(3, 8), (16, 8), (256, 8), (700, 3), (9001, 2)])
def test_partners_are_others_and_each_serves_once(n: int, count: int) -> None:
    places = torch.arange(n)
    for others in partners(n, count, places.device):
        assert_close(others.sort().values, places)
        assert (others != places).all()


def test_neighbours_have_partners_from_everywhere() -> None:
    """However few a sample has: of 1,000 neighbours among 100,000 samples, a tenth in each tenth of the order."""
    for first in (0, 47_300, 99_000):
        near = partners(100_000, 2, torch.device("cpu"))[:, first : first + 1000]
        assert torch.histc(near.double(), 10, 0, 100_000).sub(200).abs().max() < 40
