"""Pairs that occur again, as in samples that are drawn with replacement: a fit is of each pair once.

Fits and what they look at take samples for independent of each other. Copies of a pair would be a sign that y depends
on x, and to a fit the strongest that there is: of independent blocks in two dimensions, 256 pairs twice each, gradients
would be 28 times as long as of each pair once. A fit of each pair once has the same answer at every copy.
"""

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mibench.devices import free_to_ask
from mibench.errors import SmallBatchError
from mibench_ratio.options import FitOptions
from mibench_ratio.pairs import distinct

COPIES, FEWEST = 8, 4
"""How many times the mean a pair may occur, and one in how many samples must be another pair: values that occur more
often are atoms of the distribution, as zeros behind a threshold or pairs of letters are."""


class Once(NamedTuple):
    """Each pair once: which samples these are, in order, and for every sample which of them its pair is."""

    first: Int[Tensor, " m"]
    back: Int[Tensor, " n"]

    @classmethod
    def of(cls, x: Float[Tensor, "n dx"], y: Float[Tensor, "n dy"]) -> "Once | None":
        """That of pairs; `None` where none occurs again, or where those that do are no copies of samples.

        They are where one block at least is continuous: where its values occur again with their partners alone.
        """
        n = len(x)
        _, back, counts = torch.cat([x, y], -1).unique(dim=0, return_inverse=True, return_counts=True)
        count = len(counts)
        if count == n or FEWEST * count < n or counts.max() * count > COPIES * n:
            return None
        if count not in (len(x.unique(dim=0)), len(y.unique(dim=0))):
            return None
        samples = torch.arange(n, device=x.device)
        first = torch.full_like(counts, n).scatter_reduce(0, back, samples, "amin")
        order = first.argsort()
        return cls(first[order], order.argsort()[back])

    def numbered(self, samples: Int[Tensor, " k"]) -> Int[Tensor, " j"]:
        """The numbers that the pairs of these samples have among those that stay, in this order and each once."""
        pairs = self.back[samples]
        places = torch.arange(len(pairs), device=pairs.device)
        first = torch.full_like(self.first, len(pairs)).scatter_reduce(0, pairs, places, "amin")
        return pairs[first[pairs] == places]


def once_each(
    x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"], options: FitOptions
) -> dict[tuple[int, ...], Once]:
    """The replicas in which pairs occur again, by their places, and each of their pairs once.

    None where that is not asked: of a device that would have to be waited for, by a fit that asks it nothing else.
    """
    if not (free_to_ask(x) or options.adapts):
        return {}
    x, y = x.detach(), y.detach()
    both = torch.cat([x, y], -1)
    places = [tuple(place) for place in (distinct(both) < both.shape[-2]).nonzero().tolist()]
    found = {place: Once.of(x[place], y[place]) for place in places}
    return {place: once for place, once in found.items() if once is not None}


def of_each_pair(
    gradient: Callable[[Tensor, Tensor], Tensor],
    x: Float[Tensor, "*replicas n dx"],
    y: Float[Tensor, "*replicas n dy"],
    options: FitOptions,
) -> Float[Tensor, "*replicas n dy"]:
    """The gradient in y of a fit that holds each pair once.

    Raises:
        SmallBatchError: too few pairs differ.
    """
    repeated = once_each(x, y, options)
    if not repeated:
        return gradient(x, y)
    result = torch.zeros_like(y)
    if (others := others_than(repeated, y)).any():
        result[others] = gradient(x[others], y[others])
    for place, (first, back) in repeated.items():
        with said_of_pairs(len(first), len(back)):
            result[place] = gradient(x[place][first], y[place][first])[back]
    return result


@contextmanager
def said_of_pairs(pairs: int, samples: int) -> Generator[None]:
    """Has a refusal of so many pairs say of how many samples they are."""
    try:
        yield
    except SmallBatchError as error:
        raise SmallBatchError(f"{error}; these are {samples} samples of {pairs} different pairs") from None


def others_than(places: Iterable[tuple[int, ...]], y: Float[Tensor, "*replicas n dy"]) -> Bool[Tensor, "*replicas"]:
    """All replicas but those at these places."""
    others = torch.ones(y.shape[:-2], dtype=torch.bool, device=y.device)
    for place in places:
        others[place] = False
    return others
