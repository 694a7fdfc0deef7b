"""Intervals and tests against closed forms, against scipy, and by simulation."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mibench.comparison.statistics import half_width, holm, seeds_needed, t_probability, t_quantile, t_test, wilcoxon


@pytest.mark.parametrize("df", [1, 2, 3, 4, 5, 8, 9, 19, 40, 999])
def test_students_distribution_is_scipys(df: int) -> None:
    for t in (0.0, 0.1, 1.0, 2.5, -2.5, 6.0):
        assert t_probability(t, df) == pytest.approx(2 * stats.t.sf(abs(t), df), abs=1e-13)
    for level in (0.5, 0.95, 0.999):
        assert t_quantile(level, df) == pytest.approx(stats.t.ppf((1 + level) / 2, df), rel=1e-9)


@pytest.mark.parametrize("df", [1, 2, 3, 9, 139, 1000])
def test_a_small_tail_of_students_distribution_is_scipys(df: int) -> None:
    for t in (3.2, 3.4, 6.0, 12.0, -40.0, 1e6):
        assert t_probability(t, df) == pytest.approx(2 * stats.t.sf(abs(t), df), rel=1e-11, abs=0)


def test_students_distribution_with_one_and_two_degrees_has_closed_forms() -> None:
    for t in (0.3, 1.0, 12.7):
        assert t_probability(t, 1) == pytest.approx(1 - 2 / math.pi * math.atan(t), abs=1e-15)
        assert t_probability(t, 2) == pytest.approx(1 - t / math.sqrt(2 + t**2), abs=1e-15)


@pytest.mark.parametrize("count", [2, 3, 5, 20])
def test_intervals_cover_the_mean_in_95_of_100_cases(count: int) -> None:
    drawn = np.random.default_rng(count).normal(3, 2, (20_000, count))
    widths = [half_width(float(deviation), count) for deviation in drawn.std(1, ddof=1)]
    covered = np.abs(drawn.mean(1) - 3) <= widths
    assert covered.mean() == pytest.approx(0.95, abs=0.005)  # three standard errors


def test_a_single_value_has_no_interval() -> None:
    assert half_width(0.0, 1) == math.inf
    assert t_test(np.array([1.0])) == 1


@pytest.mark.parametrize("count", [2, 3, 6, 10])
def test_the_t_test_is_scipys(count: int) -> None:
    differences = np.random.default_rng(count).normal(0.5, 1, count)
    assert t_test(differences) == pytest.approx(stats.ttest_1samp(differences, 0).pvalue, abs=1e-13)
    assert t_test(np.zeros(count)) == 1
    assert t_test(np.ones(count)) == 0


def test_the_t_test_at_the_edge_of_a_tolerance_is_scipys_of_what_lies_beyond_it() -> None:
    values = np.random.default_rng(3).normal(-2, 1, 7)
    assert t_test(values, tolerance=0.5) == pytest.approx(stats.ttest_1samp(values, -0.5).pvalue, abs=1e-13)
    assert t_test(values, tolerance=abs(values.mean())) == 1


def test_equal_values_of_a_coarse_measurement_are_not_free_of_noise() -> None:
    values = np.array([0.25, 0.25, 0.25])
    assert t_test(values) == 0
    assert t_test(values, resolution=0.25) == pytest.approx(t_probability(2 * math.sqrt(3), 2), abs=1e-15)


@pytest.mark.parametrize("count", range(6, 11))
def test_signed_ranks_are_scipys_exact_ones(count: int) -> None:
    for seed in range(20):
        values = np.random.default_rng(seed).normal(0.4, 1, count)
        expected = stats.wilcoxon(values, method="exact", alternative="greater").pvalue
        assert wilcoxon(values) == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize("count", range(1, 11))
def test_the_smallest_p_value_of_signed_ranks_is_one_pattern_of_signs(count: int) -> None:
    assert wilcoxon(np.arange(1.0, count + 1)) == pytest.approx(1 / 2**count, abs=1e-15)
    assert wilcoxon(-np.arange(1.0, count + 1)) == 1


@settings(deadline=None)
@given(st.lists(st.integers(-3, 3), min_size=1, max_size=9))
def test_signed_ranks_with_ties_count_every_pattern_of_signs(values: list[int]) -> None:
    ranks = stats.rankdata([abs(value) for value in values if value])
    negative = sum(rank for rank, value in zip(ranks, filter(None, values), strict=True) if value < 0)
    sums = [sum(itertools.compress(ranks, signs)) for signs in itertools.product([0, 1], repeat=len(ranks))]
    expected = np.mean([total <= negative + 1e-9 for total in sums])
    assert wilcoxon(np.array(values, float)) == pytest.approx(expected, abs=1e-12)


def test_signed_ranks_of_many_pairs_approach_the_normal_distribution() -> None:
    values = np.random.default_rng(1).normal(0.1, 1, 300)
    expected = stats.wilcoxon(values, method="approx", alternative="greater").pvalue
    assert wilcoxon(values) == pytest.approx(expected, rel=0.02)


def test_holm_multiplies_the_smallest_by_all_and_never_decreases() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.001]) == pytest.approx([0.5, 0.002])
    assert holm([0.9, 0.8]) == [1, 1]
    assert holm([]) == []


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_keeps_the_order_and_lies_between_the_p_value_and_bonferronis(pvalues: list[float]) -> None:
    adjusted = holm(pvalues)
    assert [adjusted[i] for i in np.argsort(pvalues)] == sorted(adjusted)
    for pvalue, more in zip(pvalues, adjusted, strict=True):
        assert pvalue <= more <= min(1, len(pvalues) * pvalue) + 1e-15


def test_holm_lets_a_false_alarm_through_in_at_most_5_of_100_families() -> None:
    families = np.random.default_rng(0).uniform(size=(4000, 10))
    alarms = np.mean([min(holm(list(family))) < 0.05 for family in families])
    assert alarms == pytest.approx(0.05, abs=0.011)  # three standard errors


def test_the_seeds_needed_are_the_fewest_that_fit_the_margin() -> None:
    needed = seeds_needed(1.0, 0.5)
    assert needed is not None
    assert half_width(1.0, needed) <= 0.5 < half_width(1.0, needed - 1)
    assert seeds_needed(1.0, 1e-6) is None
