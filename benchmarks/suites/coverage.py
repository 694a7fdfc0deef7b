"""How often the 95 % intervals of `mibench estimate` hold the information: families whose answer is known, n = 300.

Writes `results/pages/coverage.csv`, a row for each estimator that does not train and each family of `suite:gradients`,
and of two more with heavy tails: the information; the mean of the estimates; the share of data sets whose interval for
the estimator's limit holds the information; the share whose interval is for I; of these, the share whose interval holds
it; the share of data sets whose row either holds I or says that it is not for I; and the share where one row makes too
much of the estimate's variance for any interval. Usage:

    python benchmarks/suites/coverage.py FOLDER [DATA_SETS [PART/PARTS]]
    python benchmarks/suites/coverage.py merge FOLDER [DATA_SETS]

The first measures: FOLDER keeps one file a data set, so that the same command goes on after an interruption. As many
processes as there are PARTS share the work, each with its own PART (`60 1/4` to `60 4/4`). The second writes the frame,
and refuses where a data set is missing.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from mibench_data.changes import standardised
from mibench_data.own import DataParams, measured

from mibench.contracts import Context
from mibench.discovery import load_plugins
from mibench.discovery.registry import Entry, Registry, load_params
from mibench.estimation.intervals import (
    MOST_OF_ONE_ROW,
    interval_of_halves,
    interval_of_twins,
    why_not_of_information,
    without_less,
)
from mibench.estimation.stages import HALVINGS, SHUFFLES, TWINS
from mibench.families import Draws, Family
from mibench.plan.selectors import combinations, parse_selector
from mibench.specs import EstimatorSpec, FamilySpec
from mibench.targets import load_target
from mibench.twins import make

FRAME = Path(__file__).resolve().parents[2] / "results/pages/coverage.csv"
ROWS, DATA_SETS = 300, "60"
ESTIMATORS = ("gauss", "copula", "ksg")
FAMILIES = (
    "x-mixture[d=1]",
    "bpsk[d=1]",
    "student[dx=1,dy=1]",
    "student[dx=5,dy=5]",
    "ring[kappa=2]",
    "exponential-noise[d=1]",
    "inliers[dx=2,dy=2]",
    "gaussian-pairs[dx=2,dy=2]",
    "gaussian-pairs[dx=5,dy=5]",
    "gamma-exponential[d=1]",
    "student[dx=1,dy=1,nu=2]",
    "lomax[alpha=1.5]",
)
"""All families of `suite:gradients`, in one cell or two, and two more of heavy tails, Student's and Pareto's."""


def answered(entry: Entry[EstimatorSpec], x: np.ndarray, y: np.ndarray, seed: int = 0, **how: Any) -> dict[str, float]:
    """What `mibench estimate` is told of one data set."""
    kind, generator = entry.spec.load(entry.name), (torch.Generator().manual_seed(seed),)
    context = Context(
        spec=entry.spec,
        build=lambda problem: kind(load_params(entry)(), problem),
        data=generator,
        init=generator,
        device=torch.device("cpu"),
        dtype=torch.float32,
    )
    pairs = (standardised(torch.from_numpy(block)) for block in (x, y))
    return {answer.name: answer.value for answer in measured(DataParams(**how), context, *pairs)}


def rows_of(entries: list[Entry[EstimatorSpec]], family: Family, spelled: str, number: int) -> list[dict[str, Any]]:
    """What each estimator says of one data set, as `mibench estimate` puts it."""
    pairs = family.sample(family.at(torch.float64), ROWS, Draws.seeded(number))
    x, y = (block.detach().numpy() for block in pairs)
    twin = make(x, y)
    draws = [twin.draw(ROWS, index) for index in range(1, TWINS + 1)]
    rows: list[dict[str, Any]] = []
    for entry in entries:
        values = answered(entry, x, y, halvings=HALVINGS)
        null = [answered(entry, x, y, seed, change="shuffled")["mi"] for seed in range(SHUFFLES)]
        errors = [answered(entry, *draw, halvings=2)["mi_corrected"] - twin.information for draw in draws]
        nats, share = values["mi_corrected"], values["mi_row_share"]
        interval = interval_of_twins(nats, errors, twin, ROWS)
        why_not = why_not_of_information(interval, errors, twin, value=values["mi"], null=null, row_share=share)
        rows.append(
            {
                "family": spelled,
                "number": number,
                "estimator": entry.name,
                "information": family.information(family.at(torch.float64)).item(),
                "nats": nats,
                "limits": interval_of_halves(nats, values["mi_error"], HALVINGS),
                "interval": interval,
                "why_not": why_not,
                "row_share": share,
            }
        )
    reasons = without_less([row["why_not"] for row in rows])
    return [{**row, "why_not": why_not} for row, why_not in zip(rows, reasons, strict=True)]


def summarised(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The row of the frame for one family and estimator."""
    truth = rows[0]["information"]
    for_limit = [row["limits"][0] <= truth <= row["limits"][1] for row in rows]
    holds = [row["interval"][0] <= truth <= row["interval"][1] for row in rows if not row["why_not"]]
    return {
        "family": rows[0]["family"],
        "estimator": rows[0]["estimator"],
        "n": ROWS,
        "data_sets": len(rows),
        "information": round(truth, 4),
        "mean": round(float(np.mean([row["nats"] for row in rows])), 4),
        "limit_holds": round(float(np.mean(for_limit)), 4),
        "with_interval": round(len(holds) / len(rows), 4),
        "holds": round(float(np.mean(holds)), 4) if holds else None,
        "holds_or_says": round(1 - holds.count(False) / len(rows), 4),
        "hinges": round(float(np.mean([row["row_share"] > MOST_OF_ONE_ROW for row in rows])), 4),
    }


def measure(folder: Path, count: int, part: int, parts: int) -> None:
    """Measures every `parts`-th data set that is not in the folder yet, from the `part`-th on."""
    folder.mkdir(parents=True, exist_ok=True)
    registry = Registry(load_plugins([]))
    torch.set_num_threads(1)
    entries = [registry.find(EstimatorSpec, name) for name in ESTIMATORS]
    for spelled, number in data_sets(count)[part - 1 :: parts]:
        kept = place(folder, spelled, number)
        if kept.exists():
            continue
        selector = parse_selector(spelled)
        target = load_target(registry.find(FamilySpec, selector.name).spec.target, spelled)
        (params,) = combinations(target.Params, selector.sweep, spelled)
        rows = rows_of(entries, target(params), spelled, number)
        half = kept.with_suffix(f".{part}")
        half.write_text(json.dumps(rows))
        half.replace(kept)


def merge(folder: Path, count: int) -> None:
    """Writes the frame of what all processes measured."""
    missing = [cell for cell in data_sets(count) if not place(folder, *cell).exists()]
    if missing:
        sys.exit(f"{len(missing)} of {len(data_sets(count))} data sets are not measured, such as {missing[0]}")
    rows = [row for cell in data_sets(count) for row in json.loads(place(folder, *cell).read_text())]
    frame = [
        summarised([row for row in rows if (row["family"], row["estimator"]) == (family, estimator)])
        for family in FAMILIES
        for estimator in ESTIMATORS
    ]
    pd.DataFrame(frame).to_csv(FRAME, index=False, lineterminator="\n")


def data_sets(count: int) -> list[tuple[str, int]]:
    """Family and number of each, those of one number together."""
    return [(family, number) for number in range(count) for family in FAMILIES]


def place(folder: Path, family: str, number: int) -> Path:
    """The file of one data set."""
    return folder / f"{FAMILIES.index(family)}-{number}.json"


def main() -> None:
    """Reads the command line."""
    words = sys.argv[1:]
    merging = words[:1] == ["merge"]
    folder, count, part = (*words[merging:], *("", DATA_SETS, "1/1")[len(words[merging:]) :])
    number, parts = map(int, part.split("/"))
    if not 1 <= number <= parts:
        sys.exit(f"a part lies between 1 and {parts}, not at {number}")
    if merging:
        merge(Path(folder), int(count))
    else:
        measure(Path(folder), int(count), number, parts)


if __name__ == "__main__":
    main()
