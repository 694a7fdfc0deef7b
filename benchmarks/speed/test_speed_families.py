"""What a family costs beside the estimator: a cell with an estimator that does nothing, its truth cached.

Pairs are drawn twice (for an update and for the evaluation), seen, and compared with the truth, value and gradient, and
with the exact score. The goal is a millisecond a cell beyond what drawing pairs and the exact log ratio cost.
"""

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from mibench.contracts import Context, Estimator
from mibench.curves import CurveTask
from mibench.curves.cells import load_task
from mibench.discovery import load_plugins
from mibench.discovery.registry import Registry
from mibench.families import Draws
from mibench.plan.selectors import combinations
from mibench.specs import EstimatorSpec, FamilySpec

REGISTRY = Registry(load_plugins())
FAMILIES = [
    "gaussian-pairs",
    "student",
    "x-mixture",
    "ring",
    "bpsk",
    "exponential-noise",
    "inliers",
    "gamma-exponential",
]


class Nothing(Estimator):
    """Estimates zero at no cost."""

    def mi(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:  # noqa: ARG002
        return 0 * y[..., 0, 0]

    surrogate = mi


@pytest.mark.parametrize("batch", [1, 16])
@pytest.mark.parametrize("name", FAMILIES)
def test_speed_of_a_cell_without_its_estimator(name: str, batch: int, benchmark: BenchmarkFixture) -> None:
    task, cells = cells_of(name, batch)
    spec = EstimatorSpec(name="nothing", target=Nothing, estimates={"value", "gradient"})

    def run() -> None:
        generators = tuple(torch.Generator().manual_seed(seed) for seed in range(batch))
        context = Context(
            spec=spec,
            build=lambda problem: Nothing(None, problem),
            data=generators,
            init=generators,
            device=torch.device("cpu"),
            dtype=torch.float32,
        )
        list(task().run(cells, context))

    run()  # the truth is computed once
    benchmark.extra_info["cells"] = batch
    benchmark.pedantic(run, rounds=30, warmup_rounds=3)


@pytest.mark.parametrize("name", FAMILIES)
def test_speed_of_the_pairs_and_log_ratio_themselves(name: str, benchmark: BenchmarkFixture) -> None:
    task, (cell,) = cells_of(name, 1)
    family = task().family(cell)
    theta = {key: value[None] for key, value in family.at(torch.float64).items()}

    def run() -> None:
        draws = Draws.seeded(0, (1,))
        family.sample(theta, cell.n, draws)
        x, y = family.sample(theta, cell.n, draws)
        leaf = y.detach().requires_grad_()
        torch.autograd.grad(family.log_ratio(theta, x, leaf).sum(), leaf)

    benchmark.pedantic(run, rounds=30, warmup_rounds=3)


def cells_of(name: str, count: int) -> tuple[type[CurveTask], list[object]]:
    spec = REGISTRY.find(FamilySpec, name).spec
    task = load_task(spec.task, name)
    assert issubclass(task, CurveTask)
    return task, combinations(
        task.Params, {**{key: values[:1] for key, values in spec.grid.items()}, "steps": [1]}, name
    ) * count
