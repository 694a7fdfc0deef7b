import math

import numpy as np
import pytest
import torch
from families_checks import prove, slope, value
from mibench_gaussian.canonical import Canonical, CanonicalParams
from mibench_gaussian.channel import Channel, ChannelParams
from mibench_gaussian.dense import Dense, DenseParams
from mibench_gaussian.latent import Latent, LatentParams
from mibench_gaussian.pairs import Pairs, PairsParams

from mibench.compositions import Bent
from mibench.families import Family
from mibench.testing.families import Effort


@pytest.mark.parametrize(
    "family",
    [
        Dense(DenseParams(dx=3, dy=3)),
        Dense(DenseParams(dx=1, dy=2, c=-0.3)),
        Pairs(PairsParams(dx=3, dy=4)),
        Latent(LatentParams()),
        Channel(ChannelParams(dx=2, dy=3, sigma=0.5, r=0.6)),
    ],
    ids=lambda family: str(family.params),
)
def test_the_truth_holds_in_every_way(family: Family) -> None:
    prove(family)


def test_the_truth_holds_in_fifty_dimensions() -> None:
    prove(Dense(DenseParams(dx=25, dy=25)), Effort(replicas=40, n=200))


@pytest.mark.parametrize(
    ("d", "information", "gradient"),
    [
        (2, 0.293893, 1.066667),
        (3, 0.413339, 1.285714),
        (5, 0.592812, 1.515152),
        (25, 1.292184, 1.885370),
        (50, 1.624265, 1.941371),
    ],
)
def test_dense_has_the_published_information(d: int, information: float, gradient: float) -> None:
    family = Dense(DenseParams(dx=d, dy=d))
    assert value(family) == pytest.approx(information, abs=5e-7)
    assert slope(family, "c") == pytest.approx(gradient, abs=5e-7)


@pytest.mark.parametrize(("m", "n", "c"), [(1, 1, 0.5), (2, 3, 0.7), (4, 1, -0.2)])
def test_dense_agrees_with_its_closed_form(m: int, n: int, c: float) -> None:
    log = np.log1p
    family = Dense(DenseParams(dx=m, dy=n, c=c))
    information = (log((m - 1) * c) + log((n - 1) * c) - log(-c) - log((m + n - 1) * c)) / 2
    parts = [
        (m - 1) / (1 + (m - 1) * c),
        (n - 1) / (1 + (n - 1) * c),
        1 / (1 - c),
        -(m + n - 1) / (1 + (m + n - 1) * c),
    ]
    assert value(family) == pytest.approx(information, rel=1e-12)
    assert slope(family, "c") == pytest.approx(sum(parts) / 2, rel=1e-12)


@pytest.mark.parametrize("d", [2, 3, 5, 25])
def test_two_pairs_have_the_published_information_in_any_dimension(d: int) -> None:
    family = Pairs(PairsParams(dx=d, dy=d))
    assert value(family) == pytest.approx(1.021651, abs=5e-7)
    assert slope(family, "strength") == pytest.approx(0.711111, abs=5e-7)


@pytest.mark.parametrize("strength", [0.0, 0.3, -1.5])
def test_pairs_agree_with_their_closed_form(strength: float) -> None:
    family, s2 = Pairs(PairsParams(dx=4, dy=3, pairs=3, strength=strength)), strength**2
    assert value(family) == pytest.approx(3 * (math.log1p(s2) - math.log1p(2 * s2) / 2), abs=1e-12)
    assert slope(family, "strength") == pytest.approx(6 * strength**3 / ((1 + s2) * (1 + 2 * s2)), abs=1e-12)


def test_pairs_are_canonical_gaussians_in_the_correlation() -> None:
    rho = 4 / 5
    canonical = Canonical(CanonicalParams(d=2, rho=rho))
    pairs = Pairs(PairsParams(dx=2, dy=2))
    assert value(pairs) == pytest.approx(value(canonical), rel=1e-12)
    assert slope(canonical, "rho") == pytest.approx(4.444444, abs=5e-7)
    in_strength = 2 * 2 / (1 + 4) ** 2
    assert slope(pairs, "strength") == pytest.approx(slope(canonical, "rho") * in_strength, rel=1e-12)


def test_the_latent_model_has_dense_and_pairs_as_corners() -> None:
    c = 0.4
    dense = Latent(LatentParams(pairs=0, beta=math.sqrt(c), alpha=0.0, epsilon=math.sqrt(1 - c), eta=0.0))
    assert value(dense) == pytest.approx(value(Dense(DenseParams(dx=3, dy=3, c=c))), rel=1e-12)
    pairs = Latent(LatentParams(beta=0.0, alpha=0.0, strength=1.7, eta=1.7))
    assert value(pairs) == pytest.approx(value(Pairs(PairsParams(dx=3, dy=3, strength=1.7))), rel=1e-12)


def test_the_latent_model_has_the_covariance_of_its_equations() -> None:
    p = LatentParams(dx=2, dy=3, pairs=1, beta=0.3, strength=0.7, alpha=1.1, epsilon=0.9, eta=0.4)
    noise = np.eye(5) * p.epsilon
    shared_x, shared_y = np.array([1, 1, 0, 0, 0.0]) * p.alpha, np.array([0, 0, 1, 1, 1.0]) * p.alpha
    pair, extra = np.array([1, 0, 1, 0, 0.0]) * p.strength, np.diag([0, 1, 0, 1, 1.0]) * p.eta
    mixing = np.column_stack([noise, shared_x, shared_y, np.full(5, p.beta), pair, extra])
    family = Latent(p)
    covariance = family.covariance(family.at(torch.float64)).numpy()
    assert covariance == pytest.approx(mixing @ mixing.T, rel=1e-12)


def test_the_channel_agrees_with_its_closed_form() -> None:
    family = Channel(ChannelParams(dx=2, dy=3, sigma=0.5, r=0.6))
    theta = {name: value.requires_grad_() for name, value in family.at(torch.float64).items()}
    w, s, sigma = theta["weights"].detach().numpy(), np.array([[1, 0.6], [0.6, 1]]), 0.5
    inner = np.eye(3) + w @ s @ w.T / sigma**2
    information = family.information(theta)
    in_sigma, in_weights = torch.autograd.grad(information, (theta["sigma"], theta["weights"]))
    assert information.item() == pytest.approx(np.linalg.slogdet(inner)[1] / 2, rel=1e-12)
    assert in_sigma.item() == pytest.approx((np.trace(np.linalg.inv(inner)) - 3) / sigma, rel=1e-10)
    assert in_weights.numpy() == pytest.approx(np.linalg.inv(inner) @ w @ s / sigma**2, rel=1e-10)


def test_every_bend_of_a_gaussian_has_its_information() -> None:
    inner = Canonical(CanonicalParams(d=1, rho=0.75))
    for bend in ("normal-cdf", "bimodal", "wiggly", "half-cube", "asinh", "cubic"):
        assert value(Bent(inner, bend)) == pytest.approx(0.413339, abs=5e-7)
        assert slope(Bent(inner, bend), "rho") == pytest.approx(1.714286, abs=5e-7)


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (CanonicalParams, {"rho": 1.0}),
        (DenseParams, {"c": 1.0}),
        (DenseParams, {"c": -0.2}),
        (PairsParams, {"pairs": 6}),
        (PairsParams, {"strength": math.inf}),
        (LatentParams, {"epsilon": 0.0}),
        (LatentParams, {"beta": math.nan}),
        (ChannelParams, {"sigma": -1.0}),
        (ChannelParams, {"r": 1.0}),
        (ChannelParams, {"dy": 0}),
    ],
)
def test_parameters_out_of_range_are_refused_in_one_line(kind: type, wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))) as caught:
        kind(**wrong)
    assert "\n" not in str(caught.value)
