"""Claims about scores: the closed form, its conventions, its invariances, and its accuracy on the normal density."""

import inspect
import math
import re
import subprocess
import sys
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mibench_mige import squared_distances, ssge_operator, ssge_score, ssge_score_at, stein_operator, stein_score
from mibench_mige.curl_free import curl_free_score
from mibench_mige.kernels import median_width, neighbour_width, rbf
from mibench_mige.score import LEAST_RIDGE, decompose
from mige_cases import generator, normal, textbook_ssge
from torch import Tensor
from torch.testing import assert_close
from torch.utils._python_dispatch import TorchDispatchMode

from mibench.errors import SmallBatchError

SCORES = [ssge_score, stein_score]
shapes = st.tuples(st.integers(3, 32), st.integers(1, 7))


def relative(a: Tensor, b: Tensor) -> float:
    return ((a - b).norm() / b.norm()).item()


@settings(max_examples=40, deadline=None)
@given(shape=shapes, threshold=st.floats(0.3, 0.995), scale=st.floats(1e-3, 1e3), seed=st.integers(0, 2**16))
def test_closed_form_equals_the_textbook_formula(
    shape: tuple[int, int], threshold: float, scale: float, seed: int
) -> None:
    x = scale * normal(*shape, seed=seed) + scale
    assert relative(ssge_score(x, threshold=threshold), textbook_ssge(x, threshold)) < 1e-6


@pytest.mark.parametrize(("n", "d"), [(64, 300), (128, 10), (255, 2)])
def test_closed_form_equals_the_textbook_formula_at_working_sizes(n: int, d: int) -> None:
    x = normal(n, d)
    assert relative(ssge_score(x), textbook_ssge(x)) < 1e-6


@settings(max_examples=15, deadline=None)
@given(shape=shapes, m=st.integers(1, 9), seed=st.integers(0, 2**16))
def test_extension_equals_the_textbook_formula_at_new_points(shape: tuple[int, int], m: int, seed: int) -> None:
    x, points = normal(*shape, seed=seed), normal(m, shape[1], seed=seed + 1)
    assert relative(ssge_score_at(points, x), textbook_ssge(x, points=points)) < 1e-6


def test_extension_at_the_samples_equals_the_score() -> None:
    x = normal(2, 50, 3) + 7
    assert_close(ssge_score_at(x, x), ssge_score(x), rtol=1e-8, atol=1e-8)


def test_rank_belongs_to_the_call_and_to_the_replica() -> None:
    narrow, wide = normal(64, 1), normal(64, 12, seed=3)
    ranks = [int(decompose(rbf(squared_distances(v)).gram).kept.sum()) for v in (narrow, wide, narrow)]
    assert ranks[0] == ranks[2] < ranks[1]
    together = decompose(torch.stack([rbf(squared_distances(v)).gram for v in (narrow, wide)])).kept.sum(-1)
    assert together.tolist() == ranks[:2]


def test_threshold_is_a_share_that_the_kept_eigenvalues_stay_below() -> None:
    gram = rbf(squared_distances(normal(64, 3))).gram
    spectrum = decompose(gram, threshold=0.9)
    kept = torch.linalg.eigvalsh(gram)[-int(spectrum.kept.sum()) :]
    following = torch.linalg.eigvalsh(gram)[-int(spectrum.kept.sum()) - 1 :]
    assert kept.sum() < 0.9 * 64 <= following.sum()


def test_at_least_one_eigenfunction_is_kept() -> None:
    gram = rbf(squared_distances(normal(20, 2))).gram
    assert decompose(gram, threshold=1e-6).kept.sum() == 1


@pytest.mark.parametrize("rank", [1, 5, 20])
def test_a_fixed_rank_overrides_the_threshold(rank: int) -> None:
    assert decompose(rbf(squared_distances(normal(20, 2))).gram, rank=rank).kept.sum() == rank


def test_no_rank_keeps_eigenvalues_that_are_rounding() -> None:
    x, order = normal(64, 1), torch.randperm(64, generator=generator(1))
    score = ssge_score(x, rank=64)
    assert relative(ssge_score(x[order], rank=64), score[order]) < 0.2


def test_a_rank_above_the_number_of_samples_asks_for_more_samples() -> None:
    with pytest.raises(SmallBatchError, match="rank=11 needs at least 11 samples, or landmarks, not 10"):
        ssge_score(normal(10, 2), rank=11)


@pytest.mark.parametrize("n", [2, 3, 6, 7])
def test_width_is_the_median_of_all_pairs_with_the_diagonal(n: int) -> None:
    x = normal(n, 2)
    pairs = torch.cdist(x, x).flatten().sort().values
    middle = pairs[n * n - n * n // 2]
    assert_close(median_width(squared_distances(x)), middle)
    assert_close(ssge_score(x, width=middle.item()), ssge_score(x))


@pytest.mark.parametrize("score", SCORES)
@settings(max_examples=8, deadline=None)
@given(replicas=st.lists(st.integers(1, 3), max_size=2), seed=st.integers(0, 2**16))
def test_replicas_equal_one_at_a_time(score, replicas: list[int], seed: int) -> None:
    x = normal(*replicas, 20, 3, seed=seed)
    one_by_one = torch.stack([score(v) for v in x.reshape(-1, 20, 3)]).reshape(x.shape)
    assert_close(score(x), one_by_one, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("score", SCORES)
def test_float32_samples_give_the_scores_of_the_same_float64_samples(score) -> None:
    x = normal(256, 20, dtype=torch.float32)
    assert score(x).dtype == torch.float32
    assert relative(score(x).double(), score(x.double())) < 1e-6


@pytest.mark.parametrize("score", SCORES)
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**16))
def test_permuting_samples_permutes_scores(score, seed: int) -> None:
    x, order = normal(30, 3, seed=seed), torch.randperm(30, generator=generator(seed))
    assert_close(score(x[order]), score(x)[order], rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("score", SCORES)
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**16), shift=st.floats(-1e3, 1e3))
def test_translation_leaves_scores_unchanged(score, seed: int, shift: float) -> None:
    x = normal(30, 3, seed=seed)
    assert_close(score(x + shift), score(x), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("score", SCORES)
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**16), scale=st.floats(1e-4, 1e4))
def test_scaling_samples_divides_scores(score, seed: int, scale: float) -> None:
    x = normal(30, 3, seed=seed)
    assert_close(scale * score(scale * x), score(x), rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("score", SCORES)
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**16))
def test_rotating_samples_rotates_scores(score, seed: int) -> None:
    x = normal(30, 4, seed=seed)
    rotation = torch.linalg.qr(normal(4, 4, seed=seed + 1)).Q
    assert_close(score(x @ rotation), score(x) @ rotation, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize(("score", "operator"), [(ssge_score, ssge_operator), (stein_score, stein_operator)])
def test_distances_of_wider_samples_give_one_block_of_their_score(score, operator) -> None:
    x, z = normal(40, 5), normal(40, 2, seed=1)
    joint = torch.cat([x, z], -1)
    distances = squared_distances(x) + squared_distances(z)
    assert_close(distances, squared_distances(joint))
    assert_close(score(z, distances=distances), score(joint)[:, 5:])
    assert_close(operator(distances) @ joint, score(joint))


def test_stein_score_is_the_ridge_solution() -> None:
    x = normal(40, 3)
    width = median_width(squared_distances(x))
    gram = torch.exp(-(torch.cdist(x, x) ** 2) / (2 * width**2))
    gradient = -(gram @ x - gram.sum(1, keepdim=True) * x) / width**2
    ridge = gram + 0.05 * torch.eye(40, dtype=gram.dtype)
    assert relative(stein_score(x, regularisation=0.05), -torch.linalg.solve(ridge, gradient)) < 1e-9


# d: relative mean squared error and mean cosine at n=256, threshold .99
NORMAL_SCORE = {1: (0.15, 0.79), 2: (0.08, 0.95), 5: (0.19, 0.96), 10: (0.40, 0.89), 20: (0.50, 0.84)}


@pytest.mark.parametrize("d", NORMAL_SCORE)
def test_accuracy_on_the_normal_density_is_the_reference_within_two_deviations_of_a_batch(d: int) -> None:
    x = normal(12, 256, d)
    score = ssge_score(x)
    errors = (score + x).square().sum((-1, -2)) / x.square().sum((-1, -2))
    cosines = torch.cosine_similarity(score, -x, -1).mean(-1)
    for measured, reference in zip((errors, cosines), NORMAL_SCORE[d], strict=True):
        assert (measured.mean() - reference).abs() < 2 * measured.std()


def test_more_samples_buy_accuracy() -> None:
    errors = [relative(ssge_score(normal(6, n, 10)), -normal(6, n, 10)) for n in (64, 128, 256, 512)]
    assert errors == sorted(errors, reverse=True)


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_sample_that_is_not_finite_makes_its_replica_nan_and_no_other(score, value: float) -> None:
    x = normal(3, 20, 2)
    spoilt = x.clone()
    spoilt[1, 4, 0] = value
    scores = score(spoilt)
    assert scores[1].isnan().all()
    assert_close(scores[[0, 2]], score(x)[[0, 2]])


@pytest.mark.parametrize("width", [None, 1.0])
@pytest.mark.parametrize("score", [*SCORES, curl_free_score])
def test_finite_samples_whose_squares_overflow_are_an_error_unless_some_are_fine(score, width: float | None) -> None:
    x = normal(3, 20, 2)
    with pytest.raises(ValueError, match=r"squares of samples as large as .*e\+200 overflow torch\.float64: give them"):
        score(1e200 * x, width=width)
    healthy, some = score(x, width=width), x.clone()
    some[1] *= 1e200
    assert score(some, width=width)[1].isnan().all()
    assert torch.equal(score(some, width=width)[[0, 2]], healthy[[0, 2]])
    some[::2] = math.nan
    assert score(some, width=width).isnan().all()


def test_points_between_samples_whose_squares_overflow_are_an_error() -> None:
    x = normal(20, 2)
    with pytest.raises(ValueError, match=r"overflow torch\.float64"):
        ssge_score_at(1e200 * x, x)


@pytest.mark.parametrize("score", SCORES)
def test_identical_samples_are_an_error_that_names_the_width(score) -> None:
    with pytest.raises(ValueError, match=r"median pairwise distance is zero.*`width`"):
        score(torch.full((10, 3), 0.1))


@pytest.mark.parametrize("score", SCORES)
def test_a_replica_of_identical_samples_is_nan_and_no_other(score) -> None:
    x = normal(3, 20, 2)
    collapsed = x.clone()
    collapsed[1] = 0.1
    scores = score(collapsed)
    assert scores[1].isnan().all()
    assert_close(scores[[0, 2]], score(x)[[0, 2]])


def test_identical_samples_with_a_width_have_score_zero() -> None:
    assert_close(ssge_score(torch.full((10, 3), 0.1), width=1.0), torch.zeros(10, 3))


def test_duplicates_among_other_samples_are_fine() -> None:
    x = normal(20, 2)
    assert ssge_score(torch.cat([x, x[:8]])).isfinite().all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"threshold": 0.0}, "threshold must be between 0 and 1, got 0.0"),
        ({"threshold": 1.0}, "threshold must be between 0 and 1, got 1.0"),
        ({"rank": 0}, "rank must be at least 1, got 0"),
        ({"width": 0.0}, "width must be positive, got 0.0"),
    ],
)
def test_arguments_out_of_range_are_named(arguments: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        ssge_score(normal(10, 2), **arguments)


MISUSED = {
    "ssge_score(x, distances=three)": "samples (8, 2) go with distances (8, 8), not (3, 3)",
    "ssge_score(x, distances=0 * three)": "samples (8, 2) go with distances (8, 8), not (3, 3)",
    "ssge_score(x, distances=squared_distances(x)[None])": "samples (8, 2) go with distances (8, 8), not (1, 8, 8)",
    "ssge_score(x[:, 0])": "samples are (*replicas, n, d), not (8,)",
    "stein_score(x, distances=three)": "samples (8, 2) go with distances (8, 8), not (3, 3)",
    "ssge_scorer(three)(x)": "samples (8, 2) go with distances (8, 8), not (3, 3)",
    "ssge_score_at(x[:, :1], x)": "samples (8, 2) go with points (8, 2), not (8, 1)",
    "ssge_score_at(x[0], x)": "samples (8, 2) go with points (1, 2), not (2,)",
    "ssge_score_at(x, x[:, 0])": "samples are (*replicas, n, d), not (8,)",
    "squared_distances(x, x[:, :1])": "samples (8, 2) go with others (8, 2), not (8, 1)",
    "ssge_operator(three[:2])": "distances are (*replicas, n, n), not (2, 3)",
    "stein_operator(three[0])": "distances are (*replicas, n, n), not (3,)",
    "nu_operator(three[:2])": "distances are (*replicas, n, n), not (2, 3)",
    "kde_operator(three, kernel='box')": "kernel is rbf or imq, not 'box'",
    "entropy_surrogate(x, x[:1])": "samples (8, 2) go with score (8, 2), not (1, 2)",
    "calibrate(x, x, 'typo')": "calibration is none, diagonal or full, not 'typo'",
    "calibrate(x[:5], x)": "samples (8, 2) go with score (8, 2), not (5, 2)",
    "calibrate(x, x, others=x[:5])": "samples (8, 2) go with others (8, 2), not (5, 2)",
}


def test_shapes_that_do_not_go_together_and_unknown_words_are_refused_in_one_line() -> None:
    """In a process of its own, since annotations are checked in this one, and refuse it first."""
    lines = [
        "import torch",
        "from mibench_mige import *",
        "x, three = torch.randn(8, 2), torch.rand(3, 3)",
        f"for code in {list(MISUSED)}:",
        "    try: eval(code)",
        "    except ValueError as error: print(error)",
        "    else: print('accepted')",
    ]
    said = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=True).stdout
    assert dict(zip(MISUSED, said.splitlines(), strict=True)) == MISUSED


@pytest.mark.parametrize("ridge", [0.0, 1e-14])
def test_a_ridge_that_rounding_reaches_is_an_error(ridge: float) -> None:
    with pytest.raises(ValueError, match="regularisation must be at least 1e-08"):
        stein_score(normal(10, 2), regularisation=ridge)


def test_the_least_ridge_multiplies_rounding_to_a_few_percent_at_most() -> None:
    x, order = normal(256, 1), torch.randperm(256, generator=generator(1))
    score = stein_score(x, regularisation=LEAST_RIDGE)
    assert relative(stein_score(x[order], regularisation=LEAST_RIDGE), score[order]) < 0.05


@pytest.mark.parametrize("score", SCORES)
def test_scores_carry_no_graph(score) -> None:
    assert not score(normal(10, 2).requires_grad_()).requires_grad


class LargestTensor(TorchDispatchMode):
    """Remembers the number of elements of the largest tensor that an operation makes."""

    def __init__(self) -> None:
        super().__init__()
        self.numel = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        made = result if isinstance(result, tuple | list) else [result]
        self.numel = max([self.numel, *(t.numel() for t in made if isinstance(t, Tensor))])
        return result


@pytest.mark.parametrize(("n", "d"), [(64, 4), (16, 200)])
def test_no_tensor_is_larger_than_the_gram_matrix_or_the_samples(n: int, d: int) -> None:
    with LargestTensor() as largest:
        ssge_score(normal(n, d))
    assert largest.numel == max(n * n, n * d)


@pytest.mark.parametrize("offset", [0.0, 1e3, 1e6])
def test_a_sample_is_at_a_distance_of_exactly_zero_from_itself(offset) -> None:
    x = normal(2, 60, 7) + offset
    distances = squared_distances(x)
    assert (distances.diagonal(dim1=-2, dim2=-1) == 0).all()
    assert (squared_distances(torch.cat([x, x], -2))[..., :60, 60:].diagonal(dim1=-2, dim2=-1) == 0).all()


def test_the_width_by_neighbours_is_the_median_distance_within_which_an_eighth_of_the_others_lie() -> None:
    x = normal(2, 40, 3)
    nearest = torch.cdist(x, x).sort(-1).values[..., 5]
    assert_close(neighbour_width(squared_distances(x)), nearest.median(-1).values)


def test_the_width_by_neighbours_stays_inside_clusters_and_the_median_does_not() -> None:
    centres = 10.0 * torch.arange(3, dtype=torch.float64).repeat_interleave(20)[:, None]
    distances = squared_distances(centres + normal(60, 1))
    assert neighbour_width(distances) < 2 < median_width(distances)


def test_samples_that_occur_many_times_are_an_error_that_names_the_neighbours() -> None:
    with pytest.raises(ValueError, match="nearest neighbours is zero"):
        neighbour_width(squared_distances(normal(4, 2).repeat(10, 1)))


@pytest.mark.parametrize("width", [median_width, neighbour_width])
def test_a_width_is_one_of_distances_of_pairs(width: Callable[[Tensor], Tensor]) -> None:
    with pytest.raises(ValueError, match=r"^distances are \(\*replicas, n, n\), not \(1, 3\)$"):
        inspect.unwrap(width)(torch.zeros(1, 3))  # jaxtyping stands before it in these tests
    with pytest.raises(SmallBatchError):
        width(torch.zeros(1, 1))
