"""What an estimate owes to its sample: its bias in 1/n, its standard error, and the share of that one row makes.

The sum of n influences is nearly normal if the largest of them is a small part of it, and only then: the squared
influence of one row, as a share of the sum of all of them, tends to 0 just where such sums tend to a normal variable
(O'Brien, A Limit Theorem for Sample Maxima and Heavy Branches in Galton-Watson Trees, J. Appl. Prob. 1980, theorem 3).
Where tails are too heavy for the estimator, the share stays large at any n, and neither an interval from its standard
error nor one from a bootstrap of the same size covers what it should.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from mibench.contracts import Measurement

FURTHEST = 5
"""How many rows are left out alone: those furthest from the mean, where influence can grow without a limit."""
BLOCKS = 10
"""How many blocks of the other rows are left out, each as a whole."""


def halved(
    ask: Callable[[Tensor], float], whole: float, n: int, halvings: int, stream: torch.Generator
) -> Iterator[Measurement]:
    """The estimate on halves, the estimate without bias in 1/n, and its standard error.

    Args:
        ask: the estimate on the rows of these numbers.
        whole: the estimate on all rows.
        n: how many there are.
        halvings: how often they are dealt into halves.
        stream: where deals are drawn from.
    """
    orders = [torch.randperm(n, generator=stream) for _ in range(halvings)]
    halves = torch.tensor([[ask(order[: n // 2]), ask(order[n // 2 :])] for order in orders], dtype=torch.float64)
    half = halves.mean().item()
    yield Measurement("mi_half", half)
    yield Measurement("mi_corrected", 2 * whole - half)
    squared = ((halves[:, 0] - halves[:, 1]) / 2).square().mean()
    between = halves.mean(1).var() if halvings > 1 else halves.new_zeros(())
    yield Measurement("mi_error", (squared + (3 + 1 / halvings) * between).sqrt().item())


def share_of_one_row(
    ask: Callable[[Tensor], float], whole: float, x: Tensor, y: Tensor, stream: torch.Generator
) -> float:
    """The largest share of the estimate's variance that a single row makes, from 0 to 1.

    A row's influence is how the estimate changes without it. The squared influences of the other rows come to about
    the squared changes when blocks of them are left out, since those of a block add up.

    Args:
        ask: the estimate on the rows of these numbers.
        whole: the estimate on all rows.
        x: all rows of x.
        y: of y.
        stream: where blocks are drawn from.
    """
    columns = torch.cat([x, y], -1).double()
    distances = ((columns - columns.mean(0)) / columns.std(0)).nan_to_num().square().sum(-1)
    order = distances.argsort(descending=True)
    others = order[FURTHEST:][torch.randperm(len(order) - FURTHEST, generator=stream)]
    parts = [*order[:FURTHEST, None], *(others[block::BLOCKS] for block in range(BLOCKS))]
    changes = torch.tensor([ask(_without(part, len(order))) - whole for part in parts], dtype=torch.float64)
    alone = changes[:FURTHEST].square()
    total = alone.sum() + BLOCKS * changes[FURTHEST:].var(correction=1)
    return (alone.max() / total).item() if total > 0 else 0.0


def _without(rows: Tensor, n: int) -> Tensor:
    kept = torch.ones(n, dtype=torch.bool)
    kept[rows] = False
    return kept.nonzero()[:, 0]
