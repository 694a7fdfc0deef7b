import subprocess
import sys

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
