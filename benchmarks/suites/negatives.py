"""What results/pages/negatives.csv holds: a critic trained on one permutation of the batch, and one on a derangement.

`python benchmarks/suites/negatives.py` takes about five minutes on one core. The critic is JSD's, on Gaussians in 20
dimensions. Two numbers are read on fresh batches: its mean `score` of pairs, which for the ideal critic is the
divergence of the pairs from the negatives, and its `value` in nats, with negatives of the kind that trained it.
"""

from pathlib import Path
from statistics import fmean

import pandas as pd
import torch
from jaxtyping import Float
from mibench_variational.critics import Critic
from mibench_variational.jsd import Jsd, JsdParams
from mibench_variational.negatives import Reduction
from torch import Tensor

from mibench import Problem, gaussians

PAGES = Path(__file__).resolve().parents[2] / "results" / "pages"
D, STEPS, READ, SEEDS = 20, 4000, 500, (0, 1, 2)
CASES = ((6.0, 128), (10.0, 64))
"""I(X;Y) in nats, and the samples of a batch."""
PARAMS = JsdParams(hidden=(256, 256), embedding=32, learning_rate=5e-4, negatives="derangement")


class OnePermutation(Jsd):
    """JSD with the fault of much code: y in a random order, which leaves about one y a batch in its place."""

    def contrast(
        self,
        critic: Critic,
        x: Float[Tensor, "n dx"],
        y: Float[Tensor, "n dy"],
        reduce: Reduction,  # noqa: ARG002 - as in `Jsd`
    ) -> tuple[Float[Tensor, " n"], Float[Tensor, " n"]]:
        """Scores of the pairs, and of x with y permuted."""
        order = torch.randperm(len(y), generator=self.problem.generators[0])
        return critic.paired(x, y), critic.paired(x, y[order])


def train(kind: type[Jsd], nats: float, n: int, seed: int) -> dict[str, float]:
    """Mean score and value over the last `READ` of `STEPS` batches, each read before the critic is updated by it."""
    generator = torch.Generator().manual_seed(seed)
    estimator = kind(PARAMS, Problem(dx=D, dy=D, generators=(torch.Generator().manual_seed(1000 + seed),)))
    rho = torch.tensor(gaussians.correlation(nats, D, D))
    scores: list[float] = []
    values: list[float] = []
    for step in range(STEPS):
        x, noise = torch.randn(2, n, D, generator=generator)
        y = gaussians.correlate(rho, x, noise)
        if step >= STEPS - READ:
            scores.append(estimator.critic.paired(x, y).mean().item())
            values.append(estimator.mi(x, y).item())
        estimator.update(x, y)
    return {"score": fmean(scores), "value": fmean(values)}


def main() -> None:
    """Writes the frame."""
    rows = [
        {"information": nats, "n": n, "negatives": name, "seed": seed, **train(kind, nats, n, seed)}
        for nats, n in CASES
        for name, kind in (("permutation", OnePermutation), ("derangement", Jsd))
        for seed in SEEDS
    ]
    pd.DataFrame(rows).to_csv(PAGES / "negatives.csv", index=False, float_format="%.9g")


if __name__ == "__main__":
    main()
