"""What RESULTS/pages/gpu-waits.csv holds: how often a step makes the host wait for the GPU, and what a step takes.

`python benchmarks/suites/waits.py --results results` takes minutes, most of them for the last two estimators, and
writes after each; `benchmarks/gpu.sh` runs it. A step is an update where an estimator trains, a surrogate, and its
gradient in x and y; correlated Gaussians, d = 5, n = 64, and 1 or 64 replicas at once. `waits` are the
synchronisations that CUDA's debug mode of PyTorch reports for a step after the third; `seconds` the median of ten
steps, the device's queue emptied before and after all of them.
"""

import argparse
import itertools
import time
import warnings
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from mibench.testing.lookup import look_up
from mibench.testing.scenario import Scenario
from mibench.testing.subject import Instance, Subject

ESTIMATORS = (
    "mige,mine,infonce,gauss,mige[score=stein],mige-rp,jsd,f-dime,nwj,smile,tuba,club,i-alpha,mige-calibrated,lsmi,rsm"
)
REPLICAS = (1, 64)
_WARM, _TIMED = 3, 10


def made(selector: str, replicas: int, device: torch.device) -> Instance:
    """The estimator on a device."""
    spec, overrides = look_up(selector)
    scenario = Scenario(
        seeds=tuple(range(replicas)), replicas=(replicas,), dx=5, dy=5, n=64, dtype=torch.float32, device=device
    )
    return Subject(spec=spec, overrides=overrides, conditional=False, steps=0).make(scenario)


def step(instance: Instance, batch: Any) -> None:
    """One step of training, and the gradient that a representation would take."""
    x, y = batch
    if instance.spec.trains:
        instance.estimator.update(x, y)
    x, y = x.detach().requires_grad_(), y.detach().requires_grad_()
    torch.autograd.grad(instance.estimator.surrogate(x, y).sum(), (x, y), allow_unused=True)


def waits_of(instance: Instance, batch: Any) -> int:
    """Synchronisations in one step."""
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as reported:
            warnings.simplefilter("always")
            step(instance, batch)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return sum("synchroniz" in str(report.message) for report in reported)


def row(selector: str, replicas: int, device: torch.device) -> dict[str, Any]:
    """What is measured of one estimator."""
    instance = made(selector, replicas, device)
    batch = instance.scenario.batch()
    for _ in range(_WARM):
        step(instance, batch)
    waits = waits_of(instance, batch) if device.type == "cuda" else None
    times: list[float] = []
    for _ in range(_TIMED):
        start = time.perf_counter()
        step(instance, batch)
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    name = torch.cuda.get_device_name() if device.type == "cuda" else "cpu"
    seconds = sorted(times)[_TIMED // 2]
    return {"device": name, "estimator": selector, "replicas": replicas, "waits": waits, "seconds": seconds}


def main() -> None:
    """Measures all of them and writes the frame after each."""
    options = argparse.ArgumentParser()
    options.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    options.add_argument("--results", type=Path, default=Path("results"))
    options.add_argument("--estimators", default=ESTIMATORS)
    given = options.parse_args()
    device = torch.device(given.device)
    names = given.estimators.split(",")
    path = given.results / "pages" / "gpu-waits.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    for name, replicas in itertools.product(names, REPLICAS):
        rows.append(row(name, replicas, device))
        pd.DataFrame(rows).to_csv(path, index=False, float_format="%.4g")


if __name__ == "__main__":
    main()
