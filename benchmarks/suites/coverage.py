"""How often the 95 % interval of `mibench estimate` holds the information: families whose answer is known, n = 300.

Prints a CSV: for each family and estimator the information, the mean estimate with and without its 1/n bias, and the
share of data sets whose interval holds the information. Usage: python benchmarks/suites/coverage.py [ESTIMATORS]
"""

import sys

import torch
from mibench_data.changes import standardised
from mibench_data.own import DataParams, measured

from mibench.contracts import Context
from mibench.discovery import load_plugins
from mibench.discovery.registry import Registry, load_params
from mibench.estimation.intervals import interval_of_halves
from mibench.families import Draws, Family
from mibench.outcome import Measurement
from mibench.specs import EstimatorSpec, FamilySpec, load_target

ROWS, DATA_SETS = 300, 100
FAMILIES = ["gaussian-dense", "student", "gamma-exponential"]


def coverage(registry: Registry, family: Family, name: str) -> tuple[float, float, float, float]:
    entry = registry.find(EstimatorSpec, name)
    kind, theta = entry.spec.load(name), family.at(torch.float64)
    truth, held = family.information(theta).item(), 0
    plain, corrected = 0.0, 0.0
    for seed in range(DATA_SETS):
        x, y = family.sample(theta, ROWS, Draws.seeded(seed))
        generator = (torch.Generator().manual_seed(seed),)
        context = Context(
            spec=entry.spec,
            build=lambda problem: kind(load_params(entry)(), problem),
            data=generator,
            init=generator,
            device=torch.device("cpu"),
            dtype=torch.float32,
        )
        cell = DataParams(halvings=10)
        answers: list[Measurement] = list(measured(cell, context, standardised(x.detach()), standardised(y.detach())))
        values = {measurement.name: measurement.value for measurement in answers}
        low, high = interval_of_halves(values["mi_corrected"], values["mi_error"], cell.halvings)
        held += low <= truth <= high
        plain += values["mi"] / DATA_SETS
        corrected += values["mi_corrected"] / DATA_SETS
    return truth, plain, corrected, held / DATA_SETS


def main() -> None:
    registry = Registry(load_plugins([]))
    torch.set_num_threads(1)
    print("family,estimator,n,information,mean,corrected,coverage")
    for name in FAMILIES:
        kind = registry.find(FamilySpec, name).spec
        target = load_target(kind.target, name)
        for estimator in (sys.argv[1] if len(sys.argv) > 1 else "gauss,ksg,lsmi").split(","):
            truth, plain, corrected, share = coverage(registry, target(target.Params()), estimator)
            print(f"{name},{estimator},{ROWS},{truth:.4f},{plain:.4f},{corrected:.4f},{share:.2f}", flush=True)


if __name__ == "__main__":
    main()
