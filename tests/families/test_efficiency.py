"""The efficiency bound of the gradient: its derivation, an estimator that attains it, and the frame that holds it."""

import math
import runpy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import torch
from mibench_baselines.gauss import Gauss
from mibench_families.mathematics import normal_rule
from mibench_families.ring import Ring, RingParams
from mibench_families.student import Student, StudentParams
from mibench_gaussian.pairs import Pairs, PairsParams
from torch import Tensor
from torch.autograd.functional import jvp

from mibench import Problem
from mibench.compositions import Gauged
from mibench.families import Draws, Family, Theta
from mibench.specs import NoParams

SUITES = Path(__file__).resolve().parents[2] / "benchmarks" / "suites"
efficiency = SimpleNamespace(
    **runpy.run_path(str(SUITES / "efficiency.py"))
)  # beside it lies a module named `coverage`

EPSILON = 1e-4


@dataclass(frozen=True)
class Nodes:
    """A quadrature for z = theta u + e, with u of a hidden variable w and standard normal e; `u` is `(hidden, 2)`."""

    hidden: Tensor
    weights: Tensor
    u: Tensor

    def grid(self) -> tuple[Tensor, Tensor, Tensor]:
        """Index of the hidden variable, e `(nodes, 2)` and weights `(nodes,)`."""
        e, weights = normal_rule(26, 6.0)
        index, in_x, in_y = torch.meshgrid(torch.arange(len(self.u)), *[torch.arange(len(e))] * 2, indexing="ij")
        index, in_x, in_y = index.flatten(), in_x.flatten(), in_y.flatten()
        return index, torch.stack([e[in_x], e[in_y]], -1), self.weights[index] * weights[in_x] * weights[in_y]

    def sample(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """z at every node, in the place of random pairs."""
        index, e, _ = self.grid()
        x, y = (theta * self.u[index] + e).split(1, -1)
        return x, y


ANGLES = torch.arange(24, dtype=torch.float64) * (2 * math.pi / 24)
RING = Nodes(ANGLES, torch.full_like(ANGLES, 1 / 24), torch.stack([ANGLES.cos(), ANGLES.sin()], -1))
SIGNALS, SIGNAL_WEIGHTS = normal_rule(26, 6.0)
PAIR = Nodes(SIGNALS, SIGNAL_WEIGHTS, torch.stack([SIGNALS, SIGNALS], -1))


class RingAtNodes(Ring):
    def sample(self, theta: Theta, n: int, draws: Draws) -> tuple[Tensor, Tensor]:
        return RING.sample(theta["kappa"])


class PairAtNodes(Pairs):
    def sample(self, theta: Theta, n: int, draws: Draws) -> tuple[Tensor, Tensor]:
        return PAIR.sample(theta["strength"])


Factor = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Perturbed:
    """p (1 + epsilon h) of x, y and w, where h(x, y, w) = a(x) b(y) c(w) less its mean."""

    nodes: Nodes
    theta: float
    a: Factor
    b: Factor
    c: Factor

    def mean_of(self, factor: Factor, side: int) -> Tensor:
        """E[factor | w], `(hidden,)`."""
        e, weights = normal_rule(200)
        return (factor(self.theta * self.nodes.u[:, side, None] + e) * weights).sum(-1)

    @property
    def mean(self) -> Tensor:
        """Of a(x) b(y) c(w)."""
        of_hidden = self.mean_of(self.a, 0) * self.mean_of(self.b, 1) * self.c(self.nodes.hidden)
        return (self.nodes.weights * of_hidden).sum()

    def direction(self) -> Tensor:
        """h at every node."""
        index, _, _ = self.nodes.grid()
        x, y = self.nodes.sample(torch.tensor(self.theta, dtype=torch.float64))
        return self.a(x[:, 0]) * self.b(y[:, 0]) * self.c(self.nodes.hidden[index]) - self.mean

    def log_ratio(self, epsilon: float, x: Tensor, y: Tensor) -> Tensor:
        """The log ratio of the perturbed x and y, up to a constant."""
        c, weights = self.c(self.nodes.hidden), self.nodes.weights
        near_x, near_y = (
            (-(side - self.theta * self.nodes.u[:, k]).square() / 2).exp() for k, side in enumerate((x, y))
        )
        joint = weights * near_x * near_y * (1 + epsilon * (self.a(x) * self.b(y) * c - self.mean))
        in_x = weights * near_x * (1 + epsilon * (self.a(x) * self.mean_of(self.b, 1) * c - self.mean))
        in_y = weights * near_y * (1 + epsilon * (self.mean_of(self.a, 0) * self.b(y) * c - self.mean))
        return joint.sum(-1).log() - in_x.sum(-1).log() - in_y.sum(-1).log()

    def gradient(self, epsilon: float) -> Tensor:
        """E[(grad i) . v] under the perturbed distribution, v = u of w."""
        index, _, weights = self.nodes.grid()
        x, y = self.nodes.sample(torch.tensor(self.theta, dtype=torch.float64))
        u, v = self.nodes.u[index].split(1, -1)
        start = torch.zeros((), dtype=torch.float64)
        _, along = jvp(lambda t: self.log_ratio(epsilon, x + t * u, y + t * v), start, torch.ones_like(start))
        return (weights * (1 + epsilon * self.direction()) * along).sum()


@pytest.mark.parametrize(
    ("family", "nodes", "c"),
    [
        (RingAtNodes(RingParams(kappa=1.5)), RING, lambda t: 0.5 + (2 * t).cos()),
        (RingAtNodes(RingParams(kappa=1.5)), RING, torch.sin),
        (PairAtNodes(PairsParams(dx=1, dy=1, pairs=1, strength=0.8)), PAIR, torch.tanh),
        (PairAtNodes(PairsParams(dx=1, dy=1, pairs=1, strength=0.8)), PAIR, torch.ones_like),
    ],
)
def test_the_efficient_contribution_says_how_the_gradient_moves_with_the_distribution(
    family: Family, nodes: Nodes, c: Factor
) -> None:
    (name,) = family.theta
    perturbed = Perturbed(nodes, getattr(family.params, name), lambda x: 1 + (x / 2).sin(), torch.cos, c)
    moved = (perturbed.gradient(EPSILON) - perturbed.gradient(-EPSILON)) / (2 * EPSILON)
    _, _, weights = nodes.grid()
    oracle, efficient = efficiency.contributions(family, name, len(weights), Draws.seeded(0))
    along = weights * perturbed.direction()
    assert (along * efficient).sum().item() == pytest.approx(moved.item(), rel=1e-4)
    assert abs((along * oracle).sum().item() / moved.item() - 1) > 0.05  # the exact critic's does not
    assert (weights * efficient).sum().item() == pytest.approx(efficiency.truth(family, name), rel=1e-6)


def test_the_bound_is_the_same_in_every_gauge_and_the_error_of_the_oracle_is_not() -> None:
    family = Student(StudentParams(dx=2, dy=2, nu=2.0))
    own, scaled = (
        efficiency.contributions(of_gauge, "nu", 1000, Draws.seeded(0)) for of_gauge in (family, Gauged(family, "nu"))
    )
    assert torch.allclose(own[1], scaled[1])
    assert scaled[0].std() / own[0].std() > 1.05


def rmse_of_gauss(family: Family, name: str, n: int, replicas: int) -> float:
    theta = {key: value.expand(replicas).clone() for key, value in family.at(torch.float64).items()}
    theta[name].requires_grad_()
    x, y = family.sample(theta, n, Draws.seeded(0, (replicas,)))
    problem = Problem(
        dx=x.shape[-1],
        dy=y.shape[-1],
        generators=tuple(torch.Generator() for _ in range(replicas)),
        replicas=(replicas,),
        dtype=torch.float64,
    )
    (slopes,) = torch.autograd.grad(Gauss(NoParams(), problem).surrogate(x, y).sum(), theta[name])
    return (slopes - efficiency.truth(family, name)).square().mean().sqrt().item()


@pytest.mark.parametrize(("strength", "least", "most"), [(0.5, 2.6, 3.1), (2.0, 0.4, 0.6)])
def test_the_plug_in_gaussian_attains_the_bound_on_gaussians_be_it_above_or_below_the_oracle(
    strength: float, least: float, most: float
) -> None:
    n, replicas = 2000, 500
    family = Pairs(PairsParams(dx=1, dy=1, pairs=1, strength=strength))
    oracle, efficient = efficiency.contributions(family, "strength", 200_000, Draws.seeded(1))
    error = rmse_of_gauss(family, "strength", n, replicas) * math.sqrt(n)
    assert error == pytest.approx(efficient.std().item(), rel=4 / math.sqrt(2 * replicas))
    assert least < error / oracle.std().item() < most


def test_the_frame_has_every_cell_of_the_suite_and_its_means_are_the_true_gradients() -> None:
    frame = pd.read_csv(efficiency.FRAME)
    measured = set(zip(frame["task"], frame["d"], frame["at"], strict=True))
    cells = list(efficiency.cells("suite:gradients"))
    assert measured == {(task, family.dims[0], getattr(family.params, name)) for task, family, name in cells}
    errors = frame["efficient"] / math.sqrt(efficiency.N * efficiency.ROUNDS)
    assert ((frame["mean"] - frame["truth"]).abs() < 4.5 * errors).all()
    assert ((frame["truth"] * frame["mean"]) > 0).all()


def test_independent_coordinates_leave_the_ratio_as_it_is() -> None:
    frame = pd.read_csv(efficiency.FRAME)
    of_one = frame[(frame["task"] != "student") & frame.groupby(["task", "at"])["d"].transform("min").eq(frame["d"])]
    both = frame[frame["task"] != "student"].merge(of_one, on=["task", "at"], suffixes=("", "_of_one"))
    apart = (both["ratio"] - both["ratio_of_one"]).abs()
    assert (apart <= 5 * (both["ratio_error"].pow(2) + both["ratio_error_of_one"].pow(2)).pow(0.5)).all()
