import math

import pytest
import torch
from families_checks import prove, slope, value
from mibench_families.galaxy import Galaxy, GalaxyParams
from mibench_families.ring import Ring, RingParams
from mibench_families.student import Student, StudentParams
from mibench_families.x_mixture import XMixture, XMixtureParams
from mibench_gaussian.canonical import Canonical, CanonicalParams
from scipy import stats

from mibench.bends import BENDS
from mibench.compositions import Bent, Copies, Gauged, Rotated, compose
from mibench.families import Draws, Family, together
from mibench.testing.families import Effort


def test_a_bent_rotated_copied_family_keeps_its_truth() -> None:
    family = compose(Student(StudentParams(dx=2, dy=3, nu=2.0, rho=0.3)), bend="spiral", rotate=True, copies=2)
    assert family.observed_dims == (4, 6)
    prove(family, Effort(replicas=100, n=300))


def test_another_gauge_keeps_the_truth() -> None:
    inner = Canonical(CanonicalParams(d=2, rho=0.6))
    prove(Gauged(inner))
    assert slope(Gauged(inner), "rho") == slope(inner, "rho")


def test_copies_multiply_information_and_gradient() -> None:
    single = Student(StudentParams(nu=1.0, rho=0.4))
    five = Copies(single, 5)
    assert value(five) == pytest.approx(5 * value(single))
    assert slope(five, "nu") == pytest.approx(5 * slope(single, "nu"))


def test_the_conditional_of_copies_is_that_of_each() -> None:
    single, theta = Canonical(CanonicalParams(d=2, rho=0.6)), {"rho": torch.tensor(0.6).double()}
    x, y = Copies(single, 3).sample(theta, 5, Draws.seeded(0))
    together = Copies(single, 3).conditional(theta)
    apart = single.conditional(theta)
    assert together is not None
    expected = sum(apart(x[:, k : k + 2]).log_prob(y[:, k : k + 2]) for k in (0, 2, 4))
    assert torch.allclose(together(x).log_prob(y), expected)


def test_pairs_stay_the_same_whatever_they_are_seen_through() -> None:
    inner = Canonical(CanonicalParams(d=3, rho=0.6))
    theta = inner.at(torch.float64)
    bent = Rotated(Bent(inner, "asinh"))
    for seen, plain in zip(
        bent.sample(theta, 4, Draws.seeded(1)), inner.sample(theta, 4, Draws.seeded(1)), strict=True
    ):
        assert torch.equal(seen, plain)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_the_bimodal_bend_has_the_stated_margins(dtype: torch.dtype) -> None:
    z = torch.linspace(-8, 8, 401, dtype=dtype)
    x, y = BENDS["bimodal"].x(z).double().numpy(), BENDS["bimodal"].y(z).double().numpy()
    margin_x = stats.norm.cdf([x, x - 5]).T @ [0.3, 0.7], stats.norm.sf([x, x - 5]).T @ [0.3, 0.7]
    margin_y = stats.norm.cdf([y + 1, y - 3]).T @ [0.5, 0.5], stats.norm.sf([y + 1, y - 3]).T @ [0.5, 0.5]
    exact = z.double().numpy()
    digits = 1e-9 if dtype == torch.float64 else 1e-4
    for below, above in (margin_x, margin_y):
        assert below[exact <= 0] == pytest.approx(stats.norm.cdf(exact[exact <= 0]), rel=digits)
        assert above[exact > 0] == pytest.approx(stats.norm.sf(exact[exact > 0]), rel=digits)


@pytest.mark.parametrize("name", ["spiral", "swirl"])
def test_volume_is_preserved(name: str) -> None:
    z = torch.randn(20, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for side in (BENDS[name].x, BENDS[name].y):
        jacobians = torch.stack([torch.autograd.functional.jacobian(side, point) for point in z])
        assert torch.allclose(torch.linalg.det(jacobians), torch.ones(20, dtype=torch.float64))


def test_rotations_are_uniform_and_a_replica_has_its_own() -> None:
    rotations = Draws.seeded(0, (4000,)).rotation(3)
    assert torch.allclose(rotations @ rotations.mT, torch.eye(3, dtype=torch.float64).expand(4000, 3, 3))
    assert rotations.mean(0).abs().max() < 4 / math.sqrt(3 * 4000)
    assert rotations.square().mean(0).sub(1 / 3).abs().max() < 4 * math.sqrt(4 / 45 / 4000)
    assert torch.linalg.det(rotations).mean().abs() < 4 / math.sqrt(4000)
    assert torch.equal(rotations[7], Draws.seeded(7).rotation(3))


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda family: Bent(family, "crooked"), "crooked"),
        (lambda family: Bent(family, "spiral"), "spiral"),
        (lambda family: Copies(family, 0), "copies"),
        (lambda family: Gauged(family, "mu"), "mu"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(make: object, named: str) -> None:
    with pytest.raises(ValueError, match=named) as caught:
        make(Student(StudentParams()))  # pyright: ignore[reportCallIssue]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "family",
    [Copies(Ring(RingParams()), 3), Gauged(XMixture(XMixtureParams(d=2))), Copies(Gauged(Galaxy(GalaxyParams())), 2)],
    ids=["copies", "gauge", "both"],
)
def test_a_mixture_as_conditional_is_copied_and_scaled(family: Family) -> None:
    theta = together([family, family], torch.float64)
    x, y = family.sample(theta, 50, Draws.seeded(0, (2,)))
    conditional = family.conditional(theta)
    margins = [conditional(given).log_prob(y) - family.log_ratio(theta, given, y) for given in (x, x.roll(1, -2))]
    assert margins[0].shape == (2, 50)
    torch.testing.assert_close(*margins, rtol=0, atol=1e-10)
