"""What a task is handed: data are the trial's, what an estimator draws is the estimator's own."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

import mibench
from mibench import Context, Estimator, EstimatorSpec, Problem
from mibench.runner import worker


def context(seeds: tuple[int, ...] = (0, 1, 2), dtype: torch.dtype = torch.float64) -> Context:
    return Context(
        spec=EstimatorSpec(name="a", target="tests:A", estimates={"value"}),
        build=lambda problem: Estimator(Estimator.Params(), problem),
        data=tuple(torch.Generator().manual_seed(seed) for seed in seeds),
        init=tuple(torch.Generator().manual_seed(100 + seed) for seed in seeds),
        device=torch.device("cpu"),
        dtype=dtype,
    )


def test_an_estimator_draws_from_its_own_generators_and_never_from_those_of_the_data() -> None:
    """Else an estimator that draws would see other data than one that does not: comparisons would not be paired."""
    ours = context()
    estimator = ours.estimator(2, 3)
    assert estimator.problem.generators == ours.init
    before = [generator.get_state() for generator in ours.data]
    estimator.problem.draw(lambda generator: torch.randn(5, generator=generator))
    assert all(map(torch.equal, before, [generator.get_state() for generator in ours.data]))


def test_a_context_draws_once_a_trial_from_its_data_in_its_dtype() -> None:
    drawn = context().draw(lambda generator: torch.randn(4, 2, generator=generator))
    alone = [single.draw(lambda generator: torch.randn(4, 2, generator=generator)) for single in context().per_trial()]
    assert (drawn.shape, drawn.dtype) == ((3, 4, 2), torch.float64)
    assert torch.equal(drawn, torch.cat(alone))
    counts = context().draw(lambda generator: torch.randint(9, (2,), generator=generator))
    assert counts.dtype == torch.int64


def test_a_problem_draws_in_its_own_dtype_on_its_replica_axes() -> None:
    generators = tuple(torch.Generator().manual_seed(seed) for seed in range(6))
    problem = Problem(dx=1, dy=1, generators=generators, replicas=(2, 3), dtype=torch.float64)
    drawn = problem.draw(lambda generator: torch.randn(4, generator=generator))
    assert (drawn.shape, drawn.dtype) == ((2, 3, 4), torch.float64)


def test_seconds_of_a_trial_are_a_share_of_its_batchs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock that ticks once whenever it is read."""
    seconds = {}
    for batch in (1, 4):
        ticks = iter(range(10**6))
        clock = SimpleNamespace(perf_counter=lambda ticks=ticks: float(next(ticks)))
        monkeypatch.setattr(worker, "time", clock)
        asked = {"seeds": 4, "batch": batch, "device": "cpu", "results": tmp_path / str(batch)}
        frame = mibench.run("dvb", "gaussian[d=2,n=8]", **asked)
        seconds[batch] = sum(frame.drop_duplicates("key")["seconds"]) / 4
    assert seconds[4] == pytest.approx(seconds[1] / 4)
