"""What every family's tests share: the proof of its truth, and its gradient as a number."""

import torch

from mibench.families import Family
from mibench.testing.families import Effort, check_truth, failures


def prove(family: Family, effort: Effort | None = None) -> None:
    """Fails with every claim that does not hold."""
    broken = failures(check_truth(family, effort))
    assert not broken, "\n".join(broken)


def value(family: Family) -> float:
    """I(X;Y) in nats at the cell's own theta."""
    return family.information(family.at(torch.float64)).item()


def slope(family: Family, name: str) -> float:
    """dI/d(name) by autograd at the cell's own theta."""
    theta = {key: value.requires_grad_() for key, value in family.at(torch.float64).items()}
    (slope,) = torch.autograd.grad(family.information(theta), theta[name])
    return slope.item()
