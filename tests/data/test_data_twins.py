"""The twin: its margins are those of the data, its information is known, and a classifier judges its likeness."""

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from scipy import stats

from mibench.pairs import pairs_of_arrays
from mibench.pairs.columns import Array
from mibench.twins import FEWEST_ROWS, Twin, elliptical, make, twin_of
from mibench.twins.elliptical import Elliptical
from mibench.twins.margins import Coded, margins
from mibench.twins.mixture import Mixture
from mibench.twins.resemblance import compare

RHO = 0.8
TRUTH = -0.5 * math.log(1 - RHO**2)


def gaussian(n: int, seed: int = 0) -> tuple[Array, Array]:
    random = np.random.default_rng(seed)
    x = random.normal(size=(n, 1))
    return x, RHO * x + (1 - RHO**2) ** 0.5 * random.normal(size=(n, 1))


def channel(n: int) -> tuple[Array, Array]:
    """One of four letters, and the letter with noise on it."""
    random = np.random.default_rng(0)
    x = random.integers(0, 4, (n, 1)).astype(float)
    return x, x + 0.4 * random.normal(size=(n, 1))


def channel_information() -> float:
    y = np.linspace(-3, 6, 4001)
    each = stats.norm.pdf(y, np.arange(4)[:, None], 0.4)
    whole = each.mean(0)
    return float(np.trapezoid(np.where(each > 0, each * np.log(each / whole), 0).mean(0), y))


def test_the_twin_of_a_gaussian_holds_its_information_whatever_the_margins() -> None:
    x, y = gaussian(600)
    twin, bent = make(x, y), make(np.exp(3 * x), np.tan(stats.norm.cdf(y) - 0.5))
    assert isinstance(twin.model, Elliptical)
    assert twin.information == pytest.approx(TRUTH, abs=0.08)
    assert bent.information == pytest.approx(twin.information, abs=0.01)
    assert twin.resemblance.found


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("information", [0.5, 1, 2, 3, 4, 5])
def test_the_twin_of_a_gaussian_holds_what_its_correlation_says_however_strong(information: float, seed: int) -> None:
    x, noise = np.random.default_rng(seed).normal(size=(2, 600, 1))
    y = x + noise / math.sqrt(math.expm1(2 * information))
    twin = make(x, y)
    assert isinstance(twin.model, Elliptical)
    assert twin.information == pytest.approx(-math.log1p(-(np.corrcoef(x.T, y.T)[0, 1] ** 2)) / 2, abs=0.05)
    assert twin.known
    assert twin.resemblance.found


def test_a_strong_pair_of_columns_stays_strong_beside_others() -> None:
    x, noise = np.random.default_rng(0).normal(size=(2, 600, 4))
    y = np.hstack([x[:, :1] + 0.02 * noise[:, :1], noise[:, 1:]])
    assert make(x, y).information == pytest.approx(math.log1p(1 / 0.02**2) / 2, abs=0.1)


@pytest.mark.parametrize("seed", range(3))
def test_what_lies_closer_than_ranks_tell_has_a_twin_of_which_nobody_knows_the_information(seed: int) -> None:
    x, noise = np.random.default_rng(seed).normal(size=(2, 600, 1))
    near, far = (make(np.exp(x), np.exp(x + width * noise)) for width in (0.01, 0.5))
    assert far.known
    assert not near.known


def test_the_information_of_student_copulas_is_the_mean_of_their_log_ratio() -> None:
    model = Elliptical(np.array([[1, 0.3, 0.5], [0.3, 1, 0.2], [0.5, 0.2, 1]]), 2, 3.0)
    ratios = model.log_ratio(model.draw(50_000, np.random.default_rng(0)))
    assert model.information()[0] == pytest.approx(ratios.mean(), abs=4 * ratios.std() / 50_000**0.5)


def test_heavy_joint_tails_make_a_student_copula() -> None:
    random = np.random.default_rng(0)
    scale = np.sqrt(random.chisquare(2, (1000, 1)) / 2)
    twin = make(random.normal(size=(1000, 1)) / scale, random.normal(size=(1000, 1)) / scale)
    assert isinstance(twin.model, Elliptical)
    assert twin.model.nu in {1, 2, 3}


def test_dependence_without_correlation_makes_a_mixture_that_resembles_it() -> None:
    x = np.random.default_rng(0).normal(size=(800, 1))
    twin = make(x, x**2 + 0.3 * np.random.default_rng(1).normal(size=(800, 1)))
    assert isinstance(twin.model, Mixture)
    assert twin.information > 0.8
    assert twin.resemblance.found


def test_symbols_have_their_information_to_a_monte_carlo_error() -> None:
    twin = make(*channel(1000))
    assert isinstance(twin.model, Mixture)
    assert twin.information == pytest.approx(channel_information(), abs=0.06)
    assert 0 < twin.error < 0.01
    x, _ = twin.draw(1000, 1)
    assert set(x[:, 0]) == {0, 1, 2, 3}
    assert np.bincount(x[:, 0].astype(int)) / 1000 == pytest.approx([0.25] * 4, abs=0.06)


def test_independent_data_have_an_independent_twin() -> None:
    twin = make(gaussian(500)[0], gaussian(500, seed=1)[1])
    assert twin.information < 0.01


def test_the_strength_of_wide_blocks_is_not_the_noise_of_their_many_correlations() -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(400, 30))
    apart, together = (make(x, y) for y in (random.normal(size=(400, 30)), x * 0.5 + random.normal(size=(400, 30))))
    assert apart.information < 1
    assert together.information == pytest.approx(15 * math.log(1.25), rel=0.3)


def test_rounding_is_taken_off_and_counts_as_error() -> None:
    x, y = gaussian(1000)
    fine, coarse = make(x, y), make(np.round(x * 8), y)
    grid, deviation = np.linspace(-7, 7, 801), (1 - RHO**2) ** 0.5
    inside = np.arange(-48, 49)[:, None] / 8 + np.linspace(-1, 1, 42)[1::2] / 32 * 2
    weights = stats.norm.pdf(inside)
    each = np.einsum("ck,ckg->cg", weights, stats.norm.pdf(grid, RHO * inside[..., None], deviation))
    each /= weights.sum(1, keepdims=True)
    ratio = np.where(each > 0, each * np.log(np.maximum(each, 1e-300) / stats.norm.pdf(grid)), 0)
    held = float((weights.sum(1) / weights.sum() * np.trapezoid(ratio, grid)).sum())
    assert coarse.error == pytest.approx(TRUTH - held, rel=0.3)
    assert coarse.information < fine.information


@pytest.mark.parametrize("kind", ["smooth", "rounded", "tailed"])
def test_a_twin_has_the_margins_of_the_data(kind: str) -> None:
    x, y = gaussian(500)
    x = {"smooth": x, "rounded": np.round(x * 20), "tailed": np.sinh(4 * x)}[kind]
    drawn, _ = make(x, y).draw(500, 1)
    assert stats.ks_2samp(x[:, 0], drawn[:, 0]).pvalue > 0.01
    if kind == "rounded":
        assert set(drawn[:, 0]) <= set(x[:, 0])
    else:
        assert len(np.unique(drawn)) == 500


def test_one_hot_columns_stay_exclusive() -> None:
    random = np.random.default_rng(0)
    x = np.eye(3)[random.integers(0, 3, 600)][:, 1:]
    drawn, _ = make(x, x[:, :1] + random.normal(size=(600, 1))).draw(500, 1)
    assert set(map(tuple, drawn)) == {(0, 0), (0, 1), (1, 0)}


def test_the_information_of_censored_columns_is_not_known_and_that_of_others_is() -> None:
    x, y = gaussian(500)
    for bend in (lambda x: np.maximum(x, 0), lambda x: x * (np.abs(x) > 0.7)):
        twin = make(bend(x), bend(y))
        assert not twin.known
        assert twin.error < 2, "rounding takes no more than there is"
    independent = np.random.default_rng(1).normal(size=(500, 1))
    for other in (y, y.round(1), independent, independent.round(1)):
        assert make(x.round(1), other).known


@pytest.mark.parametrize("columns", [1, 2])
def test_zeros_of_either_sign_are_one_level(columns: int) -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(300, columns)).round()
    y = x[:, :1] + random.normal(size=(300, 1))
    assert len(set(np.signbit(x[x == 0]))) == 2
    signed, plain = make(x, y), make(x + 0.0, y)
    assert signed.information == plain.information
    np.testing.assert_array_equal(signed.draw(50, 1)[0], plain.draw(50, 1)[0])


def test_draws_differ_by_number_and_are_the_same_each_time() -> None:
    x, y = gaussian(200)
    twin, again = make(x, y), make(x, y)
    np.testing.assert_array_equal(twin.draw(50, 1)[0], again.draw(50, 1)[0])
    assert not np.allclose(twin.draw(50, 1)[0], twin.draw(50, 2)[0])


def test_a_classifier_tells_what_differs_and_not_what_is_the_same() -> None:
    random = np.random.default_rng(0)
    ring = random.normal(size=(400, 2))
    ring /= np.linalg.norm(ring, axis=1, keepdims=True)
    ring += 0.1 * random.normal(size=ring.shape)
    cloud = random.normal(size=(400, 2)) * ring.std()
    same = [compare(*random.normal(size=(2, 100, 3))).found for _ in range(20)]
    assert not compare(ring, cloud).found
    assert compare(ring, cloud).area > 0.6
    assert sum(same) >= 16


@pytest.mark.parametrize("share", [0.5, 0.02])
def test_chance_is_one_half_where_rows_tie_and_its_level_is_kept(share: float) -> None:
    random = np.random.default_rng(0)
    same = [compare(*(random.random((2, 60, 2)) < share).astype(float)) for _ in range(60)]
    assert np.mean([alike.area for alike in same]) == pytest.approx(0.5, abs=0.03)
    assert sum(not alike.found for alike in same) <= 8
    symbols = random.integers(0, 4, (2, 150))
    copied = np.column_stack([symbols[0], np.where(random.random(150) < 0.6, symbols[0], symbols[1])])
    assert not compare(copied.astype(float), symbols.T.astype(float)).found


def test_a_twin_that_cannot_be_like_the_data_is_told_from_it() -> None:
    random = np.random.default_rng(0)
    x = random.uniform(-1, 1, (800, 1))
    twin = make(x, np.sin(60 * x) + 0.02 * random.normal(size=(800, 1)))
    assert not twin.resemblance.found


def test_few_rows_have_no_twin() -> None:
    x, y = gaussian(FEWEST_ROWS)
    assert isinstance(twin_of(pairs_of_arrays(x, y), 1000), Twin)
    assert twin_of(pairs_of_arrays(x[1:], y[1:]), 1000) is None


def factor(random: np.random.Generator, n: int, dx: int, dy: int, sd: float) -> tuple[Array, Array, float]:
    """Two variables with correlation 0.8, each seen in many columns with noise; their means tell all."""
    z, w = random.normal(size=(2, n, 1))
    x, y = (latent + sd * random.normal(size=(n, d)) for latent, d in ((z, dx), (0.8 * z + 0.6 * w, dy)))
    return x, y, -math.log1p(-0.64 / ((1 + sd**2 / dx) * (1 + sd**2 / dy))) / 2


def copies(random: np.random.Generator, n: int, d: int, sd: float) -> tuple[Array, Array, float]:
    """One variable, and d columns of it with noise."""
    x = random.normal(size=(n, 1))
    return x, x + sd * random.normal(size=(n, d)), math.log1p(d / sd**2) / 2


def channel_of(random: np.random.Generator, n: int, correlation: Array, sd: float) -> tuple[Array, Array, float]:
    """Correlated columns, and each with noise."""
    d = len(correlation)
    x = random.normal(size=(n, d)) @ np.linalg.cholesky(correlation).T
    return x, x + sd * random.normal(size=(n, d)), np.linalg.slogdet(np.eye(d) + correlation / sd**2)[1] / 2


def autoregressive(d: int, rho: float) -> Array:
    return rho ** abs(np.subtract.outer(np.arange(d), np.arange(d)))


def equal(d: int, rho: float) -> Array:
    return rho + (1 - rho) * np.eye(d)


@pytest.mark.parametrize(
    ("sample", "n", "within"),
    [
        pytest.param(partial(copies, d=5, sd=1.0), 60, 0.15, id="5 copies"),
        pytest.param(partial(copies, d=20, sd=2.0), 300, 0.1, id="20 copies"),
        pytest.param(partial(copies, d=40, sd=2.0), 1000, 0.1, id="40 copies"),
        pytest.param(partial(copies, d=40, sd=2.0), 60, 0.35, id="40 copies, few rows"),
        pytest.param(partial(factor, dx=10, dy=10, sd=1.0), 200, 0.25, id="a factor"),
        pytest.param(partial(factor, dx=10, dy=10, sd=0.05), 200, 0.25, id="a factor, nearly singular"),
        pytest.param(partial(factor, dx=40, dy=40, sd=1.0), 60, 0.6, id="a factor, fewer rows than columns"),
        pytest.param(partial(channel_of, correlation=autoregressive(10, 0.8), sd=1.0), 60, 0.25, id="10 in a row"),
        pytest.param(partial(channel_of, correlation=autoregressive(20, 0.8), sd=1.0), 200, 0.1, id="20 in a row"),
        pytest.param(partial(channel_of, correlation=equal(10, 0.5), sd=2.0), 200, 0.25, id="10 alike"),
        pytest.param(partial(channel_of, correlation=equal(10, 0.99), sd=0.5), 200, 0.15, id="10 nearly equal"),
        pytest.param(partial(channel_of, correlation=equal(10, 0.0), sd=2.0), 3000, 0.1, id="10 apart"),
    ],
)
def test_the_twin_of_correlated_columns_holds_their_information(
    sample: Callable[..., tuple[Array, Array, float]], n: int, within: float
) -> None:
    off = []
    for seed in range(4):
        x, y, truth = sample(np.random.default_rng(seed), n)
        coded = margins(x, y).coded(x, y)
        third = np.arange(n) % 3 == 0
        (_, model), _ = elliptical.candidates(coded.take(~third), coded.take(third), coded, x.shape[1])
        off.append(model.information()[0] / truth - 1)
    assert np.sqrt(np.mean(np.square(off))) < within


@pytest.mark.parametrize("n", [60, 200])
def test_of_many_columns_chance_is_not_taken_for_information(n: int) -> None:
    rows = Coded(np.random.default_rng(0).normal(size=(n, 60)), np.empty((n, 0), dtype=int))
    third = np.arange(n) % 3 == 0
    (_, model), _ = elliptical.candidates(rows.take(~third), rows.take(third), rows, 30)
    assert model.information()[0] < 0.1


def test_correlations_predict_held_out_rows_with_more_ridge_where_rows_are_few() -> None:
    random = np.random.default_rng(0)
    rows = Coded(random.normal(size=(60, 40)), np.empty((60, 0), dtype=int))
    held = rows.take(np.arange(60) % 3 == 0)
    (_, model), _ = elliptical.candidates(rows.take(np.arange(60) % 3 != 0), held, rows, 20)
    assert np.linalg.eigvalsh(model.correlation)[0] > 0.1
    assert margins(rows.scores, rows.scores).dx == 40
