"""What a representation is like, beside what probes read off it: its scale and how many dimensions it uses."""

import torch
from jaxtyping import Float
from torch import Tensor


def deviation(y: Float[Tensor, "n dimension"]) -> float:
    """The standard deviation of a coordinate, averaged over coordinates: it drifts where scores are shrunk."""
    return y.double().std(0).mean().item()


def effective_rank(y: Float[Tensor, "n dimension"]) -> float:
    """exp of the entropy of the normalised singular values of the centred samples (Roy & Vetterli, EUSIPCO 2007).

    Between 1, all on a line, and the dimension, equal variance in every direction; NaN where all samples are the same.
    """
    values = torch.linalg.svdvals(y.double() - y.double().mean(0))
    return torch.special.entr(values / values.sum()).sum().exp().item()
