"""Families whose dependence is not correlation: their truth holds in every way, and agrees with what is published."""

import math
from typing import Any

import pytest
import torch
from families_checks import prove, slope, value
from mibench_families.ai import AI, AIParams
from mibench_families.clusters import Clusters, ClustersParams
from mibench_families.concentric import Concentric, ConcentricParams
from mibench_families.constellations import BPSK, PAM, QAM, BPSKParams, PAMParams, QAMParams
from mibench_families.embedded import ImagesParams, Plates, Rectangles, SwissRoll, SwissRollParams
from mibench_families.front_end import FrontEnd, FrontEndParams
from mibench_families.galaxy import Galaxy, GalaxyParams
from mibench_families.inliers import Inliers, InliersParams
from mibench_families.ring import Ring, RingParams
from mibench_families.waves import Waves, WavesParams
from mibench_families.x_mixture import XMixture, XMixtureParams

from mibench.families import Draws, Family
from mibench.testing.families import Effort

FAMILIES = [
    XMixture(XMixtureParams()),
    XMixture(XMixtureParams(d=3, r=-0.5)),
    BPSK(BPSKParams(snr=1.5)),
    PAM(PAMParams(levels=5, snr=30.0, d=2)),
    QAM(QAMParams(points=16, snr=5.0)),
    Ring(RingParams(kappa=2.0)),
    Galaxy(GalaxyParams()),
    Galaxy(GalaxyParams(dx=1, dy=3, distance=1.0)),
    Inliers(InliersParams()),
    Inliers(InliersParams(dx=1, dy=2, pairs=1, strength=1.0, alpha=0.5)),
    Clusters(ClustersParams(d=1, clusters=2, within=0.5, s=0.3)),
    Clusters(ClustersParams(d=5, clusters=4, s=0.9)),
    Waves(WavesParams()),
    AI(AIParams()),
    Concentric(ConcentricParams(s=0.5)),
    FrontEnd(FrontEndParams()),
    FrontEnd(FrontEndParams(gain=8.0, s=0.2, d=2)),
    SwissRoll(SwissRollParams()),
    Plates(ImagesParams(rho=0.5)),
    Rectangles(ImagesParams(rho=0.5)),
]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: f"{type(family).__name__}-{family.params}")
def test_the_truth_holds_in_every_way(family: Family) -> None:
    prove(family, Effort(replicas=100, n=300))


@pytest.mark.parametrize(
    ("family", "published", "standard_error"),
    [
        (XMixture(XMixtureParams(r=0.9)), 0.408443, 1e-6),
        (Galaxy(GalaxyParams()), 0.49422, 0.00026),
        (Waves(WavesParams()), 1.30707, 0.0004),
        (AI(AIParams()), 0.77430, 0.0009),
        (Concentric(ConcentricParams(d=3, shells=5)), 0.45505, 0.001),
        (Concentric(ConcentricParams(d=5, shells=5)), 0.62520, 0.001),
        (Concentric(ConcentricParams(d=3, shells=10)), 0.55970, 0.001),
        (Concentric(ConcentricParams(d=5, shells=10)), 0.75057, 0.001),
        (Concentric(ConcentricParams(d=25, shells=5)), 1.19083, 0.001),
        (Inliers(InliersParams(alpha=0.2)), 0.63500, 0.0008),
        (Ring(RingParams(kappa=1.0)), 0.0006, 0.0003),
        (Ring(RingParams(kappa=2.0)), 0.0218, 0.0003),
        (Ring(RingParams(kappa=4.0)), 0.1932, 0.001),
        (Ring(RingParams(kappa=8.0)), 0.5415, 0.001),
        (SwissRoll(SwissRollParams(rho=0.75)), 0.413339, 1e-6),
    ],
    ids=lambda case: f"{type(case).__name__}-{case.params}" if isinstance(case, Family) else "",
)
def test_the_information_is_the_published_one(family: Family, published: float, standard_error: float) -> None:
    assert abs(value(family) - published) < 3 * standard_error


@pytest.mark.parametrize(
    ("family", "name", "known"),
    [
        (XMixture(XMixtureParams(r=0.9)), "r", 3.40591),
        (Clusters(ClustersParams(d=1, clusters=2, within=0.5, s=0.3)), "s", -2.45),
        (Clusters(ClustersParams(d=10, clusters=10, radius=4.0, within=0.2, s=0.2)), "s", -25.0),
        (Concentric(ConcentricParams()), "s", 0.0),
        (Ring(RingParams(kappa=0.0)), "kappa", 0.0),
    ],
    ids=["x", "two clusters", "ten clusters", "resolved shells", "no ring"],
)
def test_the_gradient_is_the_known_one(family: Family, name: str, known: float) -> None:
    assert slope(family, name) == pytest.approx(known, abs=2e-3)


def test_bpsk_obeys_the_relation_of_information_and_mmse() -> None:
    snr = 1.5
    noise = torch.linspace(-9, 9, 2001, dtype=torch.float64)
    weights = (-noise.square() / 2).exp()
    mmse = 1 - (weights * (snr + math.sqrt(snr) * noise).tanh()).sum() / weights.sum()
    assert slope(BPSK(BPSKParams(snr=snr)), "snr") == pytest.approx(mmse.item() / 2, rel=1e-10)


def test_coordinates_add_up() -> None:
    for many, single in (
        (XMixture(XMixtureParams(d=4)), XMixture(XMixtureParams(d=1))),
        (PAM(PAMParams(d=4)), PAM(PAMParams(d=1))),
        (FrontEnd(FrontEndParams(d=4)), FrontEnd(FrontEndParams(d=1))),
    ):
        assert value(many) == pytest.approx(4 * value(single), rel=1e-12)


def test_qam_is_pam_in_two_coordinates() -> None:
    assert value(QAM(QAMParams(points=16, snr=3.0))) == pytest.approx(value(PAM(PAMParams(levels=4, d=2, snr=3.0))))


def test_many_levels_saturate_at_the_entropy_of_the_symbols() -> None:
    assert value(PAM(PAMParams(levels=8, snr=1e5))) == pytest.approx(math.log(8), abs=1e-9)


def test_images_are_injective_where_latents_differ() -> None:
    for family in (Plates(ImagesParams()), Rectangles(ImagesParams(size=32))):
        u = torch.rand(500, family.latents, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        shown = family.embed(u)
        distance = torch.cdist(shown, shown) + 1e3 * torch.eye(500, dtype=torch.float64)
        assert shown.shape == (500, family.params.size**2)
        assert distance.min() > 0


def test_an_image_moves_with_its_latents() -> None:
    family = Rectangles(ImagesParams(size=16))
    left = family.embed(torch.tensor([0.1, 0.5, 0.3, 0.3], dtype=torch.float64)).reshape(16, 16)
    right = family.embed(torch.tensor([0.9, 0.5, 0.3, 0.3], dtype=torch.float64)).reshape(16, 16)
    rows = torch.arange(16, dtype=torch.float64)[:, None]
    assert (left * rows).sum() / left.sum() + 5 < (right * rows).sum() / right.sum()
    assert left.min() >= 0
    assert left.max() <= 1 + 1e-12


@pytest.mark.parametrize(
    ("params", "wrong"),
    [
        (XMixtureParams, {"r": 1.0}),
        (BPSKParams, {"snr": -1.0}),
        (BPSKParams, {"snr": float("nan")}),
        (PAMParams, {"levels": 1}),
        (QAMParams, {"points": 8}),
        (RingParams, {"kappa": -1.0}),
        (GalaxyParams, {"distance": float("inf")}),
        (InliersParams, {"alpha": 0.0}),
        (InliersParams, {"pairs": 4}),
        (ClustersParams, {"s": 0.0}),
        (WavesParams, {"s": 0.0}),
        (AIParams, {"rho": 1.0}),
        (ConcentricParams, {"shells": 0}),
        (FrontEndParams, {"s": -0.3}),
        (SwissRollParams, {"rho": 1.0}),
        (ImagesParams, {"size": 1}),
    ],
)
def test_parameters_out_of_range_are_refused_in_one_line(params: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))) as caught:
        params(**wrong)
    assert "\n" not in str(caught.value)


def test_replicas_do_not_depend_on_their_neighbours() -> None:
    family = Clusters(ClustersParams(d=2, clusters=3, within=0.1))
    theta = {"s": torch.tensor([0.3, 0.9]).double()}
    together = family.sample(theta, 5, Draws.seeded(1, (2,)))
    single = family.sample({"s": theta["s"][1]}, 5, Draws.seeded(2))
    assert torch.equal(together[1][1], single[1])
    assert torch.allclose(family.log_ratio(theta, *together)[1], family.log_ratio({"s": theta["s"][1]}, *single))
