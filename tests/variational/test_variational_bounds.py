"""What each bound gives on exact scores: 20-d Gaussians, batches of 64, 300 of them, no training."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mibench_variational.club import club
from mibench_variational.f_dime import hellinger
from mibench_variational.flo import flo
from mibench_variational.i_alpha import interpolated, interpolated_rows
from mibench_variational.infonce import infonce, infonce_rows
from mibench_variational.infonce_anchor import anchored_rows
from mibench_variational.jsd import jensen_shannon
from mibench_variational.mine import donsker_varadhan, moving_log_mean
from mibench_variational.mine_f import f_divergence
from mibench_variational.negatives import (
    every,
    log_mean_exp,
    log_mean_exp_of_others,
    negative_scores,
    positive_scores,
)
from mibench_variational.nwj import nwj
from mibench_variational.smile import smile
from torch import Tensor
from variational_cases import ExactCritic, correlation, gaussian_pairs

BATCHES, BATCH, D = 300, 64, 20
LEVELS = (2.0, 6.0, 10.0)


def exact_scores(mi: float, seed: int = 0, n: int = BATCH, *, less_marginal: bool = True) -> Tensor:
    rho = correlation(mi, D)
    x, y = gaussian_pairs(rho, (BATCHES, n, D), seed, torch.float64)
    return ExactCritic(rho, less_marginal).scores(x, y)


@pytest.fixture(scope="module", params=LEVELS)
def level(request: pytest.FixtureRequest) -> tuple[float, Tensor]:
    return request.param, exact_scores(request.param)


def assert_mean(estimates: Tensor, expected: float, deviations: float = 4.0) -> None:
    """Our 300 batches against another 300: both means err, and the expected one is rounded."""
    error = math.sqrt(2 / len(estimates)) * estimates.std().item()
    assert estimates.mean().item() == pytest.approx(expected, abs=deviations * error + 0.006)


EXACT = {
    "infonce": ((1.82, 3.74, 4.12), lambda scores, positives, negatives: infonce(scores)),
    "nwj": ((2.01, 5.99, 9.68), lambda scores, positives, negatives: nwj(positives, negatives)),
    "mine": ((2.02, 6.23, 11.28), lambda scores, positives, negatives: donsker_varadhan(positives, negatives)),
    "mine-f": ((2.01, 5.99, 9.68), lambda scores, positives, negatives: f_divergence(positives + 1, negatives + 1)),
    "smile[tau=1]": ((2.38, 6.83, 10.97), lambda scores, positives, negatives: smile(positives, negatives, 1.0)),
    "smile[tau=5]": ((2.04, 6.72, 12.03), lambda scores, positives, negatives: smile(positives, negatives, 5.0)),
}


@pytest.mark.parametrize("name", EXACT)
def test_bound_with_the_exact_critic_gives_its_known_value(name: str, level: tuple[float, Tensor]) -> None:
    mi, scores = level
    expected, bound = EXACT[name]
    estimates = bound(scores, positive_scores(scores), every(negative_scores(scores)))
    assert estimates.shape == (BATCHES,)
    assert_mean(estimates, expected[LEVELS.index(mi)])


@pytest.mark.parametrize("mi", LEVELS)
def test_club_with_the_exact_conditional_gives_its_closed_form(mi: float) -> None:
    scores = exact_scores(mi, less_marginal=False)
    estimates = club(positive_scores(scores), every(negative_scores(scores)))
    closed_form = D * math.expm1(2 * mi / D)
    error = estimates.std().item() / math.sqrt(BATCHES)
    assert estimates.mean().item() == pytest.approx(closed_form, abs=4 * error)
    assert estimates.mean() > mi


@pytest.mark.parametrize(("mi", "known"), [(2.0, 4.37), (6.0, 16.2), (10.0, 33.9)])
def test_club_over_all_pairs_is_lower_by_one_in_n(mi: float, known: float) -> None:
    scores = exact_scores(mi, less_marginal=False)
    apart, together = (
        club(positive_scores(scores), every(negative_scores(scores))),
        club(positive_scores(scores), every(scores)),
    )
    torch.testing.assert_close(together, apart * (1 - 1 / BATCH))
    assert_mean(together, known)


def test_jsd_is_read_without_the_bias_of_minus_one_over_e() -> None:
    scores = exact_scores(2.0)
    positives, negatives = positive_scores(scores), every(negative_scores(scores))
    biased = f_divergence(positives, negatives)
    assert_mean(biased, 1.64)
    assert (nwj(positives, negatives) - biased).mean().item() == pytest.approx(math.exp(-1), abs=0.02)


def test_jensen_shannon_objective_peaks_at_the_log_ratio() -> None:
    scores = exact_scores(2.0, n=16)
    positives, negatives = positive_scores(scores), every(negative_scores(scores))
    objective = [jensen_shannon(a * positives + b, a * negatives + b).mean() for a, b in ((1, 0), (0.7, 0), (1, 0.5))]
    assert objective[0] == max(objective)
    assert 0 < objective[0] < math.log(4)


@given(st.integers(2, 12), st.floats(-200, 200), st.floats(0, 300), st.integers(0, 2**31))
def test_infonce_never_exceeds_log_batch(n: int, shift: float, scale: float, seed: int) -> None:
    scores = shift + scale * torch.randn(n, n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    assert infonce(scores) <= math.log(n) + 1e-9


def test_infonce_ignores_what_depends_on_x_alone() -> None:
    scores = exact_scores(2.0)[0]
    torch.testing.assert_close(infonce(scores + torch.linspace(-5, 5, BATCH)[:, None]), infonce(scores))


def test_infonce_by_row_blocks_equals_all_pairs_at_once() -> None:
    scores = exact_scores(2.0)[0]
    rows = torch.cat([infonce_rows(scores[first : first + 5], first) for first in range(0, BATCH, 5)])
    torch.testing.assert_close(rows.mean(), infonce(scores))


@given(st.floats(-1000, 1000))
def test_donsker_varadhan_ignores_a_constant(constant: float) -> None:
    positives, negatives = torch.randn(2, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(
        donsker_varadhan(positives + constant, negatives + constant), donsker_varadhan(positives, negatives)
    )


def test_smile_without_clipping_is_donsker_varadhan() -> None:
    positives, negatives = 10 * torch.randn(2, 8, generator=torch.Generator().manual_seed(0))
    assert smile(positives, negatives, math.inf) == donsker_varadhan(positives, negatives)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_scores_far_from_zero_do_not_overflow(dtype: torch.dtype) -> None:
    scores = torch.full((4, 4), 1e4, dtype=dtype) + 30 * torch.eye(4, dtype=dtype)
    positives, negatives = positive_scores(scores), every(negative_scores(scores))
    for value in (
        infonce(scores),
        donsker_varadhan(positives, negatives),
        smile(positives, negatives, 5.0),
        jensen_shannon(-positives, -negatives),
        nwj(-positives, -negatives),
    ):
        assert value.dtype == dtype
        assert value.isfinite()
    assert donsker_varadhan(positives, negatives).item() == pytest.approx(30)


@pytest.mark.parametrize(("mi", "n", "cap"), [(6.0, 128, 3.97), (10.0, 64, 4.03)])
def test_a_permutation_with_fixed_points_caps_the_estimate_below_log_batch(mi: float, n: int, cap: float) -> None:
    """Its negatives follow q' = (1 - 1/n) q + p/n, whose optimal critic is the log ratio of p to q'."""
    log_ratio = exact_scores(mi, n=n)
    capped = log_ratio - torch.logaddexp(torch.full_like(log_ratio, math.log1p(-1 / n)), log_ratio - math.log(n))
    positives = positive_scores(capped)
    divergence = positives.mean().item()
    assert divergence == pytest.approx(cap, abs=0.02)
    assert divergence < math.log(n)

    order = torch.stack([torch.randperm(n, generator=torch.Generator().manual_seed(i)) for i in range(BATCHES)])
    negatives = capped.gather(-1, order.unsqueeze(-1)).squeeze(-1)
    estimates = nwj(positives, negatives)
    error = estimates.std().item() / math.sqrt(BATCHES)
    assert estimates.mean().item() == pytest.approx(cap, abs=4 * error + 0.02)

    free = donsker_varadhan(positive_scores(log_ratio), every(negative_scores(log_ratio)))
    assert free.mean() > mi > cap


def test_moving_average_starts_at_the_first_batch_and_forgets_it() -> None:
    first, second = torch.tensor([0.0, 3.0]), torch.tensor([1.0, 1000.0])
    average = moving_log_mean(None, first, 0.9)
    torch.testing.assert_close(average, first)
    average = moving_log_mean(average, second, 0.9)
    torch.testing.assert_close(average[0], (0.9 * first[0].exp() + 0.1 * second[0].exp()).log())
    assert average[1].item() == pytest.approx(1000 + math.log(0.1))


@given(st.floats(-500, 500), st.integers(1, 9))
def test_log_mean_exp_of_equal_values_is_that_value(value: float, n: int) -> None:
    assert log_mean_exp(torch.full((n,), value, dtype=torch.float64)).item() == pytest.approx(value, abs=1e-9)


def without(scores: Tensor, j: int) -> Tensor:
    """The scores of all pairs but those of sample j."""
    kept = [i for i in range(scores.shape[-1]) if i != j]
    return scores[..., kept, :][..., :, kept]


def test_interpolation_at_zero_is_nwj_and_at_one_infonce_of_the_samples_but_one() -> None:
    scores = exact_scores(6.0, n=12)[:5]
    torch.testing.assert_close(interpolated(scores, 0.0), nwj(positive_scores(scores), every(negative_scores(scores))))
    left_out = torch.stack([infonce(without(scores, j)) for j in range(12)]).mean(0)
    torch.testing.assert_close(interpolated(scores, 1.0), left_out)


@pytest.mark.parametrize(("alpha", "mi"), [(0.01, 2.0), (0.01, 6.0), (0.5, 2.0)])
def test_interpolation_lies_between_its_limits_below_the_information(alpha: float, mi: float) -> None:
    scores = exact_scores(mi)
    nothing, some, all_of_it = (interpolated(scores, share).mean().item() for share in (0.0, alpha, 1.0))
    assert all_of_it < some < nothing + 0.02
    assert some < mi + 4 * interpolated(scores, alpha).std().item() / math.sqrt(BATCHES)


def test_interpolation_varies_less_the_nearer_it_is_to_infonce() -> None:
    scores = exact_scores(6.0)
    deviations = [interpolated(scores, alpha).std().item() for alpha in (0.0, 0.01, 0.1, 1.0)]
    assert deviations == sorted(deviations, reverse=True)


@given(st.integers(2, 10), st.floats(-200, 200), st.floats(0, 200), st.floats(0.01, 1), st.integers(0, 2**31))
def test_interpolation_never_exceeds_log_of_the_samples_but_one_over_alpha(
    n: int, shift: float, scale: float, alpha: float, seed: int
) -> None:
    scores = shift + scale * torch.randn(n, n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    assert 1 + interpolated_rows(scores, 0, alpha)[0].mean() <= 1 + math.log((n - 1) / alpha) + 1e-9


@given(st.integers(2, 9), st.floats(0, 300), st.integers(0, 2**31))
def test_log_mean_exp_of_others_is_that_of_each_row_without_the_entry(n: int, scale: float, seed: int) -> None:
    values = scale * torch.randn(3, n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    values.requires_grad_()
    others = log_mean_exp_of_others(values)
    each = [torch.cat((values[:, :j], values[:, j + 1 :]), -1) for j in range(n)]
    torch.testing.assert_close(others, torch.stack([log_mean_exp(rest) for rest in each], -1))
    assert torch.autograd.grad(others.sum(), values)[0].isfinite().all()


@pytest.mark.parametrize("mi", [2.0, 6.0])
def test_flo_with_exact_critics_is_the_information_in_the_mean(mi: float) -> None:
    scores = exact_scores(mi)
    positives, log_means = positive_scores(scores), log_mean_exp(negative_scores(scores))
    assert_mean(flo(positives, positives, log_means), mi)
    of_x = torch.linspace(-3, 3, BATCH)
    torch.testing.assert_close(flo(positives, positives + of_x, log_means + of_x), flo(positives, positives, log_means))
    assert flo(positives + 0.5, positives, log_means).mean() < flo(positives, positives, log_means).mean()


def test_flo_with_the_best_normalisers_of_a_batch_is_infonce_without_the_partner() -> None:
    scores = exact_scores(2.0)[:4]
    positives, log_means = positive_scores(scores), log_mean_exp(negative_scores(scores))
    torch.testing.assert_close(flo(positives - log_means, positives, log_means), (positives - log_means).mean(-1))


def stationary(objective: Tensor, *moved: Tensor) -> None:
    """No parameter moves the objective, by the standard error of its gradient over batches."""
    for gradient in torch.autograd.grad(objective.sum(), moved):
        assert abs(gradient.mean().item()) < 4 * gradient.std().item() / math.sqrt(BATCHES)


@pytest.mark.parametrize("anchor", [0.05, 0.5])
def test_the_objective_with_an_anchor_peaks_at_the_log_ratio_and_at_no_other_scale_or_offset(anchor: float) -> None:
    scores = exact_scores(2.0, n=16)
    scale, offset = (torch.full((BATCHES, 1, 1), value, dtype=scores.dtype, requires_grad=True) for value in (1, 0))
    stationary(anchored_rows(scale * scores + offset, 0, anchor).mean(-1), scale, offset)
    best, *others = (anchored_rows(a * scores + b, 0, anchor).mean() for a, b in ((1, 0), (0.7, 0), (1, 1), (1, -1)))
    assert best > max(others)


def test_one_candidate_and_an_anchor_as_likely_make_the_jensen_shannon_objective() -> None:
    scores = exact_scores(2.0, n=2)
    jsd = jensen_shannon(positive_scores(scores), every(negative_scores(scores)))
    torch.testing.assert_close(anchored_rows(scores, 0, 0.5).mean(-1), (jsd - math.log(4)) / 2)


def test_a_rare_anchor_leaves_the_objective_of_infonce() -> None:
    scores = exact_scores(2.0, n=12)[:4]
    left_out = torch.stack([infonce(without(scores, j)) for j in range(12)]).mean(0)
    torch.testing.assert_close(anchored_rows(scores, 0, 1e-9).mean(-1), left_out - math.log(11), rtol=1e-6, atol=1e-6)


def test_hellinger_objective_peaks_at_the_log_ratio_where_it_is_twice_the_squared_distance() -> None:
    """Of independent coordinates the affinities multiply: (1 - rho^2)^(1/4) / sqrt(1 - rho^2 / 4) each."""
    scores = exact_scores(2.0)
    positives, negatives = positive_scores(scores), every(negative_scores(scores))
    rho = correlation(2.0, D)
    affinity = ((1 - rho**2) ** 0.25 / math.sqrt(1 - rho**2 / 4)) ** D
    best, *others = (
        hellinger(a * positives + b, a * negatives + b) for a, b in ((1, 0), (0.7, 0), (1, 0.5), (1, -0.5))
    )
    assert_mean(best, 2 - 2 * affinity)
    assert best.mean() > max(other.mean() for other in others)
