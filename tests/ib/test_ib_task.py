"""The bottleneck does what its formula says: without a penalty nothing, with a large one everything."""

import dataclasses
import math
from collections.abc import Callable

import pandas as pd
import pytest
import torch
from ib_cases import ends
from mibench_dvb.dvb import DVB
from mibench_ib.bottleneck import SCHEDULES, Cell, InformationBottleneck, _Run
from mibench_ib.network import decode, encode
from torch.nn.functional import cross_entropy

from mibench.contracts import Context
from mibench.datasets import DataFolder
from mibench.discovery import load_plugins
from mibench.discovery.registry import Registry
from mibench.specs import DatasetSpec, EstimatorSpec

Run = Callable[..., pd.DataFrame]
CELL = Cell(dataset="digits", hidden=(16,), latent=4, batch=64, epochs=2, samples=3)


def context() -> Context:
    registry = Registry(load_plugins())
    return Context(
        spec=registry.find(EstimatorSpec, "dvb").spec,
        build=lambda problem: DVB(DVB.Params(), problem),
        data=(torch.Generator().manual_seed(1),),
        init=(torch.Generator().manual_seed(2),),
        device=torch.device("cpu"),
        dtype=torch.float32,
        folder=DataFolder(specs=[entry.spec for entry in registry.entries(DatasetSpec)]),
    ).per_trial()[0]


def test_training_is_that_of_a_bare_loop() -> None:
    run, bare = _Run(CELL, context()), _Run(CELL, context())
    for epoch in (1, 2, 3):
        run._epoch(epoch)
    weights = [weight.detach().clone().requires_grad_() for weight in bare._learner.weights]
    adam = torch.optim.Adam(weights, lr=2e-4, betas=(0.5, 0.999))
    x, labels, n = bare._train.x[0], bare._train.labels, len(bare._train.labels)
    average = [torch.zeros_like(weight) for weight in weights]
    for epoch in (1, 2, 3):
        adam.param_groups[0]["lr"] = 2e-4 * (0.96 if epoch == 3 else 1)
        for batch in torch.randperm(n, generator=bare._learner.shuffle)[: n - n % 64].split(64):
            encoding = encode(weights, x[batch])
            noise = torch.randn(1, 64, 4, generator=bare._learner.noise)[0]
            mean, std = encoding.mean, encoding.std
            kl = ((mean**2 + std**2 - 1) / 2 - std.log()).sum(-1).mean()
            loss = cross_entropy(decode(weights, mean + std * noise), labels[batch]) + 1e-3 * kl
            adam.zero_grad()
            loss.backward()
            adam.step()
            average = [0.999 * a + 0.001 * w.detach() for a, w in zip(average, weights, strict=True)]
    steps = 3 * (n // 64)
    for ours, theirs in zip(run._learner.weights, weights, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-5)
    for ours, theirs in zip(run._learner.average.weights(), average, strict=True):
        torch.testing.assert_close(ours, theirs / (1 - 0.999**steps), rtol=1e-3, atol=1e-5)


def test_schedules_are_those_of_the_paper_and_of_the_demo() -> None:
    assert (SCHEDULES["paper"].start, SCHEDULES["paper"].decay) == (2e-4, 0.96)
    assert (SCHEDULES["demo"].start, SCHEDULES["demo"].decay) == (1e-4, 0.97)


def test_without_a_weight_every_penalty_gives_the_same_network(run: Run) -> None:
    frame = run("dvb,mine[hidden=8],mige[conditional=closed],scale", beta=0)
    assert set(frame["status"]) == {"ok"}
    errors = frame[frame["measurement"].isin(["error_rate", "cross_entropy", "rate"])]
    by_epoch = errors.groupby(["measurement", "epoch"], dropna=False)["value"]
    assert (by_epoch.size() == 4).all()
    assert (by_epoch.nunique() == 1).all()


def test_a_huge_weight_drives_the_rate_to_zero_and_the_error_to_chance(run: Run) -> None:
    free, bound = (ends(run("dvb", beta=beta, epochs=12)).loc["dvb"] for beta in (0, 1000))
    assert free["rate"] > 5
    assert free["error_rate"] < 60
    assert bound["rate"] < 0.05 * free["rate"]
    assert bound["error_rate"] > 80
    assert bound["information"] < 0.1 * free["information"]


def test_a_critic_ascends_and_the_encoder_descends(run: Run) -> None:
    """With its sign turned, the penalty of MINE would raise I(Z;X)."""
    mine = "mine[hidden=16,learning_rate=1e-3]"
    free, bound = (ends(run(mine, beta=beta, epochs=10))["rate/fitted"].item() for beta in (0, 1))
    assert bound < 0.7 * free


def test_what_z_knows_stays_below_every_bound_of_it(run: Run) -> None:
    """I(Z;X) <= its Gaussian bounds, and <= log n for n test images; MINE's bound <= the rate, but for noise."""
    frame = run("dvb,mine[hidden=16,learning_rate=1e-3],scale", epochs=5)
    for _, trial in ends(frame).iterrows():
        assert 0 <= trial["information"] <= math.log(450) + 1e-9
        assert trial["information"] <= trial["rate/fitted"] + 0.05 <= trial["rate"] + 0.1
        assert trial["rate/bits"] == pytest.approx(trial["rate"] / math.log(2))
    mine = ends(frame).filter(like="mine", axis="index").iloc[0]
    assert 0.05 < mine["mi"] < mine["rate"]


def test_any_estimator_with_a_surrogate_is_a_penalty(run: Run) -> None:
    frame = run("scale", beta=10, epochs=5)
    assert set(frame["status"]) == {"ok"}
    assert ends(frame).loc["scale", "z_std"] < 0.5


def test_curves_have_a_point_an_epoch_and_end_where_the_trial_ends(run: Run) -> None:
    frame = run("dvb,dropout")
    curve = frame[frame["measurement"] == "error_rate"]
    assert sorted(curve["epoch"].dropna().unique()) == [1, 2, 3]
    last = curve[curve["epoch"] == 3].set_index("estimator")["value"]
    assert last.to_dict() == ends(frame)["error_rate"].to_dict()


def test_records_say_which_data_they_are_of(run: Run) -> None:
    assert run("baseline")["data"].str.match(r"digits: sha256:[0-9a-f]{16}$").all()


def test_the_task_declares_what_it_measures() -> None:
    assert InformationBottleneck.Params is Cell


def test_the_estimators_value_is_that_of_the_last_weights_as_is_the_rate_beside_it(run: Run) -> None:
    """DVB's value is the rate itself; the test set of digits is smaller than what `mi` is taken of."""
    measured = ends(run("dvb")).loc["dvb"]
    assert measured["mi"] == pytest.approx(measured["rate/raw"], rel=1e-5)
    assert measured["rate/bits/raw"] == pytest.approx(measured["rate/raw"] / math.log(2))
    assert measured["mi"] != pytest.approx(measured["rate"], rel=1e-3)


def test_the_estimator_is_asked_of_representations_by_the_last_weights() -> None:
    run = _Run(CELL, context())
    run._epoch(1)
    asked: list[torch.Tensor] = []

    def mi(x: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        asked.append(z)
        return z.new_zeros(1)

    run._estimator.mi = mi
    run._finish()
    last, averaged = (
        encode(weights, run._test.x).sample(run._test_noise[:1])
        for weights in (run._learner.weights, run._learner.average.weights())
    )
    torch.testing.assert_close(asked[0], last.detach())
    assert not torch.allclose(asked[0], averaged, rtol=1e-2)


def test_a_squared_penalty_has_the_gradient_of_the_square_of_the_value() -> None:
    linear, squared = (_Run(dataclasses.replace(CELL, penalty=penalty), context()) for penalty in ("linear", "squared"))
    x = linear._train.x[:, :64]
    gradients: list[torch.Tensor] = []
    for run in (linear, squared):
        encoding = encode(run._learner.weights, x)
        run._encoder.remember(x, encoding)
        penalty = run._penalty(x, encoding.mean)
        gradients.append(torch.autograd.grad(penalty, run._learner.weights[0])[0])
        value = penalty.item() if run is linear else value
    torch.testing.assert_close(gradients[1], 2 * value * gradients[0])
    assert penalty.item() == pytest.approx(value**2)


def test_a_squared_penalty_needs_a_value(run: Run) -> None:
    frame = run("mige", penalty="squared")
    assert set(frame["status"]) == {"skipped"}
