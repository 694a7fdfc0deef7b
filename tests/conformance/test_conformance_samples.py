"""What is no sample is refused: by every estimator, and by every public function of samples or scores."""

import importlib
import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import mibench_mige
import mibench_ratio
import pytest
import torch
from mibench_mige import calibration, projection, score
from mibench_mige.mige import entropy_surrogate, mi_surrogate
from torch import Tensor

from mibench import Estimator, gaussians
from mibench.discovery import load_plugins
from mibench.discovery.registry import Registry
from mibench.errors import UnfitError
from mibench.specs import EstimatorSpec
from mibench.targets import load_target
from mibench.testing.scenario import Scenario

SPECS = {entry.name: entry.spec for entry in Registry(load_plugins()).entries(EstimatorSpec)}
SCENARIO = Scenario(seeds=(0, 1), n=12)
WRONG: dict[str, tuple[type[Exception], str, Callable[[Tensor, Tensor], tuple[Any, Any]]]] = {
    "more x": (ValueError, "are no pairs", lambda x, y: (x, y[:, :8])),
    "more y": (ValueError, "are no pairs", lambda x, y: (x[:, :8], y)),
    "one replica of y": (ValueError, "are no pairs", lambda x, y: (x, y[:1])),
    "replicas of y alone": (ValueError, "are no pairs", lambda x, y: (x[0], y)),
    "other replicas": (ValueError, "are not of the problem's", lambda x, y: (x.repeat(2, 1, 1), y.repeat(2, 1, 1))),
    "no replicas": (ValueError, "are not of the problem's", lambda x, y: (x[0], y[0])),
    "another dimension": (ValueError, "are not of the problem's", lambda x, y: (x[..., :1], y)),
    "not one replica": (ValueError, "has at least one replica, one sample", lambda x, y: (x[:0], y[:0])),
    "not one sample": (ValueError, "has at least one replica, one sample", lambda x, y: (x[:, :0], y[:, :0])),
    "a vector": (ValueError, "is (*replicas, n, dimension)", lambda x, y: (x[0, :, 0], y[0, :, 0])),
    "integers": (TypeError, "floating point numbers, not torch.int64", lambda x, y: (x.long(), y.long())),
    "numpy": (TypeError, "floating point numbers, not ndarray", lambda x, y: (x.numpy(), y.numpy())),
}


def made(name: str) -> Estimator:
    kind: Any = load_target(SPECS[name].target, name)
    known = {"hidden": (8,), "embedding": 4}
    params = kind.Params()
    params = replace(params, **{field: value for field, value in known.items() if hasattr(params, field)})
    rho = SCENARIO.correlation
    problem = SCENARIO.problem(SCENARIO.conditional(rho))
    with_ratio = {"log_ratio": SCENARIO.log_ratio} if hasattr(problem, "log_ratio") else {}
    try:
        return kind(params, replace(problem, **with_ratio))
    except UnfitError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("name", SPECS)
def test_every_estimator_refuses_what_are_no_pairs_of_its_problem(name: str, wrong: str) -> None:
    estimator = made(name)
    kind, message, change = WRONG[wrong]
    x, y = change(*SCENARIO.batch())
    methods = {"value": ["mi"], "gradient": ["surrogate"]}
    for method in [*(m for quantity in SPECS[name].estimates for m in methods[quantity]), "update"]:
        if getattr(type(estimator), method) is getattr(Estimator, method):
            continue
        with pytest.raises(kind, match=message.replace("(", r"\(").replace("*", r"\*").replace(")", r"\)")):
            getattr(estimator, method)(x, y)


WHOLE = torch.randint(-20, 20, (1, 50, 2), generator=torch.Generator().manual_seed(0))
DISTANCES = torch.cdist(WHOLE.double(), WHOLE.double()).square().long()
VARIATIONAL = {
    "club": "club",
    "infonce": "infonce infonce_rows",
    "jsd": "jensen_shannon",
    "mine": "donsker_varadhan",
    "mine_f": "f_divergence",
    "negatives": "log_mean_exp",
    "nwj": "nwj",
}
BOUNDS = [
    getattr(importlib.import_module(f"mibench_variational.{module}"), name)
    for module, names in VARIATIONAL.items()
    for name in names.split()
]
CALLS: dict[str, Callable[[], Any]] = {
    "ssge_score": lambda: mibench_mige.ssge_score(WHOLE),
    "ssge_score_at": lambda: score.ssge_score_at(WHOLE.double(), WHOLE),
    "ssge_score_at-points": lambda: score.ssge_score_at(WHOLE, WHOLE.double()),
    "stein_score": lambda: score.stein_score(WHOLE),
    "squared_distances": lambda: score.squared_distances(WHOLE),
    "median_width": lambda: score.median_width(DISTANCES),
    "ssge_operator": lambda: score.ssge_operator(DISTANCES),
    "stein_operator": lambda: score.stein_operator(DISTANCES),
    "given-distances": lambda: score.ssge_score(WHOLE.double(), distances=DISTANCES, width=0.5),
    "calibrate": lambda: calibration.calibrate(WHOLE, WHOLE, "full"),
    "calibrate-others": lambda: calibration.calibrate(WHOLE.double(), WHOLE.double(), "full", others=WHOLE),
    "project": lambda: projection.project(WHOLE, torch.eye(2)[None]),
    "entropy_surrogate": lambda: entropy_surrogate(WHOLE),
    "mi_surrogate": lambda: mi_surrogate(WHOLE, WHOLE.double(), WHOLE.double()),
    "gaussians.correlate": lambda: gaussians.correlate(torch.tensor([0.5]), WHOLE, WHOLE),
    "gaussians.log_ratio": lambda: gaussians.log_ratio(torch.tensor([0.5]), WHOLE, WHOLE),
    "gaussians.slope": lambda: gaussians.slope(torch.tensor([0]), 1, 1),
    **{bound.__name__: lambda bound=bound: bound(*[WHOLE[..., 0]] * len(_without_default(bound))) for bound in BOUNDS},
}


def _without_default(function: Callable[..., Any]) -> list[str]:
    parameters = inspect.signature(function).parameters.values()
    return [parameter.name for parameter in parameters if parameter.default is inspect.Parameter.empty]


@pytest.mark.parametrize("call", CALLS)
def test_integers_are_refused_rather_than_rounded(call: str) -> None:
    with pytest.raises(TypeError, match=r"takes floating point numbers, not torch\.int64"):
        CALLS[call]()


PAIRS: dict[str, Callable[..., Any]] = {
    "ratio_gradient": mibench_ratio.ratio_gradient,
    "ratio_fit": mibench_ratio.ratio_fit,
    "least_squares_mi": mibench_ratio.least_squares_mi,
}


@pytest.mark.parametrize("function", PAIRS)
@pytest.mark.parametrize(
    ("error", "message", "wrong"),
    [
        (TypeError, "floating point numbers, not torch.int64", lambda x, y: (x, y.long())),
        (TypeError, "floating point numbers, not ndarray", lambda x, y: (x.numpy(), y.numpy())),
        (TypeError, "floating point numbers, not list", lambda x, y: (x, y.tolist())),
        (ValueError, r"is \(\*replicas, n, dimension\), not \(40,\)", lambda x, y: (x, y[:, 0])),
        (ValueError, "at least one replica, one sample and one dimension", lambda x, y: (x[:, :0], y)),
        (ValueError, "at least one replica, one sample and one dimension", lambda x, y: (x[:0], y[:0])),
        (ValueError, "at least one replica, one sample and one dimension", lambda x, y: (x[None][:0], y[None][:0])),
    ],
)
def test_functions_of_pairs_refuse_what_is_none(
    function: str, error: type[Exception], message: str, wrong: Callable[[Tensor, Tensor], tuple[Any, Any]]
) -> None:
    x, noise = torch.randn(2, 40, 2, generator=torch.Generator().manual_seed(0))
    with pytest.raises(error, match=message):
        PAIRS[function](*wrong(x, x + noise))


SAMPLES = [mibench_mige.ssge_score, mibench_mige.stein_score, score.squared_distances, mibench_ratio.margin_score]


@pytest.mark.parametrize("function", SAMPLES)
def test_functions_of_samples_take_tensors_alone(function: Callable[..., Any]) -> None:
    name = function.__name__
    with pytest.raises(TypeError, match=f"{name} takes tensors, not a list: use torch.as_tensor"):
        function(WHOLE[0].double().tolist())
    with pytest.raises(TypeError, match=f"{name} takes tensors, not a ndarray: use torch.as_tensor"):
        function(WHOLE[0].double().numpy())


def test_scores_of_samples_that_were_integers_are_not_zero() -> None:
    scores = mibench_mige.ssge_score(WHOLE[0].double())
    assert 0.05 < scores.abs().max().item() < 0.5
