"""What `mibench estimate -e gauss,ksg` says of data whose twin is smoother than they are, beside a Gaussian: n = 1,000.

Prints a row for each kind: the information; how many data sets have an interval for I by `ksg`, and how many of these
miss it; how many are told to report an interval, and how many of these miss it. A few minutes a kind. Usage:

    python benchmarks/suites/edges.py [KIND...]
"""

import math
import re
import sys
import tempfile
from collections.abc import Callable

import numpy as np

import mibench

ROWS, DATA_SETS, FIRST = 1_000, 12, 100
Array = np.ndarray
Draw = Callable[[np.random.Generator], tuple[Array, Array]]


def modular(random: np.random.Generator) -> tuple[Array, Array]:
    """Two uniform numbers, and their sum with uniform noise, modulo 1."""
    x = random.random((2, ROWS)).T
    return x, np.mod(x.sum(1) + 0.3 * random.random(ROWS), 1)


def sign(random: np.random.Generator) -> tuple[Array, Array]:
    """Two normal numbers, and one whose sign is that of their product."""
    x = random.standard_normal((ROWS, 2))
    return x, np.sign(x.prod(1)) * np.abs(random.standard_normal(ROWS))


def uniform(random: np.random.Generator) -> tuple[Array, Array]:
    """A uniform number, and it with uniform noise."""
    x = random.random(ROWS)
    return x, x + 0.3 * random.random(ROWS)


def gaussian(random: np.random.Generator) -> tuple[Array, Array]:
    """A normal number, and one of correlation 0.8."""
    x = random.standard_normal(ROWS)
    return x, 0.8 * x + 0.6 * random.standard_normal(ROWS)


KINDS: dict[str, tuple[Draw, float]] = {
    "modular": (modular, -math.log(0.3)),
    "sign": (sign, math.log(2)),
    "uniform": (uniform, 0.15 - math.log(0.3)),
    "gaussian": (gaussian, -0.5 * math.log(0.36)),
}
_REPORTED = re.compile(r"Report \S+ nats \(95 %: (\S+) to ([^\s,)]+)")


def summarised(kind: str) -> str:
    """The row of one kind."""
    draw, truth = KINDS[kind]
    for_i, reported = list[bool](), list[bool]()
    for seed in range(FIRST, FIRST + DATA_SETS):
        with tempfile.TemporaryDirectory() as folder:
            said = mibench.estimate(*draw(np.random.default_rng(seed)), estimators="gauss,ksg", results=folder)
        row = said.estimates.set_index("estimator").loc["ksg"]
        for_i += [row["low"] <= truth <= row["high"]] if row["of"] == "I" else []
        if found := _REPORTED.match(said.recommendation):
            reported.append(float(found[1]) <= truth <= float(found[2]))
    missed = (
        f"for I {len(for_i)}, missed {for_i.count(False)}; reported {len(reported)}, missed {reported.count(False)}"
    )
    return f"{kind}: {truth:.3f} nats, {DATA_SETS} data sets; {missed}"


if __name__ == "__main__":
    for name in sys.argv[1:] or KINDS:
        print(summarised(name), flush=True)
