"""Records and declarations for the report's tests: a task with curves and one that trains, as plugins declare them."""

import hashlib
import itertools
import math
from typing import Any

from mibench.charts import Axis, Chart
from mibench.discovery import Plugin
from mibench.discovery.registry import Registry
from mibench.specs import Profile, TaskSpec
from mibench.store.record import Record

QUICK = {"quick": Profile(seeds=2)}
CURVE = Chart(title="Curve", kind="lines", x=Axis("rho"), y=Axis("mi", "nats"))
ERROR = Chart(
    title="Error against seconds",
    kind="points",
    x=Axis("seconds", log=True),
    y=Axis("mi", "relative RMSE", "relative_rmse", log=True),
    pooled="rho",
    front=True,
)
SPLIT = Chart(
    title="Bias and deviation", kind="points", x=Axis("mi", "std", "std"), y=Axis("mi", "bias", "bias"), pooled="rho"
)
BOTTLENECK = Chart(
    title="Error against rate", kind="points", x=Axis("rate"), y=Axis("error_rate"), along="beta", front=True
)
BARS = Chart(title="Accuracy", kind="bars", x=Axis("measurement"), y=Axis("accuracy/*", "accuracy (%)"))
CURVES = TaskSpec(name="curves", target="none:None", profiles=QUICK, charts=[CURVE, ERROR, SPLIT], summary="curves")
TRAINED = TaskSpec(name="trained", target="none:None", profiles=QUICK, charts=[BOTTLENECK, BARS])
HOSTILE = [
    "<script>window.pwned = 1</script>",
    '"><img src=x onerror="window.pwned = 1">',
    "</script><script>window.pwned = 1</script>",
    "a\u2028b\u2029c",
    "' onmouseover='window.pwned = 1",
    "<!--<script>",
]


def registry(*specs: TaskSpec) -> Registry:
    return Registry([Plugin("cases", "here", specs=list(specs) or [CURVES, TRAINED])])


def record(task: str, estimator: str, cell: dict[str, Any], seed: int, values: list[Any], **changes: Any) -> Record:
    """A record; `found` are measurements as (name, value, truth, epoch), the last two left out as one likes."""
    names = ("name", "value", "truth", "epoch")
    measurements = [
        {"truth": None, "unit": "", "epoch": None, **dict(zip(names, value, strict=False))} for value in values
    ]
    key = hashlib.sha256(repr((task, estimator, sorted(cell.items()), seed)).encode()).hexdigest()[:16]
    plain = {
        "schema": 1,
        "key": key,
        "task": task,
        "cell": cell,
        "estimator": estimator,
        "spelled": estimator,
        "seed": seed,
        "status": "ok",
        "seconds": 0.1,
        "device": "cpu",
        "measurements": measurements,
        "error": None,
        "environment": {"mibench": "0.1.0", "torch": "2.11", "threads": 1},
        **changes,
    }
    return Record.from_json(plain)


def curves(
    estimators: dict[str, float], seeds: int = 3, rhos: int = 5, dimensions: tuple[int, ...] = (2, 8)
) -> list[Record]:
    """Curves of each estimator, short of the truth by a share that grows by a tenth of itself with every seed."""
    cells = itertools.product(estimators.items(), dimensions, range(rhos), range(seeds))
    records: list[Record] = []
    for place, ((name, share), d, i, seed) in enumerate(cells):
        rho = round(-0.8 + 1.6 * i / (rhos - 1), 6)
        truth = -d / 2 * math.log1p(-(rho**2))
        value = truth * (1 - share * (1 + seed / 10))
        cell = {"d": d, "rho": rho, "n": 256}
        records.append(record("curves", name, cell, seed, [("mi", value, truth)], seconds=0.01 * (1 + place % 7)))
    return records


def trained(estimators: list[str], epochs: int = 4) -> list[Record]:
    """Error rates, rates, accuracies and learning curves over beta."""
    records: list[Record] = []
    for (i, name), beta, seed in itertools.product(enumerate(estimators), [1e-3, 1e-2, 1e-1], range(2)):
        rate = 40 / (1 + 300 * beta) + i
        end = [("error_rate", 1 + i + 10 * beta + seed / 10), ("rate", rate)]
        end += [(f"accuracy/{layer}", 50 + 5 * j + i + seed) for j, layer in enumerate(("conv", "fc", "code"))]
        along = [("loss", math.exp(-epoch) + i, None, epoch) for epoch in range(1, epochs + 1)]
        records.append(record("trained", name, {"beta": beta}, seed, [*end, *along]))
    return records


def failed(estimator: str, message: str, trace: str, seed: int = 0) -> Record:
    error = {"type": "ValueError", "message": message, "traceback": trace}
    cell = {"d": 2, "rho": 0.5, "n": 256}
    return record("curves", estimator, cell, seed, [], status="failed", seconds=None, error=error)
