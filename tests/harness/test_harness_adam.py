import math
import re
import subprocess
import sys
from typing import Any

import pytest
import torch

from mibench.adam import Adam


@pytest.mark.parametrize("maximize", [False, True])
def test_the_functional_form_takes_the_steps_of_the_optimiser(maximize: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    ours = [torch.randn(shape, generator=generator).requires_grad_() for shape in [(3, 4, 5), (7,)]]
    theirs = [parameter.detach().clone().requires_grad_() for parameter in ours]
    adam = Adam(ours, 1e-2, maximize=maximize)
    reference = torch.optim.Adam(theirs, lr=1e-2, maximize=maximize, fused=True)
    for _ in range(6):
        adam.step(torch.autograd.grad(sum((parameter**2).cos().sum() for parameter in ours), ours))
        reference.zero_grad()
        sum((parameter**2).cos().sum() for parameter in theirs).backward()
        reference.step()
    assert all(torch.equal(parameter, expected) for parameter, expected in zip(ours, theirs, strict=True))


def test_training_does_not_load_the_compiler() -> None:
    code = """
import sys, torch
from mibench import Problem
from mibench_variational.mine import Mine, MineParams
mine = Mine(MineParams(hidden=(4,)), Problem(dx=2, dy=2, generators=(torch.Generator(),)))
mine.update(torch.randn(8, 2), torch.randn(8, 2))
sys.exit("torch._dynamo" in sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_gradient_in_another_memory_layout_is_the_same_gradient() -> None:
    generator = torch.Generator().manual_seed(0)
    weight, gradient = torch.randn(4, 3, 2, 2, generator=generator), torch.randn(4, 3, 2, 2, generator=generator)
    plain, permuted = weight.clone(), weight.clone()
    Adam([plain], 1e-2).step([gradient])
    Adam([permuted], 1e-2).step([gradient.contiguous(memory_format=torch.channels_last)])
    assert torch.equal(plain, permuted)


@pytest.mark.parametrize("gradient", [torch.ones(1), torch.ones(4, 3), torch.ones(4), None])
def test_a_gradient_of_another_shape_is_refused_and_changes_nothing(gradient: Any) -> None:
    weights = [torch.zeros(2), torch.zeros(3, 4)]
    given = "None" if gradient is None else f"one of shape {tuple(gradient.shape)}"
    adam = Adam(weights, 1e-2)
    with pytest.raises(ValueError, match=re.escape(f"shape (3, 4) takes a gradient of that shape, not {given}")):
        adam.step([torch.ones(2), gradient])
    assert not any(weight.any() for weight in weights)


def test_a_graph_from_before_a_step_is_refused_by_autograd() -> None:
    weight, x = torch.ones(3, requires_grad=True), torch.ones(3, requires_grad=True)
    loss = (weight.detach() * x).square().sum()
    Adam([weight], 0.1).step([torch.ones(3)])
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_parameters_in_float16_are_refused() -> None:
    Adam([torch.zeros(2, dtype=torch.bfloat16)], 0.1)
    with pytest.raises(ValueError, match=r"vanish in torch.float16: train in torch.float32 or torch.bfloat16"):
        Adam([torch.zeros(2, dtype=torch.float16)], 0.1)


@pytest.mark.parametrize("rate", [-1.0, math.nan])
def test_a_learning_rate_that_torch_refuses_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="Invalid learning rate"):
        torch.optim.Adam([torch.zeros(2)], rate)
    with pytest.raises(ValueError, match=f"learning_rate is a number from 0, not {rate}"):
        Adam([torch.zeros(2)], rate)
