"""Correlations of functions of coordinates, and what many of them say together, in standard scores.

Under independence the squared correlations of n samples, times n, are nearly chi-squared, whatever the margins. The sum
over many pairs of coordinates loses what one of them shows. So the largest of m is looked at too: m times its p-value,
as a standard score less one. Products of functions have heavier tails than normal variables: of h, half a square, it is
the p-value of h / (1 + 6 h / n).
"""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

_CONSTANT = 1e-9
_FURTHEST = 5.0
"""Standard deviations that single values of functions are cut to: those of sin e less its linear part reach nine."""
_HEAVY = 6.0
"""How much heavier the tails of a chi-squared statistic of n samples are, in terms of its square / n."""
_ONE_OF_MANY = 1.0
"""By how much a score of the largest of many must be above that of their sum to count as much."""


def bends(e: Float[Tensor, "*replicas n d"], t: float) -> Float[Tensor, "*replicas n 2 d"]:
    """cos te and sin te less its linear part."""
    return torch.stack([(t * e).cos(), (t * e).sin() - t * math.exp(-(t**2) / 2) * e], -2)


class Squares(NamedTuple):
    """What is chi-squared under normality.

    Attributes:
        each: `(*replicas, m)`; 0 for what does not vary.
        n: samples that they are of.
        freedom: degrees of freedom of each, an even number.
        mean, half_variance: of the sum of all, `(*replicas)` each; equal where they are independent.
    """

    each: Tensor
    n: int
    freedom: int
    mean: Tensor
    half_variance: Tensor


def correlations(a: Float[Tensor, "*replicas n f p"], b: Float[Tensor, "*replicas n g q"]) -> Squares:
    """Those of f functions of p coordinates with g functions of q others, for each pair of coordinates.

    Functions are of mean 0 and variance 1, or 0.
    """
    of_a, of_b = a.flatten(-2), b.flatten(-2)
    squares = (of_a.mT @ of_b).square() / a.shape[-3]
    of_pairs = squares.unflatten(-1, b.shape[-2:]).unflatten(-3, a.shape[-2:]).sum((-4, -2))
    products = (of_one * of_other for of_one, of_other in zip(degrees(of_a), degrees(of_b), strict=True))
    return Squares(of_pairs.flatten(-2), a.shape[-3], a.shape[-2] * b.shape[-2], *products)


def degrees(columns: Float[Tensor, "*replicas n m"]) -> tuple[Tensor, Tensor]:
    """How many columns vary, and the sum of the squared correlations of all with all, as these samples have them."""
    count = (columns.square().sum(-2) > 0).sum(-1).clamp_min(1).to(columns)
    correlations = (columns.mT @ columns / columns.shape[-2]).square().sum((-2, -1))
    return count, correlations.maximum(count)


def standardised(functions: Float[Tensor, "*replicas n f d"]) -> Float[Tensor, "*replicas n f d"]:
    """Of mean 0 and variance 1; 0 where they are constant."""
    functions = functions - functions.mean(-3, keepdim=True)
    scale = functions.square().mean(-3, keepdim=True).sqrt()
    return torch.where(scale > _CONSTANT, functions / scale.clamp_min(_CONSTANT), 0.0)


def cut(functions: Float[Tensor, "*replicas n f d"]) -> Float[Tensor, "*replicas n f d"]:
    """No further from 0 than `_FURTHEST`, so that no single sample makes a pair the largest."""
    return functions.clamp(-_FURTHEST, _FURTHEST)


def of_sum(squares: Squares) -> Float[Tensor, "*replicas"]:
    """The standard score of their sum."""
    return (squares.each.sum(-1) - squares.mean) / (2 * squares.half_variance).sqrt()


def of_largest(squares: Squares) -> Float[Tensor, "*replicas"]:
    """The standard score of the largest of them, less `_ONE_OF_MANY`."""
    half = squares.each.amax(-1) / 2
    half = half / (1 + _HEAVY * half / squares.n)
    tail = torch.stack([half**k / math.factorial(k) for k in range(squares.freedom // 2)]).sum(0)
    return of_chance(squares.mean / squares.freedom * (-half).exp() * tail)


def of_chance(several: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
    """The standard score of the smallest of several p-values, from that times their number, less `_ONE_OF_MANY`."""
    return -torch.special.ndtri(several.clamp(1e-300, 0.5)) - _ONE_OF_MANY
