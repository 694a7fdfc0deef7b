"""A margin that remembers, and `l1out` with it: against brute force, against `exact`, and through a checkpoint."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from mibench_population.exact import Exact, ExactParams
from mibench_population.mixture import Normals, log_ratio, mixture_density, own_density
from mibench_population.multiplicity import seen_weights
from mibench_variational.l1out import L1Out, L1OutParams
from torch import Tensor
from torch.distributions import Distribution, Independent, Laplace, Normal
from torch.nn.functional import softplus
from torch.testing import assert_close

from mibench.contracts import Conditional, Problem
from mibench.errors import SmallBatchError, UnfitError
from mibench.testing import check_estimator
from mibench.training import restore, snapshot

DX, DY = 3, 2


class Encoder:
    """A normal p(y|x) whose mean and width have weights."""

    def __init__(self) -> None:
        draw = torch.Generator().manual_seed(3)
        self.weights = torch.randn(2, DX, DY, generator=draw, dtype=torch.float64)

    def __call__(self, x: Tensor) -> Distribution:
        return Independent(Normal(x @ self.weights[0], 0.2 + softplus(x @ self.weights[1])), 1)


def images(*shape: int) -> Tensor:
    return torch.randn(*shape, DX, generator=torch.Generator().manual_seed(5), dtype=torch.float64)


def problem(population: Tensor | None, encoder: Conditional | None, replicas: tuple[int, ...] = ()) -> Problem:
    return Problem(
        dx=DX,
        dy=DY,
        generators=tuple(torch.Generator().manual_seed(seed) for seed in range(math.prod(replicas))),
        replicas=replicas,
        dtype=torch.float64,
        conditional=encoder,
        population=None if population is None else lambda: population,
    )


def remembering(memory: int, of: Problem) -> L1Out:
    return L1Out(L1OutParams(conditional="known", memory=memory), of)


def see(estimator: L1Out, encoder: Conditional, *batches: Tensor) -> None:
    for x in batches:
        estimator.update(x, encoder(x).mean)


def by_hand(encoder: Encoder, x: Tensor, y: Tensor, others: list[Distribution], size: int) -> Tensor:
    """The log ratio of each pair, `others` being the components of other x than those of the batch."""
    values: list[Tensor] = []
    for i in range(len(x)):
        batch = [encoder(x[j]) for j in range(len(x)) if j != i]
        logs = torch.stack([component.log_prob(y[i]) for component in (*batch, *others)])
        margin = logs.logsumexp(0) - math.log(len(logs))
        own = encoder(x[i]).log_prob(y[i])
        if size:
            margin = torch.logaddexp(own - math.log(size), margin + math.log1p(-1 / size))
        values.append(own - margin)
    return torch.stack(values)


def slope(estimator: L1Out | Exact, x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
    x, y = x.clone().requires_grad_(), y.clone().requires_grad_()
    return torch.autograd.grad(estimator.surrogate(x, y).sum(), (x, y))


@pytest.mark.parametrize("known", [True, False])
def test_value_and_slope_are_those_of_the_batch_now_and_of_the_components_that_were_seen_last(known: bool) -> None:
    population, encoder = images(30), Encoder()
    estimator = remembering(10, problem(population if known else None, encoder))
    see(estimator, encoder, population[:8], population[8:14], population[8:14])
    old = Encoder()
    encoder.weights *= 1.3
    see(estimator, encoder, population[14:16], population[4:6])
    x = population[8:12]  # of which the memory holds older components, which rest
    y = encoder(x).sample()
    remembered = [encoder(population[i]) for i in (4, 5, 14, 15)] + [old(population[i]) for i in (12, 13)]
    leaf = y.clone().requires_grad_()
    expected = by_hand(encoder, x, leaf, remembered, len(population) if known else 0).mean()
    assert_close(estimator.mi(x, y), expected.detach())
    (in_y,) = torch.autograd.grad(expected, leaf)
    assert_close(slope(estimator, x, y)[1], in_y)


def test_a_memory_of_the_whole_population_of_a_frozen_encoder_is_exact() -> None:
    population, encoder = images(50), Encoder()
    estimator = remembering(10_000, problem(population, encoder))
    see(estimator, encoder, *population.split(8), population[16:24])
    x = population[torch.tensor([3, 3, 7, 49, 20])]
    y = encoder(x).sample()
    exact = Exact(ExactParams(), replace(problem(population, encoder), generators=(torch.Generator(),)))
    assert_close(estimator.mi(x, y), exact.mi(x, y))
    assert_close(slope(estimator, x, y), slope(exact, x, y))


@pytest.mark.parametrize("known", [True, False])
def test_noise_may_be_lost_where_n_is_known_and_is_refused_elsewhere(known: bool) -> None:
    population, width = images(50), torch.tensor(0.1)

    def encoder(x: Tensor) -> Distribution:
        return Independent(Normal(x[..., :DY], width.item()), 1)

    estimator = remembering(40, problem(population if known else None, encoder))
    see(estimator, encoder, *population.split(8))
    width.fill_(1e-20)
    x = population[:8]
    if known:
        see(estimator, encoder, x)
        y = torch.nextafter(x[..., :DY], x[..., :DY] + 1)
        assert_close(estimator.mi(x, y), torch.tensor(math.log(50), dtype=torch.float64))
        assert slope(estimator, x, y)[1].abs().max() < 1e-12  # other components are as wide as when they were seen
    else:
        with pytest.raises(UnfitError, match="information is infinite"):
            see(estimator, encoder, x)


def test_a_population_without_noise_is_refused_before_anything_is_remembered() -> None:
    with pytest.raises(UnfitError, match="information is infinite"):
        remembering(4, problem(images(50), lambda x: Independent(Normal(x[..., :DY], 1e-20), 1)))


def test_the_value_errs_upwards_and_less_so_the_larger_the_memory_is() -> None:
    rho, replicas = 0.9, 200
    truth = -math.log(1 - rho**2) / 2 * DY
    x, y = torch.randn(2, replicas, 416, DY, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    y = rho * x + math.sqrt(1 - rho**2) * y
    of = replace(
        problem(None, None, (replicas,)),
        dx=DY,
        conditional=lambda x: Independent(Normal(rho * x, math.sqrt(1 - rho**2)), 1),
    )
    batch = slice(400, 416)
    excess: list[float] = []
    for memory in (4, 40, 400):
        estimator = remembering(memory, of)
        estimator.update(x[:, :400], y[:, :400])
        values = estimator.mi(x[:, batch], y[:, batch])
        excess.append(values.mean().item() - truth)
        assert excess[-1] > -4 * values.std().item() / math.sqrt(replicas)
    assert excess[0] > 2 * excess[1] > 4 * excess[2]


def test_replicas_remember_their_own() -> None:
    x, encoder = images(2, 12), Encoder()
    y = encoder(x).sample()
    together = remembering(6, problem(None, encoder, (2,)))
    see(together, encoder, x[:, :4], x[:, 4:8])
    for replica in range(2):
        alone = remembering(6, problem(None, encoder))
        see(alone, encoder, x[replica, :4], x[replica, 4:8])
        assert_close(together.mi(x[:, 8:], y[:, 8:])[replica], alone.mi(x[replica, 8:], y[replica, 8:]))


def test_a_memory_that_is_smaller_than_a_batch_keeps_its_last_samples() -> None:
    x, encoder = images(12), Encoder()
    y = encoder(x).sample()
    estimator = remembering(3, problem(None, encoder))
    see(estimator, encoder, x[:8])
    expected = by_hand(encoder, x[8:], y[8:], [encoder(x[i]) for i in (5, 6, 7)], 0).mean()
    assert_close(estimator.mi(x[8:], y[8:]), expected)


def test_a_memory_goes_on_after_a_checkpoint_as_one_that_was_not_interrupted() -> None:
    x, encoder = images(40), Encoder()
    whole, resumed = (remembering(9, problem(None, encoder)) for _ in range(2))
    see(whole, encoder, x[:5], x[5:12])
    restore(resumed, snapshot(whole))
    encoder.weights *= 1.1
    for estimator in (whole, resumed):
        see(estimator, encoder, x[12:16])
    y = encoder(x[30:]).sample()
    assert whole.mi(x[30:], y).equal(resumed.mi(x[30:], y))
    assert not whole.mi(x[30:], y).equal(remembering(9, problem(None, encoder)).mi(x[30:], y))


def test_asking_for_a_value_or_a_gradient_remembers_nothing() -> None:
    x, encoder = images(20), Encoder()
    y = encoder(x).sample()
    estimator = remembering(9, problem(None, encoder))
    see(estimator, encoder, x[:5])
    before = estimator.mi(x[5:10], y[5:10])
    slope(estimator, x[10:], y[10:])
    assert estimator.mi(x[5:10], y[5:10]).equal(before)


def test_without_a_memory_the_estimate_is_what_it_was() -> None:
    assert L1OutParams(conditional="known", memory=0) == L1OutParams(conditional="known")
    x, encoder = images(6), Encoder()
    y = encoder(x).sample()
    assert_close(remembering(0, problem(None, encoder)).mi(x, y), by_hand(encoder, x, y, [], 0).mean())


def test_a_batch_of_one_needs_something_to_be_remembered() -> None:
    x, encoder = images(6), Encoder()
    y = encoder(x).sample()
    estimator = remembering(4, problem(None, encoder))
    with pytest.raises(SmallBatchError):
        estimator.mi(x[:1], y[:1])
    see(estimator, encoder, x[1:])
    assert estimator.mi(x[:1], y[:1]).isfinite()


def test_it_keeps_the_contract_with_a_memory() -> None:
    verdicts = check_estimator("l1out[conditional=known,memory=300]", conditional=True, steps=20)
    assert [verdict.message for verdict in verdicts if verdict.status == "failed"] == []
    assert {verdict.name for verdict in verdicts if verdict.status == "passed"} >= {"resume", "replicas", "bound"}


def laplace(x: Tensor) -> Distribution:
    return Laplace(x[..., :DY], 1.0)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [({"memory": -1, "conditional": "known"}, "`memory` is at least 0"), ({"memory": 8}, "add conditional=known")],
)
def test_a_memory_that_cannot_be_is_refused(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        L1OutParams(**parameters)


def test_a_memory_asks_for_a_normal_conditional_and_for_the_replicas_of_its_problem() -> None:
    with pytest.raises(UnfitError, match="needs p"):
        remembering(8, problem(None, None))
    x = images(4)
    heavy = replace(problem(None, Encoder()), conditional=laplace)
    with pytest.raises(UnfitError, match="normal with independent coordinates"):
        remembering(8, heavy).update(x, x[:, :DY])
    with pytest.raises(ValueError, match="memory is one for replicas"):
        remembering(8, problem(None, Encoder())).update(x[None], x[None, :, :DY])


def test_without_another_value_of_x_there_is_no_mean_over_others() -> None:
    encoder, batch = Encoder(), images(1)
    estimator = remembering(20, problem(None, encoder))
    see(estimator, encoder, batch)
    see(estimator, encoder, batch)
    for answer in (estimator.mi, estimator.surrogate):
        with pytest.raises(SmallBatchError, match="no other value of x is known"):
            answer(batch, encoder(batch).mean)


def test_a_memory_that_no_machine_has_is_refused_with_its_size() -> None:
    with pytest.raises(UnfitError, match=r"1,000,000,000,000 components takes .* GiB"):
        remembering(10**12, problem(None, Encoder()))


def moments(encoder: Conditional, x: Tensor) -> Normals:
    law = encoder(x)
    return Normals(law.mean, law.stddev)


@pytest.mark.parametrize("known", [True, False])
def test_where_all_x_differ_numbers_are_those_of_equal_weights_to_the_last_bit(known: bool) -> None:
    x, encoder = images(40), Encoder()
    estimator = remembering(12, problem(x if known else None, encoder))
    see(estimator, encoder, *x.split(5), *x[:10].split(5))
    batch = x[[2, 7, 8, 33, 20]]  # the first three are remembered, and rest
    y, own = encoder(batch).sample(), moments(encoder, batch)
    kept = snapshot(estimator)["_memory"]
    slots = Normals(kept["_mean"], kept["_std"])
    present = ~(slots.mean[:, None] == own.mean).all(-1).any(-1)
    assert present.sum() == 9
    known_now = Normals(torch.cat([own.mean, slots.mean]), torch.cat([own.std, slots.std]))
    others = mixture_density(known_now, y, torch.arange(5), torch.cat([torch.ones(5, dtype=torch.bool), present]))
    expected = log_ratio(own_density(own, y), others, 1 / 40 if known else 0.0).log.mean()
    assert torch.equal(estimator.mi(batch, y), expected)


def repeated(*times: int) -> tuple[Tensor, Tensor]:
    """Values of x, and a population in which they occur so many times."""
    values = images(len(times))
    return values, values.repeat_interleave(torch.tensor(times), 0)


def exact(population: Tensor, encoder: Conditional) -> Exact:
    return Exact(ExactParams(), replace(problem(population, encoder), generators=(torch.Generator(),)))


@pytest.mark.parametrize("times", [(5, 5, 5, 5, 5, 5), (1, 2, 40, 7, 1, 13), (1, 1, 1, 1, 1, 2), (300, 1, 1, 1, 1, 90)])
@pytest.mark.parametrize("memory", [6, 2000])
def test_a_memory_of_all_values_is_exact_however_often_they_occur(times: tuple[int, ...], memory: int) -> None:
    values, population = repeated(*times)
    encoder = Encoder()
    estimator = remembering(memory, problem(population, encoder))
    see(estimator, encoder, population, values[:2], values[1:2].repeat(30, 1))
    x = values[torch.tensor([2, 2, 0, 5, 1, 2])]
    y = encoder(x).sample()
    assert_close(estimator.mi(x, y), exact(population, encoder).mi(x, y))
    assert_close(slope(estimator, x, y), slope(exact(population, encoder), x, y))


def test_a_population_of_one_value_tells_nothing() -> None:
    _, population = repeated(7)
    encoder = Encoder()
    estimator = remembering(3, problem(population, encoder))
    see(estimator, encoder, population[:2])
    y = encoder(population).sample()
    assert_close(estimator.mi(population, y), torch.zeros((), dtype=torch.float64))
    assert_close(slope(estimator, population, y)[1], torch.zeros_like(y))


@pytest.mark.parametrize("seen", [4, 12, 25])
def test_values_that_were_seen_stand_for_the_rest_by_weight_without_bias(seen: int) -> None:
    counts = torch.tensor([1] * 16 + [3] * 8 + [12] * 4)
    size, repetitions = int(counts.sum()), 4000
    draw = torch.Generator().manual_seed(2)
    first = torch.empty(repetitions, len(counts)).exponential_(generator=draw) / counts  # when each value is seen
    present = first <= first.kthvalue(seen, -1, keepdim=True).values
    weights = seen_weights(counts.expand(repetitions, -1), present, size)
    assert_close(weights.sum(-1), torch.full((repetitions,), float(size), dtype=torch.float64))
    for times in (1, 3, 12):
        share = (weights * (counts == times)).sum(-1) / size
        bias = share.mean().item() - (counts * (counts == times)).sum().item() / size
        assert abs(bias) < 4 * share.std().item() / math.sqrt(repetitions) + 0.05 / seen


def test_a_memory_of_some_values_is_near_to_exact_where_they_repeat() -> None:
    _, population = repeated(*[1] * 60, *[4] * 30, *[20] * 10)
    encoder = Encoder()
    estimator = remembering(50, problem(population, encoder))
    draw = torch.Generator().manual_seed(1)
    excess: list[float] = []
    for rows in torch.randint(len(population), (60, 16), generator=draw):
        x = population[rows]
        y = encoder(x).sample()
        estimator.update(x, y)
        excess.append((estimator.mi(x, y) - exact(population, encoder).mi(x, y)).item())
    assert sum(excess[10:]) / 50 == pytest.approx(0, abs=0.03)


@pytest.mark.parametrize("memory", [30, 200])
def test_without_a_known_population_samples_of_one_x_count_as_others_do(memory: int) -> None:
    _, population = repeated(2, 3, 5, 1, 9)
    encoder, draw = Encoder(), torch.Generator().manual_seed(4)
    estimator = remembering(memory, problem(None, encoder))
    batches = [population[torch.randint(len(population), (10,), generator=draw)] for _ in range(12)]
    see(estimator, encoder, *batches)
    x, rest = batches[-1], torch.cat(batches)[-memory:-10]
    y = encoder(x).sample()
    assert_close(estimator.mi(x, y), by_hand(encoder, x, y, [encoder(each) for each in rest], 0).mean())


def test_all_samples_of_an_x_have_the_component_that_was_seen_last() -> None:
    x, encoder = images(3)[[0, 0, 1, 2]], Encoder()
    estimator = remembering(20, problem(None, encoder))
    see(estimator, encoder, x)
    old = Encoder()(x[3])
    encoder.weights *= 1.3
    see(estimator, encoder, x[1:3])
    batch = images(6)[4:]
    y = encoder(batch).sample()
    others = [encoder(x[i]) for i in (0, 0, 0, 2, 2)] + [old]
    assert_close(estimator.mi(batch, y), by_hand(encoder, batch, y, others, 0).mean())


def test_a_batch_of_one_x_alone_tells_nothing() -> None:
    encoder, batch = Encoder(), images(1).repeat(4, 1)
    estimator = remembering(20, problem(None, encoder))
    y = encoder(batch).sample()
    assert_close(estimator.mi(batch, y), torch.zeros((), dtype=torch.float64))


def test_replicas_whose_x_repeat_leave_others_as_they_are() -> None:
    encoder = Encoder()
    x = torch.stack([images(12), images(3).repeat(4, 1)])
    y = encoder(x).sample()
    together = remembering(8, problem(None, encoder, (2,)))
    see(together, encoder, x[:, :6], x[:, 6:], x[:, :6])
    for replica in range(2):
        alone = remembering(8, problem(None, encoder))
        see(alone, encoder, x[replica, :6], x[replica, 6:], x[replica, :6])
        assert_close(together.mi(x, y)[replica], alone.mi(x[replica], y[replica]))


def test_a_law_that_does_not_answer_for_each_x_by_itself_is_refused_when_it_is_first_remembered() -> None:
    def whitened(x: Tensor) -> Distribution:
        return Independent(Normal((x / x.std(-2, keepdim=True))[..., :DY], 0.3), 1)

    x = images(24)
    with pytest.raises(UnfitError, match="answers for each x by itself"):
        remembering(8, problem(None, whitened)).update(x, x[:, :DY])
    with pytest.raises(UnfitError, match="answers for each x by itself"):
        remembering(8, problem(x, whitened))
    asked: list[int] = []

    def counted(x: Tensor) -> Distribution:
        asked.append(len(x))
        return Encoder()(x)

    estimator = remembering(8, problem(None, counted))
    see(estimator, Encoder(), x[:10], x[10:20])
    assert asked == [10, 10, 10, 10]
