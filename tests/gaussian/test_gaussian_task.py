from dataclasses import dataclass, replace

import pytest
import torch
from mibench_gaussian.correlated import Cell, CorrelatedGaussians
from torch import Tensor

from mibench import Context, Estimator, EstimatorSpec, Measurement, Problem, gaussians
from mibench.bends import BendName

SPEC = EstimatorSpec(name="exact", target="tests:Exact", estimates={"value", "gradient"})
SEEDS = (0, 1, 2, 3)


class Exact(Estimator):
    """The exact critic of unbent Gaussians: mean log ratio, and its gradient in y."""

    @dataclass(frozen=True, kw_only=True)
    class Params:
        rho: float = 0.5

    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        return gaussians.log_ratio(self._rho(x), x, y).mean(-1)

    def surrogate(self, x: Tensor, y: Tensor) -> Tensor:
        return gaussians.log_ratio(self._rho(x), x, y).mean(-1)

    def _rho(self, x: Tensor) -> Tensor:
        return torch.full(x.shape[:-2], self.params.rho).to(x)


class Watcher(Exact):
    """Keeps what it is given."""

    def __init__(self, params: Exact.Params, problem: Problem) -> None:
        super().__init__(params, problem)
        self.batches: list[tuple[Tensor, Tensor]] = []

    def update(self, x: Tensor, y: Tensor) -> None:
        self.batches.append((x, y))


def context(kind: type[Exact] = Exact, rho: float = 0.5, seeds: tuple[int, ...] = SEEDS, **spec: object) -> Context:
    return Context(
        spec=replace(SPEC, **spec),
        build=lambda problem: kind(Exact.Params(rho=rho), problem),
        data=tuple(torch.Generator().manual_seed(seed) for seed in seeds),
        init=tuple(torch.Generator().manual_seed(seed) for seed in seeds),
        device=torch.device("cpu"),
        dtype=torch.float64,
    )


def run(cell: Cell, used: Context) -> list[dict[str, Measurement]]:
    measured = CorrelatedGaussians().run([cell] * len(used.data), used)
    return [{measurement.name: measurement for measurement in trial} for trial in measured]


@pytest.mark.parametrize("rho", [-0.6, 0.5, 0.8])
def test_the_exact_critic_measures_the_truth(rho: float) -> None:
    cell = Cell(d=5, rho=rho, n=20_000)
    for trial in run(cell, context(rho=rho)):
        assert trial["mi"].value == pytest.approx(trial["mi"].truth, rel=0.03)
        assert trial["mi_gradient"].value == pytest.approx(trial["mi_gradient"].truth, rel=0.04)
        assert trial["gradient_cosine"].value == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("bend", ["asinh", "sinh"])
def test_a_bend_that_the_critic_undoes_changes_nothing(bend: BendName) -> None:
    undo = {"asinh": torch.sinh, "sinh": torch.asinh}[bend]

    class Unbending(Exact):
        def surrogate(self, x: Tensor, y: Tensor) -> Tensor:
            return super().surrogate(undo(x), undo(y))

    straight = run(Cell(d=3, rho=0.5), context())
    bent = run(Cell(d=3, rho=0.5, bend=bend), context(Unbending, estimates={"gradient"}))
    for before, after in zip(straight, bent, strict=True):
        assert after["mi_gradient"].value == pytest.approx(before["mi_gradient"].value, rel=1e-9)
        assert after["gradient_cosine"].value == pytest.approx(1, abs=1e-9)


def test_rotations_hide_the_pairing_of_coordinates() -> None:
    (trial,) = run(Cell(d=8, rho=0.5, n=4096, rotate=True), context(seeds=(0,)))
    assert abs(trial["gradient_cosine"].value) < 0.9


def test_only_declared_quantities_are_measured() -> None:
    (value,) = run(Cell(d=2), context(seeds=(0,), estimates={"value"}))
    (gradient,) = run(Cell(d=2), context(seeds=(0,), estimates={"gradient"}))
    assert set(value) == {"mi"}
    assert set(gradient) == {"mi_gradient", "gradient_cosine"}


def test_the_cosine_is_left_out_where_the_gradient_vanishes() -> None:
    (trial,) = run(Cell(d=2, rho=0.0), context(seeds=(0,)))
    assert set(trial) == {"mi", "mi_gradient"}


@pytest.mark.parametrize(("needs", "expected"), [({"training"}, 7), (set[str](), 0)])
def test_estimators_that_train_get_fresh_batches(needs: set[str], expected: int) -> None:
    built: list[Watcher] = []

    def build(problem: Problem) -> Watcher:
        built.append(Watcher(Exact.Params(), problem))
        return built[-1]

    used = replace(context(Watcher, needs=frozenset(needs)), build=build)
    run(Cell(d=2, n=16, steps=7), used)
    batches = built[0].batches
    assert len(batches) == expected
    assert len({x.sum().item() for x, _ in batches}) == expected


def test_a_replica_does_not_depend_on_its_neighbours() -> None:
    together = run(Cell(d=4), context())
    alone = [run(Cell(d=4), context(seeds=(seed,)))[0] for seed in SEEDS]
    for in_batch, by_itself in zip(together, alone, strict=True):
        assert in_batch["mi"].value == pytest.approx(by_itself["mi"].value, rel=1e-12)


def test_replicas_may_differ_in_rho() -> None:
    cells = [Cell(d=3, rho=rho) for rho in (-0.5, 0.0, 0.5, 0.7)]
    truths = [trial[0].truth for trial in CorrelatedGaussians().run(cells, context())]
    rhos = torch.tensor([cell.rho for cell in cells], dtype=torch.float64)
    assert truths == gaussians.mutual_information(rhos, 3, 3).tolist()


@pytest.mark.parametrize(
    "wrong", [{"rho": 1.0}, {"rho": 0.99999998}, {"rho": -0.99999999}, {"d": 0}, {"n": 1}, {"steps": -1}]
)
def test_impossible_cells_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Cell(**wrong)


def test_the_conditional_is_offered_unless_bent() -> None:
    problems: list[Problem] = []

    def build(problem: Problem) -> Exact:
        problems.append(problem)
        return Exact(Exact.Params(), problem)

    for cell in (Cell(d=2), Cell(d=2, bend="sinh"), Cell(d=2, rotate=True)):
        run(cell, replace(context(), build=build))
    assert [problem.conditional is None for problem in problems] == [False, True, True]


def test_an_estimator_that_reads_the_conditional_alone_has_no_cosine() -> None:
    class Rate(Exact):
        def surrogate(self, x: Tensor, y: Tensor) -> Tensor:
            assert self.problem.conditional is not None
            return self.problem.conditional(x).mean.square().sum((-1, -2)) + 0 * y.detach().sum((-1, -2))

    (trial,) = run(Cell(d=2), context(Rate, seeds=(0,), estimates={"gradient"}))
    assert set(trial) == {"mi_gradient"}
