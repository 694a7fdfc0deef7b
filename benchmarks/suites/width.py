"""What results/pages/width.csv holds: MIGE where x is scaled, which changes neither I(X;Y) nor its gradient.

`python benchmarks/suites/width.py` takes seconds. Correlated Gaussians in 8 dimensions at rho = 0.8, 256 samples;
dI/drho along y = rho x + sqrt(1 - rho^2) noise.
"""

from pathlib import Path

import pandas as pd
import torch
from mibench_mige.mige import MIGE, MIGEParams

from mibench import Problem, gaussians

PAGES = Path(__file__).resolve().parents[2] / "results" / "pages"
D, N, RHO, SEEDS = 8, 256, 0.8, 10
SCALES = (0.1, 1.0, 10.0)
ESTIMATORS = {"mige": MIGEParams(), "mige[standardize=true]": MIGEParams(standardize=True)}


def gradient(params: MIGEParams, scale: float, seed: int) -> float:
    """dI/drho in nats where the estimator sees `scale` x in place of x."""
    draw = torch.Generator().manual_seed(seed)
    rho = torch.tensor(RHO, requires_grad=True)
    x, noise = torch.randn(2, N, D, generator=draw)
    estimator = MIGE(params, Problem(dx=D, dy=D, generators=(draw,)))
    return torch.autograd.grad(estimator.surrogate(scale * x, gaussians.correlate(rho, x, noise)), rho)[0].item()


def main() -> None:
    """Writes the frame."""
    truth = gaussians.slope(torch.tensor(RHO), D, D).item()
    rows = [
        {"estimator": name, "scale": scale, "seed": seed, "value": gradient(params, scale, seed), "truth": truth}
        for name, params in ESTIMATORS.items()
        for scale in SCALES
        for seed in range(SEEDS)
    ]
    pd.DataFrame(rows).to_csv(PAGES / "width.csv", index=False, float_format="%.9g")


if __name__ == "__main__":
    main()
