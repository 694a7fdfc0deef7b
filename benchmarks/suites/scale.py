"""What results/pages/scale.csv holds: the error of the gradient, seconds and memory against the number of samples.

`python benchmarks/suites/scale.py` takes about half an hour on one core; `--most N` stops at N samples, and what the
frame holds already is kept: remove it to measure all of it again. Each cell is measured in a process of its own, on one
thread: `seconds` are processor seconds of one surrogate and its gradient, `peak` the most memory that the process held,
in MiB, of which `before` was held before (torch, the samples, earlier seeds). `SAMPLES` has the families.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from mibench import Problem, gaussians

PAGES = Path(__file__).resolve().parents[2] / "results" / "pages"
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


def seeds(n: int) -> int:
    """How many repetitions."""
    return 10 if n <= 1_000 else 5 if n <= 16_000 else 3 if n <= 100_000 else 1


class Sample(NamedTuple):
    """x, y, the parameter that y follows, and dI/dparameter in nats."""

    x: Tensor
    y: Tensor
    parameter: Tensor
    truth: float


def gaussian(n: int, draw: torch.Generator) -> Sample:
    """Gaussians in 20 dimensions, along their correlation 0.5."""
    rho = torch.tensor(0.5, requires_grad=True)
    x, noise = torch.randn(2, n, 20, generator=draw)
    return Sample(x, gaussians.correlate(rho, x, noise), rho, gaussians.slope(rho.detach(), 20, 20).item())


def exponential_noise(n: int, draw: torch.Generator) -> Sample:
    """y = x + 2 e in 5 dimensions, x and e exponential, along the scale of e."""
    s = torch.tensor(2.0, requires_grad=True)
    x, noise = torch.empty(2, n, 5).exponential_(generator=draw)
    curvature = torch.special.polygamma(1, s.detach() / (s.item() - 1)).item()
    truth = 5 * (1 / (s.item() - 1) - 1 / s.item() - curvature / (s.item() - 1) ** 2)
    return Sample(x, x + s * noise, s, truth)


def laplace(n: int, draw: torch.Generator) -> Sample:
    """y = x + .7 e in 20 dimensions, x Laplace and e normal, along the scale of e.

    De Bruijn's identity: dh(y)/ds is s times the Fisher information of y, here by quadrature of its density, which has
    a closed form.
    """
    s = torch.tensor(0.7, requires_grad=True)
    magnitude, sign, noise = torch.randn(3, n, 20, generator=draw)
    x = magnitude.new_empty(magnitude.shape).exponential_(generator=draw) * sign.sign()
    y = torch.linspace(-40, 40, 400_001, dtype=torch.float64)
    below, above = (
        (sign * y).exp() * torch.special.erfc((s.item() ** 2 + sign * y) / (2**0.5 * s.item())) for sign in (-1, 1)
    )
    density = (below + above).clamp_min(1e-300)
    fisher = torch.trapezoid((above - below) ** 2 / density, y) / torch.trapezoid(density, y)
    return Sample(x, x + s * noise, s, 20 * (s.item() * fisher.item() - 1 / s.item()))


def signs(n: int, draw: torch.Generator) -> Sample:
    """y = u x + e / 2 in 3 dimensions, u one random sign for all of them, x and e normal, along the scale of e.

    I = I(u x; y) - I(u; y | x). The second is the information of a binary input of amplitude |x| in noise, whose
    derivative in the amplitude is the least mean square error (Guo, Shamai & Verdu 2005).
    """
    d, s = 3, torch.tensor(0.5, requires_grad=True)
    x, noise = torch.randn(2, n, d, generator=draw)
    u = torch.randn(n, 1, generator=draw).sign()
    nodes, weights = (torch.as_tensor(part) for part in np.polynomial.hermite_e.hermegauss(200))
    length = torch.linspace(0, 12, 4001, dtype=torch.float64)
    chances = length ** (d - 1) * (-(length**2) / 2).exp()
    amplitude = length[:, None] / s.item()
    error = 1 - ((amplitude**2 + amplitude * nodes).tanh() * weights).sum(1) / weights.sum()
    lost = (chances * amplitude[:, 0] ** 2 / s.item() * error).sum() / chances.sum()
    truth = d * (s.item() / (1 + s.item() ** 2) - 1 / s.item()) + lost.item()
    return Sample(x, u * x + s * noise, s, truth)


SAMPLES = {"gaussian": gaussian, "exponential-noise": exponential_noise, "laplace": laplace, "signs": signs}
AT_LARGEST = ("gaussian", "exponential-noise")
"""The families that the greatest number of samples is measured for."""


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
        x, y, parameter, truth = SAMPLES[family](n, torch.Generator().manual_seed(seed))
        d = x.shape[1]
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
        for family in SAMPLES
        for name in ESTIMATORS
        if ("landmarks" in name or n <= ALL_PAIRS) and (n < SIZES[-1] or (name in LARGEST and family in AT_LARGEST))
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
