"""How often the 95 % intervals of `mibench estimate` hold the information: families whose answer is known, n = 300.

Prints a CSV, for each family and estimator: the information; the mean of the estimates; the share of data sets whose
interval for the estimator's limit holds the information; the share of data sets that get an interval for I from the
errors on their twin; and, of these, the share whose interval holds it. Usage:

    python benchmarks/suites/coverage.py [ESTIMATORS [FAMILIES [DATA_SETS]]]
"""

import sys
from collections.abc import Iterator

import numpy as np
import torch
from mibench_data.changes import standardised
from mibench_data.own import DataParams, measured

from mibench.contracts import Context
from mibench.discovery import load_plugins
from mibench.discovery.registry import Entry, Registry, load_params
from mibench.estimation.intervals import interval_of_halves, interval_of_twins
from mibench.families import Draws, Family
from mibench.plan.selectors import combinations, parse_selector
from mibench.specs import EstimatorSpec, FamilySpec, load_target
from mibench.twins import make

ROWS, DATA_SETS, TWINS = 300, 25, 10
FAMILIES = (
    "x-mixture[d=1];bpsk[d=1];student[dx=1,dy=1];student[dx=5,dy=5];ring[kappa=2];exponential-noise[d=1];"
    "inliers[dx=2,dy=2];gaussian-pairs[dx=2,dy=2];gaussian-pairs[dx=5,dy=5];gamma-exponential[d=1]"
)
"""Those of `suite:gradients`."""


def answered(entry: Entry[EstimatorSpec], x: np.ndarray, y: np.ndarray, halvings: int) -> dict[str, float]:
    """What `mibench estimate` is told of one data set."""
    kind, generator = entry.spec.load(entry.name), (torch.Generator().manual_seed(0),)
    context = Context(
        spec=entry.spec,
        build=lambda problem: kind(load_params(entry)(), problem),
        data=generator,
        init=generator,
        device=torch.device("cpu"),
        dtype=torch.float32,
    )
    pairs = (standardised(torch.from_numpy(block)) for block in (x, y))
    return {answer.name: answer.value for answer in measured(DataParams(halvings=halvings), context, *pairs)}


def intervals(
    entries: list[Entry[EstimatorSpec]], family: Family, seed: int
) -> Iterator[tuple[str, float, tuple[float, float], tuple[float, float] | None]]:
    """Each estimator's estimate, its interval for its limit, and that for I if it has one."""
    pairs = family.sample(family.at(torch.float64), ROWS, Draws.seeded(seed))
    x, y = (block.detach().numpy() for block in pairs)
    twin = make(x, y)
    for entry in entries:
        values = answered(entry, x, y, 10)
        nats = values["mi_corrected"]
        draws = [answered(entry, *twin.draw(ROWS, number), 2) for number in range(1, TWINS + 1)]
        errors = [draw["mi_corrected"] - twin.information for draw in draws]
        limits = interval_of_halves(nats, values["mi_error"], 10)
        yield entry.name, nats, limits, interval_of_twins(nats, errors, twin, ROWS)


def main() -> None:
    registry = Registry(load_plugins([]))
    torch.set_num_threads(1)
    names, families, count = [*sys.argv[1:], *["gauss,copula,ksg", FAMILIES, str(DATA_SETS)][len(sys.argv) - 1 :]]
    entries = [registry.find(EstimatorSpec, name) for name in names.split(",")]
    print("family,estimator,n,information,mean,of_limit,with_interval,of_information")
    for spelled in families.split(";"):
        selector = parse_selector(spelled)
        target = load_target(registry.find(FamilySpec, selector.name).spec.target, spelled)
        (params,) = combinations(target.Params, selector.sweep, spelled)
        family = target(params)
        truth = family.information(family.at(torch.float64)).item()
        rows = [row for seed in range(int(count)) for row in intervals(entries, family, seed)]
        for name in names.split(","):
            own = [row[1:] for row in rows if row[0] == name]
            mean = np.mean([nats for nats, _, _ in own])
            limits = np.mean([low <= truth <= high for _, (low, high), _ in own])
            held = [low <= truth <= high for low, high in (span for _, _, span in own if span)]
            share = np.mean(held) if held else float("nan")
            numbers = f"{truth:.4f},{mean:.4f},{limits:.2f},{len(held) / len(own):.2f},{share:.2f}"
            print(f"{spelled},{name},{ROWS},{numbers}", flush=True)


if __name__ == "__main__":
    main()
