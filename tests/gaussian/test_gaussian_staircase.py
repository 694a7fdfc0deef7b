import math
from dataclasses import dataclass

import pytest
import torch
from mibench_gaussian.staircase import Staircase, StaircaseCell, level_nats
from torch import Tensor

from mibench import Context, Estimator, EstimatorSpec, Measurement, Problem, gaussians


class Climber(Estimator):
    """The exact critic of each level in turn, told apart by the number of updates."""

    @dataclass(frozen=True, kw_only=True)
    class Params:
        pass

    def __init__(self, params: Params, problem: Problem, steps: int) -> None:
        super().__init__(params, problem)
        self.steps, self.updates = steps, 0

    def update(self, x: Tensor, y: Tensor) -> None:
        self.updates += 1

    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        rho = gaussians.correlation(level_nats(1 + self.updates // self.steps), x.shape[-1], y.shape[-1])
        return gaussians.log_ratio(torch.full(x.shape[:-2], rho).to(x), x, y).mean(-1)


def climb(cell: StaircaseCell, seeds: tuple[int, ...] = (0, 1)) -> tuple[list[dict[str, Measurement]], Climber]:
    built: list[Climber] = []

    def build(problem: Problem) -> Climber:
        built.append(Climber(Climber.Params(), problem, cell.steps))
        return built[-1]

    context = Context(
        spec=EstimatorSpec(name="climber", target="tests:Climber", estimates={"value"}),
        build=build,
        data=tuple(torch.Generator().manual_seed(seed) for seed in seeds),
        init=tuple(torch.Generator() for _ in seeds),
        device=torch.device("cpu"),
        dtype=torch.float64,
    )
    measured = Staircase().run([cell] * len(seeds), context)
    (climber,) = built
    return [{measurement.name: measurement for measurement in trial} for trial in measured], climber


def test_levels_are_two_bits_apart() -> None:
    assert [level_nats(level) for level in (1, 5)] == pytest.approx([2 * math.log(2), 10 * math.log(2)])


def test_one_estimator_climbs_every_level_and_reads_each_near_its_truth() -> None:
    cell = StaircaseCell(d=5, n=256, steps=40, levels=3)
    trials, climber = climb(cell)
    assert climber.updates == 3 * 40
    for trial in trials:
        assert [name for name in trial if name.startswith("mi/")] == ["mi/1.386", "mi/2.773", "mi/4.159"]
        for name in ("mi/1.386", "mi/2.773", "mi/4.159"):
            error = 5 * trial[name.replace("mi", "mi_std")].value / math.sqrt(20)
            assert trial[name].value == pytest.approx(trial[name].truth, abs=error)


def test_only_the_second_half_of_a_level_is_read() -> None:
    trials, _ = climb(StaircaseCell(d=2, n=8, steps=2, levels=1), seeds=(0,))
    assert trials[0]["mi_std/1.386"].value == 0


@pytest.mark.parametrize("wrong", [{"steps": 1}, {"levels": 0}, {"levels": 14, "d": 1}, {"n": 1}, {"d": 0}])
def test_impossible_staircases_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"is at least|are needed"):
        StaircaseCell(**wrong)
