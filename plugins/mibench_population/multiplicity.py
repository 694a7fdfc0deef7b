r"""The density of y where values of x are some of a population's, in which they occur more or less often.

x_k is that of m_k of N rows. Where the values of S have been seen, as the last different ones of samples,

.. math:: p(y) \approx \sum_{k \in S} \frac{m_k}{N \pi_k} \, p(y \mid x_k), \qquad
    \pi_k = 1 - e^{-m_k t}, \qquad \sum_{k \in S} \frac{m_k}{\pi_k} = N,

by Horvitz & Thompson, A Generalization of Sampling Without Replacement From a Finite Universe, JASA 1952. Going back in
time, in shuffled epochs as in independent draws, values turn up as if each came first after an exponential time of rate
m_k: pi_k is the chance that it is among those of a time t, which follows from what has been seen. Weights are the
multiplicities where all values have been seen, and equal where all m_k are. The mean over the values other than a
sample's own has an error of the order of 1 / |S|, relative to the weight of each, and else no bias.
"""

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mibench_population.mixture import Density, Normals, mixture_density

_NEWTON = 64
"""Steps towards t; each adds 1 / m to it at least while it is too small."""
_ALL = 64.0
"""A time after which the chance not to have been seen is lost beside 1 in double precision."""


def seen_weights(
    counts: Int[Tensor, "*replicas k"], present: Bool[Tensor, "*replicas k"], size: int
) -> Float[Tensor, "*replicas k"]:
    """m / pi of the values that are present, 0 of others, in double precision.

    Args:
        counts: how many rows of the population are of each value.
        present: which values have been seen.
        size: rows of the population.
    """
    rate = counts.double()
    time = present.sum(-1, keepdim=True).double() / size
    for _ in range(_NEWTON):
        missed = (-rate * time).exp()
        chance = 1 - missed
        excess = (rate / chance).where(present, 0.0).sum(-1, keepdim=True) - size
        slope = (rate.square() * missed / chance.square()).where(present, 0.0).sum(-1, keepdim=True)
        step = excess / slope.clamp_min(torch.finfo(slope.dtype).tiny)
        time = (time + step.clamp_min(0)).clamp_max(_ALL)
    return (rate / -torch.expm1(-rate * time)).where(present, 0.0)


def weighted_density(
    components: Normals,
    y: Float[Tensor, "*replicas n d"],
    weights: Float[Tensor, "*replicas k"],
    without: Int[Tensor, "*replicas n"],
) -> Density:
    """The density of each sample under the components by weight, without one of them, which has a weight.

    A weight is the density of a further coordinate, in which all means and samples are 0, and 1 / weight is the noise.
    """
    present = weights > 0
    largest = weights.amax(-1, keepdim=True)
    noise = torch.where(present, largest / weights, 1.0).to(y.dtype)
    mean = torch.cat([components.mean, torch.zeros_like(noise)[..., None]], -1)
    std = torch.cat([components.std, noise[..., None]], -1)
    drawn = torch.cat([y, torch.zeros_like(y[..., :1])], -1)
    mixture = mixture_density(Normals(mean, std), drawn, without, present)
    count = (present.sum(-1, keepdim=True) - 1).clamp_min(1)
    left_out = weights.gather(-1, without)
    rest = (weights.sum(-1, keepdim=True) - left_out).where(present.sum(-1, keepdim=True) > 1, 1.0)
    scale = (count * largest / rest).log() + math.log(2 * math.pi) / 2
    return Density(mixture.log + scale.to(y.dtype), mixture.score[..., :-1])
