"""What results/pages/exact-critics.csv and one-permutation.csv hold: every bound with the exact critic, untrained.

`python benchmarks/suites/exact_critics.py` takes about a minute on one core. The critic is log p(x,y) / p(x)p(y) of
correlated Gaussians in 20 dimensions, in float64; docs/explanations/figures.py draws the curves.
"""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from mibench_variational.club import club
from mibench_variational.infonce import infonce
from mibench_variational.mine import donsker_varadhan
from mibench_variational.negatives import negative_scores
from mibench_variational.nwj import nwj
from mibench_variational.smile import smile
from torch import Tensor

from mibench import gaussians

PAGES = Path(__file__).resolve().parents[2] / "results" / "pages"
D, N, SEED = 20, 64, 7
CURVE = np.linspace(0.5, 10, 20)
"""Levels of I(X;Y) of the figures, in nats, with `CURVE_BATCHES` batches each."""
CURVE_BATCHES = 200
LEVELS, BATCHES, REPEATS = (2.0, 6.0, 10.0), 300, 10
"""Those of the table: `REPEATS` independent times `BATCHES` batches each."""
SAMPLES, SIZES = 20_000, (64, 128, 256)


def pairs(nats: float, batches: int, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """rho, and x and y `(batches, n, D)`, of Gaussians whose mutual information is `nats`."""
    rho = torch.tensor(gaussians.correlation(nats, D, D), dtype=torch.float64)
    x, noise = torch.randn(2, batches, n, D, generator=generator, dtype=torch.float64)
    return rho, x, gaussians.correlate(rho, x, noise)


def estimates(nats: float, batches: int, generator: torch.Generator) -> dict[str, Tensor]:
    """Each bound on every batch `(batches,)`; negatives are all off-diagonal pairs."""
    rho, x, y = pairs(nats, batches, N, generator)
    scores = gaussians.log_ratio(rho, x[:, :, None, :].expand(-1, -1, N, -1), y[:, None, :, :].expand(-1, N, -1, -1))
    positive, negative = scores.diagonal(dim1=-2, dim2=-1), negative_scores(scores).flatten(-2)
    return {
        "infonce": infonce(scores),
        "nwj": nwj(positive, negative),
        "mine": donsker_varadhan(positive, negative),
        "smile[tau=1]": smile(positive, negative, 1.0),
        "smile[tau=5]": smile(positive, negative, 5.0),
        "club": club(positive, negative),
        "jsd, read without the 1": nwj(positive, negative - 1) - 1,
    }


def rows(nats: float, batches: int, repeat: int, generator: torch.Generator) -> Iterator[dict[str, object]]:
    """Mean and standard deviation over batches, of each bound."""
    for name, values in estimates(nats, batches, generator).items():
        yield {
            "information": nats,
            "n": N,
            "batches": batches,
            "repeat": repeat,
            "bound": name,
            "mean": float(values.mean()),
            "std": float(values.std()),
        }


def limit_of_one_permutation(log_ratio: Tensor, n: int) -> float:
    """KL(p || q') for q' = (1 - 1/n) q + p/n, from log p/q at samples of p."""
    return float(-torch.logaddexp(math.log1p(-1 / n) - log_ratio, torch.tensor(-math.log(n)).double()).mean())


def limits(generator: torch.Generator) -> Iterator[dict[str, float]]:
    """What an estimate from one permutation of the batch converges to, by information and batch size."""
    for nats in CURVE:
        rho, x, y = pairs(float(nats), 1, SAMPLES, generator)
        log_ratio = gaussians.log_ratio(rho, x, y)
        for n in SIZES:
            yield {"information": float(nats), "n": n, "limit": limit_of_one_permutation(log_ratio, n)}


def main() -> None:
    """Writes both frames."""
    generator = torch.Generator().manual_seed(SEED)
    measured = [row for nats in CURVE for row in rows(float(nats), CURVE_BATCHES, 0, generator)]
    for repeat in range(REPEATS):
        measured += [row for nats in LEVELS for row in rows(nats, BATCHES, repeat, generator)]
    pd.DataFrame(measured).to_csv(PAGES / "exact-critics.csv", index=False, float_format="%.9g")
    pd.DataFrame(limits(generator)).to_csv(PAGES / "one-permutation.csv", index=False, float_format="%.9g")


if __name__ == "__main__":
    main()
