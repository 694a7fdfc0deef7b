"""Steps ask nothing of the device: on tensors without numbers, whose numbers nobody can ask for, they go through."""

from typing import Any

import pytest
import torch
from mibench_mige import MIGE, DenoisingMIGE, SlicedMIGE
from mibench_mige.mige_calibrated import CalibratedMIGE
from mibench_ratio import LSMI, RSM

from mibench.contracts import Problem

NOTHING_ADAPTS = {"normality": False, "clusters": "none", "directions": "none"}


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        (MIGE, {}),
        (MIGE, {"score": "stein", "calibration": "diagonal", "width": "neighbours"}),
        (MIGE, {"score": "nu", "kernel": "curl-free"}),
        (CalibratedMIGE, {}),
        (DenoisingMIGE, {}),
        (SlicedMIGE, {}),
        (LSMI, {}),
        (RSM, NOTHING_ADAPTS),
        (RSM, NOTHING_ADAPTS | {"linear": "ridge", "tails": "none"}),
    ],
    ids=str,
)
@pytest.mark.parametrize("replicas", [(), (3,)])
def test_a_step_does_not_wait_for_the_device(kind: Any, params: dict[str, Any], replicas: tuple[int, ...]) -> None:
    generators = tuple(torch.Generator().manual_seed(seed) for seed in range(max(1, sum(replicas))))
    made = kind(
        kind.Params(**params),
        Problem(dx=2, dy=3, generators=generators, replicas=replicas, device=torch.device("meta")),
    )
    x = torch.empty(*replicas, 40, 2, device="meta", requires_grad=True)
    y = torch.empty(*replicas, 40, 3, device="meta", requires_grad=True)
    made.update(x.detach(), y.detach())
    in_x, in_y = torch.autograd.grad(made.surrogate(x, y).sum(), (x, y))
    assert (in_x.shape, in_y.shape) == (x.shape, y.shape)
