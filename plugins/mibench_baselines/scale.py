"""Samples of any scale: squares that are numbers where those of the samples over- or underflow.

Products with powers of two change no digit, so that what follows from them is the same to the last bit.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from mibench.devices import free_to_ask

_ORDINARY = 2.0**256
"""Coordinates whose largest number lies between this and its inverse have squares and covariances in float64."""


def power(z: Float[Tensor, "*replicas n d"]) -> Float[Tensor, "*replicas 1 d"]:
    """The power of two next to the largest number of each coordinate: what z over it has squares that are numbers."""
    exponent = torch.frexp(z.detach().abs().amax(-2, keepdim=True)).exponent - 1
    return torch.exp2(exponent.to(z.dtype)).clamp_min(torch.finfo(z.dtype).tiny)  # whose inverse is a number


def deviation(centred: Float[Tensor, "*replicas n d"]) -> Float[Tensor, "*replicas 1 d"]:
    """The standard deviation of each coordinate of samples of mean 0."""
    size = power(centred)
    return (centred / size).square().mean(-2, keepdim=True).sqrt() * size


def ordinary(z: Float[Tensor, "*replicas n d"]) -> Float[Tensor, "*replicas n d"]:
    """The samples, with coordinates of extreme scale over their `power`; differentiable.

    For what does not depend on units, made in float64: samples of ordinary scale stay as they are.
    """
    size = power(z)
    extreme = (size > _ORDINARY) | (size < 1 / _ORDINARY)
    if free_to_ask(z) and not extreme.any():
        return z  # the usual case
    return z / torch.where(extreme, size, 1.0)
