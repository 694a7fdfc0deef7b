"""Claims about histograms, partitions, kernel densities and the copula: definitions, known values, bad samples."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from mibench_classical.adaptive import AdaptiveParams, partition_mi
from mibench_classical.binning import Binning, BinningParams, default_bins, histogram_mi
from mibench_classical.copula import copula_mi, normal_scores
from mibench_classical.kde import KDEParams, kde_mi
from mibench_classical.kernel_density import log_density
from mibench_classical.samples import ranks
from mibench_classical.von_mises import von_mises_mi
from mibench_families.gamma_exponential import GammaExponential
from mibench_families.x_mixture import XMixture
from sample_cases import correlated, drawn, normal
from scipy.stats import gaussian_kde, rankdata
from torch import Tensor
from torch.testing import assert_close

import mibench
from mibench.errors import UnfitError
from mibench.families import Family

EQUAL_MASS = BinningParams(mass="equal-mass", correction="miller-madow")
CLASSICAL: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "binning": lambda x, y: histogram_mi(x, y, BinningParams(correction="miller-madow")),
    "binning, equal mass": lambda x, y: histogram_mi(x, y, EQUAL_MASS),
    "adaptive": partition_mi,
    "copula": copula_mi,
    "kde": kde_mi,
    "von-mises": von_mises_mi,
}
every_estimator = pytest.mark.parametrize("name", CLASSICAL)


def of_table(table: np.ndarray) -> float:
    """I of a table of counts, in nats."""
    p = table / table.sum()
    product = p.sum(1, keepdims=True) * p.sum(0, keepdims=True)
    return float((p[p > 0] * np.log(p[p > 0] / product[p > 0])).sum())


@pytest.mark.parametrize("bins", [2, 5, 12])
def test_the_histogram_is_that_of_numpy(bins: int) -> None:
    x, y = correlated(300, 1)
    table, _, _ = np.histogram2d(x[:, 0].numpy(), y[:, 0].numpy(), bins=bins)
    plug_in = histogram_mi(x, y, BinningParams(bins=bins)).item()
    assert plug_in == pytest.approx(of_table(table), abs=1e-12)
    excess = ((table > 0).sum() - (table.sum(0) > 0).sum() - (table.sum(1) > 0).sum() + 1) / 600
    corrected = histogram_mi(x, y, BinningParams(bins=bins, correction="miller-madow")).item()
    assert corrected == pytest.approx(plug_in - excess, abs=1e-12)


def test_scikit_learn_gives_the_same_for_bins_of_equal_mass() -> None:
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    x, y = correlated(240, 1)
    labels = [(rankdata(z[:, 0].numpy(), method="ordinal") - 1) // 40 for z in (x, y)]
    ours = histogram_mi(x, y, BinningParams(bins=6, mass="equal-mass")).item()
    assert ours == pytest.approx(metrics.mutual_info_score(*labels), abs=1e-12)


def test_a_histogram_of_two_and_two_dimensions_is_that_of_its_cells() -> None:
    x, y = correlated(500, 2)
    cells = [(z > z.median()).long() for z in (*x.T, *y.T)]
    table = np.histogram2d((2 * cells[0] + cells[1]).numpy(), (2 * cells[2] + cells[3]).numpy(), bins=4)[0]
    ours = histogram_mi(x, y, BinningParams(bins=2, mass="equal-mass")).item()
    assert ours == pytest.approx(of_table(table), abs=1e-12)


def test_by_default_cells_hold_five_samples_or_more_in_the_mean_and_one_more_bin_would_leave_fewer() -> None:
    for d in (2, 3, 4):
        bins = [default_bins(n, d) for n in range(5 * 2**d, 20_000)]
        assert all(5 * m**d <= n < 5 * (m + 1) ** d for n, m in enumerate(bins, 5 * 2**d))
    assert [default_bins(n, 3) for n in (319, 320, 625, 1080)] == [3, 4, 5, 6]
    assert (default_bins(1, 2), default_bins(10**12, 2)) == (2, 10_000)


@pytest.mark.parametrize(("n", "replicas"), [(1000, 40), (10_000, 10), (100_000, 2)])
def test_independent_samples_have_a_tenth_of_a_nat_at_the_default_bins_however_many(n: int, replicas: int) -> None:
    """A lower bound on 0 is what a given number of bins comes to; the correction takes most of the excess off."""
    x, y = normal(replicas, n, 1), normal(replicas, n, 1, seed=1)
    assert histogram_mi(x, y, BinningParams(mass="equal-mass")).mean().item() == pytest.approx(0.1, abs=0.015)
    assert 0.04 < histogram_mi(x, y).mean() < 0.1
    assert histogram_mi(x, y, EQUAL_MASS).mean() < 0.01
    given = BinningParams(bins=8, mass="equal-mass")
    assert histogram_mi(x, y, given).mean().item() == pytest.approx(49 / (2 * n), rel=0.3)


def test_more_dimensions_than_four_are_refused_when_it_is_made() -> None:
    problem = mibench.Problem(dx=3, dy=2, generators=(torch.Generator(),))
    with pytest.raises(UnfitError, match=r"at most 4, not 3 \+ 2"):
        Binning(BinningParams(), problem)


def test_equal_samples_share_the_mean_of_their_ranks() -> None:
    z = (3 * normal(2, 50, 3)).round()
    expected = [[rankdata(column.numpy()) for column in replica.T] for replica in z]
    assert_close(ranks(z) * 50 + 0.5, torch.tensor(np.array(expected)).mT)


def test_the_copula_does_not_see_monotone_bends() -> None:
    x, y = correlated(200, 2)
    assert copula_mi(x.exp(), y**3).equal(copula_mi(x, y))
    assert normal_scores(x).std().item() == pytest.approx(1, abs=0.05)


def test_a_partition_does_not_see_monotone_bends_and_finds_what_quarters_hide() -> None:
    x, y = correlated(500, 1)
    assert partition_mi(x.exp(), y**3).equal(partition_mi(x, y))
    sign = torch.where(normal(4, 2000, 1, seed=3) > 0, 1.0, -1.0)
    x = normal(4, 2000, 1)
    crossed = sign * x + 0.1 * normal(4, 2000, 1, seed=1)
    assert (partition_mi(x, crossed) > 0.8).all()


@pytest.mark.parametrize(("n", "moved"), [(100, 0.02), (1000, 0.004), (1024, 0.0)])
def test_a_partition_moves_little_under_a_decreasing_bend_and_not_at_all_for_powers_of_two(
    n: int, moved: float
) -> None:
    x, noise = normal(200, n, 1), normal(200, n, 1, seed=1)
    y = 0.8 * x + 0.6 * noise
    assert (partition_mi(-x, y) - partition_mi(x, y)).abs().mean().item() == pytest.approx(moved, rel=0.2)


def test_a_partition_of_independent_samples_is_seldom_split() -> None:
    values = partition_mi(normal(100, 200, 1), normal(100, 200, 1, seed=1))
    assert (values == 0).double().mean() > 0.8
    assert values.mean() < 0.02
    often = partition_mi(normal(100, 200, 1), normal(100, 200, 1, seed=1), AdaptiveParams(level=0.5))
    assert often.mean() > values.mean()


@pytest.mark.parametrize("leave_out", [False, True])
def test_the_density_is_that_of_scipy(leave_out: bool) -> None:
    """With the covariance of n samples, where scipy has that of n - 1."""
    z, n, h = normal(60, 3), 60, 0.4
    ours = log_density(z, torch.tensor(h).double(), leave_out=leave_out)
    covariance = torch.cov(z.T, correction=0) * h**2
    kernels = torch.distributions.MultivariateNormal(torch.zeros(3).double(), covariance)
    matrix = kernels.log_prob(z[:, None] - z[None]).exp()
    expected = (matrix.sum(1) - leave_out * matrix.diagonal()) / (n - leave_out)
    assert_close(ours, expected.log())
    if not leave_out:
        theirs = gaussian_kde(z.T.numpy(), bw_method=h * math.sqrt((n - 1) / n)).logpdf(z.T.numpy())
        assert_close(ours, torch.from_numpy(theirs))


@pytest.mark.parametrize("width", ["silverman", "scott"])
def test_the_paper_s_kernel_density_is_that_of_scipy_s_three(width: str) -> None:
    x, y = correlated(150, 2)
    of_x, of_y, both = (
        gaussian_kde(z.T.numpy(), bw_method=width).logpdf(z.T.numpy()).mean() for z in (x, y, torch.cat([x, y], -1))
    )
    ours = kde_mi(x, y, KDEParams(width=width, own=True)).item()  # pyright: ignore[reportArgumentType]
    assert ours == pytest.approx(both - of_x - of_y, abs=0.02)


@every_estimator
def test_gaussians_are_near_the_truth(name: str) -> None:
    x, y = correlated(8, 2000, 1)
    assert CLASSICAL[name](x, y).mean().item() == pytest.approx(-math.log(1 - 0.36) / 2, abs=0.05)


@pytest.mark.parametrize(("kind", "params"), [(GammaExponential, {}), (XMixture, {"r": 0.8})])
@pytest.mark.parametrize("name", ["binning, equal mass", "adaptive", "kde", "von-mises"])
def test_families_are_near_the_truth(name: str, kind: type[Family], params: dict[str, float]) -> None:
    x, y, truth = drawn(kind, 2000, 4, **params)
    assert CLASSICAL[name](x, y).mean().item() == pytest.approx(truth, abs=0.09)


@pytest.mark.parametrize("name", ["kde", "von-mises"])
def test_the_gradient_is_that_of_the_value(name: str) -> None:
    x, y = (z.requires_grad_() for z in correlated(2, 12, 2))
    assert torch.autograd.gradcheck(CLASSICAL[name], (x, y), eps=1e-6, atol=1e-6)


def test_values_in_blocks_are_those_of_one_block(monkeypatch: pytest.MonkeyPatch) -> None:
    from mibench_classical import kernel_density

    x, y = (z.requires_grad_() for z in correlated(2, 90, 1))
    whole = torch.autograd.grad(kde_mi(x, y).sum(), (x, y))
    monkeypatch.setattr(kernel_density, "_BLOCK", 1000)
    assert_close(torch.autograd.grad(kde_mi(x, y).sum(), (x, y)), whole)


def test_the_gradient_of_a_density_keeps_no_matrix_of_all_pairs() -> None:
    kept: list[int] = []

    def note(tensor: torch.Tensor) -> torch.Tensor:
        kept.append(tensor.numel())
        return tensor

    x, y = (z.requires_grad_() for z in correlated(300, 2))
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        kde_mi(x, y).backward()
    assert max(kept) < 300 * 300


@every_estimator
def test_a_replica_that_is_not_finite_is_nan_and_no_other(name: str) -> None:
    x, y = correlated(3, 200, 1)
    whole = CLASSICAL[name](x, y)
    x[1, 7, 0] = math.inf
    hurt = CLASSICAL[name](x, y)
    assert hurt.isnan().tolist() == [False, True, False]
    assert_close(hurt[[0, 2]], whole[[0, 2]])


@every_estimator
def test_a_constant_says_nothing(name: str) -> None:
    x, y = correlated(300, 1)
    assert CLASSICAL[name](torch.full_like(x, 0.1), y).item() == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("name", ["copula", "kde", "von-mises"])
def test_a_constant_beside_a_coordinate_changes_nothing(name: str) -> None:
    x, y = correlated(300, 1)
    wider = CLASSICAL[name](torch.cat([x, torch.full_like(x, 0.1)], -1), y)
    assert_close(wider, CLASSICAL[name](x, y), rtol=0, atol=1e-9)


@every_estimator
def test_repeated_pairs_have_finite_values(name: str) -> None:
    x, y = correlated(60, 1)
    assert CLASSICAL[name](x.repeat(4, 1), y.repeat(4, 1)).isfinite()
    coin = (x > 0).double()
    assert CLASSICAL[name](coin, (y > 0).double()).isfinite()


@every_estimator
def test_one_pair_is_refused_with_how_many_are_needed(name: str) -> None:
    with pytest.raises(UnfitError, match=r"needs at least [24] pairs, not 1"):
        CLASSICAL[name](normal(1, 1), normal(1, 1))


def test_parameters_out_of_range_are_refused_in_one_line() -> None:
    with pytest.raises(ValueError, match="`bins` is at least 2 and at most 10000, not 1"):
        BinningParams(bins=1)
    with pytest.raises(ValueError, match=r"`level` is above 0 and below 1, not 0.0"):
        AdaptiveParams(level=0.0)
