"""Families with planted faults: each is caught, and the claim that it breaks is named."""

import re

import pytest
import torch
from mibench_families.exponential_noise import ExponentialNoise, ExponentialNoiseParams
from mibench_families.lomax import Lomax, LomaxParams
from mibench_families.student import Student, StudentParams
from mibench_families.x_mixture import XMixture, XMixtureParams
from mibench_gaussian.canonical import Canonical, CanonicalParams
from torch import Tensor

from mibench.bends import BENDS, Bend
from mibench.compositions import Copies, Rotated
from mibench.families import Draws, Family, Theta
from mibench.testing.families import Effort, Finding, check_truth, failures
from mibench.testing.family_means import balance


def broken(family: Family) -> set[str]:
    return {finding.claim for finding in check_truth(family) if not finding.holds}


class MultipliedByChi(Student):
    """Multiplies by the square root of the Gamma variable in place of dividing by it."""

    def sample(self, theta: Theta, n: int, draws: Draws) -> tuple[Tensor, Tensor]:
        scale = (draws.log_gamma(theta["nu"] / 2, n, 1) / 2).exp() * (2 / theta["nu"]).sqrt()[..., None, None]
        return draws.normal(n, self.m) * scale, draws.normal(n, self.n) * scale


class OffByHalf(Canonical):
    """A constant too much in the information."""

    def information(self, theta: Theta) -> Tensor:
        return super().information(theta) + 0.5


class OffByHalfTwice(OffByHalf):
    """The same constant in the log ratio, so that the two agree."""

    def log_ratio(self, theta: Theta, x: Tensor, y: Tensor) -> Tensor:
        return super().log_ratio(theta, x, y) + 0.5


class Stuck(Canonical):
    """Samples that carry no gradient."""

    def sample(self, theta: Theta, n: int, draws: Draws) -> tuple[Tensor, Tensor]:
        x, y = super().sample(theta, n, draws)
        return x.detach(), y.detach()


class WithoutVolume(Canonical):
    """A density without the term that theta is in."""

    def log_density(self, theta: Theta, x: Tensor, y: Tensor) -> Tensor:
        return super().log_density(theta, x, y) + 0.5 * self.params.d * torch.log1p(-(theta["rho"] ** 2))[..., None]


class DetachedInformation(Canonical):
    """Information whose derivative is half of what it should be."""

    def information(self, theta: Theta) -> Tensor:
        whole = super().information(theta)
        return (whole + whole.detach()) / 2


class SteepAtIndependence(Canonical):
    """Information of the right values whose derivative at rho = 0 is 1."""

    def information(self, theta: Theta) -> Tensor:
        rho = theta["rho"]
        return super().information(theta) + torch.where(rho == 0, rho, 0.0).sum(-1)


class OfTheBatch(Canonical):
    """A log ratio that depends on where a pair stands in the batch."""

    def log_ratio(self, theta: Theta, x: Tensor, y: Tensor) -> Tensor:
        exact = super().log_ratio(theta, x, y)
        return exact + 1e-3 * torch.linspace(-1, 1, exact.shape[-1], dtype=exact.dtype)


class Repeated(Canonical):
    """Every pair twice."""

    def sample(self, theta: Theta, n: int, draws: Draws) -> tuple[Tensor, Tensor]:
        x, y = super().sample(theta, n, draws)
        half = (n + 1) // 2
        return torch.cat([x[..., :half, :]] * 2, -2)[..., :n, :], torch.cat([y[..., :half, :]] * 2, -2)[..., :n, :]


class NullElsewhere(Canonical):
    """Says that x and y are independent where they are not."""

    null = {"rho": 0.1}  # noqa: RUF012


class NarrowConditional(Canonical):
    """p(y|x) of another correlation."""

    def conditional(self, theta: Theta):
        return super().conditional({"rho": theta["rho"] / 2})


class ConstantInLogRatio(Lomax):
    """A constant of 3 % of the information in the log ratio."""

    def log_ratio(self, theta: Theta, x: Tensor, y: Tensor) -> Tensor:
        return super().log_ratio(theta, x, y) + 0.03 * self.information(theta)[..., None]


class ConstantInBoth(ConstantInLogRatio):
    """The same constant in the information."""

    def information(self, theta: Theta) -> Tensor:
        return 1.03 * super().information(theta)


class OtherShape(Lomax):
    """Samples of a shape that is 3 % too large."""

    def sample(self, theta: Theta, n: int, draws: Draws) -> tuple[Tensor, Tensor]:
        return super().sample({"alpha": 1.03 * theta["alpha"]}, n, draws)


class InTheSamplerAlone(Lomax):
    """Information and log ratio that do not follow the shape."""

    def information(self, theta: Theta) -> Tensor:
        return super().information({"alpha": theta["alpha"].detach()}) + 0 * theta["alpha"]

    def log_ratio(self, theta: Theta, x: Tensor, y: Tensor) -> Tensor:
        return super().log_ratio({"alpha": theta["alpha"].detach()}, x, y)


class OfTheCell(Lomax):
    """A log ratio of the cell's shape, whatever theta is: no derivative shows it."""

    def log_ratio(self, theta: Theta, x: Tensor, y: Tensor) -> Tensor:
        return super().log_ratio({"alpha": torch.full_like(theta["alpha"], self.params.alpha)}, x, y)


class PairsOfTheCell(XMixture):
    """A sampler of the cell's mixture."""

    def sample(self, theta: Theta, n: int, draws: Draws) -> tuple[Tensor, Tensor]:
        return super().sample({"r": theta["r"] - theta["r"].detach() + self.params.r}, n, draws)


class DensityOfTheCell(Canonical):
    """A density of the cell's correlation."""

    def log_density(self, theta: Theta, x: Tensor, y: Tensor) -> Tensor:
        return super().log_density({"rho": theta["rho"] - theta["rho"].detach() + self.params.rho}, x, y)


class Wide(XMixture):
    """A y that is 3 % too wide."""

    def sample(self, theta: Theta, n: int, draws: Draws) -> tuple[Tensor, Tensor]:
        x, y = super().sample(theta, n, draws)
        return x, 1.03 * y


class OtherSign(XMixture):
    """A log ratio with the sign of one term turned over."""

    def log_ratio(self, theta: Theta, x: Tensor, y: Tensor) -> Tensor:
        r = theta["r"][..., None]
        return super().log_ratio(theta, x, y) + (r * y[..., 0]).square() / (1 - r**2)


class Sliding(ExponentialNoise):
    """An edge y = x + s/50, which moves with s."""

    def sample(self, theta: Theta, n: int, draws: Draws) -> tuple[Tensor, Tensor]:
        x, y = super().sample(theta, n, draws)
        return x, y + theta["s"][..., None, None] / 50


LITTLE = {
    Lomax: LomaxParams(alpha=3.0),
    XMixture: XMixtureParams(r=0.5),
    ExponentialNoise: ExponentialNoiseParams(s=8.0),
}
"""Cells with 0.03 to 0.08 nats."""


@pytest.mark.parametrize(
    ("kind", "claims"),
    [
        (ConstantInLogRatio, {"balance"}),
        (ConstantInBoth, {"value", "balance"}),
        (OtherShape, {"value", "balance", "score/alpha", "pathwise/alpha"}),
        (InTheSamplerAlone, {"derivative/alpha", "pathwise/alpha"}),
        (OfTheCell, {"theta/alpha"}),
        (PairsOfTheCell, {"theta/r"}),
        (Wide, {"value", "score/r", "null flow"}),
        (OtherSign, {"value", "balance", "score/r"}),
        (Sliding, {"score/s", "pathwise/s"}),
    ],
)
def test_a_fault_of_a_few_percent_is_caught_where_there_is_little_information(
    kind: type[Family], claims: set[str]
) -> None:
    (params,) = (params for sound, params in LITTLE.items() if issubclass(kind, sound))
    assert claims <= broken(kind(params))


@pytest.mark.parametrize("kind", LITTLE)
def test_a_sound_family_breaks_nothing_where_there_is_little_information(kind: type[Family]) -> None:
    assert broken(kind(LITTLE[kind])) == set()


def test_a_student_multiplied_by_its_chi_is_caught() -> None:
    claims = broken(MultipliedByChi(StudentParams(dx=2, dy=2, nu=2.0)))
    assert {"value", "balance", "pathwise/nu", "likelihood ratio/nu", "null flow"} <= claims


@pytest.mark.parametrize(
    ("kind", "claims"),
    [
        (OffByHalf, {"value"}),
        (OffByHalfTwice, {"balance"}),
        (Stuck, {"pathwise/rho"}),
        (WithoutVolume, {"density/rho"}),
        (DensityOfTheCell, {"theta/rho"}),
        (DetachedInformation, {"derivative/rho", "pathwise/rho", "likelihood ratio/rho"}),
        (SteepAtIndependence, {"independence/derivative/rho"}),
        (OfTheBatch, {"permutation"}),
        (NullElsewhere, {"independence/rho"}),
        (Repeated, {"pairs"}),
        (NarrowConditional, {"conditional"}),
    ],
)
def test_a_planted_fault_is_caught_and_named(kind: type[Canonical], claims: set[str]) -> None:
    assert claims <= broken(kind(CanonicalParams(d=2, rho=0.6)))


def test_what_reads_the_cell_breaks_nothing_else_and_is_named_in_compositions_too() -> None:
    family = OfTheCell(LomaxParams(alpha=3.0))
    for composed in (family, Copies(Rotated(family), 2)):
        (finding,) = [finding for finding in check_truth(composed) if not finding.holds]
        assert finding.claim == "theta/alpha"
        assert "`log_ratio` at another alpha to be what the cell with that alpha says" in finding.detail
        assert "read theta['alpha'], not self.params.alpha" in finding.detail


def test_a_sound_family_breaks_nothing() -> None:
    assert broken(Canonical(CanonicalParams(d=2, rho=0.6))) == set()


class Forgetful(Canonical):
    """More coordinates, which depend on each other; information and log ratio know nothing of them."""

    @property
    def dims(self) -> tuple[int, int]:
        return self.params.d + 2, self.params.d + 2

    def sample(self, theta: Theta, n: int, draws: Draws) -> tuple[Tensor, Tensor]:
        x, y = super().sample(theta, n, draws)
        more, noise = draws.normal(n, 2), draws.normal(n, 2)
        d = self.params.d
        return torch.cat([x[..., :d], more], -1), torch.cat([y[..., :d], self.forgotten(more, noise)], -1)

    def forgotten(self, x: Tensor, noise: Tensor) -> Tensor:
        """The further coordinates of y."""
        raise NotImplementedError

    def log_ratio(self, theta: Theta, x: Tensor, y: Tensor) -> Tensor:
        return super().log_ratio(theta, x[..., : self.params.d], y[..., : self.params.d])


class ForgottenCoordinates(Forgetful):
    """The one of y follows the one of x."""

    def forgotten(self, x: Tensor, noise: Tensor) -> Tensor:
        return 0.5 * x + noise


class ForgottenPair(Forgetful):
    """A coordinate of y follows another coordinate of x than its own."""

    def forgotten(self, x: Tensor, noise: Tensor) -> Tensor:
        return noise + 0.5 * x.flip(-1) * torch.tensor([0.0, 1.0], dtype=x.dtype)


class ForgottenScale(Forgetful):
    """x scales the noise."""

    def forgotten(self, x: Tensor, noise: Tensor) -> Tensor:
        return (0.5 * x).exp() * noise


class ForgottenProduct(Forgetful):
    """y follows the product of two coordinates, either of which is independent of it."""

    def forgotten(self, x: Tensor, noise: Tensor) -> Tensor:
        return x.prod(-1, keepdim=True) + noise


class ForgottenDifference(Forgetful):
    """y follows the difference of two coordinates."""

    def forgotten(self, x: Tensor, noise: Tensor) -> Tensor:
        return x[..., :1] - x[..., 1:] + noise


@pytest.mark.parametrize("d", [1, 12])
@pytest.mark.parametrize(
    "kind", [ForgottenCoordinates, ForgottenPair, ForgottenScale, ForgottenProduct, ForgottenDifference]
)
def test_dependence_that_the_log_ratio_forgets_is_caught(kind: type[Forgetful], d: int) -> None:
    family = kind(CanonicalParams(d=d, rho=0.6))
    assert [finding.holds for finding in balance(family, Effort.suited_to(family))] == [False]


def test_of_many_products_the_worst_is_judged_as_the_worst() -> None:
    family = Canonical(CanonicalParams(d=8, rho=0.6))
    efforts = (Effort(replicas=40, n=50, seed=1000 * seed) for seed in range(60))
    findings = [finding for effort in efforts for finding in balance(family, effort)]
    assert failures(findings) == []


@pytest.mark.parametrize("wrong", [lambda z: z.detach() ** 3, lambda z: z**3 + (z.detach() - z) * 0.1])
def test_a_bend_without_its_jacobian_is_caught(wrong, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mibench.testing.family_claims.BENDS", {"wrong": Bend(wrong, wrong)})
    monkeypatch.setattr("mibench.compositions.BENDS", {"wrong": Bend(wrong, wrong)})
    assert broken(Canonical(CanonicalParams(d=1, rho=0.6))) == {"bend/wrong"}


def test_every_finding_says_what_it_compared() -> None:
    findings = check_truth(Student(StudentParams(dx=2, dy=3)))
    assert all(isinstance(finding, Finding) and finding.detail for finding in findings)
    names = {finding.claim for finding in findings}
    assert {f"bend/{name}" for name in BENDS} <= names
    assert {"value", "balance", "derivative/rho", "theta/nu", "gauge/nu", "rotation", "copies", "permutation"} <= names


class SwappedDims(Canonical):
    """y with one coordinate more than x, and `dims` the other way round."""

    def sample(self, theta: Theta, n: int, draws: Draws) -> tuple[Tensor, Tensor]:
        x, y = super().sample(theta, n, draws)
        return x, torch.cat([y, draws.normal(n, 1)], -1)

    def log_ratio(self, theta: Theta, x: Tensor, y: Tensor) -> Tensor:
        return super().log_ratio(theta, x, y[..., :-1])

    @property
    def dims(self) -> tuple[int, int]:
        return self.params.d + 1, self.params.d


class Summed(Canonical):
    """One log ratio a batch."""

    def log_ratio(self, theta: Theta, x: Tensor, y: Tensor) -> Tensor:
        return super().log_ratio(theta, x, y).mean(-1)


class Lost(Canonical):
    """A log ratio that is no number."""

    def log_ratio(self, theta: Theta, x: Tensor, y: Tensor) -> Tensor:
        return super().log_ratio(theta, x, y) * torch.nan


class LostGradient(Canonical):
    """A log ratio whose gradient is no number, at half of all numbers."""

    def log_ratio(self, theta: Theta, x: Tensor, y: Tensor) -> Tensor:
        return super().log_ratio(theta, x, y) + torch.where(x > 0, 0 * x.sqrt(), 0.0).sum(-1)


class Endless(Canonical):
    """Information that is not finite."""

    def information(self, theta: Theta) -> Tensor:
        return super().information(theta) + torch.inf


@pytest.mark.parametrize(
    ("kind", "claim", "said"),
    [
        (SwappedDims, "shapes", "expected `sample` of family SwappedDims (test_proof.py:"),
        (Summed, "shapes", "expected `log_ratio` of family Summed (test_proof.py:"),
        (Lost, "finite", "`log_ratio` is not finite: all of 3,000 numbers"),
        (LostGradient, "finite", "the gradient of `log_ratio` in x is not finite: 2,958 of 6,000 numbers"),
        (Endless, "finite", "`information` is not finite: all of 3 numbers"),
    ],
)
def test_a_wrong_shape_and_what_is_not_finite_are_said_once(kind: type[Canonical], claim: str, said: str) -> None:
    (finding,) = [finding for finding in check_truth(kind(CanonicalParams(d=2, rho=0.6))) if not finding.holds]
    assert finding.claim == claim
    assert finding.detail.startswith(said)


class Kinked(Canonical):
    """A log ratio that is no number at one pair in ten thousand."""

    def log_ratio(self, theta: Theta, x: Tensor, y: Tensor) -> Tensor:
        ratio = super().log_ratio(theta, x, y)
        return torch.where(x[..., 0] > 3.7, torch.nan, ratio)


def test_no_finding_leaves_a_number_out() -> None:
    findings = check_truth(Kinked(CanonicalParams(d=2, rho=0.6)))
    details = {finding.claim: finding.detail for finding in findings if not finding.holds}
    assert "value" in details
    assert not [detail for detail in details.values() if re.search(r"  | ;| ,|\s$", detail)]
