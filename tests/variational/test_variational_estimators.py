"""What every estimator of the plugin owes its caller, whatever its bound."""

import dataclasses
import math
import weakref
from collections.abc import Callable, Iterator, Sequence

import pytest
import torch
from mibench_variational.critics import Critic
from mibench_variational.negatives import every
from mibench_variational.smile import smile
from torch import Tensor
from variational_cases import SPECS, WITH_GRADIENT, ExactCritic, build, gaussian_pairs, generators, put_critic

from mibench import probe
from mibench.contracts import Estimator, Problem
from mibench.errors import UsageError

CONTRASTIVE = sorted(name for name in SPECS if hasattr(build(name).params, "negatives"))
CRITICS = sorted(name for name in SPECS if isinstance(build(name).critic, Critic))
VARIANTS: list[tuple[str, dict[str, object]]] = [
    *((name, {}) for name in sorted(SPECS)),
    *((name, {"negatives": "derangement"}) for name in CONTRASTIVE),
    *(("mine", {"critic": kind}) for kind in ("bilinear", "joint")),
    ("mine", {"ema": 0.9}),
    ("jsd", {"gradient": "objective"}),
    ("i-alpha", {"alpha": 0.5, "baseline": "learnt"}),
    ("doe", {"density": "logistic", "components": 3}),
    *(("f-dime", {"divergence": divergence, "negatives": "off-diagonal"}) for divergence in ("kl", "hellinger")),
]
every_variant = pytest.mark.parametrize(("name", "parameters"), VARIANTS, ids=str)
STEPS = 3
VALUE_ALONE = {SPECS[name].target.partition(":")[2] for name in set(SPECS) - set(WITH_GRADIENT)}


def problem(*seeds: int, dtype: torch.dtype = torch.float64) -> Problem:
    replicas = (len(seeds),) if len(seeds) > 1 else ()
    return Problem(dx=3, dy=3, generators=generators(*seeds), replicas=replicas, dtype=dtype)


def trained(estimator: Estimator, batches: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, ...]:
    """The value, and the surrogate's gradients in x and y if there are any, after a step on each batch."""
    for x, y in batches:
        estimator.update(x, y)
    x, y = (tensor.clone().requires_grad_() for tensor in batches[-1])
    value = estimator.mi(x, y)
    if type(estimator).__name__ in VALUE_ALONE:
        return (value,)
    return value, *torch.autograd.grad(estimator.surrogate(x, y).sum(), (x, y))


def batches(*shape: int, dtype: torch.dtype = torch.float64) -> list[tuple[Tensor, Tensor]]:
    return [gaussian_pairs(0.8, (*shape, 3), seed, dtype) for seed in range(STEPS)]


@every_variant
def test_replicas_trained_together_equal_each_trained_alone(name: str, parameters: dict[str, object]) -> None:
    data = batches(4, 12)
    together = trained(build(name, problem(0, 1, 2, 3), **parameters), data)
    for i in range(4):
        alone = trained(build(name, problem(i), **parameters), [(x[i], y[i]) for x, y in data])
        for whole, by_itself in zip(together, alone, strict=True):
            torch.testing.assert_close(whole[i], by_itself)


@every_variant
def test_a_diverged_replica_leaves_its_neighbours_alone(name: str, parameters: dict[str, object]) -> None:
    data = batches(2, 12)
    x, y = data[0]
    spoilt = [(torch.stack((torch.full_like(x[0], math.nan), x[1])), y), *data[1:]]
    value, *_ = trained(build(name, problem(0, 1), **parameters), spoilt)
    alone, *_ = trained(build(name, problem(1), **parameters), [(x[1], y[1]) for x, y in data])
    torch.testing.assert_close(value[1], alone)


@every_variant
def test_the_same_generator_gives_the_same_numbers(name: str, parameters: dict[str, object]) -> None:
    state = torch.get_rng_state()
    first, second, other = (trained(build(name, problem(seed), **parameters), batches(12)) for seed in (0, 0, 1))
    assert all(a.equal(b) for a, b in zip(first, second, strict=True))
    assert not first[0].equal(other[0])
    assert torch.get_rng_state().equal(state)


@every_variant
def test_samples_are_neither_changed_nor_given_gradients_by_training(name: str, parameters: dict[str, object]) -> None:
    estimator = build(name, problem(0), **parameters)
    x, y = (tensor.requires_grad_() for tensor in batches(12)[0])
    before = x.detach().clone(), y.detach().clone()
    estimator.update(x, y)
    value = estimator.mi(x, y)
    assert not value.requires_grad
    assert x.detach().equal(before[0])
    assert y.detach().equal(before[1])
    assert x.grad is None
    assert y.grad is None


@every_variant
def test_surrogate_reaches_the_samples_and_never_the_critic(name: str, parameters: dict[str, object]) -> None:
    estimator = build(name, problem(0), **parameters)
    x, y = (tensor.requires_grad_() for tensor in batches(12)[0])
    if name not in WITH_GRADIENT:
        with pytest.raises(NotImplementedError, match="estimates no gradient"):
            estimator.surrogate(x, y)
        return
    estimator.surrogate(x, y).backward()
    assert x.grad is not None
    assert y.grad is not None
    assert x.grad.abs().sum() > 0
    assert y.grad.abs().sum() > 0
    assert all(tensor.grad is None for tensor in estimator.critic.parameters())


@every_variant
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_numbers_come_in_the_dtype_of_the_problem(name: str, parameters: dict[str, object], dtype: torch.dtype) -> None:
    results = trained(build(name, problem(0, 1, dtype=dtype), **parameters), batches(2, 12, dtype=dtype))
    shapes = [(2,), (2, 12, 3), (2, 12, 3)] if name in WITH_GRADIENT else [(2,)]
    assert [tuple(result.shape) for result in results] == shapes
    assert all(result.dtype == dtype and result.isfinite().all() for result in results)


@every_variant
def test_precisions_agree(name: str, parameters: dict[str, object]) -> None:
    single = trained(build(name, problem(0, dtype=torch.float32), **parameters), batches(12, dtype=torch.float32))
    double = trained(build(name, problem(0), **parameters), batches(12))
    for ours, theirs in zip(single, double, strict=True):
        torch.testing.assert_close(ours.double(), theirs, rtol=1e-3, atol=1e-4)


def test_training_works_where_gradients_are_switched_off() -> None:
    estimator, twin = build("mine", problem(0)), build("mine", problem(0))
    x, y = batches(12)[0]
    with torch.no_grad():
        estimator.update(x, y)
    twin.update(x, y)
    assert estimator.mi(x, y).equal(twin.mi(x, y))


@pytest.mark.parametrize("name", SPECS)
def test_parameters_are_frozen_keyword_only_and_defaulted(name: str) -> None:
    kind = type(build(name)).Params
    assert all(field.kw_only for field in dataclasses.fields(kind))
    with pytest.raises(dataclasses.FrozenInstanceError):
        kind().learning_rate = 0.1


@pytest.mark.parametrize("name", [name for name in CRITICS if hasattr(build(name).params, "critic")])
def test_defaults_are_those_of_the_mige_authors_for_mine(name: str) -> None:
    params = type(build(name)).Params()
    assert (params.critic, params.hidden, params.embedding) == ("separable", (512, 512), 20)
    assert (params.activation, params.learning_rate) == ("relu", 1e-4)
    assert getattr(params, "negatives", "off-diagonal") == ("derangement" if name == "f-dime" else "off-diagonal")


class WatchedCritic(ExactCritic):
    """Gives blocks whose memory is watched: no earlier one but the last may still be held when the next is made."""

    def blocks(self, x: Tensor, y: Tensor, rows: int) -> Iterator[Tensor]:
        memory: list[weakref.ref[object]] = []
        for block in super().blocks(x, y, min(rows, 5)):
            assert sum(reference() is not None for reference in memory) <= 1
            array = block.numpy().copy()
            memory.append(weakref.ref(array))
            yield torch.from_numpy(array)
            del array


@pytest.mark.parametrize("name", sorted(set(CRITICS) - {"l1out"}))
def test_evaluation_holds_one_block_of_pairs_at_a_time(name: str) -> None:
    estimator, exact = build(name), build(name)
    put_critic(estimator, WatchedCritic(0.4))
    put_critic(exact, ExactCritic(0.4))
    x, y = gaussian_pairs(0.4, (33, 3), 0)
    torch.testing.assert_close(estimator.mi(x, y), exact.mi(x, y))


def with_exact_critic(name: str, rho: float, replicas: int, d: int, **parameters: object) -> Estimator:
    seeds = range(replicas)
    estimator = build(
        name,
        Problem(dx=d, dy=d, generators=generators(*seeds), replicas=(replicas,), dtype=torch.float64),
        **parameters,
    )
    put_critic(estimator, ExactCritic(rho))
    return estimator


@pytest.mark.parametrize("negatives", ["off-diagonal", "derangement"])
@pytest.mark.parametrize("name", sorted(set(CRITICS) - {"mine-f", "barber-agakov"}))
def test_surrogate_of_the_exact_critic_has_the_gradient_of_the_information(name: str, negatives: str) -> None:
    """InfoNCE reads a little less, and L1Out a little more: their bounds are off by O(1/n)."""
    d, value, replicas = 4, 0.4, 200
    truth = value * d / (1 - value**2)
    rho = torch.full((replicas, 1, 1), value, dtype=torch.float64, requires_grad=True)
    x, y = gaussian_pairs(rho, (replicas, 128, d), 0, torch.float64)
    estimator = with_exact_critic(name, value, replicas, d, negatives=negatives)
    gradient = torch.autograd.grad(estimator.surrogate(x, y).sum(), rho)[0].flatten()
    error = gradient.std().item() / math.sqrt(replicas)
    slack = 0.05 * truth if name in {"infonce", "l1out"} else 0.0
    assert gradient.mean().item() == pytest.approx(truth, abs=4 * error + slack)


def test_mine_f_surrogate_has_the_gradient_at_one_plus_the_log_ratio() -> None:
    rho = torch.tensor(0.4, dtype=torch.float64, requires_grad=True)
    x, y = gaussian_pairs(rho, (64, 4), 0, torch.float64)
    gradients: list[Tensor] = []
    shifts: list[tuple[str, Callable[[Tensor], Tensor]]] = [("nwj", lambda s: s), ("mine-f", lambda s: s + 1)]
    for name, shift in shifts:
        estimator = build(name, problem(0))
        scores = ExactCritic(0.4).scores(x, y)
        value = estimator.value(shift(scores.diagonal()), shift(scores[~torch.eye(64, dtype=torch.bool)]))
        gradients += torch.autograd.grad(value, rho, retain_graph=True)
    torch.testing.assert_close(gradients[0], gradients[1])


@pytest.mark.parametrize("name", ["mine", "nwj", "jsd", "smile", "f-dime"])
def test_symmetric_estimators_do_not_mind_the_order_of_x_and_y(name: str) -> None:
    assert SPECS[name].symmetric
    x, y = gaussian_pairs(0.4, (1, 32, 4), 0, torch.float64)
    estimator = with_exact_critic(name, 0.4, 1, 4)
    torch.testing.assert_close(estimator.mi(x, y), estimator.mi(y, x))


def test_jsd_surrogate_is_the_value_or_deep_infomax_objective() -> None:
    value, objective = (build("jsd", problem(0), gradient=gradient) for gradient in ("value", "objective"))
    x, y = batches(12)[0]
    torch.testing.assert_close(value.surrogate(x, y).detach(), value.mi(x, y))
    torch.testing.assert_close(objective.surrogate(x, y), objective.objective(x, y))
    torch.testing.assert_close(objective.mi(x, y), value.mi(x, y))


def test_smile_trains_as_jsd_does() -> None:
    data = batches(12)
    jsd, smile = build("jsd", problem(0)), build("smile", problem(0), tau=1e6)
    for x, y in data:
        jsd.update(x, y)
        smile.update(x, y)
    for ours, theirs in zip(jsd.critic.parameters(), smile.critic.parameters(), strict=True):
        assert ours.equal(theirs)


@pytest.mark.parametrize("name", sorted(SPECS))
@pytest.mark.parametrize("parameter", ["hidden=0", "hidden=64x-1", "learning_rate=0", "learning_rate=-1"])
def test_networks_and_steps_of_no_size_are_refused(name: str, parameter: str) -> None:
    with pytest.raises(UsageError, match=f"^estimator '{name}': [^\n]*{parameter.partition('=')[0]}[^\n]*$"):
        probe(f"{name}[{parameter}]", 2, 2)


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        ("infonce[embedding=0]", "`embedding` is at least 1, not 0"),
        ("mine[ema=1]", "`ema` is above 0 and below 1, not 1.0"),
        ("mine[ema=0]", "`ema` is above 0 and below 1, not 0.0"),
        ("smile[tau=-1]", "`tau` is at least 0, not -1.0"),
    ],
)
def test_numbers_that_no_estimate_can_use_are_refused(estimator: str, message: str) -> None:
    with pytest.raises(UsageError, match=f"^estimator '[a-z]+': {message}$"):
        probe(estimator, 2, 2)


def test_moving_average_of_one_step_leaves_plain_donsker_varadhan() -> None:
    plain, averaged = build("mine", problem(0)), build("mine", problem(0), ema=0.99)
    first, second = batches(12)[:2]
    plain.update(*first)
    averaged.update(*first)
    torch.testing.assert_close(plain.mi(*first), averaged.mi(*first))
    plain.update(*second)
    averaged.update(*second)
    assert not plain.mi(*first).equal(averaged.mi(*first))


@pytest.mark.parametrize("negatives", ["off-diagonal", "derangement"])
def test_smile_clips_among_the_negatives_of_its_own_batch(negatives: str) -> None:
    """Scores are made so large that clipping decides the value, whichever way negatives are drawn."""
    x, y = gaussian_pairs(0.5, (12, 3), 0)
    estimator = build("smile", negatives=negatives, tau=0.5)
    with torch.no_grad():
        for weight in estimator.critic.parameters():
            weight.mul_(4)
    (generator,) = estimator.problem.generators
    state = generator.get_state()
    positives, drawn = estimator.contrast(estimator.critic, x, y, every)
    generator.set_state(state)
    value = estimator.mi(x, y)
    torch.testing.assert_close(value, smile(positives, drawn, 0.5))
    assert (value - smile(positives, drawn, math.inf)).abs() > 0.1


def test_clubs_log_variance_goes_to_ten_and_no_further() -> None:
    club = build("club")
    last = club.critic.network.layers[-1]
    with torch.no_grad():
        last.weight.zero_()
        last.bias[..., 3:] = torch.tensor([-1000.0, 5.0, 1000.0])
    _, log_variance = club.critic.moments(torch.zeros(1, 3))
    torch.testing.assert_close(log_variance[0], torch.tensor([-10.0, 10 * math.tanh(0.5), 10.0]))
