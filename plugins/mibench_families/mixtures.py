"""Mixtures as distributions of torch: what families offer as p(y|x)."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution, Independent, MixtureSameFamily, Normal


def coordinatewise_mixture(means: Sequence[Tensor], scale: Tensor) -> Distribution:
    """Independent coordinates, each a mixture of equal shares of normals with one standard deviation.

    Args:
        means: one `(*replicas, n, dy)` a component.
        scale: the standard deviation, broadcast to the means.

    Returns:
        Batch shape `(*replicas, n)`, event shape `(dy,)`.
    """
    centres = torch.stack(list(means), -1)
    components = Normal(centres, scale[..., None].expand_as(centres))
    return Independent(MixtureSameFamily(Categorical(torch.ones_like(centres)), components), 1)


def mixture(means: Tensor, scale: Tensor, log_weights: Tensor) -> Distribution:
    """A mixture of normals with independent coordinates.

    Args:
        means: `(*replicas, n, components, dy)`.
        scale: standard deviations, broadcast to the means.
        log_weights: `(*replicas, n, components)`, not necessarily normalised.

    Returns:
        Batch shape `(*replicas, n)`, event shape `(dy,)`.
    """
    components = Independent(Normal(means, scale.expand_as(means)), 1)
    return MixtureSameFamily(Categorical(logits=log_weights), components)
