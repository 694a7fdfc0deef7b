import pytest
import torch
from families_checks import prove, slope, value
from mibench_gaussian.canonical import Canonical, CanonicalParams

from mibench import gaussians as formulas
from mibench.compositions import Bent, Rotated
from mibench.families import Draws


def rotation(d: int, generator: torch.Generator) -> torch.Tensor:
    q, r = torch.linalg.qr(torch.randn(d, d, generator=generator, dtype=torch.float64))
    return q * r.diagonal().sign()


@pytest.mark.parametrize(("d", "rho"), [(1, 0.75), (3, -0.5), (1, 0.0)])
def test_the_truth_of_the_canonical_gaussian_holds_in_every_way(d: int, rho: float) -> None:
    prove(Canonical(CanonicalParams(d=d, rho=rho)))


def test_the_canonical_gaussian_has_the_published_information() -> None:
    family = Canonical(CanonicalParams(d=1, rho=0.75))
    assert value(family) == pytest.approx(0.413339, abs=5e-7)
    assert slope(family, "rho") == pytest.approx(1.714286, abs=5e-7)


def test_pairs_are_those_of_the_task_gaussian() -> None:
    """Drawn in single precision, rotations first: its numbers are the same to the last bit."""
    d, n, seeds, rho = 3, 11, (5, 6), torch.tensor([0.3, -0.8])
    drawn = [torch.Generator().manual_seed(seed) for seed in seeds]
    rotations = [[rotation(d, generator).float() for _ in "xy"] for generator in drawn]
    x, noise = torch.stack([torch.randn(2, n, d, generator=generator) for generator in drawn], 1)
    y = formulas.correlate(rho, x, noise)
    expected = [torch.stack([torch.asinh(z[k]) @ rotations[k][side] for k in (0, 1)]) for side, z in enumerate((x, y))]

    generators = tuple(torch.Generator().manual_seed(seed) for seed in seeds)
    draws = Draws(generators=generators, replicas=(2,), dtype=torch.float32, precision=torch.float32)
    family = Rotated(Bent(Canonical(CanonicalParams(d=d)), "asinh"))
    observe = family.observer(draws)
    observed = observe(*family.sample({"rho": rho}, n, draws))
    assert torch.equal(observed[0], expected[0])
    assert torch.equal(observed[1], expected[1])
