"""Replicas whose samples hold NaN or infinity: what is said of them is NaN, and of the others what it would be."""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mibench.devices import free_to_ask


def finite_replicas(samples: Float[Tensor, "*replicas n d"]) -> Bool[Tensor, "*replicas"]:
    """Which replicas hold finite numbers alone."""
    return samples.isfinite().all(-1).all(-1)


def finite_factor(samples: Float[Tensor, "*replicas n d"]) -> Float[Tensor, "*replicas"] | None:
    """1 for replicas that are finite and NaN for others; `None`, on a CPU, if all are finite.

    A product with it is NaN in value and gradient, or bit for bit what it was.
    """
    if free_to_ask(samples) and math.isfinite(samples.detach().sum().item()):
        return None  # the usual case
    return torch.where(finite_replicas(samples), 1.0, torch.nan)


def nan_unless_finite(
    values: Float[Tensor, "*replicas"], *samples: Float[Tensor, "*replicas n d"]
) -> Float[Tensor, "*replicas"]:
    """The values, which are NaN, and so are their gradients, in replicas where some of the samples are not finite."""
    for block in samples:
        factor = finite_factor(block)
        values = values if factor is None else values * factor.to(values.dtype)
    return values
