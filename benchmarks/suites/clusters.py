"""What results/pages/clusters.csv holds: MIGE where the samples form clusters, against the derivative of I(X;Y).

`python benchmarks/suites/clusters.py` takes seconds. x lies near points, y = x + s e, and the gradient is that in the
noise's scale s, through y, of 256 samples.
"""

from pathlib import Path

import pandas as pd
import torch
from mibench_families.clusters import Clusters, ClustersParams
from mibench_mige.mige import MIGE, MIGEParams

from mibench import Problem
from mibench.families import Draws

PAGES = Path(__file__).resolve().parents[2] / "results" / "pages"
N, SEEDS = 256, 10
CASES = {
    "two clusters": ClustersParams(d=1, clusters=2, radius=3.0, within=0.5, s=0.3),
    "two points": ClustersParams(d=1, clusters=2, radius=1.0, within=0.0, s=0.3),
    "ten clusters": ClustersParams(d=10, clusters=10, radius=4.0, within=0.2, s=0.2),
}
ESTIMATORS = {
    "mige": MIGEParams(),
    "mige[calibration=full]": MIGEParams(calibration="full"),
    "mige[score=stein]": MIGEParams(score="stein"),
    "mige[width=neighbours]": MIGEParams(width="neighbours"),
    "mige[score=stein,width=neighbours]": MIGEParams(score="stein", width="neighbours"),
}


def truth(family: Clusters) -> float:
    """dI/ds in nats."""
    s = torch.tensor(family.params.s, dtype=torch.float64, requires_grad=True)
    return torch.autograd.grad(family.information({"s": s}), s)[0].item()


def gradient(family: Clusters, params: MIGEParams, seed: int) -> float:
    """dI/ds in nats as it is estimated."""
    s = torch.tensor(family.params.s, dtype=torch.float64, requires_grad=True)
    x, y = family.sample({"s": s}, N, Draws.seeded(seed))
    dx, dy = family.dims
    problem = Problem(dx=dx, dy=dy, generators=(torch.Generator().manual_seed(seed),), dtype=torch.float64)
    return torch.autograd.grad(MIGE(params, problem).surrogate(x, y), s)[0].item()


def main() -> None:
    """Writes the frame."""
    rows = [
        {"case": case, "estimator": name, "seed": seed, "value": gradient(family, params, seed), "truth": known}
        for case, family in ((case, Clusters(cell)) for case, cell in CASES.items())
        for known in [truth(family)]
        for name, params in ESTIMATORS.items()
        for seed in range(SEEDS)
    ]
    pd.DataFrame(rows).to_csv(PAGES / "clusters.csv", index=False, float_format="%.9g")


if __name__ == "__main__":
    main()
