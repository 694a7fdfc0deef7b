"""Properties of the tensors that go in and come out."""

import torch
from torch import Tensor

from mibench.errors import UnfitError
from mibench.testing.declarations import capabilities
from mibench.testing.failures import hinted
from mibench.testing.kit import NotApplicable, claim, expect
from mibench.testing.scenario import Scenario
from mibench.testing.subject import Subject
from mibench.text import NO_MESSAGE, message_of

_METHODS = {"value": "mi", "gradient": "surrogate"}
_REPLICAS = (
    "it works without replica axes, which come before the samples' axis in every tensor: draw weights with "
    "`problem.draw`, which gives `(*replicas, ...)`, and count axes from the last"
)


def answers(subject: Subject, scenario: Scenario) -> dict[str, Tensor]:
    """What each declared method returns on a batch, after an update, by the method's name."""
    instance = subject.make(scenario).train(1)
    x, y = (z.requires_grad_() for z in scenario.batch())
    return {name: instance.ask(name, x, y) for kind, name in _METHODS.items() if kind in subject.spec.estimates}


@claim("every answer is (*replicas,)", see="mibench.contracts.Estimator", after=(capabilities,))
def shapes(subject: Subject) -> None:
    """Every answer is `(*replicas,)`, for no, one and two replica axes."""
    for seeds, replicas in (((0,), ()), ((0, 1, 2), (3,)), ((0, 1, 2, 3), (2, 2))):
        with hinted(_REPLICAS if replicas else ""):
            given = answers(subject, Scenario(seeds=seeds, replicas=replicas))
        for name, answer in given.items():
            expect(
                tuple(answer.shape) == replicas,
                f"`{name}` of x (*replicas, n, dx) and y (*replicas, n, dy) to be (*replicas,) = {replicas}",
                str(tuple(answer.shape)),
            )


@claim("answers have the problem's dtype", see="mibench.contracts.Problem", after=(shapes,))
def dtype(subject: Subject) -> None:
    """Answers and gradients have the problem's dtype."""
    for dtype in (torch.float32, torch.float64):
        scenario = Scenario(seeds=(0, 1), dtype=dtype)
        numbers = subject.make(scenario).train(1).evaluate(*scenario.batch())
        for name, answer in {**answers(subject, scenario), **numbers}.items():
            expect(answer.dtype == dtype, f"{name} in the problem's {dtype}", str(answer.dtype))


@claim("answers are on the problem's device", see="mibench.contracts.Problem", after=(shapes,))
def device(subject: Subject) -> NotApplicable | None:
    """Answers are on the problem's device; tried on a GPU where there is one."""
    device = second_device()
    if device is None:
        return NotApplicable("there is no CUDA device; on the CPU nothing can be in the wrong place")
    for name, answer in answers(subject, Scenario(seeds=(0, 1), device=device)).items():
        expect(answer.device == device, f"`{name}` on the problem's {device}", str(answer.device))
    return None


def second_device() -> torch.device | None:
    """The current GPU, if there is one."""
    return torch.device("cuda", torch.cuda.current_device()) if torch.cuda.is_available() else None


@claim("values and gradients are finite on ordinary data", see="mibench.contracts.Estimator", after=(dtype,))
def finite(subject: Subject) -> None:
    """Values and gradients are finite on ordinary data, before and after updates, in single precision too."""
    for scenario in (Scenario(n=32), Scenario(n=32, dtype=torch.float32), Scenario(n=32, rho=0.0)):
        for steps in (0, 3):
            numbers = subject.make(scenario).train(steps).evaluate(*scenario.batch())
            for name, tensor in numbers.items():
                expect(
                    bool(tensor.isfinite().all()),
                    f"finite numbers on {scenario.pairs} Gaussian pairs with rho={scenario.rho} in {scenario.dtype}",
                    f"a {name} that is not finite, after {steps} updates",
                )


@claim(
    "two samples give finite numbers or a ValueError that says why not",
    see="mibench.contracts.Estimator",
    after=(finite,),
)
def tiny_batch(subject: Subject) -> None:
    """Two samples give finite numbers, or a `ValueError` or `UnfitError` that says why not."""
    scenario = Scenario(n=2, seeds=(0, 1))
    try:
        numbers = subject.make(scenario).train(1).evaluate(*scenario.batch())
    except (ValueError, UnfitError) as error:
        told = message_of(error).strip() not in {"", NO_MESSAGE}
        expect(told, "a ValueError that says how many samples are needed", "one without a message")
        return
    for name, tensor in numbers.items():
        expect(
            bool(tensor.isfinite().all()),
            "a batch of 2 samples to give finite numbers, or a ValueError that says how many are needed",
            f"a {name} that is not finite",
        )


@claim(
    "batches are not written to and get no gradient from training",
    see="mibench.contracts.Estimator.update",
    after=(shapes,),
)
def inputs(subject: Subject) -> None:
    """Batches are not written to, and training leaves no gradient on them nor on what they were made from."""
    scenario = Scenario(seeds=(0, 1))
    instance = subject.make(scenario)
    asked = (name for kind, name in _METHODS.items() if kind in subject.spec.estimates)
    for method in ("update", *asked):
        x, y = scenario.batch()
        instance.update(x, y) if method == "update" else instance.ask(method, x, y)
        for name, now, before in zip("xy", (x, y), scenario.batch(), strict=True):
            expect(now.equal(before), f"`{method}` to leave {name} as it is", "other values: work on a copy")
    encoder = torch.ones((), dtype=scenario.dtype, requires_grad=True)
    x, y = (z.requires_grad_() for z in scenario.batch())
    instance.update(encoder * x, encoder * y)
    expect(
        all(tensor.grad is None for tensor in (x, y, encoder, instance.rho)),
        "`update` to send no gradient to x, y, the encoder that made them or the parameters of p(y|x)",
        "a gradient: detach both first",
    )
