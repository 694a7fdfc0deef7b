"""What the Deep InfoMax plugin brings to mibench. Imports no torch."""

from collections.abc import Mapping
from typing import Any

from mibench.charts import Axis, Chart
from mibench.hookspecs import hookimpl
from mibench.specs import EstimatorSpec, Profile, ReferenceSpec, Scalar, TaskSpec

_CRITIC: Mapping[str, Scalar] = {"hidden": (512,), "embedding": 512}
SETTINGS: Mapping[str, Mapping[str, Scalar]] = {
    "jsd": {**_CRITIC, "gradient": "objective"},
    "infonce": _CRITIC,
    "rsm": {"linear": "ridge", "components": 32},
    "mige-calibrated": {"calibration": "diagonal"},
}
"""Global critics of 512 units, the loss of Deep InfoMax in place of an estimate in nats, forms for small batches."""

_SMALL: dict[str, Any] = {"channels": [(8, 16, 32)], "hidden": [64], "dimension": [16], "local_units": [32]}
_FAST: dict[str, Any] = {"learning_rate": [1e-3], "probe_learning_rate": [1e-3]}

LAYERS = ("conv", "fc", "Y")
_ACCURACY = Axis("accuracy/*", "top-1 accuracy (%)", order=LAYERS, shared=True)
_CHARTS = [
    Chart(
        name="accuracy",
        title="Accuracy of probes by layer",
        kind="bars",
        x=Axis("measurement", "layer"),
        y=_ACCURACY,
        series=["prior_matching"],
    ),
    Chart(
        name="projections",
        title="Accuracy at Y by the dimension of the random projection",
        kind="lines",
        x=Axis("estimator.k", "dimension k of the random projection", log=True),
        y=Axis("accuracy/Y", "top-1 accuracy at Y (%)"),
    ),
    Chart(
        name="accuracy-and-seconds",
        title="Accuracy at Y against seconds an epoch",
        kind="points",
        x=Axis("epoch_seconds", "seconds an epoch of the encoder", log=True),
        y=Axis("accuracy/Y", "accuracy at Y (%)"),
        front=True,
    ),
    Chart(
        name="accuracy-and-information",
        title="Accuracy at Y against the true information of Y",
        kind="points",
        x=Axis("truth/information", "I(image; Y) of the training images (nats)"),
        y=Axis("accuracy/Y", "accuracy at Y (%)"),
    ),
    Chart(
        name="accuracy-and-cosine",
        title="Accuracy at Y against the cosine with the true gradient",
        kind="points",
        x=Axis("truth/cosine/weights", "cosine with the true gradient"),
        y=Axis("accuracy/Y", "accuracy at Y (%)"),
    ),
    Chart(
        name="probe-curves",
        title="Accuracy while the probes learn",
        kind="lines",
        x=Axis("epoch", "epoch of the probe"),
        y=_ACCURACY,
        series=["prior_matching"],
        seeds="lines",
    ),
    Chart(
        name="deviation",
        title="Scale and effective rank of Y while the encoder learns",
        kind="lines",
        x=Axis("epoch", "epoch of the encoder"),
        y=[Axis("std", "standard deviation of Y", log=True), Axis("effective_rank", "effective rank of Y")],
        series=["prior_matching"],
        seeds="lines",
        note="Where scores are shrunk, the scale drifts. Where nothing learns, running averages of norms alone move.",
    ),
]


@hookimpl
def mibench_tasks() -> list[TaskSpec]:
    """Deep InfoMax."""
    return [
        TaskSpec(
            name="dim",
            target="mibench_dim.infomax:DeepInfoMax",
            table="mibench_dim.summary:table",
            offers={"conditional", "population"},
            requires={"gradient"},
            better={
                "accuracy/*": "higher",
                "best_accuracy/*": "higher",
                "truth/cosine*": "truth",
                "truth/norm_ratio*": "truth",
            },
            judges="judge",
            charts=_CHARTS,
            settings=SETTINGS,
            figures={"confusion": "mibench_dim.figures:confusion"},
            summary="accuracy of probes on an encoder that maximised I(input; representation) without labels",
            reference="Hjelm et al., Deep InfoMax, ICLR 2019; Wen et al., ICLR 2020, Tables 1, 2 and 4 and Figure 2",
            work={"epochs+probe_epochs": "always"},
            profiles={
                "smoke": Profile(
                    seeds=1,
                    sweep={"dataset": ["digits"], "epochs": [2], "probe_epochs": [2], "batch": [64], **_SMALL, **_FAST},
                ),
                "quick": Profile(
                    seeds=1,
                    sweep={"dataset": ["digits"], "epochs": [10], "probe_epochs": [20], "batch": [64], **_FAST},
                ),
                "paper": Profile(seeds=1),
            },
        )
    ]


@hookimpl
def mibench_estimators() -> list[EstimatorSpec]:
    """What an encoder is worth that has learnt nothing."""
    return [
        EstimatorSpec(
            name="untrained",
            target="mibench_dim.untrained:Untrained",
            estimates=frozenset(),
            baseline_of="dim",
            summary="no objective: probes on an encoder of random weights, whose norms have seen the data",
        )
    ]


@hookimpl
def mibench_references() -> list[ReferenceSpec]:
    """The paper's accuracies."""
    return [
        ReferenceSpec(
            name="mige-dim",
            file="mibench_dim:references.csv",
            summary="Tables 1, 2 and 4 of the MIGE paper, and what can be read off its Figure 2",
        )
    ]
