"""What RESULTS/pages/gpu-replicas.csv holds: seconds of replicas at once, and of a bare loop over them, on one device.

`python benchmarks/suites/replicas.py --device cuda --results results` takes minutes; `benchmarks/gpu.sh` runs it.
SSGE's score of y, and the gradients in y of MIGE and of ratio score matching, for pairs that depend without
correlation, so that ratio score matching makes its full fit. Seconds are medians of wall time of five calls, or of as
many as begin within five seconds, after a first one, with the device's queue emptied before and after. What the frame
holds already is kept: remove it to measure all of it again.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import torch
from mibench_mige import squared_distances, ssge_score
from mibench_ratio import ratio_gradient
from torch import Tensor

CELLS = {
    "paper": [(n, d, replicas) for n in (64, 256, 512) for d in (5, 20) for replicas in (1, 16, 64)],
    "smoke": [(32, 2, 2)],
}
"""Samples, dimension and replicas, by the size of a run."""
ROUNDS, LONGEST = 5, 5.0


def ssge(x: Tensor, y: Tensor) -> Tensor:  # noqa: ARG001 - all of them take both
    """The score of y."""
    return ssge_score(y)


def mige(x: Tensor, y: Tensor) -> Tensor:
    """The joint score in y less that of y."""
    of_x, of_y = squared_distances(x), squared_distances(y)
    return ssge_score(y, distances=of_x + of_y) - ssge_score(y, distances=of_y)


METHODS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"ssge": ssge, "mige": mige, "rsm": ratio_gradient}


def crossed(n: int, d: int, replicas: int, device: str) -> tuple[Tensor, Tensor]:
    """Pairs that are correlated one way or the other, `(replicas, n, d)`."""
    draw = torch.Generator().manual_seed(0)
    x, noise, sign = torch.randn(3, replicas, n, d, generator=draw, dtype=torch.float64).to(device)
    return x, 0.9 * sign.sign() * x + 0.44 * noise


def seconds(work: Callable[[], object], device: str) -> float:
    """The median wall time of a call."""

    def once() -> float:
        start = time.perf_counter()
        work()
        if device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - start

    once()
    times: list[float] = []
    while len(times) < ROUNDS and sum(times) < LONGEST:
        times.append(once())
    return statistics.median(times)


def main() -> None:
    """Measures what the frame lacks, and writes it after each cell."""
    options = argparse.ArgumentParser()
    options.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    options.add_argument("--size", default="paper", choices=list(CELLS))
    options.add_argument("--results", type=Path, default=Path("results"))
    options.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    given = options.parse_args()
    path = given.results / "pages" / "gpu-replicas.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    name = torch.cuda.get_device_name() if given.device == "cuda" else "cpu"
    frame = pd.read_csv(path) if path.exists() else pd.DataFrame(columns=["device", "method", "n", "d", "replicas"])
    done = set(frame[["device", "method", "n", "d", "replicas"]].itertuples(index=False, name=None))
    for method in given.methods:
        gradient = METHODS[method]
        for n, d, replicas in CELLS[given.size]:
            cell = (name, method, n, d, replicas)
            if cell in done:
                continue
            x, y = crossed(n, d, replicas, given.device)
            together = seconds(lambda f=gradient, x=x, y=y: f(x, y), given.device)
            loop = seconds(lambda f=gradient, x=x, y=y: [f(a, b) for a, b in zip(x, y, strict=True)], given.device)
            row = dict(zip(["device", "method", "n", "d", "replicas"], cell, strict=True))
            frame = pd.concat([frame, pd.DataFrame([row | {"together": together, "loop": loop}])])
            frame.to_csv(path, index=False, float_format="%.6g")


if __name__ == "__main__":
    main()
