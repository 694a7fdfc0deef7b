"""Local mode: one critic for all locations, negatives from other images alone."""

import math

import pytest
import torch
from dim_cases import context
from mibench_dim import local
from mibench_dim.encoder import Encoder, Shape
from mibench_dim.images import Images
from mibench_dim.objectives import SharedLocal, make_objective
from torch import Tensor


def scores(n: int = 5, locations: int = 3, scale: float = 1.0) -> Tensor:
    return scale * torch.randn(n, n, locations, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_jensen_shannon_is_the_formula_term_by_term() -> None:
    s = scores()
    pairs = [math.log1p(math.exp(-s[i, i, k])) for i in range(5) for k in range(3)]
    others = [math.log1p(math.exp(s[j, i, k])) for j in range(5) for i in range(5) for k in range(3) if i != j]
    expected = math.log(4) - sum(pairs) / len(pairs) - sum(others) / len(others)
    assert math.isclose(local.jensen_shannon(s).item(), expected, rel_tol=1e-12)


def test_infonce_is_the_formula_term_by_term() -> None:
    s = scores()
    terms = []
    for i in range(5):
        others = sum(math.exp(s[i, j, k]) for j in range(5) for k in range(3) if j != i)
        terms += [s[i, i, k].item() - math.log(math.exp(s[i, i, k]) + others) for k in range(3)]
    expected = math.log(4 * 3 + 1) + sum(terms) / len(terms)
    assert math.isclose(local.infonce(s).item(), expected, rel_tol=1e-12)


def test_scores_that_are_all_low_are_no_trap() -> None:
    """A finite mask would outweigh every score here."""
    assert math.isclose(local.infonce(torch.full((4, 4, 2), -30.0)).item(), 0, abs_tol=1e-5)


def test_the_objectives_are_bounded() -> None:
    perfect = torch.full((4, 4, 2), -100.0)
    perfect[torch.arange(4), torch.arange(4)] = 100.0
    assert math.isclose(local.jensen_shannon(perfect).item(), math.log(4), rel_tol=1e-6)
    assert math.isclose(local.infonce(perfect).item(), math.log(3 * 2 + 1), rel_tol=1e-6)


def test_the_critic_scores_every_location_with_every_representation() -> None:
    critic = local.LocalCritic(6, 4, 16, torch.Generator().manual_seed(0))
    features, y = torch.randn(5, 9, 6), torch.randn(5, 4)
    scores = critic(features, y)
    assert scores.shape == (5, 5, 9)
    left, right = critic.left(features), critic.right(y)
    assert torch.allclose(scores[2, 3, 7], right[2] @ left[3, 7], atol=1e-5)


def test_the_shortcut_starts_near_the_identity() -> None:
    weight = local.Embedding(6, 16, torch.Generator().manual_seed(0)).shortcut.weight
    assert torch.equal(weight.diagonal(), torch.ones(6))
    assert (weight - torch.eye(16, 6)).abs().max() < 0.011


@pytest.mark.parametrize("selector", ["mige", "mige-rp[k=4]", "mine", "jsd", "infonce"])
def test_every_objective_of_local_mode_is_one_number_that_reaches_the_whole_encoder(selector: str) -> None:
    shape = Shape(image=(3, 32, 32), channels=(4, 8, 16), hidden=16, dimension=6)
    encoder = Encoder(shape, torch.Generator().manual_seed(0))
    objective = make_objective("local", "auto", shape, 12, context(selector))
    assert isinstance(objective, SharedLocal) == (selector in {"jsd", "infonce"})
    images = torch.randint(256, (7, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    inputs = Images(images, torch.device("cpu"), torch.float32).take(torch.arange(7))
    features = encoder(inputs)
    assert features.local.shape == (7, 64, 8)
    x, y = objective.pair(inputs, features)
    value = objective.surrogate(x, y)
    assert value.shape == ()
    gradients = torch.autograd.grad(value, [*encoder.parameters(), *objective.parameters()])
    assert all(gradient.isfinite().all() for gradient in gradients)
    objective.update(x, y)


def test_mige_averages_over_locations() -> None:
    from mibench_mige.mige import MIGE, MIGEParams

    from mibench.contracts import Problem

    shape = Shape(image=(1, 32, 32), channels=(4, 5, 8), hidden=16, dimension=6)
    objective = make_objective("local", "auto", shape, 12, context("mige"))
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(20, shape.locations, 5, generator=generator)
    y = torch.randn(20, 6, generator=generator).requires_grad_()
    pairs = features.transpose(0, 1), y.expand(shape.locations, -1, -1)
    (ours,) = torch.autograd.grad(objective.surrogate(*pairs), y)
    single = MIGE(MIGEParams(), Problem(dx=5, dy=6, generators=(generator,)))
    each = [torch.autograd.grad(single.surrogate(features[:, k], y), y)[0] for k in range(shape.locations)]
    assert torch.allclose(ours, torch.stack(each).mean(0), atol=1e-6)
