import pytest
import torch
from families_checks import prove, slope, value
from mibench_families.student import Student, StudentParams

from mibench.families import Draws


@pytest.mark.parametrize(
    ("dx", "dy", "nu", "information", "gradient"),
    [
        (1, 1, 1.0, 0.224171, -0.289868),
        (2, 2, 1.0, 0.431946, -0.444444),
        (2, 2, 2.0, 0.193147, -0.125),
        (3, 3, 2.0, 0.290922, -0.164219),
        (3, 3, 3.0, 0.178712, -0.075931),
        (5, 5, 2.0, 0.448151, -0.210184),
        (5, 5, 3.0, 0.298544, -0.106235),
    ],
)
def test_student_has_the_published_information(
    dx: int, dy: int, nu: float, information: float, gradient: float
) -> None:
    family = Student(StudentParams(dx=dx, dy=dy, nu=nu))
    assert value(family) == pytest.approx(information, abs=5e-7)
    assert slope(family, "nu") == pytest.approx(gradient, abs=5e-7)


@pytest.mark.parametrize(
    "params",
    [
        StudentParams(nu=1.0),
        StudentParams(nu=3.0, rho=0.5),
        StudentParams(dx=3, dy=2, nu=2.0, rho=0.7),
        StudentParams(dx=2, dy=2, nu=0.3, rho=-0.5, pairs=1, gauge="free"),
    ],
    ids=str,
)
def test_the_truth_of_student_holds_in_every_way(params: StudentParams) -> None:
    prove(Student(params))


def test_correlation_adds_what_it_adds_to_a_gaussian() -> None:
    assert slope(Student(StudentParams(dx=3, dy=4, nu=2.5, rho=0.6)), "rho") == pytest.approx(3 * 0.6 / 0.64)


def test_student_is_the_t_distribution() -> None:
    family = Student(StudentParams(nu=4.0))
    theta = family.at(torch.float64)
    grid = torch.linspace(-3, 3, 13, dtype=torch.float64)[:, None]
    margin = torch.distributions.StudentT(theta["nu"]).log_prob(grid).sum(-1)
    joint = family.log_density(theta, grid, grid.flip(0))
    difference = joint - family.log_ratio(theta, grid, grid.flip(0)) - margin - margin.flip(0)
    assert torch.allclose(difference, difference[0].expand_as(difference))


def test_replicas_may_have_parameters_of_their_own() -> None:
    family = Student(StudentParams(dx=2, dy=1))
    theta = {"nu": torch.tensor([1.0, 5.0]).double(), "rho": torch.tensor([0.2, -0.6]).double()}
    together = family.sample(theta, 7, Draws.seeded(3, (2,)))
    for k in range(2):
        at_k = {name: each[k] for name, each in theta.items()}
        alone = family.sample(at_k, 7, Draws.seeded(3 + k))
        assert torch.equal(together[0][k], alone[0])
        assert torch.equal(together[1][k], alone[1])
        ratio = family.log_ratio(at_k, *alone)
        assert torch.allclose(family.log_ratio(theta, *together)[k], ratio)


@pytest.mark.parametrize(
    "wrong", [{"nu": 0.0}, {"nu": -1.0}, {"rho": 1.0}, {"dx": 0}, {"pairs": 2}, {"nu": float("nan")}]
)
def test_parameters_out_of_range_are_refused_in_one_line(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))) as caught:
        StudentParams(**wrong)
    assert "\n" not in str(caught.value)
