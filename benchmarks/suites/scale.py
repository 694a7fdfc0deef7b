"""What results/pages/scale.csv holds: the error of the gradient, seconds and memory against the number of samples.

`python benchmarks/suites/scale.py` takes about half an hour on one core; `--most N` stops at N samples, and what the
frame holds already is kept: remove it to measure all of it again. Each cell is measured in a process of its own, on one
thread: `seconds` are processor seconds of one surrogate and its gradient, `peak` the most memory that the process held,
in MiB, of which `before` was held before (torch, the samples, earlier seeds). Gaussians correlated by 0.5 in 20
dimensions, along rho; exponential noise y = x + 2 e in 5 dimensions, along its scale.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from mibench import Problem, gaussians

PAGES = Path(__file__).resolve().parents[2] / "results" / "pages"
RHO, NOISE = 0.5, 2.0
SIZES = (256, 1_000, 4_000, 16_000, 100_000, 1_000_000)
ALL_PAIRS = 1_000
"""Most samples for estimators that take O(n^3) time."""
ESTIMATORS = {
    "mige": ("mige", {}),
    "mige[landmarks=auto]": ("mige", {"landmarks": "auto"}),
    "mige[score=stein,landmarks=auto]": ("mige", {"score": "stein", "landmarks": "auto"}),
    "mige[score=stein,calibration=full,landmarks=auto]": (
        "mige",
        {"score": "stein", "calibration": "full", "landmarks": "auto"},
    ),
    "rsm": ("rsm", {}),
    "rsm[landmarks=auto]": ("rsm", {"landmarks": "auto"}),
}
LARGEST = ("mige[score=stein,calibration=full,landmarks=auto]", "rsm[landmarks=auto]")
"""What the greatest number of samples is measured for."""
DIMENSIONS = {"gaussian": 20, "exponential-noise": 5}


def seeds(n: int) -> int:
    """How many repetitions."""
    return 10 if n <= 1_000 else 5 if n <= 16_000 else 3 if n <= 100_000 else 1


def sample(family: str, n: int, seed: int) -> tuple[Tensor, Tensor, Tensor, float]:
    """x, y, the parameter that y follows, and dI/dparameter in nats."""
    d, draw = DIMENSIONS[family], torch.Generator().manual_seed(seed)
    if family == "gaussian":
        rho = torch.tensor(RHO, requires_grad=True)
        x, noise = torch.randn(2, n, d, generator=draw)
        return x, gaussians.correlate(rho, x, noise), rho, gaussians.slope(torch.tensor(RHO), d, d).item()
    s = torch.tensor(NOISE, requires_grad=True)
    x, noise = torch.empty(2, n, d).exponential_(generator=draw)
    curvature = torch.special.polygamma(1, torch.tensor(NOISE / (NOISE - 1))).item()
    return x, x + s * noise, s, d * (1 / (NOISE - 1) - 1 / NOISE - curvature / (NOISE - 1) ** 2)


def memory() -> float:
    """The most that this process has held, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(family: str, name: str, n: int) -> list[dict[str, float | str]]:
    """One estimate a seed, in this process."""
    from mibench_mige.mige import MIGE
    from mibench_ratio.rsm import RSM

    torch.set_num_threads(1)
    kind, settings = ESTIMATORS[name]
    made = {"mige": MIGE, "rsm": RSM}[kind]
    rows: list[dict[str, float | str]] = []
    for seed in range(seeds(n)):
        x, y, parameter, truth = sample(family, n, seed)
        d = DIMENSIONS[family]
        estimator = made(
            made.Params(**settings), Problem(dx=d, dy=d, generators=(torch.Generator().manual_seed(seed),))
        )
        before, start = memory(), time.process_time()
        (gradient,) = torch.autograd.grad(estimator.surrogate(x, y), parameter)
        seconds = time.process_time() - start
        rows.append(
            {
                "family": family,
                "estimator": name,
                "n": n,
                "seed": seed,
                "value": gradient.item(),
                "truth": truth,
                "seconds": seconds,
                "before": before,
                "peak": memory(),
            }
        )
    return rows


def main() -> None:
    """Writes the frame, or prints the rows of one cell."""
    options = argparse.ArgumentParser()
    options.add_argument("--most", type=int, default=SIZES[-1], help="stop at so many samples")
    options.add_argument("--cell", nargs=3, help="a family, an estimator and n, measured in this process")
    given = options.parse_args()
    if given.cell:
        json.dump(measure(given.cell[0], given.cell[1], int(given.cell[2])), sys.stdout)
        return
    cells = [
        [family, name, str(n)]
        for n in SIZES
        if n <= given.most
        for family in DIMENSIONS
        for name in ESTIMATORS
        if ("landmarks" in name or n <= ALL_PAIRS) and (name in LARGEST or n < SIZES[-1])
    ]
    path = PAGES / "scale.csv"
    frame = pd.read_csv(path) if path.exists() else pd.DataFrame(columns=["family", "estimator", "n"])
    done = {(row.family, row.estimator, str(row.n)) for row in frame.itertuples()}
    for cell in cells:
        if tuple(cell) in done:
            continue
        command = [sys.executable, __file__, "--cell", *cell]
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout  # noqa: S603 - this file
        frame = pd.concat([frame, pd.DataFrame(json.loads(output))])
        frame.to_csv(path, index=False, float_format="%.9g")


if __name__ == "__main__":
    main()
