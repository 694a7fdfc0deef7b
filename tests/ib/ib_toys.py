"""Estimators that the bottleneck must cope with: of a third party, turning to NaN, without a gradient."""

from pathlib import Path

import torch
from torch import Tensor

from mibench.contracts import Estimator
from mibench.hookspecs import hookimpl
from mibench.specs import EstimatorSpec

FILE = str(Path(__file__).resolve())
GRADIENT = frozenset({"gradient"})


class Scale(Estimator):
    """The mean square of z: a penalty that knows nothing of the bottleneck."""

    def surrogate(self, x: Tensor, y: Tensor) -> Tensor:
        return y.square().mean((-2, -1))


class Nan(Scale):
    """Turns to NaN in the second epoch of 20 steps."""

    def __init__(self, params: object, problem: object) -> None:
        super().__init__(params, problem)
        self.calls = 0

    def surrogate(self, x: Tensor, y: Tensor) -> Tensor:
        self.calls += 1
        return super().surrogate(x, y) * (torch.nan if self.calls > 30 else 1.0)


@hookimpl
def mibench_estimators() -> list[EstimatorSpec]:
    return [
        EstimatorSpec(name="scale", target="ib_toys:Scale", estimates=GRADIENT),
        EstimatorSpec(name="nan", target="ib_toys:Nan", estimates=GRADIENT),
        EstimatorSpec(name="value-only", target="ib_toys:Scale", estimates={"value"}),
    ]
