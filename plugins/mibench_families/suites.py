"""Named lists of tasks: where second moments mislead, what others published, and what does not pass through samples."""

from mibench.specs import SuiteSpec

_PAIRS = "gaussian-pairs[dx={0},dy={0},pairs=2,strength=2,gauge=unit,bend={1}]"
_DENSE = "gaussian-dense[dx={0},dy={0},c=0.5,bend=none]"
_STUDENT = "student[dx={0},dy={0},nu={1},rho=0,theta=nu,bend={2}]"
_ONE = "gaussian[d=1,rho=0.75,bend={}]"
_INLIERS = "inliers[dx={0},dy={0},strength=2,alpha={1},bend=none]"
_SPARSE_BENDS = {
    "normal_cdf": "normal-cdf",
    "half_cube": "half-cube",
    "spiral": "spiral",
    "spiral-normal_cdf": "spiral-cdf",
}

BEYOND_NORMAL = {
    "1v1-normal-0.75": _ONE.format("none"),
    "normal_cdf-1v1-normal-0.75": _ONE.format("normal-cdf"),
    "1v1-bimodal-0.75": _ONE.format("bimodal"),
    "wiggly-1v1-normal-0.75": _ONE.format("wiggly"),
    "half_cube-1v1-normal-0.75": _ONE.format("half-cube"),
    "swissroll_x-normal_cdf-1v1-normal-0.75": "swiss-roll[rho=0.75,shown=x,bend=none]",
    "1v1-additive-0.1": "uniform-noise[epsilon=0.1,bend=none]",
    "1v1-additive-0.75": "uniform-noise[epsilon=0.75,bend=none]",
    "student-identity-1-1-1": _STUDENT.format(1, 1, "none"),
    "asinh-student-identity-1-1-1": _STUDENT.format(1, 1, "asinh"),
    **{f"multinormal-dense-{d}-{d}-0.5": _DENSE.format(d) for d in (2, 3, 5, 25, 50)},
    **{f"multinormal-sparse-{d}-{d}-2-2.0": _PAIRS.format(d, "none") for d in (2, 3, 5, 25)},
    **{
        f"{published}-multinormal-sparse-{d}-{d}-2-2.0": _PAIRS.format(d, bend)
        for published, bend in _SPARSE_BENDS.items()
        for d in (3, 5, 25)
    },
    **{
        f"student-identity-{d}-{d}-{nu}": _STUDENT.format(d, nu, "none")
        for d, nu in ((2, 1), (2, 2), (3, 2), (3, 3), (5, 2), (5, 3))
    },
    **{f"asinh-student-identity-{d}-{d}-{nu}": _STUDENT.format(d, nu, "asinh") for d, nu in ((2, 1), (3, 2), (5, 2))},
}
"""The forty tasks of Beyond Normal, from their published names to ours."""

PROFILES = {
    "x": "x-mixture[r=0.9,bend=none]",
    "ai": "ai[rho=0.95,bend=none]",
    "waves": "waves[s=0.31622776601683794,bend=none]",
    "galaxy": "galaxy[distance=3,bend=none]",
    **{
        f"concentric_multinormal-{d}-{shells}": f"concentric[d={d},shells={shells},s=0.01,bend=none]"
        for d, shells in ((3, 5), (5, 5), (3, 10), (5, 10), (25, 5))
    },
    **{
        f"multinormal-sparse-w-inliers-{d}-{d}-2-2.0-{alpha}": _INLIERS.format(d, alpha)
        for d in (3, 5)
        for alpha in (0.2, 0.5)
    },
}
"""The mixtures of its sequel, by the name of their distribution."""

GRADIENTS = [
    "x-mixture[d=1|2|5|10]",
    "bpsk[d=1|2|5|10]",
    "student[dx=1,dy=1,theta=nu]",
    "student[dx=2,dy=2,theta=nu]",
    "student[dx=5,dy=5,theta=nu]",
    "student[dx=10,dy=10,theta=nu]",
    "ring[copies=1|2|5|10,kappa=2|4]",
    "exponential-noise[d=1|2|5|10]",
    "inliers[dx=2,dy=2]",
    "inliers[dx=5,dy=5]",
    "inliers[dx=10,dy=10]",
    "gaussian-pairs[dx=2,dy=2]",
    "gaussian-pairs[dx=5,dy=5]",
    "gaussian-pairs[dx=10,dy=10]",
    "gamma-exponential[d=1|2|5|10]",
]

INTERACTIONS = [
    "interaction[function=parity|inner|radius|wave|maximum,k=2|4]",
    "interaction[function=parity|inner|wave|maximum,k=4,rotate=true]",
    "x-mixture[d=2|5,rotate=true]",
    "gaussian-pairs[dx=5,dy=5,rotate=true]",
]

ADVERSARIAL = [
    "uniform-noise[d=1|5]",
    "smoothed-discrete[d=1|5]",
    "blocks[d=1|5]",
    "symmetric-channel[m=2|10]",
    "zero-inflated-poisson",
    "inliers[theta=alpha,alpha=0.2|0.5,strength=2]",
]

INDEPENDENCE = [
    "gaussian[d=1|5|10,rho=0]",
    "gaussian[d=5,rho=0,bend=cubic|asinh|normal-cdf|half-cube|wiggly|swirl,rotate=false|true]",
    "gaussian-dense[c=0]",
    "gaussian-pairs[strength=0]",
    "x-mixture[d=1|5,r=0]",
    "ring[copies=1|5,kappa=0]",
    "galaxy[distance=0]",
    "front-end[d=1|5,gain=0]",
    "swiss-roll[rho=0]",
    "plates[rho=0]",
    "symmetric-channel[d=1|5,q=1]",
]


def suites() -> list[SuiteSpec]:
    """What `mibench list suites` shows of this plugin."""
    return [
        SuiteSpec(
            name="gradients",
            tasks=GRADIENTS,
            summary="where estimators of the gradient differ, and controls, at d = 1 to 10",
        ),
        SuiteSpec(
            name="interactions",
            tasks=INTERACTIONS,
            summary="functions of several inputs, and pairs in an unknown basis, with a control",
        ),
        SuiteSpec(
            name="bmi",
            tasks=BEYOND_NORMAL,
            summary="the forty tasks of Beyond Normal, 37 of them with a gradient",
            reference="Czyz et al., Beyond Normal, NeurIPS 2023",
        ),
        SuiteSpec(
            name="bmi2",
            tasks=PROFILES,
            summary="mixtures: X, AI, Waves, Galaxy, concentric normals, inliers",
            reference="Czyz et al., On the Properties and Estimation of Pointwise Mutual Information Profiles, 2023",
        ),
        SuiteSpec(name="adversarial", tasks=ADVERSARIAL, summary="gradients that do not pass through the samples"),
        SuiteSpec(name="independence", tasks=INDEPENDENCE, summary="x and y are independent, in every shape"),
    ]
