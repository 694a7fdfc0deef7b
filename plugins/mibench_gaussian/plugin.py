"""What the Gaussian plugin brings to mibench."""

from mibench.charts import Axis, Chart
from mibench.hookspecs import hookimpl
from mibench.specs import FamilySpec, Profile, ReferenceSpec, TaskSpec

_RHO, _GRADIENT = Axis("rho", "ρ"), "mi_gradient"
_CHARTS = [
    Chart(
        name="curves",
        title="I(X;Y) and its gradient",
        kind="lines",
        x=_RHO,
        y=[Axis("mi", "I(X;Y) in nats"), Axis(_GRADIENT, "dI/dρ in nats")],
        seeds="lines",
    ),
    Chart(
        name="bias-and-deviation",
        title="Bias and deviation of the gradient",
        kind="points",
        x=Axis(_GRADIENT, "standard deviation (nats)", "std", log=True),
        y=Axis(_GRADIENT, "bias (nats)", "bias", log=True),
        pooled="rho",
        note="Rms over ρ. Upper left: the same error with every seed, which more seeds do not mend.",
    ),
    Chart(
        name="error-and-seconds",
        title="Error of the gradient against seconds",
        kind="points",
        x=Axis("seconds", "seconds a trial", log=True),
        y=Axis(_GRADIENT, "relative RMSE of dI/dρ", "relative_rmse", log=True),
        pooled="rho",
        front=True,
    ),
]


def _grid(points: int) -> list[float]:
    """Correlations from -0.8 to 0.8, rounded so that they equal what a user types."""
    return [round(-0.8 + 1.6 * i / (points - 1), 10) for i in range(points)]


def _positive(rhos: list[float]) -> list[float]:
    """The positive half: the errors are even in rho, so half of a grid says as much as the whole."""
    return [rho for rho in rhos if rho > 0]


@hookimpl
def mibench_tasks() -> list[TaskSpec]:
    """Correlated Gaussians: the curves of Figure 1, and the staircase."""
    return [
        TaskSpec(
            name="gaussian",
            target="mibench_gaussian.correlated:CorrelatedGaussians",
            table="mibench_gaussian.summary:curve_table",
            statistics="mibench_gaussian.summary:curve_statistics",
            better={
                "mi": "truth",
                "mi_gradient": "truth",
                "gradient_cosine": "higher",
                "ratio(*)": "truth",
                "cosine(*)": "higher",
                "rmse(*)": "lower",
                "relative_rmse(*)": "lower",
                "roughness(*)": "lower",
            },
            offers={"conditional", "log_ratio"},
            replicable={"rho"},
            summary="value of I(X;Y) and its gradient in rho, for correlated Gaussians",
            reference="Wen et al., Mutual Information Gradient Estimation, ICLR 2020, section 4 and Figure 1",
            work={"steps": "training", "n": "samples", "d": "dimensions"},
            profiles={
                "smoke": Profile(seeds=1, sweep={"d": [2], "rho": _grid(3), "n": [64], "steps": [5]}),
                "quick": Profile(seeds=2, sweep={"d": [8, 16], "rho": _positive(_grid(16))}),
                "paper": Profile(seeds=20, sweep={"d": [5, 10, 20], "rho": _grid(32)}),
            },
            charts=_CHARTS,
        ),
        TaskSpec(
            name="gaussian-staircase",
            target="mibench_gaussian.staircase:Staircase",
            table="mibench_gaussian.summary:staircase_table",
            better={"mi/*": "truth", "mi_std/*": "lower", "rmse(*)": "lower"},
            requires={"value"},
            summary="value of I(X;Y) while it rises level by level under a critic that goes on training",
            reference="Poole et al., On Variational Bounds of Mutual Information, ICML 2019, Figure 2",
            work={"steps": "always", "levels": "always", "n": "samples", "d": "dimensions"},
            profiles={
                "smoke": Profile(seeds=1, sweep={"d": [2], "steps": [6], "levels": [2]}),
                "quick": Profile(seeds=1, sweep={"steps": [500]}),
                "paper": Profile(seeds=5),
            },
            charts=[
                Chart(
                    name="levels",
                    title="Value on each level",
                    kind="lines",
                    x=Axis("truth", "true I(X;Y) in nats"),
                    y=Axis("mi/*", "I(X;Y) in nats"),
                ),
            ],
        ),
    ]


@hookimpl
def mibench_families() -> list[FamilySpec]:
    """Gaussians whose covariance has a parameter: controls, on which second moments say all there is."""
    beyond_normal = "Czyz et al., Beyond Normal, NeurIPS 2023"
    return [
        FamilySpec(
            name="gaussian-dense",
            target="mibench_gaussian.dense:Dense",
            grid={"c": [0.2, 0.5, 0.8]},
            summary="Gaussians in which every two coordinates have one correlation",
            reference=beyond_normal,
        ),
        FamilySpec(
            name="gaussian-pairs",
            target="mibench_gaussian.pairs:Pairs",
            grid={"strength": [0.5, 1.0, 2.0]},
            summary="Gaussians of which a few pairs of coordinates share a signal",
            reference=beyond_normal,
        ),
        FamilySpec(
            name="gaussian-latent",
            target="mibench_gaussian.latent:Latent",
            grid={"beta": [0.25, 0.5, 1.0]},
            summary="Gaussians made of latent variables: dense, in pairs, and both",
            reference=beyond_normal,
        ),
        FamilySpec(
            name="gaussian-channel",
            target="mibench_gaussian.channel:Channel",
            grid={"sigma": [0.5, 1.0, 2.0]},
            conditional=True,
            summary="a linear channel with Gaussian noise, with gradients in its weights too",
            reference="Cover & Thomas; Palomar & Verdu, IEEE T-IT 2006",
        ),
    ]


@hookimpl
def mibench_references() -> list[ReferenceSpec]:
    """Published errors of the curves in Figure 1."""
    return [
        ReferenceSpec(
            name="mige-gaussian",
            file="mibench_gaussian:references.csv",
            summary="errors of gradient curves on correlated Gaussians: the authors' code and ours",
        )
    ]
