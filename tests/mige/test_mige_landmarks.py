"""Claims about scores at landmarks: exact where every sample is one, O(n) memory, errors that fall with n."""

from typing import Any

import mibench_mige.landmarks as module
import pytest
import torch
from mibench_families.x_mixture import XMixture
from mibench_mige.landmarks import Schedule, landmark_count, landmark_places, landmarks
from mibench_mige.mige import MIGE
from mige_cases import correlated, estimator, generator, normal
from torch import Tensor
from torch.distributions import Independent, Normal
from torch.testing import assert_close
from torch.utils._python_dispatch import TorchDispatchMode

from mibench.contracts import Problem
from mibench.families import Draws
from mibench.plan.selectors import field_values

RHO = torch.tensor(0.5, dtype=torch.float64)
SCORES: list[dict[str, Any]] = [
    {},
    {"rank": 7},
    {"score": "stein", "regularisation": 0.05},
    {"score": "nu", "kernel": "imq"},
    {"score": "landweber", "steps": 50},
    {"width": "neighbours"},
    {"score": "stein", "width": "each", "standardize": True, "calibration": "full"},
]


def gradient(x: Tensor, y: Tensor, seed: int = 0, **params: Any) -> Tensor:
    """Of the surrogate in y, by an estimator of two-dimensional blocks."""
    y = y.clone().requires_grad_()
    made = estimator(2, tuple(x.shape[:-2]), seed=seed, **params)
    return torch.autograd.grad(made.surrogate(x, y).sum(), y)[0]


@pytest.mark.parametrize("params", SCORES, ids=str)
def test_where_every_sample_is_a_landmark_the_estimate_is_that_without(params: dict[str, Any]) -> None:
    x, y = correlated(RHO, 60, 2, 0)
    expected = gradient(x, y, **params)
    for count in (60, 1000, "auto"):
        assert (gradient(x, y, landmarks=count, **params) - expected).norm() < 1e-3 * expected.norm()
    single = gradient(x.float(), y.float(), landmarks=60, **params)
    assert (single - expected).norm() < 1e-3 * expected.norm()


@pytest.mark.parametrize("period", [2, 4])
def test_a_width_for_each_block_does_not_see_that_rows_are_periodic(period: int) -> None:
    n = module.SAMPLES * 4 * period
    x = normal(n, 1) * torch.where(torch.arange(n) % period > 0, 1.0, 0.01)[:, None]
    order = torch.randperm(n, generator=generator(1))
    made = estimator(1, width="each", landmarks="auto")
    sizes = [made.kernel_inputs(rows, rows)[0].std().item() for rows in (x, x[order])]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.2)


def test_chunks_and_what_is_kept_of_them_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = correlated(RHO, 300, 2, 0)
    expected = gradient(x, y, landmarks=40, score="stein")
    for name, size in (("_CHUNK", 40 * 7), ("_STORED", 0)):
        monkeypatch.setattr(module, name, size)
        assert (gradient(x, y, landmarks=40, score="stein") - expected).norm() < 1e-4 * expected.norm()


def test_a_nan_costs_its_own_replica_alone() -> None:
    x, y = correlated(RHO.expand(3), 50, 2, 0)
    whole = gradient(x, y, landmarks=20)
    y[1, 4, 0] = torch.nan
    spoilt = gradient(x, y, landmarks=20)
    assert spoilt[1].isnan().all()
    assert_close(spoilt[[0, 2]], whole[[0, 2]])


def test_replicas_equal_one_at_a_time() -> None:
    x, y = correlated(RHO.expand(2, 2), 80, 2, 0)
    together = gradient(x, y, landmarks=20, calibration="diagonal")
    assert_close(together[1, 0], gradient(x[1, 0], y[1, 0], 2, landmarks=20, calibration="diagonal"))


def test_replicas_that_the_problem_does_not_have_share_their_landmarks() -> None:
    x, y = correlated(RHO, 60, 2, 0)
    made = estimator(2, landmarks=20)
    both = torch.stack([x, y]), torch.stack([y, x]).requires_grad_()
    together = made.surrogate(*both)
    assert together.shape == (2,)
    alone = estimator(2, landmarks=20).surrogate(x, y.clone().requires_grad_())
    assert_close(together[0], alone)


@pytest.mark.parametrize("score", ["ssge", "stein", "nu"])
@pytest.mark.parametrize(("rho", "d"), [(0.9, 1), (0.5, 2)])
def test_single_precision_samples_give_the_same_gradient(score: str, rho: float, d: int) -> None:
    x, y = correlated(torch.tensor(rho, dtype=torch.float64), 3000, d, 0)

    def found(dtype: torch.dtype) -> Tensor:
        block = y.to(dtype).requires_grad_()
        surrogate = estimator(d, score=score, landmarks="auto").surrogate(x.to(dtype), block)
        return torch.autograd.grad(surrogate, block)[0].double()

    expected = found(torch.float64)
    assert (found(torch.float32) - expected).norm() < 0.01 * expected.norm()


def test_scores_of_p_of_y_given_x_have_landmarks_in_every_replica() -> None:
    x, y = correlated(RHO.expand(2), 40, 2, 0)
    law = Independent(Normal(torch.zeros(2), torch.ones(2)), 1)

    def found(x: Tensor, y: Tensor, seeds: range, replicas: tuple[int, ...]) -> Tensor:
        generators = tuple(generator(seed) for seed in seeds)
        problem = Problem(
            dx=2, dy=2, generators=generators, replicas=replicas, conditional=lambda x: law.expand(x.shape[:-1])
        )
        return MIGE(MIGE.Params(conditional="score", landmarks=20), problem).surrogate(x, y.requires_grad_())

    together = found(x, y, range(2), (2,))
    assert_close(together[1], found(x[1], y[1].clone(), range(1, 2), ()))


class LargestTensor(TorchDispatchMode):
    """Remembers the number of elements of the largest tensor that an operation makes."""

    def __init__(self) -> None:
        super().__init__()
        self.numel = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        made = result if isinstance(result, tuple | list) else [result]
        self.numel = max([self.numel, *(t.numel() for t in made if isinstance(t, Tensor))])
        return result


def test_no_tensor_has_more_numbers_than_the_samples_or_a_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CHUNK", 2**14)
    monkeypatch.setattr(module, "_STORED", 0)
    inputs = normal(20_000, 3)
    with LargestTensor() as largest:
        places = landmark_places(20_000, 64, generator(0))
        landmarks(inputs, places, Schedule(20_000, 3).stein(0.01)).score(inputs)
    assert largest.numel == inputs.numel()


@pytest.mark.parametrize("score", ["ssge", "stein", "nu"])
def test_the_error_without_correlation_falls_as_samples_are_added(score: str) -> None:
    family = XMixture(XMixture.Params())
    theta = family.at(torch.float64)
    errors: list[float] = []
    for n in (128, 512, 2048):
        x, y = (block.detach().requires_grad_() for block in family.sample(theta, n, Draws.seeded(0)))
        (exact,) = torch.autograd.grad(family.log_ratio(theta, x, y).sum(), y)
        made = estimator(1, score=score, landmarks="auto")
        (field,) = torch.autograd.grad(n * made.surrogate(x.detach(), y), y)
        errors.append(((field - exact).norm() / exact.norm()).item())
    assert errors[1] < 0.75 * errors[0]
    assert errors[2] < 0.9 * errors[1]


def test_the_schedule_leaves_alone_what_is_meant_for_256_samples() -> None:
    assert Schedule(100, 4).share == Schedule(256, 4).share == Schedule(256, 4).width == 1
    assert Schedule(1024, 4).width < 1


def test_automatic_landmarks_grow_with_n() -> None:
    counts = [landmark_count(n, "auto") for n in (10, 256, 10**5, 10**6, 10**7)]
    assert counts[0] == 10
    assert counts == sorted(counts)
    assert counts[-1] > counts[-2] > counts[1]


def test_landmarks_are_different_samples() -> None:
    places = landmark_places(1000, 900, generator(0))
    assert places.equal(places.unique())
    assert len(places) == 900
    assert not places.equal(landmark_places(1000, 900, generator(1)))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"score": "kde", "landmarks": 9}, "a kernel density has none"),
        ({"landmarks": 1}, "is at least 2, not 1"),
    ],
)
def test_what_has_no_landmarks_is_named(params: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        estimator(2, **params)


def test_the_key_of_an_estimator_without_landmarks_is_as_before() -> None:
    assert "landmarks" not in field_values(estimator(2).params, "a")
    assert field_values(estimator(2, landmarks="auto").params, "a")["landmarks"] == "auto"
