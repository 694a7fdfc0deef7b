"""What a task is handed: data are the trial's, what an estimator draws is the estimator's own."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from torch import Tensor

import mibench
from mibench import Context, Estimator, EstimatorSpec, Problem
from mibench.checks import checked_population
from mibench.cli import main
from mibench.errors import PluginError
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


VALUES = torch.zeros(3, 5, 2, dtype=torch.float64)


@pytest.mark.parametrize(
    ("population", "message"),
    [
        (
            VALUES.float,
            r"\(3, size, 2\) of all values of x in torch.float64, not \(3, 5, 2\) in torch.float32",
        ),
        (lambda: VALUES[0], r"not \(5, 2\) in torch.float64"),
        (lambda: VALUES[:2], r"not \(2, 5, 2\) in torch.float64"),
        (lambda: VALUES[0, 0], r"not \(2,\) in torch.float64"),
        (lambda: VALUES[..., :1], r"not \(3, 5, 1\) in torch.float64"),
        (lambda: VALUES[:, :1], "of which there are at least 2, not 1"),
        (lambda: VALUES / 0, "holds numbers that are not finite"),
        (VALUES.tolist, "not a list"),
    ],
)
def test_a_population_that_is_not_one_of_x_is_the_tasks(population: Any, message: str) -> None:
    with pytest.raises(PluginError, match=f"^the task's population is .*{message}") as caught:
        context().problem(2, 3, population=population).population()
    assert "\n" not in str(caught.value)


def test_a_tensor_in_place_of_a_population_is_refused() -> None:
    with pytest.raises(PluginError, match=r"^the task's population is a function that gives .*, not a Tensor$"):
        checked_population(VALUES, 2, torch.float64, (3,))


def test_a_population_is_what_the_task_gives_and_made_when_it_is_asked_for() -> None:
    made: list[Tensor] = []

    def population() -> Tensor:
        made.append(VALUES.clone())
        return made[-1]

    given = context().problem(2, 3, population=population).population
    assert given is not None
    assert not made
    assert [given() is made[0], given() is made[1]] == [True, True]


TASK = """
import torch
from mibench import Profile, Task, TaskSpec, hookimpl

class Flat(Task):
    def run(self, cells, context):
        context.estimator(2, 2, lambda x: torch.distributions.Normal(x, 1.0), None, lambda: torch.randn(9, 2))

@hookimpl
def mibench_tasks():
    offers = {"conditional", "population"}
    return [TaskSpec(name="flat", target=Flat, requires={"value"}, offers=offers, profiles={"smoke": Profile(seeds=1)})]
"""


def test_an_estimator_is_not_blamed_for_the_population_of_its_task(tmp_path: Path) -> None:
    plugin = tmp_path / "flat_task.py"
    plugin.write_text(TASK)
    asked = [
        "run",
        "-e",
        "exact",
        "-t",
        "flat",
        "--profile",
        "smoke",
        "-p",
        str(plugin),
        "--device",
        "cpu",
        "--results",
        str(tmp_path),
    ]
    done = CliRunner().invoke(main, asked)
    assert "failed: exact: PluginError: the task's population is a tensor (1, size, 2)" in done.stderr
    assert "keep the contract" not in done.stderr
