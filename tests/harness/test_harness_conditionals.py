"""The p(y|x) that a problem offers is the one that was given, and NaN where samples are not finite."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Beta, Categorical, Distribution, Independent, MixtureSameFamily, Normal

from mibench.conditionals import normal_coordinates
from mibench.contracts import Conditional, Problem
from mibench.training import tensors

N, D = 8, 2


def offered(law: Conditional) -> Conditional:
    conditional = Problem(dx=D, dy=D, generators=(), conditional=law).conditional
    assert conditional is not None
    return conditional


def samples() -> Tensor:
    """Two replicas."""
    return torch.randn(2, N, D, generator=torch.Generator().manual_seed(0))


def normal(x: Tensor) -> Distribution:
    return Independent(Normal(2 * x, torch.ones_like(x)), 1)


def coordinates(x: Tensor) -> Distribution:
    return Normal(2 * x, torch.ones_like(x))


def joint(law: Distribution) -> Distribution:
    return law if law.event_shape else Independent(law, 1)


def mixture(x: Tensor) -> Distribution:
    means = torch.stack([x, -x], -2)
    return MixtureSameFamily(Categorical(torch.ones_like(means[..., 0])), Independent(Normal(means, 1.0), 1))


def beta(x: Tensor) -> Distribution:
    return Independent(Beta(x.exp(), 1.0), 1)


class Tilted(Normal):
    """A normal's moments, and another density."""

    def log_prob(self, value: Tensor) -> Tensor:
        return super().log_prob(value) - value.abs()


def test_coordinates_are_normal_where_their_type_is_that_and_no_other() -> None:
    x = samples()
    given = normal_coordinates(offered(coordinates)(x))
    assert given is not None
    assert torch.equal(given.mean, normal(x).mean)
    for other in (beta, mixture, lambda x: Tilted(x, torch.ones_like(x))):
        assert normal_coordinates(offered(other)(x)) is None


def test_it_is_asked_once_of_x_itself_and_gives_what_was_given() -> None:
    asked: list[Tensor] = []

    def law(x: Tensor) -> Distribution:
        asked.append(x)
        return normal(x)

    x = samples()
    given = offered(law)(x)
    assert isinstance(given, Independent)
    assert [one is x for one in asked] == [True]
    assert torch.equal(given.mean, normal(x).mean)
    assert torch.equal(given.log_prob(x), normal(x).log_prob(x))


@pytest.mark.parametrize("law", [normal, coordinates, mixture, beta])
@pytest.mark.parametrize("sick", ["x", "y"])
def test_a_density_of_samples_that_are_not_finite_is_nan_in_their_replica(law: Conditional, sick: str) -> None:
    x, y = samples(), samples().sigmoid()
    expected = joint(law(x)).log_prob(y)
    {"x": x, "y": y}[sick][1, 3, 0] = math.nan
    given = offered(law)(x).log_prob(y)
    assert torch.equal(given[0], expected[0])
    assert given[1].isnan().all()


def test_every_y_has_its_density_under_every_x() -> None:
    x, y = samples(), samples()
    y[1, 3] = math.inf
    given = offered(normal)(x).log_prob(y.movedim(-2, 0).unsqueeze(-2))
    assert given.shape == (N, 2, N)
    assert given.isnan().nonzero().tolist() == [[3, 1, j] for j in range(N)]


@pytest.mark.parametrize("law", [normal, coordinates, mixture])
def test_means_of_a_replica_that_is_not_finite_are_nan(law: Conditional) -> None:
    x = samples()
    x[1, 3, 0] = math.inf
    mean = offered(law)(x).mean
    assert torch.equal(mean[0], law(samples()).mean[0])
    assert mean[1].isnan().all()


def test_gradients_reach_x_and_the_parameters_and_are_nan_where_x_is() -> None:
    x, scale = samples(), torch.tensor([2.0, 2.0], requires_grad=True)
    x[1, 3, 0] = math.nan
    x.requires_grad_()
    law = offered(lambda x: Independent(Normal(scale[:, None, None] * x, torch.ones_like(x)), 1))
    law(x).log_prob(samples()).sum().backward()
    assert x.grad is not None
    assert scale.grad is not None
    assert x.grad[0].isfinite().all()
    assert x.grad[1].isnan().all()
    assert scale.grad.isfinite().tolist() == [True, False]


@pytest.mark.parametrize(
    ("law", "y", "message"),
    [
        (lambda x: Normal(x, -torch.ones_like(x)), samples(), "scale"),
        (beta, samples() + 2, "within the support"),
    ],
)
@pytest.mark.parametrize("checks", [True, False])
def test_what_is_wrong_with_finite_samples_is_said_as_before(
    law: Conditional, y: Tensor, message: str, checks: bool
) -> None:
    Distribution.set_default_validate_args(checks)
    try:
        if checks:
            with pytest.raises(ValueError, match=message):
                offered(law)(samples()).log_prob(y)
        else:
            offered(law)(samples()).log_prob(y)
        assert vars(Distribution)["_validate_args"] is checks
    finally:
        Distribution.set_default_validate_args(True)


@pytest.mark.parametrize("x", [samples(), samples() * math.nan], ids=["finite", "nan"])
def test_what_is_wrong_with_the_law_itself_is_said_as_before(x: Tensor) -> None:
    def law(x: Tensor) -> Distribution:
        raise TypeError(f"no law of {tuple(x.shape)}")

    with pytest.raises(TypeError, match="no law of"):
        offered(law)(x)


@pytest.mark.parametrize("scale", [math.nan, 1.0])
def test_parameters_that_are_nan_are_no_error(scale: float) -> None:
    weight = torch.ones(2, 1, 1)
    weight[1] = math.nan
    given = offered(lambda x: Independent(Normal(weight * x, scale), 1))(samples())
    assert given.log_prob(samples()).isnan().all(-1).tolist() == [math.isnan(scale), True]


def test_an_encoder_that_is_asked_for_p_of_y_is_no_part_of_the_estimator() -> None:
    class Encoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(D, D)

        def forward(self, x: Tensor) -> Distribution:
            return Independent(Normal(self.linear(x), 1.0), 1)

    assert tensors(Problem(dx=D, dy=D, generators=(), conditional=Encoder())) == []


def test_a_law_that_refuses_nan_is_asked_of_zeros() -> None:
    asked: list[Tensor] = []

    def law(x: Tensor) -> Distribution:
        asked.append(x)
        return normal(x)

    x = samples()
    x[1, 3, 0] = math.nan
    assert offered(law)(x).mean[1].isnan().all()
    assert torch.equal(asked[-1], torch.stack([samples()[0], torch.zeros(N, D)]))


@pytest.mark.parametrize(
    ("law", "what"),
    [
        (lambda x: Independent(Normal(x[..., :1], 1.0), 1), r"\(2, 8\) and \(1,\)"),
        (lambda x: Independent(Normal(x, 1.0), 2), r"\(2,\) and \(8, 2\)"),
        (lambda x: Independent(Normal(x.mT, 1.0), 1), r"\(2, 2\) and \(8,\)"),
        (lambda x: Independent(Normal(x.new_zeros(D), 1.0), 1), r"\(\) and \(2,\)"),
        (lambda x: Normal(x[..., :1], 1.0), r"\(2, 8, 1\) and \(\)"),
    ],
)
def test_a_law_of_other_y_is_refused(law: Conditional, what: str) -> None:
    wanted = r"p\(y\|x\) of x \(2, 8, 2\) and y of 2 has batch_shape \(2, 8\) and event_shape \(2,\), not "
    with pytest.raises(ValueError, match=wanted + what):
        offered(law)(samples())


@pytest.mark.parametrize(("answer", "name"), [(torch.zeros(N, D), "Tensor"), ((0.0, 1.0), "tuple"), (None, "NoneType")])
def test_what_is_no_distribution_is_no_law(answer: Any, name: str) -> None:
    with pytest.raises(TypeError, match=rf"p\(y\|x\) is a torch.distributions.Distribution, not a {name}"):
        offered(lambda _: answer)(samples())
