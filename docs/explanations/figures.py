"""Draws the figures of these pages from closed forms and the exact critic: `python docs/explanations/figures.py`.

No estimator is trained. The critic is log p(x,y) / p(x)p(y) of correlated Gaussians in 20 dimensions, in float64.
"""

import math
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.figure import Figure
from mibench_variational.club import club
from mibench_variational.infonce import infonce
from mibench_variational.mine import donsker_varadhan
from mibench_variational.negatives import negative_scores
from mibench_variational.nwj import nwj
from mibench_variational.smile import smile
from torch import Tensor

from mibench import gaussians
from mibench.style import STYLE, legend, looks, panels

FIGURES = Path(__file__).resolve().parents[1] / "figures"
D = 20
N = 64
BATCHES = 200
LEVELS = np.linspace(0.5, 10, 20)
SEED = 7


def scores(nats: float, generator: torch.Generator) -> Tensor:
    """The exact critic on all pairs of `BATCHES` batches, (batches, n, n); rows are x."""
    rho = torch.tensor(gaussians.correlation(nats, D, D), dtype=torch.float64)
    x, noise = torch.randn(2, BATCHES, N, D, generator=generator, dtype=torch.float64)
    y = gaussians.correlate(rho, x, noise)
    return gaussians.log_ratio(rho, x[:, :, None, :].expand(-1, -1, N, -1), y[:, None, :, :].expand(-1, N, -1, -1))


def estimates(nats: float, generator: torch.Generator) -> dict[str, Tensor]:
    """Each bound on every batch, its critic exact; negatives are all off-diagonal pairs."""
    pairs = scores(nats, generator)
    own, others = pairs.diagonal(dim1=-2, dim2=-1), negative_scores(pairs).flatten(-2)
    return {
        "infonce": infonce(pairs),
        "nwj": nwj(own, others),
        "mine": donsker_varadhan(own, others),
        "smile": smile(own, others, 5.0),
        "club": club(own, others),
    }


def capped(log_ratio: Tensor, n: int) -> float:
    """KL(p || q') for q' = (1 - 1/n) q + p/n, from log p/q at samples of p."""
    return float(-torch.logaddexp(math.log1p(-1 / n) - log_ratio, torch.tensor(-math.log(n)).double()).mean())


def bounds() -> Figure:
    """Mean and standard deviation of each bound over batches, against the truth."""
    generator = torch.Generator().manual_seed(SEED)
    curves = [estimates(float(nats), generator) for nats in LEVELS]
    figure, ((left, right),) = panels(1, 2)
    look_of = looks(curves[0])
    left.plot(LEVELS, LEVELS, color="black", linewidth=0.9, label="truth")
    for name, look in look_of.items():
        style = {"color": look.colour, "linestyle": look.dashes}
        left.plot(LEVELS, [float(one[name].mean()) for one in curves], label=name, **style)
        right.plot(LEVELS, [float(one[name].std()) for one in curves], **style)
    left.axhline(math.log(N), color="0.6", linewidth=0.8)
    left.text(7.4, math.log(N) + 0.15, "log 64", color="0.4", fontsize=8)
    left.set(ylim=(0, 14), ylabel="mean (nats)")
    right.set(yscale="log", ylabel="standard deviation (nats)")
    for axes in (left, right):
        axes.set_xlabel("true I(X;Y) (nats)")
    legend(figure, [left, right])
    return figure


def negatives() -> Figure:
    """What an estimate from one permutation converges to, for three batch sizes."""
    generator = torch.Generator().manual_seed(SEED)
    sizes = (64, 128, 256)
    figure, ((axes,),) = panels(1, 1)
    axes.plot(LEVELS, LEVELS, color="black", linewidth=0.9, label="truth")
    ratios: list[Tensor] = []
    for nats in LEVELS:
        rho = torch.tensor(gaussians.correlation(float(nats), D, D), dtype=torch.float64)
        x, noise = torch.randn(2, 20_000, D, generator=generator, dtype=torch.float64)
        ratios.append(gaussians.log_ratio(rho, x, gaussians.correlate(rho, x, noise)))
    for n, look in zip(sizes, looks(f"{n}" for n in sizes).values(), strict=True):
        label, style = f"n = {n}", {"color": look.colour, "linestyle": look.dashes}
        axes.plot(LEVELS, [capped(ratio, n) for ratio in ratios], label=label, **style)
        axes.axhline(math.log(n), color=look.colour, linewidth=0.6, alpha=0.5)
    axes.set(xlabel="true I(X;Y) (nats)", ylabel="limit of the estimate (nats)", ylim=(0, 10))
    legend(figure, [axes])
    return figure


def main() -> None:
    """Writes the figures as SVG, or as PNG to the folder that is given."""
    folder, form = (Path(sys.argv[1]), "png") if sys.argv[1:] else (FIGURES, "svg")
    with mpl.rc_context(STYLE):
        for name, draw in (("exact-critics", bounds), ("one-permutation", negatives)):
            metadata = {"Date": None} if form == "svg" else {}
            draw().savefig(folder / f"{name}.{form}", metadata=metadata)


if __name__ == "__main__":
    main()
