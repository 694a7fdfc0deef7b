"""Estimators that the bottleneck copes with: of a third party, turning to NaN, without a gradient, failing judges."""

from pathlib import Path

import torch
from torch import Tensor

from mibench.contracts import Estimator
from mibench.errors import UnfitError
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


class Raises(Scale):
    def surrogate(self, x: Tensor, y: Tensor) -> Tensor:
        raise RuntimeError("it broke")


class Graphless(Scale):
    def surrogate(self, x: Tensor, y: Tensor) -> Tensor:
        return super().surrogate(x, y.detach())


class Shapeless(Scale):
    def surrogate(self, x: Tensor, y: Tensor) -> Tensor:
        return y.square().mean(-1)


class Backwards(Scale):
    """Breaks where its gradient is taken."""

    def surrogate(self, x: Tensor, y: Tensor) -> Tensor:
        made = super().surrogate(x, y)
        made.register_hook(_break)
        return made


def _break(gradient: Tensor) -> Tensor:
    raise RuntimeError("its gradient broke")


class Unmade(Scale):
    def __init__(self, params: object, problem: object) -> None:
        raise RuntimeError("it was not made")


class Unfit(Scale):
    def __init__(self, params: object, problem: object) -> None:
        raise UnfitError("it does not fit")


JUDGES = {
    "raises": Raises,
    "graphless": Graphless,
    "shapeless": Shapeless,
    "backwards": Backwards,
    "unmade": Unmade,
    "unfit": Unfit,
}


@hookimpl
def mibench_estimators() -> list[EstimatorSpec]:
    return [
        EstimatorSpec(name="scale", target="ib_toys:Scale", estimates=GRADIENT),
        EstimatorSpec(name="nan", target="ib_toys:Nan", estimates=GRADIENT),
        EstimatorSpec(name="value-only", target="ib_toys:Scale", estimates={"value"}),
        *(EstimatorSpec(name=name, target=kind, estimates=GRADIENT) for name, kind in JUDGES.items()),
    ]
