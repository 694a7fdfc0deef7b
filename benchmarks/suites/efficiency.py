r"""What results/pages/efficiency.csv holds: the semiparametric efficiency bound of dI/dtheta beside the oracle's error.

`python benchmarks/suites/efficiency.py` takes a few minutes on one core. Along the family's own paths z = (x, y),
v = dz/dtheta, a pair adds to the gradient

.. math::
    \nabla i(z) \cdot v \text{ for the oracle}, \qquad
    \nabla i(z) \cdot v + \partial_\theta i(z) = \frac{d}{d\theta} \, i_\theta(z_\theta) \text{ at the bound},

both with the mean dI/dtheta. The second is the efficient influence function: its standard deviation over sqrt(n) is the
least error of a regular estimator from many pairs. docs/explanations/efficiency.md derives it. The frame has a row for
every cell of `suite:gradients`.
"""

import math
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.functional import jvp

from mibench.curves.cells import load_task
from mibench.discovery import load_plugins
from mibench.discovery.registry import Registry
from mibench.families import Draws, Family
from mibench.plan.selectors import combinations, parse_selector
from mibench.plan.suites import expand
from mibench.specs import TaskSpec

FRAME = Path(__file__).resolve().parents[2] / "results" / "pages" / "efficiency.csv"
N, ROUNDS = 5_000, 40
"""Pairs a round, and rounds a cell: the standard error of a ratio is that of its mean over rounds."""


def contributions(family: Family, name: str, n: int, draws: Draws) -> tuple[Float[Tensor, " n"], Float[Tensor, " n"]]:
    """What each of n pairs adds to dI/d(name): for the oracle, and for an efficient estimator.

    Args:
        family: with samples and a log ratio that are differentiable in theta.
        name: the name in theta.
        n: pairs.
        draws: of the pairs.
    """
    theta = family.at(torch.float64)

    def along(value: Tensor) -> tuple[Tensor, Tensor]:
        moved = {**theta, name: value}
        x, y = family.sample(moved, n, draws)
        return family.log_ratio(theta, x, y), family.log_ratio(moved, x, y)

    _, (oracle, efficient) = jvp(along, theta[name], torch.ones_like(theta[name]))
    return oracle.detach(), efficient.detach()


def truth(family: Family, name: str) -> float:
    """dI/d(name) in nats."""
    theta = family.at(torch.float64)
    value = theta[name].requires_grad_()
    return torch.autograd.grad(family.information(theta), value)[0].item()


def measured(family: Family, name: str) -> dict[str, float]:
    """Standard deviations a pair, and their ratio with its standard error."""
    draws = Draws.seeded(0)
    rounds = [contributions(family, name, N, draws) for _ in range(ROUNDS)]
    oracle, efficient = (torch.stack(of_all) for of_all in zip(*rounds, strict=True))
    ratios = efficient.std(-1) / oracle.std(-1)
    return {
        "truth": truth(family, name),
        "mean": efficient.mean().item(),
        "oracle": oracle.std().item(),
        "efficient": efficient.std().item(),
        "ratio": (efficient.std() / oracle.std()).item(),
        "ratio_error": ratios.std().item() / math.sqrt(ROUNDS),
    }


def cells(suite: str) -> Iterator[tuple[str, Family, str]]:
    """The task, the family and the name in theta of every cell of a suite."""
    registry = Registry(load_plugins())
    for selector in expand(registry, [parse_selector(suite)]):
        spec = registry.find(TaskSpec, selector.name).spec
        task = load_task(spec, selector.name)
        for cell in combinations(task.Params, {**spec.profiles["quick"].sweep, **selector.sweep}, selector.name):
            curves = task()
            yield selector.name, curves.family(cell), curves.theta(cell)


def main() -> None:
    """Writes the frame."""
    torch.set_num_threads(1)
    rows = [
        {"task": task, "d": family.dims[0], "theta": name, "at": getattr(family.params, name), **measured(family, name)}
        for task, family, name in cells("suite:gradients")
    ]
    pd.DataFrame(rows).to_csv(FRAME, index=False, float_format="%.6g")


if __name__ == "__main__":
    main()
