"""What every family's tests share: the proof of its truth, and its gradient as a number."""

import torch

from mibench.families import Family
from mibench.testing.families import Effort, check_truth, failures


def prove(family: Family, effort: Effort | None = None) -> None:
    """Fails with every claim that does not hold."""
    found = failures(check_truth(family, effort))
    assert not found, "\n".join(found)


def value(family: Family) -> float:
    """I(X;Y) in nats at the cell's own theta."""
    return family.information(family.at(torch.float64)).item()


def slope(family: Family, name: str) -> float:
    """dI/d(name) by autograd at the cell's own theta."""
    theta = {key: one.requires_grad_() for key, one in family.at(torch.float64).items()}
    (found,) = torch.autograd.grad(family.information(theta), theta[name])
    return found.item()
