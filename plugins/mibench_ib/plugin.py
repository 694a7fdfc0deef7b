"""What the information bottleneck plugin brings to mibench. Imports no torch."""

from mibench.charts import Axis, Chart
from mibench.hookspecs import hookimpl
from mibench.specs import EstimatorSpec, Profile, ReferenceSpec, TaskSpec

_TASK = "ib"
_ERROR = "error (%)"
_RATE = "rate/fitted/bits"
_CHARTS = [
    Chart(
        name="errors",
        title="Error rate",
        kind="bars",
        x=Axis("beta"),
        y=Axis("error_rate", _ERROR),
        note="Averaged weights, answers averaged over samples of z.",
    ),
    Chart(
        name="curve",
        title="The bottleneck's curve: error against what z knows of x",
        kind="points",
        x=Axis(_RATE, "I(Z;X), upper bound (bits)", log=True),
        y=Axis("error_rate", _ERROR, log=True),
        along="beta",
        front=True,
        note="The bound is that of the normal with the moments of z, which does not change with the scale of z.",
    ),
    Chart(
        name="epochs",
        title="Error, rate and scale of z by epoch",
        kind="lines",
        x=Axis("epoch"),
        y=[
            Axis("error_rate", _ERROR, log=True),
            Axis("cross_entropy", "cross-entropy (nats)", log=True),
            Axis(_RATE, "I(Z;X), upper bound (bits)", log=True),
            Axis("z_std", "standard deviation of z", log=True),
        ],
        seeds="lines",
    ),
]


def _baseline(name: str, target: str, summary: str, reference: str) -> EstimatorSpec:
    return EstimatorSpec(
        name=name,
        target=f"mibench_ib.baselines:{target}",
        estimates=frozenset(),
        baseline_of=_TASK,
        summary=summary,
        reference=reference,
    )


@hookimpl
def mibench_estimators() -> list[EstimatorSpec]:
    """The rows of Table 3 that bottleneck nothing."""
    pereyra = "Pereyra et al., Regularizing Neural Networks by Penalizing Confident Output Distributions, 2017"
    return [
        _baseline("baseline", "Baseline", "the network without noise or penalty", "Wen et al., ICLR 2020, Table 3"),
        _baseline("dropout", "Dropout", "the network with dropout", "Srivastava et al., Dropout, JMLR 2014"),
        _baseline("confidence-penalty", "ConfidencePenalty", "the network, paid for uncertain answers", pereyra),
        _baseline(
            "label-smoothing",
            "LabelSmoothing",
            "the network, trained on softened labels",
            "Szegedy et al., Rethinking the Inception Architecture, CVPR 2016",
        ),
    ]


@hookimpl
def mibench_tasks() -> list[TaskSpec]:
    """The information bottleneck of Table 3."""
    small = {"dataset": ["digits"], "hidden": [(64, 64)], "latent": [8], "batch": [64]}
    return [
        TaskSpec(
            name=_TASK,
            target="mibench_ib.bottleneck:InformationBottleneck",
            offers={"conditional", "population"},
            requires={"gradient"},
            settings={
                "mige": {"threshold": 0.94, "conditional": "score"},
                "rsm": {"conditional": "closed", "linear": "shrunk"},  # a batch has fewer samples than z has dimensions
            },
            table="mibench_ib.summary:error_table",
            figures={"reliability": "mibench_ib.figures:reliability"},
            better={
                "error_rate*": "lower",
                "cross_entropy*": "lower",
                "calibration_error": "lower",
                "truth/cosine*": "truth",
                "truth/norm_ratio*": "truth",
            },
            charts=_CHARTS,
            summary="error rate of a classifier whose representation is kept from knowing its input",
            reference="Wen et al., ICLR 2020, section 5.2 and Table 3; Alemi et al., ICLR 2017",
            work={"epochs": "always"},
            judges="judge",
            profiles={
                "smoke": Profile(seeds=1, sweep={**small, "epochs": [5]}),
                "quick": Profile(seeds=1, sweep={"dataset": ["digits"], "epochs": [30]}),
                "paper": Profile(seeds=3, sweep={"dataset": ["mnist"], "epochs": [200]}),
            },
        )
    ]


@hookimpl
def mibench_references() -> list[ReferenceSpec]:
    """Table 3, and what the authors of DVB published."""
    return [
        ReferenceSpec(
            name="mige-ib",
            file="mibench_ib:references.csv",
            summary="misclassification rates on permutation-invariant MNIST: the paper and the DVB authors' code",
        )
    ]
